"""Shopify Flow: what started workflows, for the book, and what Flow refuses.

An app has the triggers that its files declare (app/extensions). The words for an unknown handle and for a payload of 50,000
bytes are Shopify's own, as they were recorded; those for single fields are not known, and neither is whether Shopify looks
for the customer at once. Flow keeps no list of what it was given that an app could read.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from adapters.shopify.sandbox.part import Part, View
from adapters.shopify.sandbox.state import gid

_EXTENSIONS = Path(__file__).parents[1] / "app" / "extensions"
LARGEST = 50_000
#: What a payload holds for each type of field.
_TYPES: Mapping[str, tuple[type, ...]] = {"number_decimal": (int, float), "boolean": (bool,)}


@lru_cache(maxsize=1)
def triggers() -> Mapping[str, Mapping[str, str]]:
    """The types of each trigger's fields, by its handle and their keys in a payload."""
    files = [tomllib.loads(path.read_text("utf-8")) for path in sorted(_EXTENSIONS.glob("*/shopify.extension.toml"))]
    declared = [(file["extensions"][0], file) for file in files if "extensions" in file]
    return {
        head["handle"]: {_key(field): field["type"] for field in file["settings"]["fields"]}
        for head, file in declared
        if head["type"] == "flow_trigger"
    }


def _key(field: Mapping[str, str]) -> str:
    """A reference has no key of its own: `customer_reference` is sent as `customer_id`."""
    return field.get("key") or f"{field['type'].removesuffix('_reference')}_id"


class Flow(Part):
    """The app's triggers on one shop."""

    def change_flowTriggerReceive(self, _: Any, handle: str = "", payload: Any = None) -> View:  # noqa: N802
        if problem := next(self._problems(handle, payload), ""):
            return {"userErrors": [{"field": ["body"], "message": f"Errors validating schema:\n  {problem}\n"}]}
        self.note(
            "flow_trigger",
            id=gid("FlowTrigger", self.world.next_id()),
            owner=gid("Customer", payload["customer_id"]),
            key=handle,
            value=json.dumps(payload),
        )
        return {"userErrors": []}

    def _problems(self, handle: str, payload: Any) -> Iterator[str]:
        if len(json.dumps(payload).encode()) >= LARGEST:
            yield f"Properties size exceeds the limit of {LARGEST} bytes."
        fields = triggers().get(handle)
        if fields is None or handle in self.shop.undeployed:
            yield f"Invalid handle '{handle}'."
        elif not isinstance(payload, dict):
            yield "The payload is no object."
        else:
            yield from (f"Required field missing: '{key}'." for key in fields.keys() - payload.keys())
            yield from (f"Unknown field: '{key}'." for key in payload.keys() - fields.keys())
            yield from (f"'{key}' is no {kind}." for key, kind in fields.items() if not self._fits(kind, payload[key]))

    def _fits(self, kind: str, value: Any) -> bool:
        if kind == "customer_reference":
            return type(value) is int and value in self.shop.customers
        return type(value) in _TYPES.get(kind, (str,))
