"""A changed program on past purchases: what would be different, told exactly, while nothing at all is written."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import event, text

from connector.cli import main
from connector.domain.program_data import parse
from connector.domain.rehearsal import Rehearsal, totals
from connector.errors import ConfigError, InvariantBroken, NotFound
from connector.journey import rehearse
from tests.bench.purchases import stand, store
from tests.journey.money import drive, other_advocate
from tests.shop import PROGRAM, Shop


def nobody(_done: int, _steps: int) -> None:
    """Nobody looks at the progress."""


def replayed(shop: Shop, days: int = 90, **changes: Any) -> Rehearsal:
    return rehearse.dry_run(shop.app.desk, shop.merchant, parse({**PROGRAM, **changes}), days, nobody)


def contents(shop: Shop) -> Mapping[str, str]:
    """A fingerprint of every row of every table, read past every policy."""
    with shop.app.database.engine.connect() as session:
        session.execute(text("SELECT set_config('app.merchant', :m, true)"), {"m": str(shop.merchant)})
        tables = session.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        ).scalars()
        found = {}
        for table in tables.all():
            rows = session.execute(text(f"SELECT t::text FROM {table} t ORDER BY 1")).scalars().all()
            found[table] = f"{len(rows)} {hashlib.md5('|'.join(rows).encode()).hexdigest()}"  # noqa: S324
        return found


@pytest.fixture
def story(shop: Shop) -> Shop:
    """Five friends: one who bought and kept it, one who returned half, one who returned all, a small one, one unpaid."""
    for net, back in (("80.00", ""), ("60.00", "30.00"), ("50.00", "50.00"), ("12.00", "")):
        order = shop.order(net=net)
        drive(shop)
        if back:
            shop.change(order, "refund", amount=back)
            drive(shop)
    shop.order(net="40.00", status="pending")
    drive(shop)
    return shop


def test_the_program_that_stands_changes_nothing(story: Shop) -> None:
    found = replayed(story)
    assert len(found.compared) == 5
    assert [(each.before, each.after) for each in found.changes] == []


def said(found: Rehearsal) -> list[tuple[str, str]]:
    """What each changed referral is and would be."""
    return [(str(each.before or "none"), str(each.after or "none")) for each in found.changes]


def test_it_says_who_would_earn_more_or_nothing_and_what_that_costs(story: Shop) -> None:
    dearer = {"kind": "balance", "percent": 20, "expires_days": 180}
    found = replayed(story, advocate=dearer, minimum_net="20.00 EUR")
    assert said(found) == [
        ("rewarded/paid 8.00 EUR", "rewarded/paid 16.00 EUR"),
        ("rewarded/paid 3.00 EUR", "rewarded/paid 6.00 EUR"),
        ("rewarded/paid 1.20 EUR", "rejected/below_minimum"),
    ]
    assert str(totals(found.compared)) == "+0 converted, -1 no longer, +9.80 EUR, 0 flagged, 0 released"
    assert "below the minimum of 20.00 EUR" in found.changes[-1].why


def test_nothing_is_written_and_nothing_could_be(story: Shop) -> None:
    before, calls = contents(story), story.client.book()["calls"]
    assert len(replayed(story, advocate={"kind": "balance", "percent": 1}).changes) == 3
    assert contents(story) == before
    assert story.client.book()["calls"] == calls
    with (
        pytest.raises(InvariantBroken, match="read-only transaction"),
        story.app.database.snapshot(story.merchant) as tx,
    ):
        tx.run("UPDATE person SET created_at = created_at")


def test_evidence_is_weighed_anew_by_the_changed_program(shop: Shop) -> None:
    """A click two weeks old counts no longer; where links go before codes, another advocate gets the friend."""
    bea = other_advocate(shop)
    shop.order(net="80.00", visits=[{"landing_page": shop.landing(), "minutes_ago": 14 * 24 * 60}])
    shop.order(
        net="50.00",
        discounts=[{"kind": "code", "name": bea, "amount": "5.00"}],
        visits=[{"landing_page": shop.landing(), "minutes_ago": 60}],
    )
    drive(shop)
    before = sum(shop.credits())
    found = replayed(shop, window_days=7, attribution={"prefer": "link"})
    late, moved = sorted(found.changes, key=lambda each: each.after is not None)
    assert (late.after, late.before and late.before.code) == (None, shop.code)
    assert (moved.code, moved.before != moved.after) == (f"{bea} -> {shop.code}", True)
    sums = totals(found.compared)
    assert (sums.lost, sums.moved, sum(shop.credits())) == (1, 1, before)
    assert any("fraud rules" in words for words in found.unknown)


def test_a_purchase_that_was_nobodys_finds_its_advocate_under_a_wider_window(shop: Shop) -> None:
    shop.order(net="80.00", visits=[{"landing_page": shop.landing(), "minutes_ago": 40 * 24 * 60}])
    drive(shop)
    assert shop.stages() == []
    (found,) = replayed(shop, window_days=60).changes
    assert (str(found.before), str(found.after), found.code) == ("None", "converted/released 8.00 EUR", shop.code)


def test_places_in_tiers_caps_and_milestones_are_counted_in_the_replay(shop: Shop) -> None:
    for _ in range(4):
        shop.order(net="100.00")
        drive(shop)
    tiers = {"period": "ever", "steps": [{"from": 3, "kind": "balance", "percent": 30}]}
    milestones = [{"at": 2, "kind": "balance", "amount": "5.00 EUR"}]
    amounts = [str(each.after) for each in replayed(shop, tiers=tiers, milestones=milestones).compared]
    assert amounts == [f"rewarded/paid {amount}.00 EUR" for amount in (10, 15, 30, 30)]
    capped = replayed(shop, caps={"period": "ever", "rewards": 3})
    assert said(capped) == [("rewarded/paid 10.00 EUR", "converted/cap")]
    budget = replayed(shop, budget={"amount": "25.00 EUR"})
    assert said(budget) == [("rewarded/paid 10.00 EUR", "qualified/budget")] * 2
    assert str(totals(budget.compared).money[0]) == "-20.00 EUR"


def test_one_who_waits_for_a_person_is_flagged_and_one_who_need_not_any_more_is_released(shop: Shop) -> None:
    shop.order(net="80.00")
    drive(shop)
    always = {"when": "always"}
    found = replayed(shop, review=always)
    assert said(found) == [], "money of it has moved, so that a review comes too late"
    shop.apply({**PROGRAM, "review": always})
    shop.order(net="50.00")
    drive(shop)
    (change,) = replayed(shop).changes
    assert (str(change.before), str(change.after)) == ("qualified/review", "converted/released 5.00 EUR")
    sums = totals([change])
    assert (sums.converted, sums.released, sums.flagged) == (1, 1, 0)
    with shop.app.database.begin(shop.merchant) as tx:
        tx.run("UPDATE referral SET stage = 'qualified', rule = 'hold' WHERE rule = 'review'")
    assert (totals(replayed(shop, review=always).compared).flagged, totals(replayed(shop).compared).flagged) == (1, 0)


def test_what_is_older_than_asked_counts_as_it_stands(shop: Shop) -> None:
    """Last year's friend takes a place in the tiers and is not looked at; their next purchase makes nobody their friend."""
    shop.order(email="old@example.org", net="100.00")
    drive(shop)
    older(shop, 100)
    shop.order(email="old@example.org", net="70.00")
    shop.order(email="new@example.org", net="100.00")
    drive(shop)
    tiers = {"steps": [{"from": 2, "kind": "balance", "percent": 30}]}
    dearer = replayed(shop, tiers=tiers)
    assert said(dearer) == [("rewarded/paid 10.00 EUR", "rewarded/paid 30.00 EUR")]
    assert dearer.purchases == 2
    each = replayed(shop, qualify={"payment": "each", "payments": 2})
    assert said(each) == [("rewarded/paid 10.00 EUR", "rewarded/paid 17.00 EUR")], "the first of both is still known"


def test_one_who_waited_for_long_and_bought_at_last_is_one_referral(shop: Shop) -> None:
    again: dict[str, Any] = {"new_customers_only": False}
    shop.apply({**PROGRAM, **again})
    shop.order(email="slow@example.org", net="40.00", status="pending")
    drive(shop)
    older(shop, 100)
    shop.order(email="slow@example.org", net="70.00")
    drive(shop)
    assert (shop.credits(), replayed(shop, **again).changes) == ([700], ())
    assert said(replayed(shop, minimum_net="71.00 EUR", **again)) == [
        ("rewarded/paid 7.00 EUR", "rejected/below_minimum")
    ]


def test_what_could_not_be_applied_is_refused_before_anything_is_replayed(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="deal_won"):
        replayed(shop, event="deal_won")


def older(shop: Shop, days: int) -> None:
    """All that was read so far happened so many days earlier."""
    with shop.app.database.begin(shop.merchant) as tx:
        tx.run("ALTER TABLE fact DISABLE TRIGGER fact_append_only")
        for table, field in (("truth", "placed"), ("fact", "placed"), ("fact", "at")):
            tx.run(
                f"""UPDATE {table} SET data = jsonb_set(data, '{{{field}}}', to_jsonb(
                      (CAST(data ->> '{field}' AS timestamptz) - make_interval(days => :days))::text))
                    WHERE data ? '{field}'""",
                days=days,
            )
        tx.run("ALTER TABLE fact ENABLE TRIGGER fact_append_only")
        tx.run(
            """UPDATE referral SET captured_at = captured_at - make_interval(days => :days),
                 qualified_at = qualified_at - make_interval(days => :days),
                 touch = jsonb_set(touch, '{at}', to_jsonb(
                   (CAST(touch ->> 'at' AS timestamptz) - make_interval(days => :days))::text))""",
            days=days,
        )


def test_it_says_what_it_cannot_know(shop: Shop) -> None:
    shop.order(net="80.00")
    shop.order(net="30.00", landing_site="/tea")
    drive(shop)
    found = replayed(shop, orders={"products": ["tea"]})
    assert said(found) == [("rewarded/paid 8.00 EUR", "qualified/products_unread")]
    assert next(words.partition(" of ")[0] for words in found.unknown) == "1 orders showed no sign"
    assert any("the products is not stored" in words for words in found.unknown)


def test_a_program_that_nobody_applied_has_nothing_to_be_compared_with(shop: Shop) -> None:
    with pytest.raises(NotFound, match="tea-friends"):
        replayed(shop, name="Coffee friends")


# ── At the terminal ──────────────────────────────────────────────────────────────────────────────────────────────


def command(shop: Shop, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    with monkeypatch.context() as patch:
        for name, value in shop.app.environ.items():
            patch.setenv(name, value)
        answer = CliRunner().invoke(main, ["program", *words])
    assert answer.exit_code == 0, answer.output
    return answer


def test_the_command_tells_a_line_for_each_change_and_then_the_sums(
    story: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump({**PROGRAM, "minimum_net": "20.00 EUR"}))
    answer = command(story, monkeypatch, "dry-run", str(file), "--days", "30")
    first, *others = answer.stdout.splitlines()
    assert f" {story.code}: rewarded/paid 1.20 EUR -> rejected/below_minimum: " in first
    assert others[0].startswith("5 purchases since ") and others[0].endswith(" 1 referrals would change.")
    assert others[1] == "+0 converted, -1 no longer, -1.20 EUR, 0 flagged, 0 released."
    assert "Replaying" in answer.stderr
    told = json.loads(command(story, monkeypatch, "dry-run", str(file), "--json").stdout)
    assert (told["difference"]["no_longer"], told["difference"]["money"]) == (1, {"EUR": "-1.20"})
    assert [change["after"]["rule"] for change in told["changes"]] == ["below_minimum"]


# ── Ten thousand ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_ten_thousand_purchases_are_told_apart_in_a_few_statements(shop: Shop) -> None:
    """Every fourth came by a code, and half of these are too small for the changed program."""
    store(shop, 10_000)
    statements: list[str] = []
    event.listen(shop.app.database.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    seen: list[tuple[int, int]] = []
    program = parse({**PROGRAM, "minimum_net": "60.00 EUR"})
    found = rehearse.dry_run(shop.app.desk, shop.merchant, program, 90, lambda *step: seen.append(step))
    assert (found.purchases, len(found.compared)) == (10_000, 2_500)
    sums = totals(found.compared)
    assert (sums.converted, sums.lost, str(sums.money[0])) == (1_250, 0, "10000.00 EUR")
    assert len(statements) < 60, "a statement for each page, and none for each purchase"
    assert len(seen) >= 10 and seen[-1] == (20_000, 20_000) and sorted(seen) == seen
    stand(shop)
    assert replayed(shop).changes == (), "what stands is what the program makes of it"
    kept = replayed(shop, minimum_net="60.00 EUR")
    assert str(totals(kept.compared)) == "+0 converted, -1250 no longer, -5000.00 EUR, 0 flagged, 0 released"
