"""What Salesforce itself writes into records: defaults of new ones, names, and all that follows from a stage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.salesforce.sandbox.kinds import Kind
from adapters.salesforce.sandbox.stages import Stage
from adapters.salesforce.sandbox.state import Org, Record

#: Records that go into the recycle bin with what they refer to, by kind and field.
_BELONGS = frozenset(
    {
        ("OpportunityContactRole", "OpportunityId"),
        ("OpportunityContactRole", "ContactId"),
        ("OpportunityHistory", "OpportunityId"),
        ("CampaignMember", "CampaignId"),
        ("CampaignMember", "LeadId"),
        ("CampaignMember", "ContactId"),
        ("Contact", "AccountId"),
        ("Opportunity", "AccountId"),
    }
)
_WITH_STATUS = frozenset({"Lead", "Case", "CampaignMember"})


def belongs(kind: str, name: str) -> bool:
    """Whether records of this kind go with what they refer to by this field."""
    return (kind, name) in _BELONGS


def defaults(org: Org, kind: Kind, user: str, at: datetime) -> dict[str, Any]:
    """What a new record holds where its maker says nothing."""
    whole = org.kinds[kind.name]
    held: dict[str, Any] = {each.name: False for each in whole.fields.values() if each.type == "boolean"}
    if "OwnerId" in whole.fields:
        held["OwnerId"] = user
    if "CurrencyIsoCode" in whole.fields:
        held["CurrencyIsoCode"] = org.currency
    if kind.name in _WITH_STATUS:
        held["Status"] = whole.fields["Status"].values[0]
    number = len(org.records(kind.name)) + 1
    if kind.name == "Case":
        held["CaseNumber"] = f"{1000 + number:08d}"
    if whole.numbered:
        before, digits, after = re.split(r"[{}]", whole.numbered)
        held["Name"] = f"{before}{number:0{len(digits)}d}{after}"
    if kind.name == "Opportunity":
        held["LastStageChangeDate"] = at
    return held


def settle(org: Org, record: Record, given: Mapping[str, Any], at: datetime) -> None:
    """Bring what follows from other fields in line with them. given: what is being written."""
    held = record.values
    if {"FirstName", "LastName"} <= {*held}:
        held["Name"] = " ".join(part for part in (held["FirstName"], held["LastName"]) if part)
    if record.kind == "Opportunity":
        _settle_stage(org, held, given, at)
    if record.kind == "CampaignMember":
        held["HasResponded"] = held["Status"] == "Responded"
        held["FirstRespondedDate"] = held["FirstRespondedDate"] or (at.date() if held["HasResponded"] else None)
    if record.kind == "Case":
        held["IsClosed"] = held["Status"] == "Closed"


def _settle_stage(org: Org, held: dict[str, Any], given: Mapping[str, Any], at: datetime) -> None:
    """A stage that the org does not have is neither closed nor won, as on Salesforce."""
    if "StageName" in given:
        label = held["StageName"]
        stage = next((each for each in org.stages if each.label == label), Stage(str(label), 0))
        if given.get("Probability") is None:
            held["Probability"] = Decimal(stage.probability)
        held |= {"IsClosed": stage.closed, "IsWon": stage.won, "LastStageChangeDate": at}
        held |= {"ForecastCategory": stage.forecast, "ForecastCategoryName": stage.forecast}
    if held["Amount"] is not None and held["Probability"] is not None:
        held["ExpectedRevenue"] = held["Amount"] * held["Probability"] / 100


def primary(org: Org, role: Record) -> None:
    """An opportunity has one primary contact role, and names its contact."""
    for other in org.records("OpportunityContactRole").values():
        if other is not role and other.values["OpportunityId"] == role.values["OpportunityId"]:
            other.values["IsPrimary"] = False
    deal = org.find(str(role.values["OpportunityId"]))
    if deal is not None:
        deal.values["ContactId"] = role.values["ContactId"]
