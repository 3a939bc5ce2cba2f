"""Hush: somebody asks not to be written to, by the link at the end of each mail, and nobody asks who they are."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from connector.journey.desk import Desk

_BYTES = 16


def stop_link(desk: Desk, merchant: UUID, person: UUID) -> str:
    """The page where this person says it; unguessable, and the same in each mail."""
    token = merchant.bytes + person.bytes + _signature(desk.touch_key, merchant, person)
    return f"{desk.public_url}/stop/{base64.urlsafe_b64encode(token).decode().rstrip('=')}"


def whose(desk: Desk, token: str) -> tuple[UUID, UUID] | None:
    """The merchant and the person of such a page; None for one that we did not make."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"==")
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 32 + _BYTES:
        return None
    merchant, person = UUID(bytes=raw[:16]), UUID(bytes=raw[16:32])
    return (merchant, person) if hmac.compare_digest(raw[32:], _signature(desk.touch_key, merchant, person)) else None


def _signature(key: bytes, merchant: UUID, person: UUID) -> bytes:
    return hmac.new(key, b"stop" + merchant.bytes + person.bytes, hashlib.sha256).digest()[:_BYTES]
