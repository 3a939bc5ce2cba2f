"""What every repository has: its transaction, and with it the merchant."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from connector.store.database import Tx


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


class Repository:
    """A part of the memory, seen by one merchant in one transaction."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.run = tx.run
