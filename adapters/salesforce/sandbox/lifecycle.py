"""What people do with records beyond saving them: converting leads, and merging contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from adapters.salesforce.sandbox.hand import Hand
from adapters.salesforce.sandbox.state import Record

#: Standard fields of a lead go on by themselves.
_TO_CONTACT = {
    name: name
    for name in (
        "FirstName",
        "LastName",
        "Salutation",
        "Title",
        "Email",
        "Phone",
        "MobilePhone",
        "LeadSource",
        "Description",
    )
} | {f"{part}": f"Mailing{part}" for part in ("Street", "City", "State", "PostalCode", "Country")}
_TO_ACCOUNT = {
    "Company": "Name", "Phone": "Phone", "Website": "Website", "Industry": "Industry", "LeadSource": "AccountSource",
    "AnnualRevenue": "AnnualRevenue", "NumberOfEmployees": "NumberOfEmployees",
}  # fmt: skip
_TO_OPPORTUNITY = {"LeadSource": "LeadSource", "Description": "Description"}
_CLOSES_IN = timedelta(days=30)


@dataclass(frozen=True)
class Converted:
    """Ids of what a lead became; "" where there is no opportunity."""

    contact: str
    account: str
    opportunity: str


def convert(hand: Hand, lead: Record, contact: str, account: str, opportunity: str, stage: str) -> Converted:
    """A lead becomes a contact of an account, or joins those that are named; `opportunity` names one to be made.

    Fields of one's own go on only where the org maps them; a record that was there before keeps what it holds. From then on
    the lead can only be read. Raises ValueError for a lead that was converted.
    """
    org = hand.org
    if lead.values["IsConverted"]:
        raise ValueError(f"lead {lead.id} was converted already")
    person = _joined(hand, "Contact", contact)
    firm_id = account or (str(person.values["AccountId"] or "") if person else "")
    firm = _poured(hand, lead, "Account", firm_id, _TO_ACCOUNT, {})
    person = _poured(hand, lead, "Contact", contact, _TO_CONTACT, {"AccountId": firm.id})
    deal_id = ""
    if opportunity:
        more = {
            "Name": opportunity,
            "StageName": stage or org.stages[0].label,
            "CloseDate": (hand.at + _CLOSES_IN).date().isoformat(),
            "AccountId": firm.id,
            "ContactId": person.id,
        }
        deal_id = _poured(hand, lead, "Opportunity", "", _TO_OPPORTUNITY, more).id
    for member in org.records("CampaignMember").values():
        if member.values["LeadId"] == lead.id and not member.deleted:
            hand.put(member, {"ContactId": person.id})
    told = {"ConvertedContactId": person.id, "ConvertedAccountId": firm.id, "ConvertedOpportunityId": deal_id or None}
    closed = {"IsConverted": True, "ConvertedDate": hand.at.date(), "Status": "Closed - Converted"}
    hand.put(lead, {**closed, **told})
    hand.note("converted", lead, new=person.id)
    return Converted(person.id, firm.id, deal_id)


def _joined(hand: Hand, kind: str, record_id: str) -> Record | None:
    if not record_id:
        return None
    found = hand.org.find(record_id, kind)
    if found is None or found.deleted:
        raise ValueError(f"there is no {kind} {record_id}")
    return found


def _poured(
    hand: Hand, lead: Record, kind: str, record_id: str, standard: Mapping[str, str], more: Mapping[str, Any]
) -> Record:
    """What the lead holds goes into a new record, or into the empty fields of one that was there."""
    mapping = {**standard, **hand.org.converts.get(kind, {})}
    held = {to: lead.values[name] for name, to in mapping.items() if lead.values.get(name) is not None}
    found = _joined(hand, kind, record_id)
    if found is None:
        return hand.create(hand.org.kinds[kind], {**_written(held), **more})
    empty = {name: value for name, value in {**held, **more}.items() if found.values.get(name) is None}
    hand.put(found, empty)
    return found


def _written(held: Mapping[str, Any]) -> dict[str, Any]:
    """Values as somebody would type them."""
    return {name: value if isinstance(value, bool) else str(value) for name, value in held.items()}


def merge(hand: Hand, winner: Record, losers: Sequence[Record], chosen: Mapping[str, Any]) -> None:
    """Contacts, leads or accounts become one: what refers to the losers refers to it, and they are deleted.

    chosen: values that the person picked from the losers; all others are the winner's own. Raises ValueError.
    """
    if any(loser is winner or loser.kind != winner.kind for loser in losers):
        raise ValueError("only different records of one kind can be merged")
    for loser in losers:
        for kind, name in hand.org.referring(winner.kind):
            for other in hand.org.records(kind.name).values():
                if other.values.get(name) == loser.id and other is not loser and name != "MasterRecordId":
                    hand.put(other, {name: winner.id})
        hand.delete(loser)
        loser.values["MasterRecordId"] = winner.id
    hand.update(winner, chosen)
    hand.note("merged", winner, new=",".join(loser.id for loser in losers))
