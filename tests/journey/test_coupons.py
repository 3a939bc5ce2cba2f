"""Coupons: readers get codes that the shop redeems, each of them once, whatever becomes of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector.journey.coupons import distinct
from tests.conftest import MakeApp
from tests.journey.money import drive
from tests.journey.test_tell import ACCOUNT, Marketed
from tests.shop import DOMAIN

COUPON = "AUTUMN_MAIL"
CODES = [f"TEA-{number}" for number in range(25)]
NEWS_ALONE = ["accounts:read", "events:write", "profiles:read", "profiles:write"]


class Pool:
    """A merchant with unique codes in the shop, and a file of them."""

    def __init__(self, shop: Marketed, folder: Path) -> None:
        self.shop, self.file = shop, folder / "codes.txt"
        shop.client.control("discounts", shop=DOMAIN, title="Autumn mail", codes=CODES)

    def run(self, *codes: str, more: tuple[str, ...] = ()) -> Result:
        self.file.write_text("\n".join(codes), encoding="utf-8")
        words = ["coupons", COUPON, "--codes", str(self.file), "--shop", DOMAIN, *more]
        return CliRunner(env=dict(self.shop.app.environ)).invoke(main, words)

    def held(self) -> dict[str, Any]:
        told = self.shop.hand.control("coupons", verb="GET", account=ACCOUNT)
        return {"codes": sorted(each["code"] for each in told["codes"]), "coupons": told["coupons"]}


@pytest.fixture
def pool(make_app: MakeApp, tmp_path: Path) -> Iterator[Pool]:
    with Marketed(make_app) as shop:
        yield Pool(shop, tmp_path)


def last(answer: Result) -> str:
    return answer.stdout.splitlines()[-1]


def test_only_codes_that_the_shop_has_are_published_and_the_others_are_named(pool: Pool) -> None:
    answer = pool.run(*CODES, "NOT-THERE", "", f" {CODES[0].lower()} ")
    assert answer.exit_code == 0, answer.output
    assert last(answer) == "25 published, 0 there already, 1 not in the shop, 0 refused"
    assert "NOT-THERE: not in the shop" in answer.output
    assert pool.held()["codes"] == sorted(CODES)


def test_the_platform_is_asked_to_warn_when_few_are_left(pool: Pool) -> None:
    pool.run(*CODES[:2], more=("--low", "12"))
    (coupon,) = pool.held()["coupons"]
    assert (coupon["id"], coupon["monitor"]) == (COUPON, {"low_balance_threshold": "12"})


def test_again_publishes_nothing_twice_and_says_how_many_were_there(pool: Pool) -> None:
    pool.run(*CODES[:3])
    assert last(pool.run(*CODES[:5])) == "2 published, 3 there already, 0 not in the shop, 0 refused"
    assert pool.held()["codes"] == CODES[:5]


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "html_200_after", "status_after", "status_before"])
def test_whatever_becomes_of_an_answer_each_code_is_there_once(pool: Pool, fault: str) -> None:
    pool.run(CODES[0])
    pool.shop.hand.control("faults", fault=fault, path="/api/coupon-codes", count=1)
    broken = pool.run(*CODES[1:4])
    assert broken.exit_code == 2 and "run it again" in broken.stderr
    again = pool.run(*CODES[:4])
    assert again.exit_code == 0, again.output
    assert pool.held()["codes"] == CODES[:4]


def test_a_code_that_is_refused_holds_up_no_other(pool: Pool) -> None:
    pool.run(CODES[0])
    pool.shop.hand.control("faults", fault="status_before", status=400, path="/api/coupon-codes", count=1)
    answer = pool.run(*CODES[1:4])
    assert last(answer) == "2 published, 0 there already, 0 not in the shop, 1 refused"
    assert f"{CODES[1]}: refused: " in answer.output
    assert pool.held()["codes"] == [CODES[0], *CODES[2:4]]


def test_a_wait_that_the_platform_asks_for_is_waited_for(pool: Pool) -> None:
    pool.run(CODES[0])
    pool.shop.hand.control("faults", fault="throttled", path="/api/coupon-codes", count=1, wait_s=1)
    assert last(pool.run(*CODES[1:4])).startswith("3 published")


def test_a_key_without_the_right_is_named_with_its_remedy_and_news_are_told_all_the_same(pool: Pool) -> None:
    pool.shop.hand.control("accounts", account="TEA002", key="pk_for_news_alone", scopes=NEWS_ALONE)
    pool.shop.join("TEA002", "pk_for_news_alone")
    answer = pool.run(*CODES, more=("--account", "TEA002"))
    assert answer.exit_code == 2
    assert "lacks coupons:read" in answer.stderr and "give the key this scope" in answer.stderr
    assert pool.held()["codes"] == []
    pool.shop.order()
    pool.shop.work()
    drive(pool.shop)
    assert set(pool.shop.news()) == {"told"}


def test_a_code_that_is_published_is_named_nowhere(pool: Pool) -> None:
    """Neither to whoever looks at the screen nor in a log, which goes to the same place: it may be money."""
    answer = pool.run(*CODES[:2], "NOT-THERE")
    assert answer.output.count("NOT-THERE") == 1 and not any(code in answer.output for code in CODES[:2])


def test_who_redeems_and_who_gives_must_be_known(pool: Pool) -> None:
    nowhere = CliRunner(env=dict(pool.shop.app.environ)).invoke(
        main, ["coupons", COUPON, "--codes", __file__, "--shop", "nowhere"]
    )
    assert nowhere.exit_code == 2 and DOMAIN in nowhere.stderr
    other = pool.run(CODES[0], more=("--account", "TEA009"))
    assert other.exit_code == 2 and ACCOUNT in other.stderr


def test_a_code_counts_once_however_it_is_written() -> None:
    assert distinct(["Tea-1\n", " TEA-1", "", "tea-2"]) == ["Tea-1", "tea-2"]
