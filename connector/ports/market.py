"""What a platform's stand-in offers to `connector prove`: people who buy because somebody sent them, in any number.

Beside each stands `tally.py`, which imports nothing of ours and reads the stand-in's own book; see `connector.prove.count`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

#: For programs of the proof: so many buy, and give back, that people would have to look at it.
NO_SUSPICION = {"flag": 1000, "block": 1000}


class Place(Protocol):
    """A platform where something is heard, even if nobody buys there."""

    @property
    def base_url(self) -> str:
        """What the platform's URL setting must say to reach the stand-in."""

    @property
    def faults(self) -> Sequence[Mapping[str, Any]]:
        """How the platform says no: switches for its /_control/faults, each with its own share of calls."""

    def open(self, webhooks: str, secret: str, advocates: Sequence[str]) -> tuple[str, str]:
        """Open an account, with these e-mail addresses known there; returns its name and a token."""


class Market(Place, Protocol):
    """A platform where people buy, and advocates are paid."""

    @property
    def program(self) -> Mapping[str, Any]:
        """Its program's data: a tenth of each sale, at once."""

    def owner(self, advocate: str) -> str:
        """Whom the book names where this advocate is paid."""

    def sell(self, number: int, advocate: str, code: str, minor: int) -> str:
        """Somebody new whom the advocate's code brought buys for so much money; returns the name of the sale."""

    def undo(self, sale: str, minor: int) -> int:
        """All or a part of a sale of so much money is taken back; returns how much was.

        0 where nothing is: once an answer got lost there, only a person could say whether the debit was made.
        """
