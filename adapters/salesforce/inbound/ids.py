"""Salesforce's ids: 15 characters in which case counts, or the same with 3 more that make case unnecessary."""

from __future__ import annotations

import re

LEAD, CONTACT, ACCOUNT, OPPORTUNITY, ORG = "00Q", "003", "001", "006", "00D"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?")


def full_id(text: str) -> str:
    """The id in its 18 characters, from either form; "" for what is none.

    The last three tell which of the first fifteen are capitals ("ID Field Type", Salesforce object reference).
    """
    text = text.strip()
    if not _ID.fullmatch(text):
        return ""
    short = text[:15]
    return short + "".join(_ALPHABET[_capitals(short[start : start + 5])] for start in (0, 5, 10))


def _capitals(five: str) -> int:
    return sum(1 << place for place, letter in enumerate(five) if letter.isascii() and letter.isupper())


def is_lead(external: str) -> bool:
    return external.startswith(LEAD)
