"""What a platform is told that it may tell on: to start a flow, or to write a mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.domain.program import Share
from connector.ports.platform import Account


@dataclass(frozen=True)
class News:
    """One thing that happened, for one person.

    id: ours, the same however often it is told. role: as whom they hear it, advocate or friend. email: their address,
    "" where the platform knows them by `person` alone, its own name of them. at: when it happened. values: further texts
    by name, such as `referral_id`, `program`, `code`, `link`, `reason`; never anything of the other person. amount: what
    it is worth, where it is about money. history: it happened before the account was connected, and must start nothing.
    again: a call that had it was begun before, and nobody knows how it ended; it stays so until it is told. Each of these
    may cost a call of its own, so few of them are told at once. business: whose program it is, for who writes in its name.
    stop: where the person says that they do not want to be written to, given to who writes to people itself.
    """

    id: UUID
    kind: NewsKind
    role: str
    at: datetime
    email: str = field(default="", repr=False)
    person: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    amount: Money | None = None
    history: bool = False
    again: bool = False
    business: str = ""
    stop: str = field(default="", repr=False)


@dataclass(frozen=True)
class NewsResult:
    """What became of one: taken, or why not, for ever.

    elsewhere: nobody was reached here and nothing was said, so that another account may tell it. later: it was put off, for
    the reason in `refused`; the same account tells it when this time has passed.
    """

    id: UUID
    refused: str = ""
    elsewhere: bool = False
    later: timedelta | None = None


@dataclass(frozen=True)
class Happened:
    """Something that a person is to hear of. key: what happened, in a text of ours that no other thing has.

    reason: a text that may be shown to them.
    """

    key: str
    kind: NewsKind
    role: str
    person: UUID
    program: UUID
    at: datetime
    referral: UUID | None = None
    reward: UUID | None = None
    amount: Money | None = None
    reason: str = ""


@dataclass(frozen=True)
class Waiting:
    """News handed to a connection, with all that can be said of it now.

    program: its name. code: the advocate's own, or the one that the friend used. means: what the reward is paid with.
    item: what staff hand over, "" where it is money. share: what the program lets advocates send. join: the
    path of the page where people take part by themselves, "" where they cannot. business: the merchant's
    name. quiet: the person asks not to be written to. again: a call that had it may have been
    taken.
    """

    id: UUID
    kind: NewsKind
    role: str
    person: UUID
    at: datetime
    program: str
    email: str = field(repr=False)
    code: str
    referral: UUID | None
    reward: UUID | None
    amount: Money | None
    means: str
    reason: str
    item: str
    share: Share
    join: str
    business: str
    quiet: bool
    again: bool


class Telling(Protocol):
    """Where a manifest has the capability `event`."""

    def tell(self, account: Account, news: Sequence[News]) -> Sequence[NewsResult]:
        """Have the platform take up to `tell_batch` of them, in the order of the question.

        Told again with the same id, one counts once; two of one second stay two. Raises NotDone, Unknown, Refused and
        Gone for the call as a whole: then any of them may be told again.
        """


class Book(Protocol):
    """What happened and who is to hear of it: each thing once, for ever."""

    def add(self, rows: Sequence[Happened]) -> bool:
        """Keep what is not there yet, and say whether any was; nobody who was forgotten hears anything."""

    def of_reward(self, kind: NewsKind, key: str, reward: UUID, amount: Money) -> bool:
        """Something that just became of a reward, for its beneficiary; says whether it is new."""

    def late(self) -> bool:
        """Rewards that should have been there by now, each once; says whether there are new ones."""

    def tellers(self) -> Mapping[str, str]:
        """The platforms that the merchant chose, by kind of news or "all"; nobody chooses others until this ends."""

    def choose(self, tellers: Mapping[str, str]) -> None:
        """What the merchant chose, in place of all before."""

    def hand_out(self, orders: Mapping[NewsKind, Sequence[UUID]], limit: int) -> tuple[int, Sequence[UUID]]:
        """Give what nobody took up to the first account of its kind that has not passed it on.

        Returns how much was looked at, and who got any. What everybody passed on is refused; without any account it waits.
        """

    def give_back(self) -> None:
        """What was handed out and never tried is given to whoever tells now."""

    def take(self, connection: UUID, limit: int) -> Sequence[Waiting]:
        """The oldest of what this connection tells, a few that were tried before all others; a call may have it now."""

    def settle(self, connection: UUID, results: Sequence[NewsResult]) -> None:
        """What became of them there; whom this account could not reach waits for another one."""

    def put_off(self, connection: UUID) -> timedelta | None:
        """How long the first of what was put off there still waits; None where nothing was."""

    def untry(self, ids: Sequence[UUID]) -> None:
        """The call that had these had certainly no effect."""

    def end(self, connection: UUID, reason: str) -> None:
        """The connection is gone: nobody can say whether what it was tried with was taken."""
