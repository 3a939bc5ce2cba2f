"""A program that only watches: it sees every friend and touches nothing, and tells who would have been paid."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import UUID

import pytest
from click.testing import CliRunner

from adapters.shopify.sandbox import graphql
from connector.cli import main
from connector.journey import rehearse
from connector.journey.publish import publish
from tests.conftest import MakeApp
from tests.journey.money import drive
from tests.shop import PROGRAM, Shop

OFFER = {"kind": "percent", "percent": 10}


class Watched(Shop):
    """A shop whose program has done nothing but watch from the first day on, at an address that the shop can reach."""

    mode: ClassVar[str] = "shadow"

    def another_app(self, **changes: str) -> Any:
        return super().another_app(PUBLIC_URL="https://connector.example.com", **changes)

    def apply(self, program: Any) -> UUID:
        return super().apply({**program, "offer": OFFER, "mode": self.mode})


class Served(Watched):
    mode: ClassVar[str] = "live"


@pytest.fixture
def watched(make_app: MakeApp) -> Iterator[Watched]:
    with Watched(make_app) as opened:
        yield opened


@pytest.fixture
def served(make_app: MakeApp) -> Iterator[Served]:
    with Served(make_app) as opened:
        yield opened


def next_day(shop: Shop) -> None:
    """What is looked after once a day is looked after now."""
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what IN ('check', 'watch', 'offer') RETURNING 1")
    drive(shop)


def story(shop: Shop) -> None:
    """A friend by link, one by code, one who sends everything back, one who bought before; then the night."""
    shop.order(net="80.00")
    typed = shop.code.lower()
    shop.order(net="50.00", discounts=[{"kind": "code", "name": typed, "amount": "5.00"}])
    drive(shop)
    back = shop.order(net="40.00")
    drive(shop)
    shop.change(back, "refund")
    shop.customer("known@example.org", earlier_orders=2)
    shop.order(email="known@example.org", net="60.00")
    drive(shop)
    next_day(shop)


def mutations(shop: Shop) -> dict[str, int]:
    """Calls that change something in the shop, by operation, as the stand-in counted them."""
    mutating = graphql.schema().mutation_type
    assert mutating is not None
    return {name: count for name, count in shop.client.book()["calls"].items() if name in mutating.fields}


def test_a_whole_story_is_seen_and_nothing_in_the_shop_is_touched(watched: Watched) -> None:
    story(watched)
    assert mutations(watched) == {}
    rules = watched.rows("SELECT rule, reason FROM referral WHERE merchant_id = :merchant ORDER BY rule, reason DESC")
    assert [row["rule"] for row in rules] == ["not_new", "refunded", "shadow_mode", "shadow_mode"]
    assert "8.00 EUR to the advocate would be owed" in rules[2]["reason"]
    for table in ("reward", "attempt", "posting", "offer", "redeem_code"):
        assert watched.rows(f"SELECT 1 FROM {table} WHERE merchant_id = :merchant") == [], table
    assert [entry["kind"] for entry in watched.client.book()["entries"]] == []


def test_the_very_same_story_would_have_touched_the_shop_in_earnest(served: Served) -> None:
    drive(served)
    story(served)
    assert {"storeCreditAccountCredit", "storeCreditAccountDebit", "metafieldsSet", "webPixelCreate"} <= set(
        mutations(served)
    )
    assert any(name.startswith("discount") for name in mutations(served))


def test_it_tells_who_would_have_been_paid_how_much_and_why_not_the_others(watched: Watched) -> None:
    story(watched)
    found = rehearse.shadow(watched.app.desk, watched.merchant, "tea-friends", 30, lambda _done, _steps: None)
    would = [each.after for each in found.compared if each.after is not None]
    assert {str(each): each.code for each in would} == {
        "converted/released 8.00 EUR": watched.code,
        "converted/released 5.00 EUR": watched.code,
        "reversed/refunded": watched.code,
        "rejected/not_new": watched.code,
    }
    assert [str(amount) for amount in found.owed] == ["13.00 EUR"]
    assert any("had ordered before" in each.reason for each in would)
    assert mutations(watched) == {}


def test_the_command_tells_the_same_to_people_and_machines(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    story(watched)
    with monkeypatch.context() as patch:
        for name, value in watched.app.environ.items():
            patch.setenv(name, value)
        said = CliRunner().invoke(main, ["program", "shadow", "tea-friends"])
        plain = CliRunner().invoke(main, ["program", "shadow", "tea-friends", "--days", "7", "--json"])
    assert (said.exit_code, plain.exit_code) == (0, 0), said.output + plain.output
    lines = said.stdout.splitlines()
    assert lines[2] == "Not paid:"
    assert all(any(words in line for line in lines[3:5]) for words in ("refunded in full", "had ordered before"))
    assert "2 of 4 referrals would earn 13.00 EUR" in lines[5]
    told = json.loads(plain.stdout)
    earning = {each["rule"]: each["earns"] for each in told["referrals"]}
    assert (told["would_be_owed"], earning) == (
        {"EUR": "13.00"},
        {"released": True, "refunded": False, "not_new": False},
    )


def test_what_was_only_watched_stays_unpaid_and_what_comes_later_is_paid(watched: Watched) -> None:
    story(watched)
    publish(watched.app.desk, watched.merchant, {**PROGRAM, "offer": OFFER})
    next_day(watched)
    assert watched.credits() == [], "nothing of it was promised"
    assert {"webPixelCreate", "discountCodeBasicCreate"} <= set(mutations(watched))
    watched.order(net="30.00")
    drive(watched)
    assert watched.credits() == [300]


def test_without_any_program_nothing_is_set_up_in_the_shop(served: Served) -> None:
    with served.app.database.begin(served.merchant) as tx:
        tx.run("ALTER TABLE program_version DISABLE TRIGGER program_version_append_only")
        for table in ("news", "redeem_code", "offer", "code", "advocate", "program_version", "program"):
            tx.run(f"DELETE FROM {table} WHERE merchant_id = :merchant")
        tx.run("ALTER TABLE program_version ENABLE TRIGGER program_version_append_only")
    next_day(served)
    assert "shop" in served.client.book()["calls"] and mutations(served) == {}
