"""Campaign: referred people become members of the campaign that the merchant chose, each once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from adapters.salesforce.api import BATCH, SETUP, Client, Problem, soql
from adapters.salesforce.inbound.ids import full_id, is_lead
from adapters.salesforce.outbound.values import held
from connector.errors import Refused
from connector.ports.platform import Account

#: A lead or contact may be in a campaign once: somebody else was faster.
_IN_IT = "DUPLICATE_VALUE"


@dataclass(frozen=True)
class Campaign:
    """The campaign of referred people."""

    client: Client

    def add(self, account: Account, people: Collection[str]) -> dict[str, str]:
        """Make these leads and contacts members, if a campaign is chosen; why not, for those whom it cannot have.

        Nobody who is in it is touched: what people wrote there, such as a status, stays.
        """
        campaign, every = account.choices.get("campaign", ""), sorted(set(people))
        if not campaign or not every:
            return {}
        try:
            standing = self._in_it(account, campaign, every)
        except Refused as error:  # campaigns are hidden from our user: all else about these people is written already
            return dict.fromkeys(every, f"not in the campaign: {error.reason}")
        new = [one for one in every if one not in standing]
        refused: dict[str, str] = {}
        for start in range(0, len(new), BATCH):
            part = new[start : start + BATCH]
            records = [
                {"attributes": {"type": "CampaignMember"}, "CampaignId": campaign, _side(one): one} for one in part
            ]
            items = self.client.create(account, records, operation="campaign_members")
            refused |= {one: words for one, item in zip(part, items, strict=True) if (words := _why(item.problem))}
        return refused

    def _in_it(self, account: Account, campaign: str, people: Collection[str]) -> set[str]:
        sides = {"leads": "LeadId", "contacts": "ContactId"}
        asked = {
            name: f"SELECT {side} FROM CampaignMember WHERE CampaignId = {soql.text(campaign)}"  # noqa: S608
            f" AND {side} IN {soql.texts(theirs)}"
            for name, side in sides.items()
            if (theirs := [one for one in people if _side(one) == side])
        }
        told = self.client.queries(account, asked, operation="campaign_members")
        return {full_id(held(row, sides[name])) for name, found in told.items() for row in found}


def _side(one: str) -> str:
    return "LeadId" if is_lead(one) else "ContactId"


def _why(problem: Problem | None) -> str:
    """What an admin should mend; "" where there is nothing to."""
    if problem is None or problem.code == _IN_IT:
        return ""
    hint = "share the campaign with our user, or choose another" if problem.code in SETUP else ""
    return f"not in the campaign: {problem.words}" + (f": {hint}" if hint else "")
