"""Salesforce's own referral program: it is told of a won opportunity, and rewards by its own rules.

The event cannot be told twice without being counted twice, and bears no mark of ours. So one opportunity is told of once:
whatever the program did for it since it was won is looked for first, and where nobody can say whether it was told, a person
decides. Orgs often have Salesforce's own flow that tells of won opportunities: unless the merchant says that it is ours to
tell, we only wait for what the flow does.

Source: Referral Marketing Developer Guide, "B2B Referral Management", action processB2bReferralEvent (version 64.0 and
later), objects Referral, TransactionJournal, LoyaltyProgramMember.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.plain import part, rows, text_of, time_of
from adapters.salesforce import MANIFEST
from adapters.salesforce.api import Client, soql
from adapters.salesforce.api.answers import problem
from adapters.salesforce.inbound.ids import OPPORTUNITY, full_id
from adapters.salesforce.outbound.values import Json, held, stamp
from adapters.salesforce.outbound.whose import chosen, present
from connector.errors import NotDone, Refused, Unknown
from connector.ports.platform import Account, Done, Effect, Finding, Guard, Undecidable

_ACTION = "actions/standard/processB2bReferralEvent"
#: Salesforce's own flow, as it is called where an org has it.
_FLOW = "Process Opportunity Won Referral Event"
_OPERATION = "referral_event"


@dataclass(frozen=True)
class ReferralEvents:
    """Purchases that an org's own referral program is told of."""

    client: Client

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        """Tell of it once, or see that it was told. Raises NotDone, Unknown, Refused or Gone."""
        guard.check()
        deal = self._deal(account, effect)
        if done := self._standing(account, deal, effect):
            return done
        if account.choices.get("purchase_event") != "ours":
            words = "Salesforce's own flow has not told its referral program of this opportunity yet"
            raise NotDone(words, platform=MANIFEST.key, operation=_OPERATION)
        self._leave_it_to_the_flow(account)
        said: dict[str, Any] = {
            "eventType": "Purchase",
            "referralCode": self._code(account, effect.owner),
            "activityDateTime": stamp(effect.since),
            "opportunity": full_id(held(deal, "Id")),
            "purchaseQuantity": 1,
        }
        said |= {"accountId": known} if (known := full_id(held(deal, "AccountId"))) else {}
        said |= {"purchaseAmount": float(known)} if (known := held(deal, "Amount")) else {}
        told = self.client.run(
            account, "POST", _ACTION, operation=_OPERATION, changes=True, body={"inputs": [said]}, guard=guard
        )
        return Done(_referral_of(told), effect.owner)

    def find(self, account: Account, effect: Effect) -> Finding:
        """What the program did for the opportunity since it was won; that it did nothing proves nothing."""
        found = self._standing(account, self._deal(account, effect), effect)
        return found or Undecidable("nobody can tell whether its referral program was told: look at the opportunity")

    def _deal(self, account: Account, effect: Effect) -> Json:
        """The opportunity that earned it. Raises Refused where it is none of this org."""
        one = effect.deed.id if effect.deed else ""
        if not one.startswith(OPPORTUNITY):
            words = "only an opportunity of this org can be told of: use `event: deal_won`, or another kind of reward"
            raise Refused(words, code="NO_OPPORTUNITY", platform=MANIFEST.key, operation=_OPERATION)
        asked = f"SELECT Id, AccountId, Amount, LastStageChangeDate, CreatedDate FROM Opportunity WHERE Id = {soql.text(one)}"  # noqa: E501, S608
        found = self.client.query(account, asked, operation=_OPERATION)
        if not found:
            raise Refused("the opportunity is gone", code="ENTITY_IS_DELETED", platform=MANIFEST.key)
        return found[0]

    def _standing(self, account: Account, deal: Json, effect: Effect) -> Done | None:
        """What the program did for this opportunity since it was won, by whomever it was told."""
        since = time_of(deal.get("LastStageChangeDate")) or time_of(deal.get("CreatedDate")) or effect.since
        asked = f"SELECT Id FROM Referral WHERE OpportunityId = {soql.text(held(deal, 'Id'))}"  # noqa: S608
        referrals = [held(row, "Id") for row in self.client.query(account, asked, operation=_OPERATION)]
        if not referrals:
            return None
        asked = (
            f"SELECT Id, ReferralId, ActivityDate FROM TransactionJournal WHERE ReferralId IN {soql.texts(referrals)}"  # noqa: S608
            f" AND ActivityDate >= {soql.moment(since)} ORDER BY CreatedDate, Id"
        )
        found = self.client.query(account, asked, operation=_OPERATION)
        if not found:
            return None
        return Done(full_id(held(found[0], "ReferralId")), effect.owner, time_of(found[0].get("ActivityDate")))

    def _leave_it_to_the_flow(self, account: Account) -> None:
        """Raises Refused where Salesforce's own flow is seen to be on: both would tell of the same purchase."""
        asked = f"SELECT Label FROM FlowDefinitionView WHERE IsActive = true AND Label = {soql.text(_FLOW)}"  # noqa: S608
        try:
            found = self.client.query(account, asked, operation=_OPERATION)
        except Refused:  # our user may not see flows: then the merchant's word stands alone
            return
        if found:
            words = f"the flow {_FLOW!r} is on and tells itself: turn it off, or take `purchase_event=ours` back"
            raise Refused(words, code="FLOW_IS_ON", platform=MANIFEST.key, operation=_OPERATION)

    def _code(self, account: Account, owner: str) -> str:
        """The advocate's code in the org's own program, as its events want it: code, hyphen, promotion."""
        program, promotion = chosen(account, "referral_program"), chosen(account, "promotion_code")
        contact = soql.text(present(self.client, account, owner))
        asked = f"SELECT AccountId FROM Contact WHERE Id = {contact} AND AccountId != null"  # noqa: S608
        accounts = [held(row, "AccountId") for row in self.client.query(account, asked, operation=_OPERATION)]
        theirs = f"ContactId = {contact}" + (f" OR AccountId = {soql.text(accounts[0])}" if accounts else "")
        asked = (
            f"SELECT ReferralCode FROM LoyaltyProgramMember WHERE Program.Name = {soql.text(program)} AND ({theirs})"  # noqa: S608
        )
        found = self.client.query(account, f"{asked} ORDER BY CreatedDate, Id", operation=_OPERATION)
        code = next((each for row in found if (each := held(row, "ReferralCode"))), "")
        if not code:
            words = f"the advocate has no referral code in {program!r}: enrol them there, or pay with another kind"
            raise Refused(words, code="NO_MEMBER", platform=MANIFEST.key, operation=_OPERATION)
        return f"{code}-{promotion}"


def _referral_of(told: object) -> str:
    """The referral that the program counted it for. Raises Refused where it says no, Unknown where it says neither."""
    item = part(next(iter(rows(told)), None))
    if item.get("isSuccess") is False and (errors := rows(item.get("errors"))):
        found = problem(errors[0])
        raise Refused(found.words, code=found.code, platform=MANIFEST.key, operation=_OPERATION)
    output: Mapping[str, Any] = part(item.get("outputValues"))
    referral = full_id(text_of(output.get("referralId")))
    if item.get("isSuccess") is not True or not referral:
        raise Unknown("an answer that names no referral", platform=MANIFEST.key, operation=_OPERATION)
    return referral
