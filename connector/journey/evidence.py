"""Evidence that we signed ourselves: a token that a storefront script put into the cart becomes the code it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from connector.domain import tokens
from connector.domain.touch import Source, Touch

#: No program looks further back; for a first look, before it is known which program a code belongs to.
LONGEST = timedelta(days=400)
#: Evidence that tells of what was before the purchase, whenever it is given.
_ABOUT_BEFORE = frozenset({Source.CART_HINT, Source.STAFF, Source.CLAIM})


def opened(
    key: bytes, merchant: UUID, touches: Iterable[Touch], within: timedelta, placed_at: datetime
) -> tuple[Touch, ...]:
    """The touches with every signed note opened. A note that we did not sign, or longer ago than `within`, is nothing.

    placed_at: what a cart held was there before, though word of it may come a moment after the checkout; and what people
    say of a purchase is about the time before it.
    """
    found = []
    for touch in touches:
        if touch.source in _ABOUT_BEFORE:
            found.append(replace(touch, at=min(touch.at, placed_at)))
        elif touch.source is not Source.CART_ATTRIBUTE:
            found.append(touch)
        elif code := tokens.read(key, merchant, touch.code, touch.at, within):
            found.append(replace(touch, code=code, confirmed=True))
    return tuple(found)


def readable(key: bytes, merchant: UUID, hints: Iterable[str], at: datetime) -> tuple[str, ...]:
    """Texts that may be codes, with our own tokens opened."""
    return tuple(tokens.read(key, merchant, hint, at, LONGEST) or hint for hint in hints)
