"""Codes: what an advocate shares, easy to say, hard to guess, safe against a slip of the finger.

A minted code is seven random letters of Crockford's base32 (no I, L, O, U) and a check letter. The check is a
Damm-style fold over GF(32): every single wrong letter and every swap of neighbours is noticed.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_LETTERS = 7
_VALUE = {letter: value for value, letter in enumerate(ALPHABET)}
_ALIASES = str.maketrans("OIL", "011")
_FIELD = 0b100101  # x^5 + x^2 + 1, irreducible over GF(2)
_VANITY = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,38}[a-z0-9])")


def _check(values: list[int]) -> int:
    state = 0
    for value in values:
        state = (state ^ value) << 1
        if state & 0b100000:
            state ^= _FIELD
    return state


def mint() -> str:
    """A new code, 35 random bits. Uniqueness over all merchants is the store's to enforce."""
    values = [secrets.randbelow(32) for _ in range(RANDOM_LETTERS)]
    return "".join(ALPHABET[v] for v in [*values, _check(values)])


def fold(text: str) -> str:
    """The one spelling under which any code is stored and compared: width, case and spaces do not matter."""
    return unicodedata.normalize("NFKC", text).strip().upper()


def parse_minted(text: str) -> str | None:
    """The minted code a person meant, or None: look-alikes (O I L) are read as digits, dashes are dropped."""
    letters = fold(text).replace("-", "").replace(" ", "").translate(_ALIASES)
    if len(letters) != RANDOM_LETTERS + 1 or any(letter not in _VALUE for letter in letters):
        return None
    values = [_VALUE[letter] for letter in letters]
    return letters if _check(values[:-1]) == values[-1] else None


def spellings(text: str) -> tuple[str, ...]:
    """Under which stored codes a seen text may stand: as typed, and as the minted code it was meant to be."""
    minted = parse_minted(text)
    return (fold(text),) if minted in (None, fold(text)) else (fold(text), str(minted))


def vanity(text: str) -> str:
    """The canonical vanity code, lower case. Raises ValueError that says what is allowed."""
    code = unicodedata.normalize("NFKC", text).strip().lower()
    if not _VANITY.fullmatch(code):
        raise ValueError(f"{text!r}: a vanity code has 3 to 40 letters a-z, digits or dashes, no dash at its ends")
    return code


def slug(name: str) -> str:
    """A merchant's name in links."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
