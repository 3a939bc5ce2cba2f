"""A stand-in HubSpot account and an app connected to it, over true HTTP in both directions.

hub.contact(...), hub.form(...), hub.deal(...)   what people do in the account; its webhooks arrive by themselves
hub.work()                                       work every lane until nothing is due
hub.wallet(contact)                              what stands on the contact's record
hub.says("doctor")                               what a command prints
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from threading import Thread
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from click.testing import CliRunner
from werkzeug.serving import make_server

from adapters.hubspot import MANIFEST
from adapters.hubspot.sandbox import Sandbox, start
from adapters.hubspot.sandbox.client import Client
from connector.cli import main
from connector.cli.account import install
from connector.journey import enrol
from connector.lanes import due
from connector.store import merchants
from connector.web import create_app
from connector.wiring import App
from tests.shop import Books

SECRET, APP_ID, PORTAL, TOKEN = "the app's client secret", 19083857, 62515, "hubspot-token"
PROGRAM = {
    "name": "Tea friends",
    "mode": "live",
    "hold_days": 0,
    "event": "deal_won",
    "source": "hubspot",
    "advocate": {"kind": "balance", "percent": 10},
}


class Hub(Books):
    """One merchant with one HubSpot account, by a key of its own; connect=False leaves joining it to the test.

    bare=True leaves opening one to the test too.
    """

    def __init__(
        self, make_app: Callable[..., App], *, connect: bool = True, bare: bool = False, **portal: Any
    ) -> None:
        self.sandbox: Sandbox = start()
        self.client = Client(self.sandbox.url, TOKEN)
        self.port = _free_port()
        self.make_app = make_app
        self.app = self.another_app()
        self.server = make_server("127.0.0.1", self.port, create_app(self.app), threaded=True)
        self.thread = Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        told: dict[str, Any] = {"portal": PORTAL, "currency": "EUR", "token": TOKEN, "secret": SECRET, "app_id": APP_ID}
        told["scopes"] = [scope.name for scope in MANIFEST.scopes]
        target = f"http://127.0.0.1:{self.port}/webhooks/hubspot"
        if not bare:
            self.client.control("portals", **{"tier": "professional", "target": target, **told, **portal})
        self.merchant = merchants.ensure(self.app.database, "Anna's Tea House")
        if connect and not bare:
            self.connection = install(self.app, "hubspot", str(PORTAL), TOKEN, lambda: self.merchant)
            self.program: UUID = self.apply(PROGRAM)

    def says(self, *words: str) -> str:
        """What a command prints, run in this installation."""
        answer = CliRunner(env=dict(self.app.environ)).invoke(main, words)
        assert answer.exit_code == 0, answer.output
        return answer.output

    def another_app(self, **changes: str) -> App:
        """Another process's view of the same installation."""
        base = {
            "HUBSPOT_URL": self.sandbox.url,
            "HUBSPOT_CLIENT_ID": "client",
            "HUBSPOT_CLIENT_SECRET": SECRET,
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
        }
        return self.make_app(**{**base, **changes})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()
        self.client.close()
        self.sandbox.stop()

    # ── The merchant's side ──────────────────────────────────────────────────────────────────────────────────────

    def apply(self, program: Mapping[str, Any]) -> UUID:
        with self.app.database.begin(self.merchant) as tx:
            return tx.programs.apply(program).id

    def advocate(self, email: str = "anna@example.com") -> tuple[str, str]:
        """A contact who is an advocate, in an account with all that the app needs there: their number and their code."""
        number = self.contact(email)
        with self.app.database.begin(self.merchant) as tx:
            code = enrol.enrol(tx, self.program, email).code
        self.work()
        return number, code

    # ── The account's side ───────────────────────────────────────────────────────────────────────────────────────

    def contact(self, email: str, **properties: Any) -> str:
        return str(self.client.control("contacts", properties={"email": email, **properties})["id"])

    def form(self, email: str, **fields: Any) -> str:
        """Somebody submits a form, as a hidden field or their own hand filled it."""
        return str(self.client.control("form", email=email, fields=fields)["id"])

    def deal(self, *contacts: str, amount: str = "1000.00", stage: str = "", **properties: Any) -> str:
        pipeline, first, *_ = self.stages_of()
        told = {"dealname": "Tea for all", "amount": amount, "pipeline": pipeline, "dealstage": stage or first}
        told |= properties
        made = self.client.control("deals", properties=told, contacts=[int(each) for each in contacts])
        return str(made["id"])

    def save(self, kind: str, number: str, **properties: Any) -> None:
        """A person saves."""
        self.client.control("save", type=kind, id=int(number), properties=properties)

    def win(self, deal: str) -> None:
        self.save("deals", deal, dealstage=self.stages_of()[2])

    def reopen(self, deal: str) -> None:
        self.save("deals", deal, dealstage=self.stages_of()[1])

    def end(self, verb: str, kind: str, number: str) -> None:
        """delete, restore or privacy_delete a record."""
        self.client.control(verb, type=kind, id=int(number))

    @cached_property
    def _stages(self) -> tuple[str, str, str, str]:
        """A pipeline whose won stage is not called closedwon, with an open, a won and a lost stage of it."""
        told = self.client.ask("GET", "/crm/pipelines/2026-09/0-3")["results"]
        for pipeline in told:
            kinds: dict[str, str] = {}
            for stage in pipeline["stages"]:
                closed, sure = stage["metadata"]["isClosed"] == "true", float(stage["metadata"]["probability"])
                kinds.setdefault("open" if not closed else "won" if sure else "lost", stage["id"])
            if kinds.get("won") not in (None, "closedwon") and len(kinds) == 3:
                return pipeline["id"], kinds["open"], kinds["won"], kinds["lost"]
        raise AssertionError("the stand-in has no such pipeline")

    def merge(self, into: str, other: str, **more: Any) -> str:
        """Two contacts become one; the number of the one that is left."""
        return str(self.client.control("merge", primary=int(into), others=[int(other)], **more)["id"])

    def stages_of(self) -> tuple[str, str, str, str]:
        """A pipeline, and an open, a won and a lost stage of it."""
        return self._stages

    def drained(self) -> None:
        """All webhooks arrived."""
        assert self.client.control("drain", timeout_s=20)["idle"]

    def properties(self, kind: str, number: str) -> dict[str, str]:
        """What stands on a record, without what is empty."""
        (portal,) = self.client.control("state", verb="GET")["portals"]
        for record in portal["records"].get(kind, ()):
            if str(record["id"]) == number and not record["deleted"]:
                return {name: value for name, value in record["properties"].items() if value not in (None, "")}
        return {}

    def moved(self, *, by: str = "INTEGRATION") -> list[tuple[str, Decimal]]:
        """Every change of a balance in the stand-in's own book, by the app unless told: contact and difference."""
        return [
            (entry["id"], Decimal(entry["new"] or 0) - Decimal(entry["old"] or 0))
            for entry in self.client.book()["entries"]
            if (entry["kind"], entry["property"], entry["by"]) == ("property", "referral_credit_balance", by)
        ]

    def wallet(self, number: str) -> tuple[str, str]:
        """Balance and lifetime on a contact."""
        held = self.properties("contacts", number)
        return held.get("referral_credit_balance", ""), held.get("referral_credit_lifetime", "")

    # ── Working ──────────────────────────────────────────────────────────────────────────────────────────────────

    def work(self, app: App | None = None, *, within: float = 60) -> None:
        """Work every due lane in this process until nothing is due and no webhook is on its way."""
        app = app or self.app
        end = time.monotonic() + within
        while True:
            self.drained()
            if self.settled():
                return
            for lane in due.lanes(app.database):
                app.workshop.work(lane.id)
            time.sleep(0.02)
            assert time.monotonic() < end, f"still not settled after {within} s: {self.totals()}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
