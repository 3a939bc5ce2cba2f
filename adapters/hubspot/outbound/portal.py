"""What an account says of itself and changes rarely: its currency, its pipelines, the names of its stages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from adapters.hubspot.api import VERSION, Client
from adapters.plain import part, rows, text_of
from connector.ports.platform import Account

Json = Mapping[str, Any]

#: For so long an answer is believed; a stage that is not in it is looked for at once.
KEEP_S = 600.0


@dataclass(frozen=True)
class Stage:
    """One stage of a pipeline. won: closed, with nothing left to chance (`isClosed` and `probability` in its metadata)."""

    label: str
    won: bool


@dataclass
class Portals:
    """The accounts as they were last read, in this process."""

    client: Client
    stages: dict[UUID, tuple[float, Mapping[str, Stage]]] = field(default_factory=dict)
    lifecycles: dict[UUID, tuple[float, Mapping[str, str]]] = field(default_factory=dict)
    currencies: dict[UUID, tuple[float, str]] = field(default_factory=dict)
    credits: dict[UUID, tuple[float, str]] = field(default_factory=dict)
    labels: dict[UUID, tuple[float, Mapping[str, int]]] = field(default_factory=dict)

    def stage(self, account: Account, name: str) -> Stage:
        """A deal's stage; one that nobody knows is not won."""
        kept = self.stages.get(account.connection)
        if kept is None or kept[0] < time.monotonic() or name not in kept[1]:
            kept = (time.monotonic() + KEEP_S, {name: Stage(name, won=False), **self._stages(account)})
            self.stages[account.connection] = kept
        return kept[1][name]

    def _stages(self, account: Account) -> Mapping[str, Stage]:
        told = self.client.run(account, "GET", f"/crm/pipelines/{VERSION}/0-3", operation="pipelines")
        stages = [stage for pipeline in rows(told["results"]) for stage in rows(pipeline.get("stages"))]
        return {text_of(stage.get("id")): _stage(stage) for stage in stages}

    def lifecycle(self, account: Account, value: str) -> str:
        """The name of a lifecycle stage as people see it; stages of an account's own have numbers for values."""
        kept = self.lifecycles.get(account.connection)
        if kept is None or kept[0] < time.monotonic() or value not in kept[1]:
            path = f"/crm/properties/{VERSION}/contacts/lifecyclestage"
            told = self.client.run(account, "GET", path, operation="lifecycle")
            names = {text_of(row.get("value")): text_of(row.get("label")) for row in rows(told.get("options"))}
            kept = (time.monotonic() + KEEP_S, names)
            self.lifecycles[account.connection] = kept
        return kept[1].get(value) or value

    def currency(self, account: Account) -> str:
        """The account's own currency: deals without one are in it."""
        kept = self.currencies.get(account.connection)
        if kept is None or kept[0] < time.monotonic():
            told = self.client.run(account, "GET", f"/account-info/{VERSION}/details", operation="account_info")
            kept = (time.monotonic() + KEEP_S, text_of(told["companyCurrency"]))
            self.currencies[account.connection] = kept
        return kept[1]

    def forget(self, account: Account) -> None:
        """It was changed by ourselves just now."""
        for kept in (self.credits, self.labels):
            kept.pop(account.connection, None)


@dataclass(frozen=True)
class View:
    """One reading of one account. at: when HubSpot looked; wanted: properties that a program asks for."""

    portals: Portals
    account: Account
    at: datetime
    wanted: frozenset[str] = frozenset()

    def stage(self, name: str) -> Stage:
        return self.portals.stage(self.account, name)

    def lifecycle(self, value: str) -> str:
        return self.portals.lifecycle(self.account, value)

    def currency(self) -> str:
        return self.portals.currency(self.account)


def _stage(row: Json) -> Stage:
    told = part(row.get("metadata"))
    closed = str(told.get("isClosed")).casefold() == "true"
    return Stage(text_of(row.get("label")), closed and _is_whole(told.get("probability")))


def _is_whole(probability: object) -> bool:
    """HubSpot writes "1.0"."""
    try:
        return float(str(probability)) >= 1.0
    except ValueError:
        return False
