"""Why: a merchant who is asked by an advocate can answer at once, with the evidence, the rule and what would change it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import event

from connector.cli import inspect
from connector.domain.case import Stage
from connector.domain.facts import CareRaised
from connector.domain.remedies import is_refused
from connector.errors import NotFound
from connector.journey import explain
from connector.journey.explain import Explained
from connector.store import merchants
from tests.shop import PROGRAM, Shop


def referral_of(shop: Shop, needle: str = "") -> UUID:
    with shop.app.database.begin(shop.merchant) as tx:
        found = tx.receipts.find(needle or shop.code)
    assert len(found) == 1, found
    return found[0]


def told(shop: Shop, needle: str = "") -> Explained:
    return explain.explain(shop.app.desk, shop.merchant, referral_of(shop, needle))


def words(shop: Shop, needle: str = "") -> str:
    return "\n".join(explain.in_words(told(shop, needle)))


def run(shop: Shop, monkeypatch: pytest.MonkeyPatch, *given: str) -> Any:
    monkeypatch.setattr(inspect, "open_app", shop.another_app)
    return CliRunner().invoke(inspect.explain, list(given))


@contextmanager
def statements(shop: Shop) -> Iterator[list[str]]:
    seen: list[str] = []

    def look(_session: object, _cursor: object, sql: str, *_: object) -> None:
        seen.append(sql)

    event.listen(shop.app.database.engine, "before_cursor_execute", look)
    try:
        yield seen
    finally:
        event.remove(shop.app.database.engine, "before_cursor_execute", look)


def test_a_paid_referral_says_what_was_seen_how_much_it_came_to_and_when(shop: Shop) -> None:
    shop.order(net="80.00")
    shop.work()
    said = words(shop)
    assert "It is rewarded, by the rule 'paid': 8.00 EUR to the advocate is paid." in said
    assert f"the link the order started from named {shop.code}: it decided." in said
    assert "10 % of 80.00 EUR = 8.00 EUR" in said
    assert "reward 8.00 EUR to the advocate as balance: issued on " in said
    assert told(shop).why.for_advocate == "Tea friends: Your reward is paid. It is 8.00 EUR."


def test_evidence_stands_in_the_order_of_time_and_each_loser_hears_why(shop: Shop) -> None:
    shop.customer("ben@example.com", earlier_orders=1)
    ben = shop.enrol("ben@example.com")
    shop.order(
        net="80.00",
        landing_site=shop.landing(),
        visits=[
            {"landing_page": shop.landing(ben), "minutes_ago": 50 * 24 * 60},
            {"landing_page": shop.landing(ben), "minutes_ago": 60},
        ],
    )
    shop.work()
    weighed = told(shop).why.evidence
    assert [each.touch.at for each in weighed] == sorted(each.touch.at for each in weighed)
    assert [(each.touch.code, each.won, each.verdict) for each in weighed] == [
        (ben, False, "it is older than the window of 30 days"),
        (ben, False, "the link the order started from counts for more"),
        (shop.code, True, "it decided"),
    ]


def test_a_rejected_referral_names_what_lost_why_and_what_would_have_earned(shop: Shop) -> None:
    shop.apply({**PROGRAM, "minimum_net": "100.00 EUR"})
    shop.order(net="80.00")
    shop.work()
    found = told(shop)
    assert (found.why.decision.stage, found.why.decision.rule) == (Stage.REJECTED, "below_minimum")
    said = "\n".join(explain.in_words(found))
    assert "below the minimum of 100.00 EUR" in said
    assert "What would change it: Set `minimum_net` to 80.00 EUR or less" in said
    assert f"named {shop.code}: it decided." in said
    assert found.why.for_advocate.endswith("smaller than the program asks for.")


def test_what_the_advocate_may_read_says_nothing_of_suspicion(shop: Shop) -> None:
    shop.apply({**PROGRAM, "fraud": {"velocity": 1, "points": {"velocity": 100}}})
    shop.order(net="80.00")
    shop.order(net="80.00")
    shop.work()
    rows = shop.rows("SELECT id, rule FROM referral WHERE merchant_id = :merchant AND rule = 'fraud'")
    found = told(shop, str(rows[0]["id"]))
    assert "Suspicion velocity, 100 points" in "\n".join(explain.in_words(found))
    assert "fraud" not in found.why.for_advocate.lower() and "suspici" not in found.why.for_advocate.lower()
    assert "ask us for another look" in found.why.for_advocate


def test_an_explanation_changes_nothing_and_locks_nothing(shop: Shop) -> None:
    shop.apply({**PROGRAM, "hold_days": 14, "caps": {"rewards": 3, "period": "ever"}})
    shop.order(net="80.00")
    shop.order(net="30.00", email="late@example.org", status="pending")
    shop.work()
    referrals = shop.rows("SELECT id, stage FROM referral WHERE merchant_id = :merchant")
    assert {row["stage"] for row in referrals} == {"qualified", "pending"}
    with statements(shop) as seen:
        for row in referrals:
            told(shop, str(row["id"]))
    assert seen
    assert [sql for sql in seen if any(word in sql.upper() for word in ("INSERT", "UPDATE", "DELETE"))] == []


def test_a_purchase_that_another_referral_owns_is_not_claimed_by_explaining(shop: Shop) -> None:
    """Two people who were taken for one: their purchase converts the first referral, and the second says so."""
    shop.order(net="80.00")
    shop.work()
    other, first = uuid4(), referral_of(shop)
    shop.rows(
        """WITH twin AS (INSERT INTO person (id, merchant_id, canonical_id) VALUES (:other, :merchant, :other) RETURNING id)
           INSERT INTO referral SELECT (jsonb_populate_record(referral, jsonb_build_object('id', CAST(:other AS text),
             'friend_id', CAST(:other AS text), 'standing', NULL, 'stage', 'pending'))).*
           FROM referral, twin WHERE merchant_id = :merchant RETURNING id""",
        other=other,
    )
    found = told(shop, str(other))
    assert (found.why.decision.stage, found.why.decision.rule) == (Stage.REJECTED, "duplicate")
    assert any("It was decided as pending" in note for note in found.notes)
    assert told(shop, str(first)).why.decision.rule == "paid"


def test_every_decision_is_explained_as_it_was_made(shop: Shop) -> None:
    """The explanation runs the rules again: on the same case it must say the same."""
    shop.apply({**PROGRAM, "hold_days": 3, "new_customers_only": True})
    shop.customer("regular@example.org", earlier_orders=2)
    shop.order(net="80.00")
    shop.order(net="50.00", email="regular@example.org")
    shop.order(net="40.00", email="free@example.org", status="pending")
    back = shop.order(net="60.00", email="back@example.org")
    shop.work()
    shop.change(back, "cancel", refund=True)
    shop.work()
    rows = shop.rows("SELECT id, stage, rule, reason FROM referral WHERE merchant_id = :merchant")
    assert {row["rule"] for row in rows} == {"hold", "not_new", "unpaid", "refunded"}
    for row in rows:
        found = told(shop, str(row["id"]))
        decision = found.why.decision
        assert (decision.stage, decision.rule, decision.reason) == (row["stage"], row["rule"], row["reason"])
        assert not found.notes
        assert bool(found.why.remedies) is is_refused(decision)


def test_a_touch_that_came_to_light_later_does_not_move_a_referral_and_that_is_said(shop: Shop) -> None:
    shop.customer("ben@example.com", earlier_orders=1)
    ben = shop.enrol("ben@example.com")
    shop.order(net="80.00")
    shop.work()
    stronger = {"source": "redeem_code", "code": ben, "confirmed": True, "medium": "", "campaign": "", "evidence": ""}
    shop.rows(
        """UPDATE truth SET data = jsonb_set(data, '{touches}', data -> 'touches' || jsonb_build_array(
               CAST(:touch AS jsonb) || jsonb_build_object('at', data ->> 'placed'))) WHERE merchant_id = :merchant
           RETURNING external_id""",
        touch=json.dumps(stronger),
    )
    assert f"{shop.code} stands, for it opened the referral; {ben} was seen only after that." in words(shop)


# ── Care ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refund_asks_for_care_until_somebody_has_seen_to_it(shop: Shop) -> None:
    order = shop.order(net="80.00")
    shop.work()
    assert told(shop).care == ()
    shop.change(order, "refund", amount="20.00")
    shop.work()
    (care,) = told(shop).care
    assert (care.what, care.words) == ("refund", "20.00 EUR of their purchase went back.")
    assert "Care, refund since" in words(shop) and "Ask them what was wrong" in words(shop)
    raised(shop, "refund", still=False)
    assert told(shop).care == ()


@pytest.mark.parametrize(("what", "do"), [("ticket", "answered first"), ("stalled", "does not move")])
def test_an_open_ticket_and_a_stalled_deal_ask_for_care_while_they_last(shop: Shop, what: str, do: str) -> None:
    shop.order(net="80.00")
    shop.work()
    raised(shop, what, still=True, words="Since a week.")
    (care,) = told(shop).care
    assert (care.what, care.words) == (what, "Since a week.") and do in care.do
    raised(shop, what, still=False)
    assert told(shop).care == ()


def raised(shop: Shop, what: str, *, still: bool, words: str = "") -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        story = tx.referrals.story(referral_of(shop))
        assert story is not None
        now = tx.now() + timedelta(minutes=1)  # the shop's clock may be ahead of ours by as much as it rounds
        tx.truths.tell(shop.connection, [CareRaised(story.referral.ref, now, now, what, still=still, words=words)])


# ── At the terminal ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_referral_is_found_by_its_id_its_code_and_the_order(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.order(net="80.00")
    shop.work()
    row = shop.rows("SELECT id, external_id FROM referral WHERE merchant_id = :merchant")[0]
    for needle in (str(row["id"]), shop.code, row["external_id"], order.rpartition("/")[2]):
        said = run(shop, monkeypatch, needle)
        assert said.exit_code == 0 and f"referral {row['id']}:" in said.output, (needle, said.output)
    assert "What you may show to the advocate:\n  Tea friends: Your reward is paid." in said.output
    (data,) = json.loads(run(shop, monkeypatch, shop.code, "--json").output)
    assert (data["referral"], data["rewards"][0]["state"]) == (str(row["id"]), "issued")
    for nothing in ("%", "_", "", "1"):
        missing = run(shop, monkeypatch, nothing)
        assert isinstance(missing.exception, NotFound), (nothing, missing.output)


def test_what_is_another_merchants_is_unknown(shop: Shop) -> None:
    shop.order(net="80.00")
    shop.work()
    stranger = merchants.ensure(shop.app.database, "Ben's Bikes")
    with pytest.raises(NotFound, match="there is no referral"):
        explain.explain(shop.app.desk, stranger, referral_of(shop))
