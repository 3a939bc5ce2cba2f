"""The demo's part of Klaviyo: an account whose flows listen while others sell, and what they heard, read over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from adapters.klaviyo.sandbox.client import Client

_KEY = "pk_of_the_demo"
_OURS = "Referral Connector "


def open_story(sandbox: str) -> AccountStory:
    """The story on the stand-in at this address."""
    return AccountStory(Client(sandbox, _KEY), yaml.safe_load((Path(__file__).parent / "story.yaml").read_text()))


@dataclass(frozen=True)
class AccountStory:
    """The Audience of `connector.ports.story`: nobody buys here, and nobody is paid."""

    client: Client
    data: Mapping[str, Any]

    @property
    def base_url(self) -> str:
        return self.client.url

    def open_shop(self, webhooks: str, secret: str) -> tuple[str, str]:  # noqa: ARG002 - it tells us nothing
        """Open the account with a private key of its own."""
        self.client.control("accounts", **self.data["account"], key=_KEY)
        return str(self.data["account"]["account"]), _KEY

    def awaited(self) -> Counter[str]:
        """How often each thing must have been heard in the end, from story.yaml."""
        return Counter(self.data["heard"])

    def heard(self) -> Counter[str]:
        """How often each was, by the stand-in's own book."""
        self.client.control("clock", advance_s=5)  # what came in bulk is recorded a moment later
        return Counter(event["metric"].removeprefix(_OURS) for event in self.client.control("events", verb="GET"))
