"""What every repository has: its transaction, and with it the merchant."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import CursorResult
from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A time-ordered id: rows of one day lie together, and older people sort first."""
    return uuid7()


def as_json(value: Any) -> str:
    """JSON text with times in ISO 8601."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in stored data")


class Tasks(Protocol):
    """What other repositories may ask of the tasks."""

    def mark(self, lane: str, what: str, subjects: Collection[str]) -> None: ...


class Offers(Protocol):
    """What other repositories may ask of the friends' offers."""

    def mark(self, program: UUID, *, refused: bool = False) -> None: ...


class Transaction(Protocol):
    """The transaction a repository lives in."""

    @property
    def merchant(self) -> UUID: ...
    @property
    def hash_key(self) -> bytes: ...
    @property
    def tasks(self) -> Tasks: ...
    @property
    def offers(self) -> Offers: ...
    def run(self, sql: str, **values: Any) -> CursorResult[Any]: ...
    def now(self) -> datetime: ...
    def savepoint(self) -> AbstractContextManager[object]: ...
    def seal(self, field: str, clear: bytes) -> bytes: ...
    def unseal(self, field: str, sealed: bytes) -> bytes: ...


class Repository:
    """A part of the memory, seen by one merchant in one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.run = tx.run

    def before_reversal(self, reward: UUID) -> None:
        """Wait for whoever decides this reward, before one of its reversals is touched.

        A decision locks the reward and then its reversals. Whoever touches a reversal first and its reward only after,
        by a foreign key, could deadlock with it, and an answer that the platform gave would be lost.
        """
        self.run("SELECT FROM reward WHERE merchant_id = :merchant AND id = :id FOR KEY SHARE", id=reward)
