"""Lists and properties by which a merchant says who is an advocate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.hubspot.api import BATCH, VERSION, Client, shaped
from adapters.hubspot.outbound.contacts import marks_of
from adapters.hubspot.outbound.values import whole
from adapters.plain import part, rows, text_of
from connector.ports.lists import Members
from connector.ports.platform import Account, Seen

_NAMES = ("email", "hs_additional_emails", "phone", "mobilephone")


@dataclass(frozen=True)
class Lists:
    """People on the account's lists."""

    client: Client

    @shaped
    def members(self, account: Account, name: str, place: str) -> Members:
        """Contacts of a list by its name, or by its number after a `#`. Raises Refused for no such list."""
        number = name.removeprefix("#") if name.startswith("#") else self._number(account, name)
        path, query = f"/crm/lists/{VERSION}/{{listId}}/memberships", [("limit", str(BATCH))]
        query += [("after", place)] if place else []
        told = self.client.run(account, "GET", path, operation="list", filled={"listId": number}, query=query)
        ids = [text_of(row.get("recordId")) for row in rows(told["results"])]
        return Members(self._members(account, ids), _next(told.get("paging")))

    def _number(self, account: Account, name: str) -> str:
        path = f"/crm/lists/{VERSION}/object-type-id/0-1/name/{{listName}}"
        told = self.client.run(account, "GET", path, operation="list_by_name", filled={"listName": name})
        return text_of(part(told["list"])["listId"])

    @shaped
    def bearing(self, account: Account, name: str, value: str, place: str) -> Members:
        """Contacts whose property has this value. HubSpot's search runs some seconds behind."""
        filters = [{"propertyName": name, "operator": "EQ", "value": value}]
        body = {
            "filterGroups": [{"filters": filters}],
            "properties": list(_NAMES),
            "sorts": ["hs_object_id"],
            "limit": BATCH,
            "after": place or "0",
        }
        path = f"/crm/objects/{VERSION}/contacts/search"
        told = self.client.search(account, path, body)
        return Members(tuple(tuple(marks_of(row)) for row in rows(told["results"])), _next(told.get("paging")))

    def _members(self, account: Account, ids: Sequence[str]) -> tuple[tuple[Seen, ...], ...]:
        if not ids:
            return ()
        found = self.client.read(account, "contact", ids, _NAMES).found
        return tuple(tuple(marks_of(found[each])) for each in ids if each in found)


def _next(paging: object) -> str:
    return whole(part(part(paging).get("next")).get("after"))
