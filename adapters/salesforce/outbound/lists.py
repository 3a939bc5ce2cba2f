"""Who a merchant says is an advocate: members of a campaign, or people with a value in a field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.salesforce import MANIFEST
from adapters.salesforce.api import Client, shaped, soql
from adapters.salesforce.inbound.ids import full_id
from adapters.salesforce.outbound.org import Kind, Orgs
from adapters.salesforce.outbound.reads import Reads
from adapters.salesforce.outbound.values import Json, held
from connector.errors import Refused
from connector.ports.lists import Members
from connector.ports.platform import Account

#: People of one page.
PAGE = 200


@dataclass(frozen=True)
class Lists:
    """Campaigns and fields by which people are let in."""

    client: Client
    orgs: Orgs
    reads: Reads

    @shaped
    def members(self, account: Account, name: str, place: str) -> Members:
        """The members of a campaign, by its name or id."""
        campaign = full_id(name) or self._campaign(account, name)
        asked = (
            f"SELECT Id, LeadId, ContactId FROM CampaignMember WHERE CampaignId = {soql.text(campaign)}"  # noqa: S608
            f"{_after(place)} ORDER BY Id LIMIT {PAGE}"
        )
        rows = self.client.query(account, asked, operation="members")
        ids = [full_id(held(row, "ContactId")) or full_id(held(row, "LeadId")) for row in rows]
        return self._page(account, [each for each in ids if each], rows)

    def _campaign(self, account: Account, name: str) -> str:
        asked = f"SELECT Id FROM Campaign WHERE Name = {soql.text(name)} ORDER BY CreatedDate LIMIT 2"  # noqa: S608
        found = self.client.query(account, asked, operation="campaign")
        if len(found) != 1:
            words = f"the org has {'several campaigns' if found else 'no campaign'} called {name!r}; give its id"
            raise Refused(words, code="NO_SUCH_LIST", platform=MANIFEST.key, operation="members")
        return full_id(held(found[0], "Id"))

    @shaped
    def bearing(self, account: Account, name: str, value: str, place: str) -> Members:
        """Leads and contacts whose field has this value: contacts first."""
        kinds = [kind for each in ("Contact", "Lead") if (kind := self.orgs.kind(account, each)) and kind.field(name)]
        if not kinds:
            words = f"leads and contacts have no field {name!r} that our user may see"
            raise Refused(words, code="NO_SUCH_FIELD", platform=MANIFEST.key, operation="bearing")
        of, _, after = place.partition(" ")
        kind = next((each for each in kinds if each.name == of), kinds[0])
        rows = self.client.query(account, _bearing(kind, name, value, after), operation="bearing")
        page = self._page(account, [full_id(held(row, "Id")) for row in rows], rows)
        if page.place:
            return Members(page.people, f"{kind.name} {page.place}")
        left = kinds[kinds.index(kind) + 1 :]
        return Members(page.people, f"{left[0].name} " if left else "")

    def _page(self, account: Account, ids: Iterable[str], rows: Iterable[Json]) -> Members:
        every = list(rows)
        people = self.reads.people(account, set(ids), frozenset())
        found = {person.id: tuple(person.marks()) for person in people.values()}
        last = full_id(held(every[-1], "Id")) if len(every) == PAGE else ""
        return Members(tuple(found.values()), last)


def _bearing(kind: Kind, name: str, value: str, after: str) -> str:
    own = kind.names([name])[name]
    plain = kind.field(name)
    literal = (
        value.lower() if plain and plain.type == "boolean" and value.lower() in ("true", "false") else soql.text(value)
    )
    still = " AND IsConverted = false" if kind.name == "Lead" else ""
    return f"SELECT Id FROM {kind.name} WHERE {own} = {literal}{still}{_after(after)} ORDER BY Id LIMIT {PAGE}"  # noqa: S608


def _after(place: str) -> str:
    return f" AND Id > {soql.text(place)}" if place else ""
