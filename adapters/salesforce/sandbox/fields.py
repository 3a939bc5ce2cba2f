"""Fields, and the short way in which the tables of this folder write them.

A line is `Name type words...`. A type is Salesforce's own with a length, string(80), or a precision and a scale,
double(18,3). Words: required (may not be empty); read, create or update (all that may be done with it); defaulted (the org
has a value for new records); key (idLookup); unique, external and case; restricted (no other values); *Set (the values of
SETS); >Kind,Kind (what it refers to) with as:Name where the relationship is not called like the field, as:- for none; open
or guarded (whether field-level security can take it away, where that is not as with most fields).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: Values of picklists, as new orgs have them.
SETS: Mapping[str, tuple[str, ...]] = {
    "LeadSource": ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
    "LeadStatus": ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"),
    "Salutation": ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof."),
    "Rating": ("Hot", "Warm", "Cold"),
    "AccountType": (
        "Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller", "Installation Partner",
        "Technology Partner", "Other",
    ),
    "OpportunityType": (
        "Existing Customer - Upgrade", "Existing Customer - Replacement", "Existing Customer - Downgrade",
        "New Customer",
    ),
    "ContactRole": (
        "Business User", "Decision Maker", "Economic Buyer", "Economic Decision Maker", "Evaluator",
        "Executive Sponsor", "Influencer", "Technical Buyer", "Other",
    ),
    "ForecastCategory": ("Omitted", "Pipeline", "BestCase", "MostLikely", "Forecast", "Closed"),
    "ForecastCategoryName": ("Omitted", "Pipeline", "Best Case", "Commit", "Closed"),
    "CampaignType": ("Conference", "Webinar", "Referral Program", "Email", "Other"),
    "CampaignStatus": ("Planned", "In Progress", "Completed", "Aborted"),
    "MemberStatus": ("Sent", "Responded"),
    "CaseStatus": ("New", "Working", "Escalated", "Closed"),
    "CaseOrigin": ("Phone", "Email", "Web"),
}  # fmt: skip
_LINE = re.compile(r"(\w+) (\w+)(?:\((\d+)(?:,(\d+))?\))?((?: \S+)*)")
_NUMBERS = frozenset({"currency", "double", "percent"})
#: Ids are as long everywhere.
_ID_LENGTH = 18


@dataclass(frozen=True)
class Field:
    """One field as an org has it, before anybody's field-level security.

    guarded: whether there is any for it. children: what records are called that refer to another by this field, seen from
    there; "" for the usual name.
    """

    name: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    createable: bool = True
    updateable: bool = True
    nillable: bool = True
    defaulted: bool = False
    lookup: bool = False
    external: bool = False
    unique: bool = False
    case_sensitive: bool = False
    restricted: bool = False
    guarded: bool = True
    values: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    relationship: str | None = None
    children: str = ""
    label: str = ""

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def required(self) -> bool:
        """Whether a new record needs a value for it from whoever makes it."""
        return self.createable and not self.nillable and not self.defaulted and self.type != "boolean"

    @property
    def number(self) -> bool:
        return self.type in _NUMBERS or self.type == "int"

    @property
    def filterable(self) -> bool:
        """Long texts can be neither compared nor sorted by."""
        return not (self.type == "textarea" and self.length > 255)  # noqa: PLR2004


def parse(line: str) -> Field:
    """A field from its line. Raises ValueError."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise ValueError(f"{line!r} is no line of a table of fields")
    name, kind, size, scale, rest = found.groups()
    words = rest.split()
    to = next((tuple(word[1:].split(",")) for word in words if word.startswith(">")), ())
    named = next((word[3:] for word in words if word.startswith("as:")), None)
    number = kind in _NUMBERS
    return Field(
        name=name,
        type=kind,
        length=_ID_LENGTH if kind in {"reference", "id"} else 0 if number else int(size or 0),
        precision=int(size or 18) if number else 0,
        scale=int(scale or 0),
        createable=not {"read", "update"} & {*words},
        updateable=not {"read", "create"} & {*words},
        nillable="required" not in words,
        defaulted="defaulted" in words,
        lookup="key" in words or "external" in words,
        external="external" in words,
        unique="unique" in words,
        case_sensitive="case" in words,
        restricted="restricted" in words,
        guarded="guarded" in words or not {"open", "required", "read"} & {*words},
        values=next((SETS[word[1:]] for word in words if word.startswith("*")), ()),
        to=to,
        relationship=(named or _relationship(name)) if to and named != "-" else None,
    )


def _relationship(name: str) -> str:
    """What leads on from a reference: Account for AccountId, Opportunity__r for Opportunity__c."""
    return name.removesuffix("__c") + "__r" if name.endswith("__c") else name.removesuffix("Id")


def table(text: str) -> dict[str, Field]:
    """The fields of a table by name, in its order."""
    return {made.name: made for made in map(parse, filter(str.strip, text.splitlines()))}
