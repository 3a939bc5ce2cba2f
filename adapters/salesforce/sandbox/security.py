"""What the app's user sees of an org's objects: rights on objects, and field-level security."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.salesforce.sandbox import licensed
from adapters.salesforce.sandbox.fields import Field
from adapters.salesforce.sandbox.kinds import TRACKED, Kind
from adapters.salesforce.sandbox.package import Rights
from adapters.salesforce.sandbox.stages import Stage

_ALL = frozenset({"create", "read", "edit", "delete"})
_READ = frozenset({"read"})
#: Objects without rights of their own: they follow others, or are read by everybody.
_FOLLOWS = {
    "OpportunityContactRole": "Opportunity",
    "OpportunityHistory": "Opportunity",
    "CampaignMember": "Campaign",
    **{history: of for of, history in TRACKED.items()},
}
_FOR_ALL = frozenset({"User", "Organization", "CurrencyType", *licensed.NAMES})
#: What an admin may withhold of a field.
WITHHELD = frozenset({"read", "create", "edit"})


def seen(
    kind: Kind, rights: Rights | None, withheld: Mapping[tuple[str, str], frozenset[str]], stages: Sequence[Stage]
) -> Kind | None:
    """The kind as the user sees it, None where not at all. rights: None for all of them."""
    allowed = _of_object(kind, rights)
    if "read" not in allowed:
        return None
    fields = {}
    for each in kind.fields.values():
        verbs = _of_field(kind, each, rights) - withheld.get((kind.name, each.name), frozenset())
        if "read" not in verbs:
            continue
        fields[each.name] = replace(
            each,
            values=tuple(stage.label for stage in stages) if each.name == "StageName" else each.values,
            createable=each.createable and "create" in verbs,
            updateable=each.updateable and "edit" in verbs,
        )
    return replace(
        kind,
        fields=fields,
        createable=kind.createable and "create" in allowed,
        updateable=kind.updateable and "edit" in allowed,
        deletable=kind.deletable and "delete" in allowed,
    )


def _of_object(kind: Kind, rights: Rights | None) -> frozenset[str]:
    if rights is None:
        return _ALL
    if kind.name in _FOR_ALL:
        return _READ
    if kind.name == "CampaignMember" and _adds_members(rights):
        return _READ | {"create"}
    return rights.objects.get(_FOLLOWS.get(kind.name, kind.name), frozenset())


def _adds_members(rights: Rights) -> bool:
    """Members have no right of their own: who reads a campaign and edits a person adds one to the other."""
    return "read" in rights.objects.get("Campaign", ()) and any(
        "edit" in rights.objects.get(name, ()) for name in ("Lead", "Contact")
    )


def _of_field(kind: Kind, each: Field, rights: Rights | None) -> frozenset[str]:
    """What field-level security leaves of a field; one that it does not guard is everybody's."""
    if rights is None or not each.guarded or kind.name in _FOR_ALL:
        return _ALL
    verbs = rights.fields.get((kind.name, each.name), frozenset())
    return verbs | {"create"} if "edit" in verbs else verbs
