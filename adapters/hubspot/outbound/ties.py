"""Ties between records: who referred whom, and a Referral Credit record for each reward where the plan has such."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.hubspot import MANIFEST
from adapters.hubspot.api import VERSION, Client
from adapters.hubspot.api.answers import refusals
from adapters.hubspot.outbound.portal import KEEP_S, Portals
from adapters.plain import part, rows, text_of
from connector.errors import Refused, Unavailable
from connector.ports.platform import Account
from connector.ports.records import REFERRED_BY, Link, RecordResult, RecordWrite

Json = Mapping[str, Any]

LABEL = f"/crm/associations/{VERSION}/0-1/0-1/labels"
#: The pair as people read it: from the friend to the advocate, and back.
NAME, FROM_FRIEND, FROM_ADVOCATE = "referral", "Referred by", "Referred"
#: The name of our own kind of record, and the property that tells two of them apart.
CREDIT, CREDIT_KEY = "referral_credit", "reward_id"
#: Inputs of one call that makes associations ("Associations", 2026-04: at most 2,000).
_MOST = 1000
_TYPES = {"contact": "0-1", "deal": "0-3"}


@dataclass(frozen=True)
class Ties:
    """What stands between records."""

    client: Client
    portals: Portals

    def tie(self, account: Account, kind: str, links: Mapping[str, Sequence[Link]]) -> None:
        """Label friends and advocates; tying twice changes nothing. A plan without labels goes without."""
        pairs = [(one, link.to.id) for one, each in links.items() for link in each if link.label == REFERRED_BY]
        pairs = [(friend, advocate) for friend, advocate in pairs if friend != advocate and kind == "contact"]
        label = self._labels(account).get(FROM_FRIEND) if pairs else None
        for start in range(0, len(pairs) if label else 0, _MOST):
            types = [{"associationCategory": "USER_DEFINED", "associationTypeId": label}]
            inputs = [
                {"from": {"id": friend}, "to": {"id": advocate}, "types": types}
                for friend, advocate in pairs[start : start + _MOST]
            ]
            path = f"/crm/associations/{VERSION}/0-1/0-1/batch/create"
            self.client.run(account, "POST", path, operation="tie", body={"inputs": inputs}, changes=True)

    def _labels(self, account: Account) -> Mapping[str, int]:
        """The numbers of the pair's labels, whose order HubSpot does not promise; none where it was never made."""
        kept = self.portals.labels.get(account.connection)
        if kept is None or kept[0] < time.monotonic():
            told = self.client.run(account, "GET", LABEL, operation="labels")
            found = {text_of(row.get("label")): row.get("typeId") for row in rows(told["results"])}
            numbers = {label: number for label, number in found.items() if isinstance(number, int)}
            kept = (time.monotonic() + KEEP_S, numbers)
            self.portals.labels[account.connection] = kept
        return kept[1]

    # ── Referral Credit records ─────────────────────────────────────────────────────────────────────────────────

    def keep_credits(self, account: Account, writes: Sequence[RecordWrite]) -> dict[int, RecordResult]:
        """One record for each reward, keyed by it; nothing where the account has no such kind of record.

        Raises Unavailable for an answer that passes over one of them: it may be asked for again, for it has its key.
        """
        kind = self.credit_kind(account)
        if not kind:
            return {id(write): RecordResult(write.ref) for write in writes}
        wanted = {write.ref.id: write for write in writes}
        made, refused = self._upsert(account, kind, wanted)
        if lost := wanted.keys() - made.keys() - refused.keys():
            raise Unavailable(f"HubSpot passed over {len(lost)} credit records", platform=MANIFEST.key)
        self._tie_credits(account, kind, {made[key]: write.links for key, write in wanted.items() if key in made})
        return {id(w): RecordResult(w.ref, tuple(w.fields), refused=refused.get(w.ref.id, "")) for w in writes}

    def _upsert(
        self, account: Account, kind: str, wanted: Mapping[str, RecordWrite]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """HubSpot's number of each record by its key, and why it refused one."""
        inputs = [
            {
                "id": key,
                "idProperty": CREDIT_KEY,
                "objectWriteTraceId": key,
                "properties": {name: each.value for name, each in write.fields.items()},
            }
            for key, write in wanted.items()
        ]
        path = f"/crm/objects/{VERSION}/{{objectType}}/batch/upsert"
        filled, body = {"objectType": kind}, {"inputs": inputs}
        told = self.client.run(account, "POST", path, operation="credits", body=body, filled=filled, changes=True)
        made = {
            text_of(part(row.get("properties")).get(CREDIT_KEY)): text_of(row.get("id"))
            for row in rows(told["results"])
        }
        return made, dict(refusals(told))

    def _tie_credits(self, account: Account, kind: str, links: Mapping[str, Sequence[Link]]) -> None:
        for to, number in _TYPES.items():
            inputs = [
                {"from": {"id": one}, "to": {"id": link.to.id}}
                for one, each in links.items()
                for link in each
                if link.to.kind == to
            ]
            if inputs:
                path = f"/crm/associations/{VERSION}/{{fromObjectType}}/{number}/batch/associate/default"
                self.client.run(
                    account, "POST", path, operation="tie_credit", body={"inputs": inputs},
                    filled={"fromObjectType": kind}, changes=True,
                )  # fmt: skip

    def credit_kind(self, account: Account) -> str:
        """HubSpot's number of our own kind of record, "" where the account has none."""
        kept = self.portals.credits.get(account.connection)
        if kept is None or kept[0] < time.monotonic():
            kept = (time.monotonic() + KEEP_S, self._credit_kind(account))
            self.portals.credits[account.connection] = kept
        return kept[1]

    def _credit_kind(self, account: Account) -> str:
        try:
            told = self.client.run(account, "GET", f"/crm-object-schemas/{VERSION}/schemas", operation="schemas")
        except Refused:  # a plan without custom objects, or a merchant who did not give the permission
            return ""
        ours = [row for row in rows(told["results"]) if row.get("name") == CREDIT]
        return text_of(ours[0].get("objectTypeId")) if ours else ""
