"""Credit must land once and be found again; an order must be read as the shop holds it. All over real HTTP."""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from adapters.shopify import MANIFEST, auth, outbound, queries
from adapters.shopify.outbound import orders, records, store_credit
from adapters.shopify.sandbox import start
from connector.domain.facts import ObjectRef, OrderPaid, OrderRefunded
from connector.domain.money import Money
from connector.domain.touch import Source
from connector.errors import (
    Gone,
    Late,
    NotDone,
    PlatformError,
    Refused,
    Throttled,
    TokenExpired,
    Unavailable,
    Unknown,
)
from connector.ports.platform import (
    Absent,
    Account,
    Capability,
    Direction,
    Done,
    Effect,
    Kit,
    Seen,
    Undecidable,
    Wanted,
)
from connector.ports.records import FieldValue, RecordWrite

ROOT = Path(__file__).parents[2]
DOMAIN, TOKEN, SECRET = "acme.myshopify.com", "shpat_test", "shpss_sandbox_of_thirty-two_bytes"
APP = {"SHOPIFY_API_KEY": "app-key", "SHOPIFY_API_SECRET": SECRET}
EXPIRES = datetime(2027, 3, 1, 0, 17, 42, tzinfo=UTC)


class Meter:
    """Counts what calls ask for, and keeps what Shopify said last."""

    def __init__(self):
        self.asked, self.learned, self.full = [], [], True

    def take(self, _, cost):
        if not self.full:
            raise Throttled("our own bucket is empty", wait_s=1)
        self.asked.append(cost)

    def learn(self, _, **status):
        self.learned.append(status)


class OnTime:
    def check(self):
        pass


class TooLate:
    def check(self):
        raise Late("the deadline has passed")


class Shop:
    """A shop in a sandbox, and our own code connected to it."""

    def __init__(self, sandbox, currency="EUR", **more):
        self.sandbox, self.meter = sandbox, Meter()
        made = self.control("shops", domain=DOMAIN, currency=currency, token=TOKEN, secret=SECRET, **more)
        self.refresh_token = made["refresh_token"]
        self.kit = Kit(APP, self.meter, base_url=sandbox.url + "/{shop}", timeout_s=5)
        self.out, self.auth = outbound.build(self.kit), auth.build(self.kit)
        self.account = Account(uuid4(), "shopify", DOMAIN, TOKEN)

    def control(self, path, method="POST", **data):
        answer = requests.request(method, f"{self.sandbox.url}/_control/{path}", json=data, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def customer(self, email="friend@example.com", **more):
        return self.control("customers", shop=DOMAIN, email=email, **more)

    def order(self, **order):
        made = self.control("orders", shop=DOMAIN, **order)
        return made["id"], ObjectRef("order", f"gid://shopify/Order/{made['id']}")

    def truth(self, ref, *, items=False):
        (truth,) = self.out.fetch(self.account, [ref], Wanted(items))
        return truth

    def fault(self, fault, operation, **more):
        self.control("faults", fault=fault, operation=operation, count=1, **more)

    def credit(self, owner, minor=1000, **more):
        since = datetime.now(UTC)
        more = {"expires_at": EXPIRES, **more}
        amount = Money(minor, "EUR")
        return Effect(uuid4(), Capability.BALANCE, Direction.CREDIT, owner, "", amount, "m", since, **more)

    def issue(self, effect, guard=None):
        return self.out.issue(self.account, effect, guard or OnTime())

    def find(self, effect, claimed=()):
        return self.out.find(self.account, effect, lambda one: one in claimed)

    def held(self, owner, holder=""):
        return self.out.balance(self.account, Capability.BALANCE, owner, holder, "EUR")

    def fields(self):
        (shop,) = self.control("state", "GET")["shops"]
        short = {row["key"]: row["key"].rpartition(".")[2].removeprefix("referral_") for row in shop["metafields"]}
        return {(row["owner"], short[row["key"]]): row["value"] for row in shop["metafields"]}


@contextlib.contextmanager
def running(**more):
    sandbox = start()
    try:
        yield Shop(sandbox, **more)
    finally:
        sandbox.stop()


@pytest.fixture
def shop():
    with running() as shop:
        yield shop


# ── The truth about an order ─────────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_read_with_its_buyer_its_evidence_and_its_net(shop):
    buyer = shop.customer("Friend@Example.com")
    visit = {"landing_page": "https://acme.example/?ref=ANNA7", "source": "direct", "minutes_ago": 9}
    tagged = {"landing_page": None, "source": "x", "minutes_ago": 99, "utm": {"source": "referral", "content": "OLD1"}}
    _, ref = shop.order(
        customer=buyer["id"], net="100.00", tax="20", shipping="5", visits=[tagged, visit], journey_ready_after=0,
        attributes={"ref": "CART9"}, landing_site="/?ref=GONE1",
        discounts=[{"kind": "code", "name": "CODE5", "amount": "10"}, {"kind": "manual", "name": "TYPED", "amount": "1"}],
    )  # fmt: skip
    truth = shop.truth(ref)
    assert truth.buyer == (Seen("customer", buyer["gid"]), Seen("email", "friend@example.com"))
    assert [(t.source, t.code, t.confirmed) for t in truth.touches] == [
        (Source.REDEEM_CODE, "CODE5", True),
        (Source.LAST_VISIT, "ANNA7", True),
        (Source.FIRST_VISIT, "OLD1", True),
        (Source.CART_HINT, "CART9", True),
    ]
    (paid,) = truth.facts
    assert (paid.net, paid.first_order, paid.test) == (Money(10000, "EUR"), True, False)
    assert all(touch.at <= truth.placed_at for touch in truth.touches)
    assert (truth.complete, truth.note) == (True, "")


def test_an_order_whose_visits_are_still_worked_out_is_looked_at_again(shop):
    visit = {"landing_page": "https://acme.example/?ref=ANNA7", "source": "direct", "minutes_ago": 9}
    _, ref = shop.order(customer=shop.customer()["id"], net="10", visits=[visit], journey_ready_after=1)
    early, late = shop.truth(ref), shop.truth(ref)
    assert (early.complete, early.again_after, early.touches) == (False, timedelta(minutes=5), ())
    assert (late.complete, late.again_after, late.touches[0].code) == (True, None, "ANNA7")


def test_what_was_not_paid_has_no_fact_and_tests_and_guests_are_named(shop):
    _, pending = shop.order(customer=shop.customer()["id"], net="10", status="pending")
    _, test = shop.order(customer=shop.customer("b@example.com")["id"], net="10", test=True)
    _, guest = shop.order(net="10", draft=True, journey_ready_after=None)
    _, mail = shop.order(email="G@Example.com", guest=True, net="10")
    gone = ObjectRef("order", "gid://shopify/Order/1")
    truths = shop.out.fetch(shop.account, [pending, test, guest, mail, gone], Wanted())
    assert [truth.note for truth in truths] == ["", "test_order", "no_buyer", "", ""]
    assert [len(truth.facts) for truth in truths] == [0, 1, 1, 1, 0]
    assert truths[2].complete and truths[3].buyer[-1] == Seen("email", "g@example.com")
    assert [truth.found for truth in truths] == [True, True, True, True, False]


def test_a_second_order_is_no_first_order(shop):
    buyer = shop.customer(earlier_orders=3)
    _, ref = shop.order(customer=buyer["id"], net="10", journey_ready_after=None)
    assert shop.truth(ref).facts[0].first_order is False
    other = shop.customer("other@example.com")["id"]
    orders = [shop.order(customer=other, net="10", journey_ready_after=0)[1] for _ in range(2)]
    assert [truth.facts[0].first_order for truth in shop.out.fetch(shop.account, orders, Wanted())] == [True, False]


def test_refunds_take_back_their_part_of_the_net_and_a_cancellation_the_rest(shop):
    items = [{"title": "a", "price": "60", "quantity": 2}, {"title": "b", "price": "30", "quantity": 1}]
    number, ref = shop.order(customer=shop.customer()["id"], items=items, tax="30", shipping="20")
    shop.control(f"orders/{number}/refund", lines=[{"line": 0, "quantity": 1}])
    shop.control(f"orders/{number}/refund", amount="20.00")
    paid, goods, money = shop.truth(ref).facts
    assert isinstance(paid, OrderPaid) and paid.net == Money(15000, "EUR")
    assert goods.amount == Money(6000, "EUR")  # its line, without the tax and shipping that went with it
    assert money.amount == Money(1500, "EUR")  # 20 of 200 in all, so a tenth of the net
    shop.control(f"orders/{number}/cancel", refund=False)
    *_, cancelled = shop.truth(ref).facts
    assert (cancelled.refund, cancelled.amount) == ("cancelled", Money(7500, "EUR"))
    refunds = [fact for fact in shop.truth(ref).facts if isinstance(fact, OrderRefunded)]
    assert sum(fact.amount.minor for fact in refunds) == paid.net.minor


def test_more_refunds_than_are_read_at_once_still_take_back_all(shop):
    number, ref = shop.order(customer=shop.customer()["id"], net="100")
    for _ in range(orders.REFUNDS_READ + 3):
        shop.control(f"orders/{number}/refund", amount="5.00", send=False)
    refunds = shop.truth(ref).facts[1:]
    assert (len(refunds), refunds[-1].refund) == (orders.REFUNDS_READ + 1, "further")
    assert sum(fact.amount.minor for fact in refunds) == 9000


def test_refunds_never_take_back_more_than_the_net(shop):
    number, ref = shop.order(customer=shop.customer()["id"], net="100", shipping="20")
    shop.control(f"orders/{number}/refund", lines=[{"line": 0, "quantity": 1}])
    shop.control(f"orders/{number}/refund", amount="20")
    assert [fact.amount.minor for fact in shop.truth(ref).facts[1:]] == [10000, 0]


def test_a_refund_of_more_lines_than_are_read_counts_by_its_money(shop):
    items = [{"title": str(n), "price": "5", "quantity": 1} for n in range(20)]
    number, ref = shop.order(customer=shop.customer()["id"], items=items)
    paid = shop.truth(ref).facts[0]
    shop.control("clock", advance_s=3600)
    shop.control(f"orders/{number}/refund")
    again, refund = shop.truth(ref).facts
    assert refund.amount == Money(10000, "EUR")
    assert again.happened_at == paid.happened_at < refund.happened_at


def test_a_glance_shows_what_no_webhook_carries(shop):
    buyer = shop.customer()
    visit = {"landing_page": "https://acme.example/?ref=ANNA7", "source": "direct", "minutes_ago": 9}
    typed = [{"kind": "manual", "name": "TYPED", "amount": "1"}]
    _, seen = shop.order(customer=buyer["id"], net="10", visits=[visit], journey_ready_after=1, discounts=typed)
    others = [ObjectRef("order", "gid://shopify/Order/1"), ObjectRef("customer", buyer["gid"])]
    early, missing, person = shop.out.glance(shop.account, [seen, *others])
    assert (early.complete, early.again_after) == (False, timedelta(minutes=5))
    assert (missing.found, person.found, person.hints) == (False, True, ())
    (late,) = shop.out.glance(shop.account, [seen])
    assert (late.complete, late.again_after, late.hints) == (True, None, ("TYPED", "ANNA7"))


def test_yen_have_no_cents():
    with running(currency="JPY") as shop:
        _, ref = shop.order(customer=shop.customer()["id"], net="1200")
        assert shop.truth(ref).facts[0].net == Money(1200, "JPY")


def test_a_full_batch_asks_for_no_more_than_one_query_may(shop):
    from adapters.shopify.sandbox.cost import MAX_COST, Price
    from adapters.shopify.sandbox.graphql import prepare, schema

    assert len(queries.COSTS) == len(list((ROOT / "adapters/shopify/queries").glob("*.graphql")))
    for name in queries.COSTS:
        asked = queries.document(name)
        batches = {"orders": MANIFEST.read_batch, "glance": MANIFEST.look_batch}
        batch = batches.get(name, MANIFEST.write_batch)
        ready = prepare(asked.text, None)
        fragments = {d.name.value: d for d in ready.document.definitions if d is not ready.operation}
        real = Price(schema(), fragments, {"ids": ["x"] * batch}).of(ready.operation)
        declared = asked.cost({"ids": ["x"] * (batch if "$ids" in asked.text else 0)})
        assert real <= declared <= MAX_COST, name


def test_a_person_is_found_by_exactly_their_address(shop):
    friend = shop.customer("Friend@Example.com")
    found = shop.out.find_person(shop.account, " friend@example.com")
    assert found == ObjectRef("customer", friend["gid"])
    assert shop.out.find_person(shop.account, "friend@example.co") is None


# ── Money ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_credit_lands_once_is_found_again_and_can_be_taken_back(shop):
    owner = shop.customer()["gid"]
    assert shop.held(owner) == Money(0, "EUR")
    effect = shop.credit(owner)
    assert shop.find(effect) == Absent()
    done = shop.issue(effect)
    assert shop.find(effect) == Done(done.transaction, done.holder, done.at)
    assert shop.held(owner, done.holder) == Money(1000, "EUR")
    debit = replace(effect, direction=Direction.DEBIT, holder=done.holder, amount=Money(400, "EUR"), expires_at=None)
    assert shop.issue(debit).holder == done.holder
    assert shop.held(owner, done.holder) == Money(600, "EUR")
    assert shop.control("book", "GET")["differences"] in ([], {}, 0)


def test_only_our_own_unclaimed_credit_is_adopted(shop):
    owner = shop.customer()["gid"]
    effect = shop.credit(owner)
    for other in (
        shop.credit(owner, minor=1001),
        shop.credit(owner, expires_at=EXPIRES + timedelta(seconds=1)),
        shop.credit(owner, expires_at=None),
    ):
        shop.issue(other)
    assert shop.find(effect) == Absent()
    first, second = shop.issue(effect), shop.issue(effect)
    assert isinstance(shop.find(effect), Undecidable)
    assert shop.find(effect, claimed={first.transaction}) == second
    assert shop.find(effect, claimed={first.transaction, second.transaction}) == Absent()
    assert shop.find(replace(effect, since=effect.since + timedelta(hours=1))) == Absent()


def test_a_refund_to_store_credit_is_never_taken_for_our_credit():
    money = {"amount": "10.0", "currencyCode": "EUR"}
    credit = {"expiresAt": "2027-03-01T00:17:42Z", "amount": money, "event": "ADJUSTMENT"}
    assert store_credit.is_ours(credit, EFFECT)
    assert not store_credit.is_ours(credit | {"event": "ORDER_REFUND"}, EFFECT)


def test_a_credit_is_found_behind_pages_of_later_ones(shop):
    owner = shop.customer()["gid"]
    effect = shop.credit(owner)
    done = shop.issue(effect)
    for number in range(55):
        shop.issue(shop.credit(owner, minor=1 + number))
    assert shop.find(effect) == done


def test_what_bears_no_mark_is_never_decided_by_a_machine(shop):
    owner = shop.customer()["gid"]
    assert isinstance(shop.find(shop.credit(owner, expires_at=None)), Undecidable)
    assert isinstance(shop.find(replace(shop.credit(owner), direction=Direction.DEBIT)), Undecidable)


def test_a_merged_customer_is_left_to_a_person(shop):
    kept, merged = shop.customer("a@example.com"), shop.customer("b@example.com")
    effect = shop.credit(merged["gid"])
    done = shop.issue(effect)
    shop.control("customers/merge", shop=DOMAIN, keep=kept["id"], delete=merged["id"], force=True)
    assert isinstance(shop.find(effect), Undecidable)
    assert isinstance(shop.find(replace(effect, owner=kept["gid"], holder=done.holder)), Undecidable)
    with pytest.raises(Refused):
        shop.held(merged["gid"])
    with pytest.raises(Refused) as error:
        shop.issue(effect)
    assert error.value.code in {"ACCOUNT_NOT_FOUND", "OWNER_NOT_FOUND"}


def test_a_debit_beyond_the_balance_may_be_tried_again_after_reading_it(shop):
    effect = shop.credit(shop.customer()["gid"])
    done = shop.issue(effect)
    with pytest.raises(NotDone):
        shop.issue(replace(effect, direction=Direction.DEBIT, holder=done.holder, amount=Money(1001, "EUR")))
    assert shop.held(effect.owner, done.holder) == Money(1000, "EUR")


def test_after_the_deadline_nothing_leaves(shop):
    effect = shop.credit(shop.customer()["gid"])
    with pytest.raises(Late):
        shop.issue(effect, TooLate())
    shop.meter.full = False
    with pytest.raises(Throttled):
        shop.issue(effect)
    assert shop.control("book", "GET")["sends_with_effect"] == {}


@pytest.mark.parametrize(
    ("fault", "more", "error", "landed"),
    [
        ("cut_after", {}, Unknown, True),
        ("cut_before", {}, Unknown, False),
        ("5xx_after", {}, Unknown, True),
        ("5xx_before", {}, Unknown, False),
        ("html_200", {"when": "after"}, Unknown, True),
        ("empty_200", {"when": "after"}, Unknown, True),
        ("empty_200", {"when": "before"}, Unknown, False),
        ("partial_errors", {}, Unknown, True),
        ("throttled", {}, Throttled, False),
        ("status", {"status": 429}, Throttled, False),
        ("status", {"status": 401}, TokenExpired, False),
    ],
)  # fmt: skip
def test_after_every_fault_reading_back_tells_what_landed(shop, fault, more, error, landed):
    effect = shop.credit(shop.customer()["gid"])
    shop.fault(fault, "storeCreditAccountCredit", **more)
    with pytest.raises(error) as raised:
        shop.issue(effect)
    assert isinstance(raised.value, Unknown) or not landed
    assert isinstance(shop.find(effect), Done if landed else Absent)


def test_a_read_that_fails_is_never_a_lost_effect(shop):
    effect = shop.credit(shop.customer()["gid"])
    shop.issue(effect)
    for fault in ("cut_before", "cut_after", "5xx_after", "html_200", "empty_200", "partial_errors"):
        shop.fault(fault, "storeCreditAccount")
        with pytest.raises(Unavailable):
            shop.find(effect)
    assert isinstance(shop.find(effect), Done)


# ── Records ──────────────────────────────────────────────────────────────────────────────────────────────────────


def note(ref, policy="if_empty", **values):
    fields = {f"$app.referral_{k}": FieldValue(v, policy, "single_line_text_field") for k, v in values.items()}
    return RecordWrite(ref, fields)


def test_records_are_written_by_policy_and_a_value_of_a_person_stays(shop):
    refs = [shop.order(customer=shop.customer(f"{n}@example.com")["id"], net="10")[1] for n in range(4)]
    writes = [note(ref, **{f"f{n}": str(n) for n in range(9)}) for ref in refs]  # 36 fields do not fit into one call
    assert [len(result.written) for result in shop.out.write_records(shop.account, writes)] == [9] * 4
    gone = ObjectRef("order", "gid://shopify/Order/1")
    again = [note(refs[0], f0="x", new="y"), note(refs[1], "always", f0="x"), note(gone, f0="x")]
    kept, replaced, missing = shop.out.write_records(shop.account, again)
    assert (kept.kept, kept.written) == (("$app.referral_f0",), ("$app.referral_new",))
    assert replaced.written == ("$app.referral_f0",)
    assert missing.refused
    held = shop.fields()
    assert [held[refs[0].id, "f0"], held[refs[0].id, "new"], held[refs[1].id, "f0"]] == ["0", "y", "x"]


def test_one_field_that_the_shop_refuses_does_not_hold_up_other_records(shop):
    good, bad = (shop.order(customer=shop.customer(f"{n}@example.com")["id"], net="10")[1] for n in range(2))
    untyped = RecordWrite(bad, {"$app.referral_stage": FieldValue("pending", "always", "")})
    one, other = shop.out.write_records(shop.account, [note(good, stage="pending"), untyped])
    assert one.written and not one.refused
    assert other.refused and not other.written
    assert list(shop.fields()) == [(good.id, "stage")]


def test_a_value_changed_between_reading_and_writing_is_not_overwritten(shop):
    _, ref = shop.order(customer=shop.customer()["id"], net="10")
    stale = records._plan(note(ref, "always", stage="pending"), {ref.id: {}})
    shop.out.write_records(shop.account, [note(ref, stage="by a person")])
    with pytest.raises(NotDone):
        shop.out._set(shop.account, [stale])
    assert shop.fields()[ref.id, "stage"] == "by a person"


def test_naming_the_platform_loads_no_sdk():
    code = "import sys, adapters.shopify; print([m for m in ('shopify', 'requests', 'jwt') if m in sys.modules])"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


# ── Every answer, by its consequence ─────────────────────────────────────────────────────────────────────────────


def http(status, body=b"", *headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + raw


def error(code, data=..., **more):
    body = {"errors": [{"message": "no", "extensions": {"code": code}, **more}]}
    return http(200, body if data is ... else body | {"data": data})


def credited(errors=(), transaction=None):
    return http(
        200,
        {
            "data": {
                "storeCreditAccountCredit": {"storeCreditAccountTransaction": transaction, "userErrors": list(errors)}
            }
        },
    )


STATUS = {"maximumAvailable": 2000, "currentlyAvailable": 100, "restoreRate": 100}
COST = {"extensions": {"cost": {"requestedQueryCost": 600, "throttleStatus": STATUS}}}
DENIED_AT = {"storeCreditAccountCredit": None}
#: The answer as it stands on the wire, what it means for a credit, and for a read.
ANSWERS = {
    "unauthorized": (http(401, {"errors": "bad token"}), TokenExpired, TokenExpired),
    "frozen": (http(402), Unavailable, Unavailable),
    "denied": (http(403), Refused, Refused),
    "no such shop": (http(404), Gone, Gone),
    "locked": (http(423), Unavailable, Unavailable),
    "too many": (http(429, b"", "Retry-After: 4.0"), Throttled, Throttled),
    "bad request": (http(400), Refused, Refused),
    "unprocessable": (http(422), Refused, Refused),
    "moved": (http(301, b"", "Location: https://evil.example/"), Refused, Refused),
    "timed out there": (http(408), Unknown, Unavailable),
    "server error": (http(500), Unknown, Unavailable),
    "bad gateway": (http(502, b"<html>"), Unknown, Unavailable),
    "down": (http(503), Unknown, Unavailable),
    "gateway timeout": (http(504), Unknown, Unavailable),
    "html": (http(200, b"<html>ok</html>"), Unknown, Unavailable),
    "empty": (http(200), Unknown, Unavailable),
    "no content": (http(204), Unknown, Unavailable),
    "a list": (http(200, []), Unknown, Unavailable),
    "bottomless": (http(200, b"[" * 100_000), Unknown, Unavailable),
    "no data": (http(200, {}), Unknown, Unavailable),
    "null data": (http(200, {"data": None}), Unknown, Unavailable),
    "another field": (http(200, {"data": {"other": 1}}), Unknown, Unavailable),
    "half": (http(200, b'{"data": {}}').replace(b"Length: 12", b"Length: 500"), Unknown, Unavailable),
    "throttled": (http(200, json.loads(error("THROTTLED").partition(b"\r\n\r\n")[2]) | COST), Throttled, Throttled),
    "undefined field": (error("undefinedField", locations=[{}]), Refused, Refused),
    "syntax": (http(200, {"errors": [{"message": "parse error", "locations": [{"line": 1}]}]}), Refused, Refused),
    "words": (http(200, {"errors": "something"}), Unknown, Unavailable),
    "broke": (error("INTERNAL_SERVER_ERROR"), Unknown, Unavailable),
    "broke half-way": (error("INTERNAL_SERVER_ERROR", {"storeCreditAccountCredit": {}}), Unknown, Unavailable),
    "broke to null": (error("INTERNAL_SERVER_ERROR", None), Unknown, Unavailable),
    "scope missing": (error("ACCESS_DENIED", DENIED_AT, path=["storeCreditAccountCredit"]), Refused, Refused),
    "denied after the fact": (
        error("ACCESS_DENIED", DENIED_AT, path=["storeCreditAccountCredit", "x"]),
        Unknown,
        Refused,
    ),
    "no payload": (http(200, {"data": {"storeCreditAccountCredit": None}}), Unknown, Unavailable),
    "nothing done, no reason": (credited(), Unknown, Unavailable),
    "done and an error": (credited([{"code": "X"}], {"id": "1"}), Unknown, Unavailable),
    "no transaction id": (credited((), {"createdAt": "2026-01-01T00:00:00Z"}), Unknown, Unavailable),
    "errors of another shape": (credited(["no"]), Unknown, Unavailable),
    "limit": (credited([{"code": "CREDIT_LIMIT_EXCEEDED", "message": "no"}]), Refused, Unavailable),
    "funds": (credited([{"code": "INSUFFICIENT_FUNDS", "message": "no"}]), NotDone, Unavailable),
    "reset": (None, Unknown, Unavailable),
    "silence": (b"", Unknown, Unavailable),
}


@contextlib.contextmanager
def answering(raw):
    """A server that reads one request and answers `raw`; None resets the connection. Yields its URL and what it read."""
    listener, read = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    read.append(_request(connection))
                    if raw is None:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    else:
                        connection.sendall(raw)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", read
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def _request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head, body


def client(url, **more):
    return outbound.build(Kit(APP, Meter(), base_url=url, timeout_s=more.get("timeout_s", 10)))


EFFECT = Effect(
    uuid4(),
    Capability.BALANCE,
    Direction.CREDIT,
    "gid://shopify/Customer/1",
    "",
    Money(1000, "EUR"),
    "m",
    EXPIRES,
    EXPIRES,
)
ACCOUNT = Account(uuid4(), "shopify", DOMAIN, TOKEN)


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_says_what_may_be_done_next_and_is_asked_for_once(name):
    raw, on_credit, on_read = ANSWERS[name]
    with answering(raw) as (url, read):
        out = client(url)
        with pytest.raises(PlatformError) as credit:
            out.issue(ACCOUNT, EFFECT, OnTime())
        assert len(read) == 1
        with pytest.raises(PlatformError) as looked:
            out.balance(ACCOUNT, Capability.BALANCE, EFFECT.owner, "", "EUR")
        assert len(read) == 2
    assert (type(credit.value), type(looked.value)) == (on_credit, on_read)
    assert TOKEN not in f"{credit.value!r} {credit.value.reason} {looked.value.reason}"


def test_a_throttle_says_how_long_to_wait_and_never_forever():
    waits = {"too many": 4.0, "throttled": 5.0}
    for name, wait in waits.items():
        with answering(ANSWERS[name][0]) as (url, _), pytest.raises(Throttled) as error:
            client(url).balance(ACCOUNT, Capability.BALANCE, EFFECT.owner, "", "EUR")
        assert error.value.wait_s == wait
    for given, wait in {"1e9": 60, "-5": 1, "nan": 2, "Wed, 21 Oct 2026 07:28:00 GMT": 2}.items():
        with answering(http(429, b"", f"Retry-After: {given}")) as (url, _), pytest.raises(Throttled) as error:
            client(url).balance(ACCOUNT, Capability.BALANCE, EFFECT.owner, "", "EUR")
        assert error.value.wait_s == wait


def test_a_call_that_hangs_may_have_paid_and_one_that_cannot_connect_cannot_have():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        out = client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.3)
        with pytest.raises(Unknown):
            out.issue(ACCOUNT, EFFECT, OnTime())
        with pytest.raises(Unavailable):
            out.balance(ACCOUNT, Capability.BALANCE, EFFECT.owner, "", "EUR")
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    with pytest.raises(Unavailable):
        client(url).issue(ACCOUNT, EFFECT, OnTime())


def test_the_token_goes_to_the_shops_own_host_alone():
    for external in (
        "evil.example",
        "acme.myshopify.com.evil.example",
        "acme.myshopify.com:8443",
        "evil.example/x.myshopify.com",
    ):
        out = outbound.build(Kit(APP, Meter()))
        with pytest.raises(Refused):
            out.balance(replace(ACCOUNT, external=external), Capability.BALANCE, EFFECT.owner, "", "EUR")
