"""Record ids as Salesforce makes them: a prefix that tells the kind, 15 characters in which case counts, 3 to check."""

from __future__ import annotations

import re
import string

_SUFFIX = string.ascii_uppercase + "012345"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM = re.compile(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?")
#: The first record of an org has this number, so that ids look like those of an org with some history.
_FIRST = 62**4 * 50


def full(short: str) -> str:
    """The 18 characters of a 15-character id. Each of the last three tells the capitals among five of the others."""
    fives = (short[at : at + 5] for at in (0, 5, 10))
    return short + "".join(_SUFFIX[sum(char.isupper() << place for place, char in enumerate(five))] for five in fives)


def normal(given: str) -> str:
    """An id in its 18 characters, from either form. Raises ValueError for what is none, or has a wrong check suffix."""
    if not _FORM.fullmatch(given) or full(given[:15])[: len(given)] != given:
        raise ValueError(f"{given!r} is no id")
    return full(given[:15])


def made(prefix: str, org: int, number: int) -> str:
    """The id of an org's record of this number. Two orgs never share one."""
    return full(f"{prefix}{_written(org, 3)}{_written(_FIRST + number, 9)}")


def _written(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text
