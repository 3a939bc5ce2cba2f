"""What Shopify refuses in the input of a code discount, told as userErrors of DiscountErrorCode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from adapters.shopify.sandbox.clock import parse_time
from adapters.shopify.sandbox.credit import parse_gid

if TYPE_CHECKING:
    from adapters.shopify.sandbox.discount import Discount
    from adapters.shopify.sandbox.state import Shop

MAX_CODE = 255
MAX_TAGS = 5
#: Code, path inside the input, message.
Problem = tuple[str, list[str], str]
_NEEDED = {
    "DiscountCodeBasic": ("context", "customerGets"),
    "DiscountCodeFreeShipping": ("context",),
    "DiscountCodeBxgy": ("context", "customerBuys", "customerGets"),
}
_NAMES = {
    "title": "Title",
    "code": "Code",
    "startsAt": "Starts at",
    "context": "Context",
    "customerGets": "Customer gets",
    "customerBuys": "Customer buys",
}


def problems(shop: Shop, kind: str, given: Mapping[str, Any], own: Discount | None) -> list[Problem]:
    """All that is wrong with an input; `own` is the discount being updated, None where one is created.

    An update that turns a discount into another kind has to be as complete as its creation.
    """
    creating = own is None or own.kind != kind
    needed = ("title", "code", "startsAt", *_NEEDED[kind])
    blank = [name for name in needed if _blank(given, name, creating=creating)]
    return [
        *(("BLANK", [name], f"{_NAMES[name]} can't be blank") for name in blank),
        *_code(shop, given.get("code"), own),
        *_period(given, own),
        *_limits(given),
        *_value(kind, (given.get("customerGets") or {}).get("value"), creating=creating and "customerGets" in given),
        *_items(kind, given, creating=creating),
        *_customers(shop, given.get("context") or {}),
    ]


def _blank(given: Mapping[str, Any], name: str, *, creating: bool) -> bool:
    value = given.get(name)
    empty = value is None or (name == "title" and not value.strip())
    return (creating or name in given) and empty


def code_problem(shop: Shop, code: str) -> tuple[str, str] | None:
    """Error code and message, without their subject, of why a redeem code cannot be added in this shop."""
    if not code:
        return "TOO_SHORT", "is too short (minimum is 1 character)"
    if "\n" in code or "\r" in code:
        return "INVALID", "cannot contain newline characters."
    if len(code) > MAX_CODE:
        return "TOO_LONG", f"is too long (maximum is {MAX_CODE} characters)"
    return ("TAKEN", "must be unique. Please try a different code.") if shop.find_code(code) else None


def _code(shop: Shop, code: str | None, own: Discount | None) -> Iterator[Problem]:
    if code is None or (own and shop.find_code(code) is own):
        return
    if problem := code_problem(shop, code):
        yield problem[0], ["code"], f"Code {problem[1]}"


def _period(given: Mapping[str, Any], own: Discount | None) -> Iterator[Problem]:
    starts, ends = given.get("startsAt") or (own.terms["startsAt"] if own else None), given.get("endsAt")
    if starts and ends and parse_time(ends) <= parse_time(starts):
        yield "END_DATE_BEFORE_START_DATE", ["endsAt"], "Ends at needs to be after starts_at"


def _limits(given: Mapping[str, Any]) -> Iterator[Problem]:
    if given.get("usageLimit") is not None and given["usageLimit"] < 1:
        yield "GREATER_THAN", ["usageLimit"], "Usage limit must be greater than 0"
    if len(given.get("tags") or []) > MAX_TAGS:
        yield "TOO_MANY_TAGS", ["tags"], f"The number of tags exceeds the maximum of {MAX_TAGS}"
    least = given.get("minimumRequirement") or {}
    if least.get("quantity") and least.get("subtotal"):
        message = "Only one of minimum subtotal or quantity can be given"
        yield "MINIMUM_SUBTOTAL_AND_QUANTITY_RANGE_BOTH_PRESENT", ["minimumRequirement"], message


def _value(kind: str, value: Mapping[str, Any] | None, *, creating: bool) -> Iterator[Problem]:
    path = ["customerGets", "value"]
    if value is None:
        if creating and kind != "DiscountCodeFreeShipping":
            yield "BLANK", path, "Value can't be blank"
        return
    chosen = [name for name, held in value.items() if held is not None]
    wanted = {"discountOnQuantity"} if kind == "DiscountCodeBxgy" else {"percentage", "discountAmount"}
    if len(chosen) != 1 or chosen[0] not in wanted:
        yield "INVALID", path, f"Value must be exactly one of {' and '.join(sorted(wanted))}"
        return
    held = value[chosen[0]]
    if chosen == ["percentage"] and not 0 <= held <= 1:
        yield "VALUE_OUTSIDE_RANGE", [*path, "percentage"], "Value must be between 0.0 and 1.0"
    if chosen == ["discountAmount"] and Decimal(held.get("amount") or 0) < 0:
        # Shopify keeps what is taken off below zero, and says so.
        place = [*path, "discountAmount", "amount"]
        yield "LESS_THAN_OR_EQUAL_TO", place, "Value must be less than or equal to 0"
    percentage = ((held.get("effect") or {}).get("percentage") if chosen == ["discountOnQuantity"] else None) or 0
    if not 0 <= percentage <= 1:
        place = [*path, "discountOnQuantity", "effect", "percentage"]
        yield "VALUE_OUTSIDE_RANGE", place, "Value must be between 0.0 and 1.0"


def _items(kind: str, given: Mapping[str, Any], *, creating: bool) -> Iterator[Problem]:
    for side in ("customerGets", "customerBuys"):
        items = (given.get(side) or {}).get("items")
        if items is None:
            if creating and given.get(side):
                yield "BLANK", [side, "items"], "Items can't be blank"
            continue
        chosen = [name for name, value in items.items() if value]
        if len(chosen) > 1:
            yield "CONFLICT", [side, "items"], "Only one of all items, collections or products can be chosen"
        if not chosen:
            yield "BLANK", [side, "items"], "Items can't be blank"
        if kind == "DiscountCodeBxgy" and "all" in chosen:
            yield "INVALID", [side, "items", "all"], "A Buy X get Y discount cannot apply to all items"


def _customers(shop: Shop, context: Mapping[str, Any]) -> Iterator[Problem]:
    for text in (context.get("customers") or {}).get("add") or []:
        kind, number = parse_gid(text) or ("", 0)
        if kind != "Customer" or number not in shop.customers:
            yield "INVALID", ["context", "customers", "add"], f"Customer {text} does not exist"
