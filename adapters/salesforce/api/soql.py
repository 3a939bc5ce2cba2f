"""SOQL, the language of Salesforce's queries: what comes from outside goes in as a literal and in no other way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

_ESCAPED = {"\\": r"\\", "'": r"\'", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\b": r"\b", "\f": r"\f"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,120}")


def text(value: str) -> str:
    """A text literal ("Quoted String Escape Sequences")."""
    return "'" + "".join(_ESCAPED.get(char, char) for char in value) + "'"


def texts(values: Iterable[str]) -> str:
    """A list for IN."""
    return f"({', '.join(text(value) for value in values)})"


def moment(at: datetime) -> str:
    """A dateTime literal, to the second below: Salesforce keeps no finer time of changes."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def name(field: str) -> str:
    """A field's or object's name. Raises ValueError for what cannot be one."""
    if not _NAME.fullmatch(field):
        raise ValueError(f"{field[:60]!r} is no name of a field")
    return field
