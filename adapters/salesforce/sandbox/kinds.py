"""Kinds of objects, and those that every org has. Their fields stand in `tables`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.salesforce.sandbox import tables
from adapters.salesforce.sandbox.fields import Field, parse, table


@dataclass(frozen=True)
class Kind:
    """One kind of object. prefix: how its ids begin. numbered: how its names are numbered, such as RC-{000000}."""

    name: str
    prefix: str
    label: str
    plural: str
    fields: Mapping[str, Field]
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    undeletable: bool = True
    mergeable: bool = False
    searchable: bool = True
    numbered: str = ""

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    def find(self, name: str) -> Field | None:
        """A field by its name, in which case does not count."""
        found = self.fields.get(name)
        return found or next((each for each in self.fields.values() if each.name.lower() == name.lower()), None)

    def with_fields(self, *more: Field) -> Kind:
        return replace(self, fields={**self.fields, **{each.name: each for each in more}})


def kind(name: str, prefix: str, text: str, *, owner: str = "User", plural: str = "", **more: Any) -> Kind:
    """A kind from its table; what all kinds have stands around it."""
    fields = table(f"{tables.ID}\n{tables.DELETED}\n{text.format(kind=name, owner=owner)}\n{tables.SYSTEM}")
    label = _spaced(name)
    return Kind(name, prefix, label, plural or f"{label}s", fields, **more)


def _spaced(name: str) -> str:
    """A name as its label: Contact Role for ContactRole."""
    return "".join(f" {char}" if char.isupper() and at else char for at, char in enumerate(name))


def _past(of: str, name: str, prefix: str) -> Kind:
    """What tracked fields of a kind were before. Real ones share one prefix; nobody looks for them by their ids."""
    made = kind(name, prefix, tables.TRACKED.format(of=of))
    return replace(_fixed(made), plural=made.label, updateable=False)


def _lasting(made: Kind) -> Kind:
    """Never deleted, so that there is no field to say so."""
    fields = {name: each for name, each in made.fields.items() if name != "IsDeleted"}
    return replace(made, fields=fields, deletable=False, undeletable=False)


def _fixed(made: Kind) -> Kind:
    """Neither made nor deleted by anybody but Salesforce."""
    return replace(made, createable=False, deletable=False, undeletable=False, searchable=False)


#: Where the history of tracked fields of a kind stands.
TRACKED = {
    "Lead": "LeadHistory",
    "Contact": "ContactHistory",
    "Account": "AccountHistory",
    "Opportunity": "OpportunityFieldHistory",
}
_STANDARD = (
    kind("Lead", "00Q", tables.LEAD, owner="Group,User", mergeable=True),
    kind("Contact", "003", tables.CONTACT, mergeable=True),
    kind("Account", "001", tables.ACCOUNT, mergeable=True),
    kind("Opportunity", "006", tables.OPPORTUNITY, plural="Opportunities"),
    kind(
        "OpportunityContactRole",
        "00K",
        tables.ROLE,
        plural="Opportunity Contact Role",
        undeletable=False,
        searchable=False,
    ),
    replace(_fixed(kind("OpportunityHistory", "008", tables.HISTORY, plural="Opportunity History")), updateable=False),
    *(
        _past(of, name, prefix)
        for prefix, (of, name) in zip(("017", "018", "019", "01A"), TRACKED.items(), strict=True)
    ),
    kind("Campaign", "701", tables.CAMPAIGN),
    kind("CampaignMember", "00v", tables.MEMBER, undeletable=False, searchable=False),
    kind("Case", "500", tables.CASE, owner="Group,User"),
    _lasting(kind("User", "005", tables.USER)),
    _fixed(_lasting(kind("Organization", "00D", tables.ORGANIZATION))),
)
#: What orgs with several currencies have besides: this field on records with money, and a kind that lists the rest.
_CURRENCY_FIELD = "CurrencyIsoCode picklist(3) defaulted restricted open"
_DEFAULT_CURRENCY = "DefaultCurrencyIsoCode picklist(255) read"
_WITH_MONEY = frozenset({"Lead", "Contact", "Account", "Opportunity", "Campaign", "CampaignMember", "Case"})


def standard(currencies: tuple[str, ...]) -> dict[str, Kind]:
    """The kinds of a new org by name. currencies: none for an org with a single one, which shows no field for it."""
    kinds = {each.name: each for each in _STANDARD}
    if not currencies:
        return kinds
    for name in _WITH_MONEY:
        kinds[name] = with_currency(kinds[name], currencies)
    kinds["Organization"] = kinds["Organization"].with_fields(parse(_DEFAULT_CURRENCY))
    kinds["CurrencyType"] = _lasting(kind("CurrencyType", "01L", tables.CURRENCY))
    return kinds


def with_currency(made: Kind, currencies: tuple[str, ...]) -> Kind:
    """The same in an org with several currencies: each record names its own. In any other org nothing is added."""
    return made.with_fields(replace(parse(_CURRENCY_FIELD), values=currencies)) if currencies else made


#: What records are called, seen from what they refer to, where it is not simply their plural.
CHILDREN: Mapping[tuple[str, str], str] = {
    ("OpportunityContactRole", "OpportunityId"): "OpportunityContactRoles",
    ("OpportunityContactRole", "ContactId"): "OpportunityContactRoles",
    ("OpportunityHistory", "OpportunityId"): "OpportunityHistories",
    ("CampaignMember", "CampaignId"): "CampaignMembers",
    ("CampaignMember", "ContactId"): "CampaignMembers",
    ("CampaignMember", "LeadId"): "CampaignMembers",
    ("Contact", "AccountId"): "Contacts",
    ("Opportunity", "AccountId"): "Opportunities",
    ("Opportunity", "CampaignId"): "Opportunities",
    ("Opportunity", "ContactId"): "Opportunities",
    ("Account", "ParentId"): "ChildAccounts",
    ("Campaign", "ParentId"): "ChildCampaigns",
    ("Case", "AccountId"): "Cases",
    ("Case", "ContactId"): "Cases",
    **{(name, f"{of}Id"): "Histories" for of, name in TRACKED.items()},
}
