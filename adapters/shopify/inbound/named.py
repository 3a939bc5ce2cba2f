"""Whom a body names, so that its bytes can be found and emptied when that person asks to be forgotten."""

from __future__ import annotations

import re

from adapters.plain import Json, text_of
from adapters.shopify import MANIFEST
from adapters.shopify.inbound.plain import gid
from connector.domain.person import EMAIL, PHONE
from connector.ports.platform import Seen

#: An order names a handful. Whoever fills a body with addresses does not fill our index with them.
MAX_NAMED = 200

_ADDRESS = re.compile(r"[^@\s<>\"]{1,64}@[^@\s<>\"]+\.[^@\s<>\"]+")
_CUSTOMER = re.compile(r"gid://shopify/Customer/[0-9]{1,20}")
_NUMBER = re.compile(r"[0-9]{1,20}")


def named_in(body: Json) -> tuple[Seen, ...]:
    """Everybody whom it names by customer id, e-mail or phone, wherever that stands, also in notes and extras."""
    found: dict[Seen, None] = {}
    left: list[tuple[str, object]] = [("", body)]
    while left and len(found) < MAX_NAMED:  # no recursion: a stranger chooses the depth
        name, value = left.pop()
        if isinstance(value, dict):
            left += [(f"{name}.id" if key == "id" else str(key), inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            left += [(name, inner) for inner in reversed(value)]
        elif seen := _seen(name, text_of(value)):
            found[seen] = None
    return tuple(found)


def _seen(name: str, text: str) -> Seen | None:
    if name in {"customer.id", "customer_id"} and _NUMBER.fullmatch(text):
        return Seen(MANIFEST.person_kind, gid("Customer", text))
    if _CUSTOMER.fullmatch(text):
        return Seen(MANIFEST.person_kind, text)
    if _ADDRESS.fullmatch(text):
        return Seen(EMAIL, text)
    if name == "phone" and any(char.isdigit() for char in text):
        return Seen(PHONE, text)
    return None
