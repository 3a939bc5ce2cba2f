"""Plain values out of untrusted JSON: whatever stands there, the answer is a value of ours or a ValueError."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]

#: A code is never longer (discount codes: 255 characters, REST DiscountCode, 2026-01). A longer text is none.
MAX_TEXT = 255
MAX_DIGITS = 20
#: A number that means the same in every country, as ITU-T E.164 writes it.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def load(body: bytes) -> Json:
    """The body's object. Raises ValueError for broken, bottomless or absurd JSON."""
    data = _load(body, _integer, _float, _integer)
    if not isinstance(data, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - what cannot be read is a ValueError here
    return data


def load_any(body: bytes) -> Any:
    """What the body says, whatever it is. Raises ValueError for broken or bottomless JSON.

    A number that is none of a platform's stays its text: it must not cost what stands beside it.
    """
    return _load(body, _or_text(_integer), _or_text(_float), str)


def _or_text(read: Callable[[str], float]) -> Callable[[str], float | str]:
    def number(text: str) -> float | str:
        try:
            return read(text)
        except ValueError:
            return text

    return number


def _load(body: bytes, integer: Callable[[str], Any], real: Callable[[str], Any], other: Callable[[str], Any]) -> Any:
    try:
        return json.loads(body, parse_int=integer, parse_float=real, parse_constant=other)
    except RecursionError as error:
        raise ValueError("the body is nested deeper than any of a platform's") from error
    except UnicodeDecodeError as error:
        raise ValueError("the body is not UTF-8 text") from error


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS or not text.lstrip("-").isdigit():
        raise ValueError("the body holds a number that is none of a platform's")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the body holds a number that is none of a platform's")
    return number


def part(value: object) -> Json:
    """An object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> Sequence[Json]:
    """The objects of a list; nothing for null, `{}` and whatever else stands there instead of a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else ()


def text_of(value: object) -> str:
    """A short text without control characters, or "" for anything else. Numbers are read as their digits."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return ""
    return "".join(char for char in value if unicodedata.category(char)[0] != "C").strip()


def phone_of(text: object) -> str:
    """The number in E.164, "" for one that could be anybody's."""
    number = re.sub(r"[\s().\-/]", "", text_of(text))
    return number if _E164.fullmatch(number) else ""


def first_time(data: Json, names: Sequence[str]) -> datetime | None:
    return next((at for name in names if (at := time_of(data.get(name)))), None)


def time_of(value: object) -> datetime | None:
    """An aware UTC time, or None for what is none."""
    try:
        at = datetime.fromisoformat(text_of(value))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
