"""Steps of ours in a merchant's own workflows, which wait until we say how they ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from connector.ports.platform import Account


@dataclass(frozen=True)
class Ended:
    """How a step ended. done: as the workflow wanted it. told: what its later steps may use, by name."""

    done: bool
    told: Mapping[str, str]


class Steps(Protocol):
    """What a platform with the capability STEPS can do."""

    def complete(self, account: Account, run: str, ended: Ended) -> None:
        """Say how a run ended; saying it twice changes nothing. Raises Refused where nobody waits any more."""
