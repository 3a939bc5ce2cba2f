"""What a platform's stand-in offers to the demo: a shop to open, a story to play, and its own book of effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Moved:
    """One movement of money in a stand-in's own book. kind: credit or debit; amount: the decimal text."""

    person: str
    kind: str
    amount: str
    currency: str
    minor: int


class Story(Protocol):
    """One platform's part of the demo. advocates: names and their e-mail; program: its data."""

    @property
    def base_url(self) -> str:
        """What the platform's URL setting must say to reach the stand-in."""

    @property
    def program(self) -> Mapping[str, Any]: ...
    @property
    def advocates(self) -> Mapping[str, str]: ...
    def open_shop(self, webhooks: str, secret: str) -> tuple[str, str]:
        """Open an account that sends its webhooks there; returns its name and a token."""

    def play(self, codes: Mapping[str, str]) -> Iterator[str]:
        """Let the story happen, one line of words for each thing; codes by advocate's name."""

    def expected(self) -> list[Moved]:
        """What the book must hold at the end, written down beside the story and nowhere in the product."""

    def book(self) -> list[Moved]:
        """What the stand-in itself says happened, read over HTTP."""


class Audience(Protocol):
    """The part of a platform that is told of what happens on the others, where a manifest has the capability `event`."""

    @property
    def base_url(self) -> str: ...
    def open_shop(self, webhooks: str, secret: str) -> tuple[str, str]: ...

    def awaited(self) -> Counter[str]:
        """How often each thing must have been heard in the end, written down beside the story."""

    def heard(self) -> Counter[str]:
        """How often each was, by the stand-in's own book."""
