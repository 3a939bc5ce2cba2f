"""SOQL, the language of Salesforce's queries: what comes from outside goes in as a literal and in no other way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

_ESCAPED = {"\\": r"\\", "'": r"\'", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\b": r"\b", "\f": r"\f"}


def text(value: str) -> str:
    """A text literal ("Quoted String Escape Sequences")."""
    return "'" + "".join(_ESCAPED.get(char, char) for char in value) + "'"


def texts(values: Iterable[str]) -> str:
    """A list for IN."""
    return f"({', '.join(text(value) for value in values)})"


def moment(at: datetime) -> str:
    """A dateTime literal, to the second below: Salesforce keeps no finer time of changes."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
