"""What tests of money share: time that passes at once, two workers on one lane, strangers, and a person's ruling."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import Any
from uuid import UUID

from connector.journey import fetch
from connector.journey.desk import Desk, Lane
from connector.journey.rule import rule
from connector.lanes import due
from connector.ports.rows import connection_lane, merchant_lane
from connector.wiring import App
from tests.shop import DOMAIN, PROGRAM, Shop

CREDIT, DEBIT = "storeCreditAccountCredit", "storeCreditAccountDebit"
#: Credit that never ends carries no mark of ours: what is lost cannot be found again.
UNMARKED = {**PROGRAM, "advocate": {"kind": "balance", "percent": 10}}
_BOUND_S = 20.0


def until(met: Callable[[], bool], what: str, within: float = _BOUND_S) -> None:
    """Wait for a condition, never for a time."""
    end = time.monotonic() + within
    while not met():
        assert time.monotonic() < end, f"still not so after {within} s: {what}"
        time.sleep(0.01)


# ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def hurry(shop: Shop) -> None:
    """Every pause is over: quiet periods, retries, and rests of lanes."""
    if shop.rows("SELECT id FROM attempt WHERE state IN ('open', 'unknown') AND readback_at > clock_timestamp()"):
        # Attempts are pinned, so that nobody shortens a quiet period; only time passes, and here it passes by force.
        with shop.app.database.begin(shop.merchant) as tx:
            tx.run("ALTER TABLE attempt DISABLE TRIGGER attempt_pinned")
            tx.run("UPDATE attempt SET readback_at = clock_timestamp() WHERE readback_at > clock_timestamp()")
            tx.run("ALTER TABLE attempt ENABLE TRIGGER attempt_pinned")
    for table in ("reward", "reversal"):
        shop.rows(
            f"UPDATE {table} SET retry_at = clock_timestamp() WHERE retry_at > clock_timestamp()"
            " AND state = 'approved' RETURNING id"
        )
    shop.rows("UPDATE lane SET not_before = '-infinity' WHERE not_before > clock_timestamp() RETURNING id")


def drive(shop: Shop, app: App | None = None, within: float = _BOUND_S) -> None:
    """Work every lane until nothing more can move by itself, without waiting for any pause."""
    app = app or shop.app

    def settled() -> bool:
        hurry(shop)
        before = shop.settled()
        for lane in due.lanes(app.database):
            app.workshop.work(lane.id)
        return before and shop.settled()

    until(settled, "nothing can move", within)


def work_until(shop: Shop, sql: str, within: float = _BOUND_S) -> None:
    """Work due lanes, with their true pauses, until this query finds a row."""

    def found() -> bool:
        for lane in due.lanes(shop.app.database):
            if not shop.rows(sql):
                shop.app.workshop.work(lane.id)
        return bool(shop.rows(sql))

    until(found, sql, within)


def work_decisions(shop: Shop) -> None:
    """Work the merchant's own lane alone: decisions, no calls."""
    shop.app.workshop.work(merchant_lane(shop.merchant))


@contextmanager
def set_aside(shop: Shop) -> Iterator[None]:
    """Nothing that is approved by now is sent meanwhile."""
    kept = {}
    for table in ("reward", "reversal"):
        rows = shop.rows(
            f"UPDATE {table} SET retry_at = now() + interval '1 hour' WHERE state = 'approved' RETURNING id"
        )
        kept[table] = [row["id"] for row in rows]
    yield
    for table, ids in kept.items():
        shop.rows(f"UPDATE {table} SET retry_at = clock_timestamp() WHERE id = ANY(:ids) RETURNING id", ids=ids)


def approve(shop: Shop, **more: Any) -> str:
    """An order whose reward may be paid now, and is not yet; returns the order."""
    count = len(states(shop, "reward"))
    with set_aside(shop):
        order = shop.order(**{"net": "80.00", **more})
        work_until(shop, "SELECT subject FROM task WHERE what = 'attribute'")
        work_decisions(shop)
    assert len(states(shop, "reward")) == count + 1 and states(shop, "reward")[-1] == "approved"
    return order


def learn(shop: Shop) -> None:
    """What was delivered is read by a second reader and decided; nothing is paid, and no lane is taken from anybody."""
    work_decisions(shop)
    fetch.fetch_due(shop.app.desk, Lane(shop.merchant, shop.connection, shop.app.desk.platforms["shopify"]))
    work_decisions(shop)


# ── Two workers ──────────────────────────────────────────────────────────────────────────────────────────────────


class NoGuard:
    """A process that was stopped right after its last look at the clock: nothing holds it back any more."""

    def check(self) -> None:
        return


class Paused:
    """A platform's outbound whose first call of one kind waits: before it is made, or with its answer in hand."""

    def __init__(self, real: Any, call: str, when: str, *, past_guard: bool = False) -> None:
        self.real, self.call, self.when, self.past_guard = real, call, when, past_guard
        self.reached, self.go, self.waited = Event(), Event(), False

    def __getattr__(self, name: str) -> Any:
        return self._wait_around(name) if name == self.call and not self.waited else getattr(self.real, name)

    def _wait_around(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.waited = True
            if self.when == "before":
                self._wait()
                return getattr(self.real, name)(*((*args[:-1], NoGuard()) if self.past_guard else args))
            try:
                return getattr(self.real, name)(*args)
            finally:
                self._wait()

        return call

    def _wait(self) -> None:
        self.reached.set()
        assert self.go.wait(60), "nobody let this worker go on"


def with_platform(desk: Desk, **parts: Any) -> Desk:
    """The same desk with parts of its platform replaced."""
    changed = replace(desk.platforms["shopify"], **parts)
    return replace(desk, platforms={**desk.platforms, "shopify": changed})


@contextmanager
def stuck_worker(
    shop: Shop, call: str = "issue", when: str = "after", *, past_guard: bool = False
) -> Iterator[Callable[[], None]]:
    """Another process that hangs in a call of the connection's lane. Yields what lets it go on and waits for its end."""
    app = shop.another_app()
    paused = Paused(app.desk.platforms["shopify"].outbound(), call, when, past_guard=past_guard)
    app.desk = with_platform(app.desk, outbound=lambda: paused)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            app.workshop.work(connection_lane(shop.connection))
        except BaseException as error:  # noqa: BLE001 - told to the test, which waits
            failed.append(error)

    thread = Thread(target=work, daemon=True)

    def go_on() -> None:
        paused.go.set()
        thread.join(60)
        assert not thread.is_alive()
        assert not failed, failed

    thread.start()
    try:
        assert paused.reached.wait(_BOUND_S), "the worker never made the call"
        yield go_on
    finally:
        paused.go.set()
        thread.join(60)


def lose_lease(shop: Shop) -> None:
    """The lease of whoever holds the connection's lane runs out."""
    lane = connection_lane(shop.connection)
    shop.rows(
        "UPDATE lane SET expires_at = clock_timestamp() - interval '1 s' WHERE id = :lane RETURNING id", lane=lane
    )


# ── People and platforms ─────────────────────────────────────────────────────────────────────────────────────────


def other_advocate(shop: Shop, email: str = "bea@example.com") -> str:
    """A second advocate with an account of her own; returns her code."""
    shop.customer(email, earlier_orders=1)
    return shop.enrol(email)


def number(gid: str) -> int:
    return int(gid.rpartition("/")[2])


def merged_away(shop: Shop) -> None:
    """The advocate's customer becomes part of another one, and their store credit account goes with them."""
    kept = shop.customer("anna.again@example.com")
    shop.client.control(
        "customers/merge", shop=DOMAIN, keep=number(kept), delete=number(shop.advocate), force=True, send=False
    )


_GIVE = """mutation give($id: ID!, $in: StoreCreditAccountCreditInput!) {
  storeCreditAccountCredit(id: $id, creditInput: $in) {
    storeCreditAccountTransaction { id } userErrors { message } } }"""


def stranger_gives(shop: Shop, customer: str, amount: str, expires_at: str | None = None) -> str:
    """The merchant's staff, or another app, credits the same customer; returns the transaction's id."""
    given = {"creditAmount": {"amount": amount, "currencyCode": "EUR"}, "notify": False}
    if expires_at:
        given["expiresAt"] = expires_at
    answer = shop.client.ask(_GIVE, id=customer, **{"in": given})
    return str(answer["data"]["storeCreditAccountCredit"]["storeCreditAccountTransaction"]["id"])


def spend(shop: Shop, amount: str) -> None:
    """The advocate spends store credit at the checkout."""
    shop.client.control("orders", shop=DOMAIN, customer=shop.advocate, net=amount, store_credit=amount, send=False)


def calls(shop: Shop, operation: str) -> int:
    """How often the stand-in was asked for this operation, whatever came of it."""
    book = shop.client.book()
    told = {**book["sends_with_effect"], **book["sends_without_effect"]}
    field = {CREDIT: "credit", DEBIT: "debit"}[operation]
    return sum(
        count for name, count in told.items() if field in name.partition(" ")[0].lower().removeprefix("storecredit")
    )


def waiting_for_person(shop: Shop) -> list[UUID]:
    rows = shop.rows("SELECT id FROM attempt WHERE state = 'unknown' AND needs_person <> '' ORDER BY since")
    return [row["id"] for row in rows]


def ruled(shop: Shop, attempt: UUID, verdict: str, transaction: str = "") -> None:
    rule(shop.app.desk, shop.merchant, attempt, verdict, transaction)


def states(shop: Shop, table: str) -> list[str]:
    rows: Sequence[dict[str, Any]] = shop.rows(f"SELECT state FROM {table} WHERE merchant_id = :merchant ORDER BY id")
    return [row["state"] for row in rows]


def open_books(shop: Shop) -> dict[str, int]:
    """The books that are not at zero; they always sum to zero."""
    ledger = shop.ledger()
    assert sum(ledger.values()) == 0
    return {book: amount for book, amount in ledger.items() if amount}


def net(shop: Shop) -> int:
    """What the advocates hold of us, in minor units, by the stand-in's own book."""
    return sum(shop.credits()) - sum(shop.debits())
