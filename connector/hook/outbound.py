"""What is sent to a receiver: one signed POST, by the rules of Standard Webhooks (standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

from adapters.http import Gate
from connector import clock
from connector.domain.facts import ObjectRef
from connector.hook import MANIFEST
from connector.hook.auth import bytes_of
from connector.ports.hooks import Answer
from connector.ports.platform import Account, Kit
from connector.ports.records import Setup

#: No receiver is left alone for longer than this at its own word.
_LONGEST_WAIT = timedelta(days=1)


@dataclass(frozen=True)
class HookOutbound:
    """All calls to receivers."""

    gate: Gate

    def send(self, account: Account, delivery: UUID, body: bytes) -> Answer:
        """Sign the body and post it, once. Raises NotDone, Unknown and Refused where there was no answer."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Referral-Connector",
            **signed(account.token.split(), str(delivery), int(clock.now().timestamp()), body),
        }
        reply = self.gate.send("POST", self._url(account), operation="deliver", headers=headers, body=body)
        return Answer(reply.status, _wait(reply.headers.get("retry-after", "")))

    def _url(self, account: Account) -> str:
        if not self.gate.base_url:
            return account.external
        return f"{self.gate.base_url.rstrip('/')}/{account.external.removeprefix('https://')}"

    def unheard(self, _account: Account) -> Sequence[ObjectRef]:
        """Nothing changes at a receiver."""
        return ()

    def provision(self, _account: Account, _setup: Setup) -> Mapping[str, str]:
        """Nothing is set up at a receiver."""
        return {}


def build(kit: Kit) -> HookOutbound:
    return HookOutbound(Gate(MANIFEST.key, MANIFEST.hosts, kit.base_url, kit.proxy, kit.timeout_s, public=True))


def signed(secrets: Sequence[str], name: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers that prove a delivery: a signature by each secret that is honoured now. at: in seconds."""
    content = f"{name}.{at}.".encode() + body
    marks = (base64.b64encode(hmac.digest(bytes_of(each), content, hashlib.sha256)).decode() for each in secrets)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }


def _wait(told: str) -> timedelta:
    """How long a receiver asks to be left alone: Retry-After in seconds, or as a date."""
    if told.isascii() and told.isdigit():
        return timedelta(seconds=min(int(told[:9]), _LONGEST_WAIT.total_seconds()))
    try:
        left = parsedate_to_datetime(told) - clock.now()
    except (ValueError, TypeError):
        return timedelta(0)
    return min(max(left, timedelta(0)), _LONGEST_WAIT)
