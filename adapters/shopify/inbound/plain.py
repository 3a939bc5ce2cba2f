"""Shopify's own words for things: ids of GraphQL, and permissions that include others."""

from __future__ import annotations

import re
from collections.abc import Iterable

from adapters.plain import text_of

_ID = re.compile(r"[0-9]{1,20}")


def gid(kind: str, number: object) -> str:
    """GraphQL's name of an object, from its number or that name. Raises ValueError for what is no id."""
    text = text_of(number).removeprefix(f"gid://shopify/{kind}/")
    if not _ID.fullmatch(text):
        raise ValueError(f"the body names no id of the {kind.lower()}")
    return f"gid://shopify/{kind}/{text}"


def with_reads(scopes: Iterable[str]) -> tuple[str, ...]:
    """Granted permissions spelled out: `write_x` includes `read_x`, and Shopify leaves that unsaid."""
    given = {scope.strip() for scope in scopes if scope.strip()}
    return tuple(sorted(given | {scope.replace("write_", "read_", 1) for scope in given if scope.startswith("write_")}))
