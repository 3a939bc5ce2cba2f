"""Setup: our groups of properties, the pair of labels, and our own kind of record where the plan has such.

Everything is asked to be made; that it is there already is an answer like any other. What differs from what we need is
told, never changed: it may be somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.hubspot.api import VERSION, Client, shaped
from adapters.hubspot.outbound import telling, ties, wallet
from adapters.hubspot.outbound.portal import Portals
from adapters.plain import rows, text_of
from connector.errors import Refused
from connector.ports.platform import CANNOT, Account
from connector.ports.records import FieldPlan, Setup

Json = Mapping[str, Any]

GROUP, GROUP_LABEL, OURS = "referrals", "Referrals", "referral_"
_KINDS = {"contact": "contacts", "advocate": "contacts", "deal": "0-3"}
_SHOWN = {"string": "text", "number": "number", "datetime": "date", "date": "date", "enumeration": "select"}
#: Properties that no mapping names: where codes come in, who is an advocate, the wallet, and news.
_OWN = (
    FieldPlan("ref", "string", "The referral code from a link: a hidden form field of this name is filled by itself."),
    FieldPlan("referral_code", "string", "The referral code that somebody gave: fill it from a form, or by hand."),
    FieldPlan("referral_advocate", "enumeration", "Whether this contact may refer others.", ("yes", "no")),
    FieldPlan(wallet.BALANCE, "number", "Referral credit that this contact can use. Lower it when you apply some."),
    FieldPlan(wallet.CURRENCY, "string", "The currency of the referral credit."),
    FieldPlan(wallet.LIFETIME, "number", "Referral credit that this contact has earned in all."),
    FieldPlan(wallet.HISTORY, "string/textarea", "Every movement of the referral credit, newest first."),
    FieldPlan(wallet.LAST_AMOUNT, "number", "The last referral credit."),
    FieldPlan(wallet.LAST_AT, "datetime", "When the last referral credit came."),
    FieldPlan(wallet.LAST_MARK, "string", "The mark of the last referral credit, as the history shows it."),
    *telling.PLANS,
)


@dataclass(frozen=True)
class Provision:
    """What an account needs to have."""

    client: Client
    portals: Portals

    @shaped
    def provision(self, account: Account, setup: Setup) -> Mapping[str, str]:
        """Make what is missing; returns what could not be made, and why."""
        lacking: dict[str, str] = {}
        for path in dict.fromkeys(_KINDS.values()):
            plans = [plan for kind, where in _KINDS.items() if where == path for plan in setup.fields.get(kind, ())]
            lacking |= self._properties(account, path, [*plans, *(_OWN if path == "contacts" else ())])
        lacking |= self._label(account)
        if setup.fields.get("credit"):
            lacking |= self._credits(account, setup.fields["credit"])
        self.portals.forget(account)
        return lacking

    # ── Properties ──────────────────────────────────────────────────────────────────────────────────────────────

    def _properties(self, account: Account, path: str, plans: Sequence[FieldPlan]) -> dict[str, str]:
        try:
            mine = [_property(plan) for plan in plans if plan.name.startswith(OURS) or plan in _OWN]
            if mine:
                self._make(account, path, mine)
            standing = self.client.run(account, "GET", f"/crm/properties/{VERSION}/{path}", operation="properties")
        except Refused as error:
            return {f"{CANNOT}properties of {path}": f"HubSpot does not let us make them: {error.reason}"}
        there = {text_of(row.get("name")): row for row in rows(standing["results"])}
        return dict(_unlike(plans, there))

    def _make(self, account: Account, path: str, properties: Sequence[Json]) -> None:
        self._group(account, path)
        where, body = f"/crm/properties/{VERSION}/{path}/batch/create", {"inputs": list(properties)}
        self.client.run(account, "POST", where, operation="make_properties", body=body, changes=True)

    def _group(self, account: Account, path: str) -> None:
        body = {"name": GROUP, "label": GROUP_LABEL}
        where = f"/crm/properties/{VERSION}/{path}/groups"
        try:
            self.client.run(account, "POST", where, operation="make_group", body=body, changes=True)
        except Refused as error:
            if error.status != 409 and "exist" not in error.reason:  # noqa: PLR2004 - it is there already
                raise

    # ── Labels and our own kind of record ───────────────────────────────────────────────────────────────────────

    def _label(self, account: Account) -> dict[str, str]:
        told = self.client.run(account, "GET", ties.LABEL, operation="labels")
        if any(row.get("label") == ties.FROM_FRIEND for row in rows(told["results"])):
            return {}
        body = {"name": ties.NAME, "label": ties.FROM_FRIEND, "inverseLabel": ties.FROM_ADVOCATE}
        try:
            self.client.run(account, "POST", ties.LABEL, operation="make_label", body=body, changes=True)
        except Refused as error:
            why = f"contacts cannot be labelled as referred by each other: {error.reason}"
            return {f"{CANNOT}labels": f"{why} (HubSpot has labels from Professional on)"}
        return {}

    def _credits(self, account: Account, plans: Sequence[FieldPlan]) -> dict[str, str]:
        """Made once. Without a plan or a permission for it, the contact's own properties say the same."""
        where = f"/crm-object-schemas/{VERSION}/schemas"
        try:
            told = self.client.run(account, "GET", where, operation="schemas")
            if any(row.get("name") == ties.CREDIT for row in rows(told["results"])):
                return {}
            self.client.run(account, "POST", where, operation="make_schema", body=_schema(plans), changes=True)
        except Refused as error:
            why = f"rewards show on contacts alone, without a record of their own: {error.reason}"
            return {f"{CANNOT}credit records": f"{why} (HubSpot has custom objects in Enterprise)"}
        return {}


def _property(plan: FieldPlan) -> dict[str, Any]:
    kind, _, shown = plan.type.partition("/")
    made: dict[str, Any] = {
        "name": plan.name,
        "label": _label(plan.name),
        "description": plan.help,
        "groupName": GROUP,
        "type": kind,
        "fieldType": shown if shown == "textarea" else _SHOWN.get(kind, "text"),
        "formField": plan.name in ("ref", "referral_code"),
    }
    if shown == "unique":
        made["hasUniqueValue"] = True
    if kind == "enumeration":
        made["options"] = [_option(place, choice) for place, choice in enumerate(plan.choices)]
    return made


def _option(place: int, choice: str) -> dict[str, Any]:
    label = choice.replace("_", " ").capitalize()
    return {"label": label, "value": choice, "displayOrder": place, "hidden": False}


def _label(name: str) -> str:
    return "Referral code from the link" if name == "ref" else name.replace("_", " ").capitalize()


def _unlike(plans: Sequence[FieldPlan], there: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Fields that are missing or of another kind than the values that we write."""
    for plan in plans:
        kind, standing = plan.type.partition("/")[0], there.get(plan.name)
        if standing is None:
            yield f"{CANNOT}{plan.name}", f"there is no property {plan.name}: make one of type {kind}"
        elif standing.get("type") != kind:
            why = f"the property {plan.name} is of type {standing.get('type')}, and we write {kind}"
            yield f"{CANNOT}{plan.name}", f"{why}: take it out of the mapping, or give it that type"
        elif lost := sorted(set(plan.choices) - {text_of(row.get("value")) for row in rows(standing.get("options"))}):
            yield f"{CANNOT}{plan.name}", f"the property {plan.name} lacks the options {', '.join(lost)}: add them"


def _schema(plans: Sequence[FieldPlan]) -> dict[str, Any]:
    properties = []
    for plan in plans:
        made = _property(plan)
        del made["groupName"], made["formField"]
        properties.append(made)
    return {
        "name": ties.CREDIT,
        "labels": {"singular": "Referral credit", "plural": "Referral credits"},
        "primaryDisplayProperty": ties.CREDIT_KEY,
        "requiredProperties": [ties.CREDIT_KEY],
        "searchableProperties": [ties.CREDIT_KEY],
        "secondaryDisplayProperties": ["amount", "state"],
        "associatedObjects": ["CONTACT", "DEAL"],
        "allowsSensitiveProperties": False,
        "properties": properties,
    }
