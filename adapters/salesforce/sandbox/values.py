"""Values of fields: what the API takes for each type and what it refuses, and how answers write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from adapters.salesforce.sandbox.answers import Refusal
from adapters.salesforce.sandbox.clock import parse_date, parse_moment, stamp
from adapters.salesforce.sandbox.fields import Field
from adapters.salesforce.sandbox.ids import normal

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_TOKENS = {str: "VALUE_STRING", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT", bool: "VALUE_TRUE"}
_SOAP = {
    "currency": "double",
    "percent": "double",
    "int": "int",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
}


def taken(field: Field, given: object) -> Any:
    """The value as it is kept. Raises Refusal for what the field does not take. Nothing and "" both empty a field."""
    if given is None or given == "":
        return None
    found = _READERS.get(field.type, _text)(field, given)
    if isinstance(found, str) and not found:
        return None
    return found


def shown(value: Any) -> Any:
    """The value as answers write it."""
    match value:
        case datetime():
            return stamp(value)
        case date():
            return value.isoformat()
        case Decimal():
            return float(value)
    return value


def label(field: Field) -> str:
    """What people call a field."""
    if field.label:
        return field.label
    plain = field.name.removesuffix("__c").rpartition("__")[2].replace("_", " ")
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return f"{spaced[:-3]} ID" if field.type == "reference" and spaced.endswith(" Id") else spaced


def _unreadable(field: Field, given: object) -> Refusal:
    kind, token = _SOAP.get(field.type, "string"), _TOKENS.get(type(given), "START")
    words = f"Cannot deserialize instance of {kind} from {token} value"
    return Refusal(
        "JSON_PARSER_ERROR", f"{words} {given} or request may be missing a required field at [line:1, column:1]"
    )


def _text(field: Field, given: object) -> str:
    if not isinstance(given, str):
        raise _unreadable(field, given)
    value = given.strip()
    if field.length and len(value) > field.length:
        words = f"{label(field)}: data value too large: {value} (max length={field.length})"
        raise Refusal("STRING_TOO_LONG", words, field.name, dml=True)
    return value


def _email(field: Field, given: object) -> str:
    value = _text(field, given)
    if value and not _EMAIL.fullmatch(value):
        words = f"{label(field)}: invalid email address: {value}"
        raise Refusal("INVALID_EMAIL_ADDRESS", words, field.name, dml=True)
    return value


def _picklist(field: Field, given: object) -> str:
    """Only a restricted one refuses words that it does not have."""
    value = _text(field, given)
    if field.restricted and field.values and value not in field.values:
        words = f"{label(field)}: bad value for restricted picklist field: {value}"
        raise Refusal("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", words, field.name, dml=True)
    return value


def _boolean(field: Field, given: object) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.lower() in {"true", "false"}:
        return given.lower() == "true"
    raise _unreadable(field, given)


def _number(field: Field, given: object) -> Decimal:
    """Rounded to the field's scale, half away from zero."""
    if isinstance(given, bool) or not isinstance(given, int | float | str | Decimal):
        raise _unreadable(field, given)
    try:
        value = Decimal(str(given)).quantize(Decimal(1).scaleb(-field.scale), "ROUND_HALF_UP")
    except InvalidOperation:
        raise _unreadable(field, given) from None
    if abs(value) >= Decimal(10) ** (field.precision - field.scale):
        words = f"{label(field)}: value outside of valid range on numeric field: {given}"
        raise Refusal("NUMBER_OUTSIDE_VALID_RANGE", words, field.name, dml=True)
    return value


def _whole(field: Field, given: object) -> int:
    if isinstance(given, bool) or not re.fullmatch(r"-?\d{1,9}", str(given)):
        raise _unreadable(field, given)
    return int(str(given))


def _moment(field: Field, given: object) -> datetime:
    try:
        return parse_moment(str(given))
    except ValueError:
        raise _unreadable(field, given) from None


def _day(field: Field, given: object) -> date:
    """A moment is taken for its day."""
    try:
        return parse_date(str(given)[:10])
    except ValueError:
        raise _unreadable(field, given) from None


def _reference(field: Field, given: object) -> str:
    try:
        return normal(str(given))
    except ValueError:
        words = f"{label(field)}: id value of incorrect type: {given}"
        raise Refusal("MALFORMED_ID", words, field.name, dml=True) from None


_READERS: dict[str, Callable[[Field, object], Any]] = {
    "email": _email,
    "picklist": _picklist,
    "boolean": _boolean,
    "currency": _number,
    "double": _number,
    "percent": _number,
    "int": _whole,
    "datetime": _moment,
    "date": _day,
    "reference": _reference,
    "id": _reference,
}
