"""Setup: whether the org shows our user every field that is to be written, and lets it.

Fields come with the package, and nothing is changed there unless a developer asks. What is missing, hidden, of another
type or no key is told with its remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adapters.salesforce.api import Client, shaped
from adapters.salesforce.outbound import referral_credits as money
from adapters.salesforce.outbound import telling
from adapters.salesforce.outbound.deploy import Deploy
from adapters.salesforce.outbound.org import Field, Kind, Orgs
from connector.domain.news import NewsKind
from connector.ports.platform import CANNOT, Account, Capability
from connector.ports.records import FieldPlan, Setup

#: Which of the org's kinds of record each of our kinds stands in.
_OBJECTS = {
    "person": ("Lead", "Contact"),
    "advocate": ("Lead", "Contact"),
    "opportunity": ("Opportunity",),
    "account": ("Account",),
    "credit": (money.CREDIT,),
}
#: A field's type in describe, by the word for it in Setup and in the mapping.
_TYPES = {
    "Text": {"string", "textarea", "email", "id", "reference"},
    "LongTextArea": {"textarea"},
    "DateTime": {"datetime"},
    "Picklist": {"picklist", "string"},
    "Number": {"double", "currency"},
    "Url": {"url", "string"},
}
#: What shows that an org has a product, by the choice that asks for it, and the kind of reward that it pays.
_LICENSED = {
    "loyalty_program": (Capability.POINTS, "LoyaltyProgramMember", "Loyalty Management"),
    "referral_program": (Capability.NATIVE, "Referral", "Referral Marketing"),
}
_TYPE = re.compile(r"(?P<word>[A-Za-z]+)(?:\((?P<length>[0-9]+)(?:,(?P<scale>[0-9]+))?\))?(?P<key>/unique)?")
_INSTALL = "install our package, or create the field"
_GRANT = "give our integration user edit rights on it: field-level security, or our permission set"


@dataclass(frozen=True)
class Provision:
    """What an org needs to have."""

    client: Client
    orgs: Orgs

    @shaped
    def provision(self, account: Account, setup: Setup) -> Mapping[str, str]:
        """What is missing and what to do about it, by `cannot:OBJECT.FIELD`; made where a developer asked for that."""
        lacking = dict(Deploy(self.client, self.orgs).make(account)) if setup.make else {}
        self.orgs.forget(account)
        for name, plans in _wanted(setup).items():
            kind = self.orgs.kind(account, name)
            if kind is None:
                lacking[f"{CANNOT}{name}"] = (
                    f"our user sees no {name}: install our package, and assign its permission set"
                )
                continue
            for plan in plans.values():
                if why := _unlike(kind, plan):
                    lacking[f"{CANNOT}{name}.{plan.name}"] = why
        return lacking | dict(self._unlicensed(account))

    def _unlicensed(self, account: Account) -> Iterator[tuple[str, str]]:
        """Ways to pay natively that were chosen in an org which has none of it."""
        for choice, (kind, object_, product) in _LICENSED.items():
            if account.choices.get(choice) and self.orgs.kind(account, object_) is None:
                yield f"{CANNOT}{kind}", f"the org has no {product} that our user sees: pay with another kind"


def _wanted(setup: Setup) -> dict[str, dict[str, FieldPlan]]:
    """The fields of each of the org's kinds, each once."""
    found: dict[str, dict[str, FieldPlan]] = {}
    for kind, plans in setup.fields.items():
        for name in _OBJECTS.get(kind, ()):
            found.setdefault(name, {}).update({plan.name: plan for plan in plans})
    if setup.fields.get("credit"):
        found[money.CREDIT] |= {plan.name: plan for plan in _money()}
    found[telling.NEWS] = {plan.name: plan for plan in _news()}
    return found


def _money() -> Iterator[FieldPlan]:
    """The fields of a Referral Credit that no mapping names and that we write; what was used is staff's to say."""
    yield FieldPlan(money.AMOUNT, "Number(15,3)", "")
    yield FieldPlan(money.KEY, "Text(80)/unique", "")
    yield FieldPlan(money.KIND, "Picklist", "", (money.CREDITED, money.TAKEN_BACK))
    for name in (money.CURRENCY, money.REVERSES, *money.ADVOCATE.values()):
        yield FieldPlan(name, "Text", "")
    yield FieldPlan(money.ISSUED_AT, "DateTime", "")


def _news() -> Iterator[FieldPlan]:
    """The fields of a Referral News: flows start from them, whatever else is written."""
    yield FieldPlan(telling.ID, "Text(36)/unique", "")
    yield FieldPlan(telling.KIND, "Picklist", "", tuple(kind.value for kind in NewsKind))
    yield FieldPlan(telling.AT, "DateTime", "")
    yield FieldPlan(telling.AMOUNT, "Number(14,4)", "")
    for name in (telling.ROLE, telling.CURRENCY, *telling.PERSON.values(), *telling.TEXTS.values()):
        yield FieldPlan(name, "Url" if name == telling.TEXTS["link"] else "Text", "")


def _unlike(kind: Kind, plan: FieldPlan) -> str:
    """What is wrong with a field, with the remedy; "" for one that serves."""
    there = kind.field(plan.name)
    if there is None:
        return f"our user sees no field {plan.name} on {kind.name}: {_INSTALL}, and {_GRANT}"
    told = _TYPE.fullmatch(plan.type)
    if told is None or there.type not in _TYPES.get(told["word"], {there.type}):
        return f"{there.name} is of the type {there.type}, and should be {plan.type}: make one of that type, or map another"
    if told["key"] and not (there.external and there.unique):
        return f"{there.name} is no unique external id: tick both boxes on the field"
    if told["length"] and there.type == "string" and there.length < int(told["length"]):
        return f"{there.name} has room for {there.length} characters, and should have {told['length']}: lengthen it"
    if told["scale"] and there.type in ("double", "currency") and there.scale < int(told["scale"]):
        return f"{there.name} keeps {there.scale} decimal places, and should keep {told['scale']}"
    return _writable(there, plan)


def _writable(there: Field, plan: FieldPlan) -> str:
    if not there.update and plan.name not in (money.KEY, telling.ID):
        return f"our user may not write {there.name}: {_GRANT}"
    words = [word for word in plan.choices if not there.takes(word)]
    if words:
        return f"the picklist {there.name} has no {', '.join(words)}: add it there, or map one that it has"
    return ""
