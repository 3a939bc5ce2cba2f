"""Tokens: a code that we signed, in a cart that its buyer may edit: `CODE.unixtime.SIGNATURE`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

_SIGNATURE_BYTES = 16
#: Longer than any token of ours; a longer text is none.
_MAX_TEXT = 128
_MAX_DIGITS = 12


def make(key: bytes, merchant: UUID, code: str, at: datetime) -> str:
    """The token for a code that was seen at `at`, good for this merchant alone."""
    when = str(int(at.timestamp()))
    return f"{code}.{when}.{_signature(key, merchant, code, when)}"


def read(key: bytes, merchant: UUID, text: str, at: datetime, within: timedelta) -> str | None:
    """The code of a token that we made for this merchant at most `within` before `at`; None for anything else."""
    code, _, rest = text[: _MAX_TEXT + 1].partition(".")
    when, _, signature = rest.partition(".")
    if len(text) > _MAX_TEXT or not code or len(when) > _MAX_DIGITS or not (when.isascii() and when.isdigit()):
        return None
    if not hmac.compare_digest(signature.encode("utf-8", "replace"), _signature(key, merchant, code, when).encode()):
        return None
    made = datetime.fromtimestamp(int(when), UTC)
    return code if at - within <= made else None


def _signature(key: bytes, merchant: UUID, code: str, when: str) -> str:
    """Over all of it: neither the time nor the merchant can be exchanged."""
    text = f"{merchant}|{code}|{when}".encode("utf-8", "replace")
    digest = hmac.new(key, text, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
