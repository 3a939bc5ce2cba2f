"""Which scope each part of the API asks for, as the published specifications list them; any one of a set will do."""

from __future__ import annotations

from adapters.hubspot.sandbox.answers import Refusal
from adapters.hubspot.sandbox.call import Call

_READS = ("batch/read", "search")
_FAMILIES = ("contacts", "deals", "companies", "invoices", "line_items", "tickets", "custom")
#: Everything that any part of the stand-in asks for: what a portal without limits granted.
EVERY = frozenset(
    {
        f"crm.{area}.{family}.{verb}"
        for area in ("objects", "schemas")
        for family in _FAMILIES
        for verb in ("read", "write")
    }
    | {"oauth", "automation", "crm.lists.read", "communication_preferences.read"}
)


def _record(call: Call, part: str, verb: str) -> str:
    """Discounts have no scope of their own: any app that is installed may write them (discounts.2026-09)."""
    family = call.kind(part).scope
    return "oauth" if family == "discounts" else f"crm.objects.{family}.{verb}"


def _verb(method: str, template: str) -> str:
    return "read" if method == "GET" or template.endswith(_READS) else "write"


def needed(call: Call, method: str, template: str) -> list[set[str]]:
    """Sets of scopes: of each at least one must be granted."""
    verb = _verb(method, template)
    _, first, second, *_ = template.split("/")
    if first == "crm" and second in {"objects", "properties", "pipelines", "property-validations", "associations"}:
        return _of_records(call, second, template, verb)
    other = {
        "crm": {"crm.lists.read"},
        "crm-object-schemas": {f"crm.schemas.custom.{verb}"}
        | ({"crm.objects.custom.read"} if verb == "read" else set()),
        "communication-preferences": {"communication_preferences.read", "communication_preferences.read_write"},
        "automation": {"automation"},
    }
    return [other.get(first, {"oauth"})]


def _of_records(call: Call, area: str, template: str, verb: str) -> list[set[str]]:
    if "associations" in template:
        return [{_record(call, "from", verb)}, {_record(call, "to", verb)}]
    if area == "objects":
        return [{_record(call, "kind", verb)}]
    schema = f"crm.schemas.{call.kind().scope}.{verb}"
    return [{schema, _record(call, "kind", "read")} if verb == "read" else {schema}]


def check(call: Call, method: str, template: str) -> None:
    """Raises Refusal where the portal did not grant what the call needs. Service keys and full grants have all."""
    granted = call.portal.scopes
    if granted is None:
        return
    lacking = [alternatives for alternatives in needed(call, method, template) if not alternatives & granted]
    if lacking:
        named = sorted(lacking[0])
        words = (
            "This app hasn't been granted all required scopes to make this call. "
            "Read more about required scopes here: https://developers.hubspot.com/scopes."
        )
        told = "One or more of the following scopes are required."
        detail = {"message": told, "context": {"requiredGranularScopes": named}}
        raise Refusal(403, words, "MISSING_SCOPES", errors=[detail])
