"""Lists of people that a merchant keeps on a platform, and of whom they make advocates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from connector.ports.platform import Account, Seen


@dataclass(frozen=True)
class Members:
    """Some of a list's people. place: where the next ones begin, "" when these were the last."""

    people: tuple[tuple[Seen, ...], ...]
    place: str = ""


class Lists(Protocol):
    """What a platform with the capability LISTS can do."""

    def members(self, account: Account, name: str, place: str) -> Members:
        """People of the list with this name or number, from `place` on ("" at first). Raises Refused for no such list."""

    def bearing(self, account: Account, name: str, value: str, place: str) -> Members:
        """People whose field `name` has this value. Raises Refused for no such field."""
