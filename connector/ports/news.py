"""What a platform is told that it may tell on: to start a flow, or to write a mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.ports.platform import Account


@dataclass(frozen=True)
class News:
    """One thing that happened, for one person.

    id: ours, the same however often it is told. role: as whom they hear it, advocate or friend. email: their address,
    "" where the platform knows them by `person` alone, its own name of them. at: when it happened. values: further texts
    by name, such as `referral_id`, `program`, `code`, `link`, `reason`; never anything of the other person. amount: what
    it is worth, where it is about money. history: it happened before the merchant had us, and must start nothing.
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


@dataclass(frozen=True)
class NewsResult:
    """What became of one: taken, or why not, for ever."""

    id: UUID
    refused: str = ""


class Telling(Protocol):
    """Where a manifest has the capability `event`."""

    def tell(self, account: Account, news: Sequence[News]) -> Sequence[NewsResult]:
        """Have the platform take up to `tell_batch` of them, in the order of the question.

        Told again with the same id, one counts once; two of one second stay two. Raises NotDone, Unknown, Refused and
        Gone for the call as a whole: then any of them may be told again.
        """
