"""A stand-in Salesforce org and an app connected to it, over true HTTP in both directions.

org.lead(...), org.convert(...), org.opportunity(...)   what people do in the org; its messages arrive by themselves
org.work()                                              work every lane until nothing is due
org.credits(contact)                                    Referral Credits that stand to somebody
org.says("doctor")                                      what a command prints
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from threading import Thread
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from click.testing import CliRunner
from werkzeug.serving import make_server

from adapters.salesforce.sandbox import Sandbox, start
from adapters.salesforce.sandbox.client import Client
from connector.cli import main
from connector.cli.account import install
from connector.journey import enrol
from connector.lanes import due
from connector.store import merchants
from connector.web import create_app
from connector.wiring import App
from tests.shop import Books

SECRET, ORG, HOST, ACCESS = "the app's consumer secret", "00Dal0000004TeaEAE", "annas-tea.my.salesforce.com", "access"
PROGRAM = {
    "name": "Tea friends",
    "mode": "live",
    "hold_days": 0,
    "event": "deal_won",
    "source": "salesforce",
    "advocate": {"kind": "balance", "percent": 10},
}
#: What the org's own automation tells us of, as an admin sets it up.
MESSAGES = {"Lead": ["Email"], "Contact": ["Email"], "Opportunity": ["Amount", "StageName"]}
#: Labels of the org's own: none of them is Salesforce's.
OPEN, WON, LOST = "Talking", "Signed", "Gone"
STAGES = [
    {"label": OPEN, "probability": 20},
    {"label": WON, "probability": 100, "closed": True, "won": True},
    {"label": LOST, "probability": 0, "closed": True},
]


class Org(Books):
    """One merchant with one Salesforce org; connect=False leaves joining it to the test.

    bare=True leaves making one to the test too.
    """

    def __init__(self, make_app: Callable[..., App], *, connect: bool = True, bare: bool = False, **org: Any) -> None:
        self.sandbox: Sandbox = start()
        self.client = Client(self.sandbox.url, ACCESS)
        self.port = _free_port()
        self.make_app = make_app
        self.app = self.another_app()
        self.server = make_server("127.0.0.1", self.port, create_app(self.app), threaded=True)
        self.thread = Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        if not bare:
            self.make(**org)
        self.merchant = merchants.ensure(self.app.database, "Anna's Tea House")
        if connect and not bare:
            self.connect()

    def make(self, **org: Any) -> None:
        """The org, with the connector's package in it and what its admin set up; None leaves something out."""
        told: dict[str, Any] = {"org": ORG, "host": HOST, "currency": "EUR", "token": ACCESS, "client_secret": SECRET}
        told |= {"package": {"rights": "package"}, "stages": STAGES, "messages": MESSAGES}
        told = {**told, **org}
        self.client.control("orgs", **{name: value for name, value in told.items() if value is not None})

    def connect(self) -> None:
        """By the app's own key, as somebody joins their own org at the terminal."""
        self.connection = install(self.app, "salesforce", HOST, "app", lambda: self.merchant)
        self.program: UUID = self.apply(PROGRAM)

    def says(self, *words: str) -> str:
        """What a command prints, run in this installation."""
        answer = CliRunner(env=dict(self.app.environ)).invoke(main, words)
        assert answer.exit_code == 0, answer.output
        return answer.output

    def another_app(self, **changes: str) -> App:
        """Another process's view of the same installation."""
        base = {
            "SALESFORCE_URL": self.sandbox.url,
            "SALESFORCE_CLIENT_ID": "client",
            "SALESFORCE_CLIENT_SECRET": SECRET,
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
        """A contact who is an advocate, in an org with all that the app needs there: their id and their code."""
        number = self.contact(email)
        with self.app.database.begin(self.merchant) as tx:
            code = enrol.enrol(tx, self.program, email).code
        self.work()
        return number, code

    # ── The org's side ───────────────────────────────────────────────────────────────────────────────────────────

    def _made(self, kind: str, **values: Any) -> str:
        return str(self.client.control("records", object=kind, values=values)["id"])

    def lead(self, email: str, **values: Any) -> str:
        return self._made(
            "Lead", **{"LastName": email.partition("@")[0], "Company": "Tea Ltd", "Email": email, **values}
        )

    def contact(self, email: str, **values: Any) -> str:
        return self._made("Contact", **{"LastName": email.partition("@")[0], "Email": email, **values})

    def account(self, name: str = "Tea Ltd", **values: Any) -> str:
        return self._made("Account", Name=name, **values)

    def campaign(self, name: str, *people: str) -> str:
        """A campaign with leads and contacts in it."""
        made = self._made("Campaign", Name=name, IsActive=True)
        for person in people:
            self._made(
                "CampaignMember", CampaignId=made, **{"LeadId" if person.startswith("00Q") else "ContactId": person}
            )
        return made

    def convert(self, lead: str, opportunity: str = "", **more: Any) -> dict[str, str]:
        """A person converts a lead: ids of contact, account and opportunity."""
        made: dict[str, str] = self.client.control("convert", lead=lead, opportunity=opportunity, **more)
        return made

    def opportunity(self, *contacts: str, amount: str = "1000.00", stage: str = OPEN, **values: Any) -> str:
        """The first contact has the primary role."""
        told = {"Name": "Tea for all", "Amount": amount, "StageName": stage, "CloseDate": "2030-01-31", **values}
        deal = self._made("Opportunity", **told)
        for place, contact in enumerate(contacts):
            self._made("OpportunityContactRole", OpportunityId=deal, ContactId=contact, IsPrimary=not place)
        return deal

    def save(self, number: str, **values: Any) -> None:
        """A person saves."""
        self.client.control("save", id=number, values=values)

    def win(self, deal: str) -> None:
        self.save(deal, StageName=WON)

    def reopen(self, deal: str) -> None:
        self.save(deal, StageName=OPEN)

    def delete(self, number: str) -> None:
        self.client.control("delete", id=number)

    def undelete(self, number: str) -> None:
        self.client.control("undelete", id=number)

    def merge(self, into: str, other: str, **values: Any) -> None:
        """Two contacts become one."""
        self.client.control("merge", winner=into, losers=[other], values=values)

    def drained(self) -> None:
        """All messages are acknowledged."""
        assert self.client.control("drain", timeout_s=20)["idle"]

    def values(self, number: str) -> dict[str, Any]:
        """What stands on a record, without what is empty; nothing for one that is deleted."""
        with self.sandbox.world.lock:
            found = next((found for org in self.sandbox.world.orgs.values() if (found := org.find(number))), None)
            held = {} if found is None or found.deleted else found.values
            return {name: value for name, value in held.items() if value is not None}

    def credits(self, owner: str) -> list[dict[str, Any]]:
        """The Referral Credits that name this lead or contact as their advocate, oldest first."""
        with self.sandbox.world.lock:
            held = [r for org in self.sandbox.world.orgs.values() for r in org.records(self._credit).values()]
            whose = (self.named("Advocate_Contact__c"), self.named("Advocate_Lead__c"))
            found = [r for r in held if not r.deleted and owner in {r.values[name] for name in whose}]
            return [{name: value for name, value in r.values.items() if value is not None} for r in found]

    def named(self, name: str) -> str:
        """A name of the package as this org has it."""
        prefix = next(iter(self.sandbox.world.orgs.values())).namespace
        return f"{prefix}__{name}" if prefix else name

    @property
    def _credit(self) -> str:
        return self.named("Referral_Credit__c")

    def moved(self, *, by: str = "api") -> list[tuple[str, Decimal]]:
        """Every change of a credit's amount in the stand-in's own book, by the app unless told: its id and difference."""
        return [
            (entry["id"], Decimal(str(entry["new"] or 0)) - Decimal(str(entry["old"] or 0)))
            for entry in self.client.book()["entries"]
            if (entry["kind"], entry["field"], entry["by"]) == ("field", self.named("Amount__c"), by)
        ]

    # ── Working ──────────────────────────────────────────────────────────────────────────────────────────────────

    def work(self, app: App | None = None, *, within: float = 60) -> None:
        """Ask what changed, and work until nothing is due."""
        self.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'poll' AND state = 'open' RETURNING subject")
        self.settle(app, within=within)

    def settle(self, app: App | None = None, *, within: float = 60) -> None:
        """Work every due lane in this process until nothing is due and no message is on its way."""
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
