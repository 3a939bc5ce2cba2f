"""The proof's account on the stand-in: nobody buys here; it hears what happens elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.klaviyo.sandbox.client import Client

_ACCOUNT, _KEY = "TEA001", "pk_of_the_proof"


def open_market(sandbox: str) -> Account:
    """The account on the stand-in at this address."""
    return Account(Client(sandbox, _KEY))


@dataclass(frozen=True)
class Account:
    """The Place of `connector.ports.market`."""

    client: Client

    @property
    def base_url(self) -> str:
        return self.client.url

    @property
    def faults(self) -> Sequence[Mapping[str, Any]]:
        return (
            {"fault": "throttled", "probability": 0.04},
            {"fault": "status_before", "status": 503, "probability": 0.02},
            {"fault": "status_after", "status": 503, "probability": 0.03},
            {"fault": "half_after", "probability": 0.01},
        )

    def open(self, webhooks: str, secret: str, advocates: Sequence[str]) -> tuple[str, str]:  # noqa: ARG002 - none comes
        self.client.control("accounts", account=_ACCOUNT, name="Anna's Tea House", currency="EUR", key=_KEY)
        return _ACCOUNT, _KEY
