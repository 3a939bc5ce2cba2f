"""The friend's offer on a platform: one discount for a program, with a code for each advocate."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from connector.domain.program import Offer
from connector.ports.platform import Account

# ── What we remember of it ───────────────────────────────────────────────────────────────────────────────────────


class OfferState(StrEnum):
    """wanted: to be made. live: friends can use it. off: the program offers nothing. refused: `reason` says why."""

    WANTED = "wanted"
    LIVE = "live"
    OFF = "off"
    REFUSED = "refused"


@dataclass(frozen=True)
class Offered:
    """A program's offer on one connection. external: the platform's id of the discount, "" before it was made.

    version: of the program it was last brought in line with; 0 before that.
    """

    program: UUID
    connection: UUID
    state: OfferState = OfferState.WANTED
    external: str = ""
    version: int = 0


@dataclass(frozen=True)
class RedeemCode:
    """An advocate's code at checkout. operation: the platform's name of its addition, "" before it was handed over."""

    advocate: UUID
    code: str
    operation: str = ""


@dataclass(frozen=True)
class OfferReport:
    """How an offer stands, for the merchant's eyes. waiting: codes not at checkout yet. uses_again: orders with one of

    its codes by a friend who was referred before; they paid nothing.
    """

    account: str
    platform: str
    program: str
    state: str
    reason: str
    codes: int
    waiting: int
    refused: int
    uses_again: int


# ── What a platform does ─────────────────────────────────────────────────────────────────────────────────────────

#: `Refused.code` where the discount itself is gone from the platform: it has to be made anew.
NO_SUCH_OFFER = "NO_SUCH_OFFER"


@dataclass(frozen=True)
class OfferTerms:
    """What the platform's discount should say.

    title: for the merchant's staff. since: from when on it counts, where it is new. anchor: a code of ours that nobody
    is told; it makes the discount one of a kind, so that making it twice finds the first one.
    """

    title: str
    offer: Offer
    since: datetime
    anchor: str = field(repr=False)


@dataclass(frozen=True)
class CodesAdded:
    """How an addition of codes ended. A code that is not named here is still being looked into: ask again.

    taken: they belong to another discount. refused: why, by code. again: hand them over once more.
    """

    live: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    again: frozenset[str] = frozenset()


class Offers(Protocol):
    """What a platform with the capability OFFER can do. Everything may be repeated and changes nothing then."""

    def put_offer(self, account: Account, standing: str, terms: OfferTerms) -> str:
        """Bring the discount in line with the terms, or make it; the platform's id of it.

        Where the terms ask for another kind of discount than `standing`, a new one takes its place and that one ends.
        """

    def end_offer(self, account: Account, standing: str) -> None:
        """Nobody can use it any more."""

    def add_codes(self, account: Account, standing: str, codes: Sequence[str]) -> str:
        """Hand over up to `write_codes` codes; the platform's name of the operation, to ask for its end."""

    def codes_added(
        self, account: Account, standing: str, operation: str, awaited: Collection[str]
    ) -> CodesAdded | None:
        """How it ended for the awaited codes; None while it is under way. A code that stood there before is live."""
