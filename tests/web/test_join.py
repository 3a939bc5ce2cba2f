"""People join by themselves: they get a link that works, and nobody learns from the page who had joined before."""

import hashlib
import re
from html import unescape

import pytest
from werkzeug.test import TestResponse

from connector.web import join
from tests.shop import DOMAIN, PROGRAM, Shop

PAGE = "/join/anna-s-tea-house"
#: Of 24 random bytes.
TOKEN_LETTERS = 32


@pytest.fixture(autouse=True)
def fresh_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join, "gate", join.Gate(join.MOST))


def post(shop: Shop, page: str = PAGE, **form: str) -> TestResponse:
    return shop.web.post(page, data={"email": "bea@example.com", **form})


def advocates(shop: Shop) -> int:
    return int(shop.rows("SELECT count(*) AS n FROM advocate WHERE merchant_id = :merchant")[0]["n"])


def code_of(answer: TestResponse) -> str:
    found = re.search(r"code: <strong>(\w{8})</strong>", answer.text)
    assert found is not None, answer.text
    return found[1]


def test_who_joins_gets_a_link_that_leads_to_the_shop_and_counts_for_them(shop: Shop) -> None:
    page = shop.web.get(PAGE)
    assert page.status_code == 200 and 'name="email"' in page.text
    assert "You get 10 % of your friend's order" in unescape(page.text)
    joined = post(shop, name="Bea Baker")
    assert joined.status_code == 200
    code = code_of(joined)
    assert f"/r/{code}</code>" in joined.text
    friend = shop.web.get(f"/r/{code}")
    assert friend.status_code == 302 and friend.headers["Location"].startswith(f"https://{DOMAIN}/")
    (row,) = shop.rows("SELECT way, source FROM advocate WHERE merchant_id = :merchant AND way <> 'staff'")
    assert row == {"way": "join", "source": ""}


def test_the_page_never_tells_whether_an_address_was_known(shop: Shop) -> None:
    fresh = post(shop, email="nobody-knows@example.com")
    known = post(shop, email="anna@example.com")  # the advocate of this shop since long
    assert fresh.status_code == known.status_code == 200
    blind = [re.sub(r'\w{8}(?=<)|nonce="?[\w-]+"?', "", answer.text) for answer in (fresh, known)]
    assert blind[0] == blind[1]
    assert {*fresh.headers.keys()} == {*known.headers.keys()}
    assert code_of(known) == shop.code


def test_the_token_of_the_advocates_own_pages_is_never_shown_to_who_typed_an_address(shop: Shop) -> None:
    answer = post(shop)
    assert answer.status_code == 200 and "/me/" not in answer.text
    (row,) = shop.rows("SELECT token_digest FROM advocate WHERE merchant_id = :merchant AND way = 'join'")
    parts = (answer.text[at : at + TOKEN_LETTERS] for at in range(len(answer.text)))
    assert bytes(row["token_digest"]) not in {hashlib.sha256(part.encode()).digest() for part in parts}


@pytest.mark.parametrize(
    "email", ["", "bea", "bea@", "@example.com", "a b@example.com", "a@b@c", "bea@example.com\x00", "é" * 300 + "@x"]
)
def test_what_is_no_address_is_asked_for_again_with_what_was_typed(shop: Shop, email: str) -> None:
    before = advocates(shop)
    answer = post(shop, email=email, name='<script>alert("Bea")</script>')
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert "<script>" not in answer.text and "&lt;script&gt;" in answer.text
    assert advocates(shop) == before
    assert post(shop).status_code == 200


def test_a_program_that_nobody_may_join_has_no_page(shop: Shop) -> None:
    for changes in ({"enrol": {"ways": ["staff"]}}, {"mode": "test"}, {"mode": "shadow"}):
        shop.apply({**PROGRAM, **changes})
        for answer in (shop.web.get(PAGE), post(shop)):
            assert answer.status_code == 404 and "nothing to join" in answer.text
    assert advocates(shop) == 1
    shop.apply({**PROGRAM, "enrol": {"ways": ["join"]}})
    assert post(shop).status_code == 200


@pytest.mark.parametrize(
    "merchant", ["nobody-s-shop", "\x00", "%00", "é" * 500, "../etc", "'; DROP TABLE advocate; --"]
)
def test_an_unknown_business_has_no_page(shop: Shop, merchant: str) -> None:
    assert shop.web.get(f"/join/{merchant}").status_code in (404, 308)
    assert shop.web.get(PAGE).status_code == 200


def test_of_two_programs_people_choose_one(shop: Shop) -> None:
    shop.apply({**PROGRAM, "name": "Coffee friends"})
    choice = shop.web.get(PAGE)
    assert "?program=tea-friends" in choice.text and "?program=coffee-friends" in choice.text
    assert post(shop).status_code == 422
    assert post(shop, f"{PAGE}?program=coffee-friends").status_code == 200
    rows = shop.rows("SELECT slug FROM advocate JOIN program ON program.id = program_id WHERE way = 'join'")
    assert rows == [{"slug": "coffee-friends"}]


def test_a_flood_is_told_to_wait_and_nothing_is_lost_of_what_was_typed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join, "gate", join.Gate(2))
    for number in range(2):
        assert post(shop, email=f"bot{number}@example.com").status_code == 200
    late = post(shop, email="bea@example.com")
    assert late.status_code == 429 and late.headers["Retry-After"] == "60"
    assert 'value="bea@example.com"' in late.text
    assert advocates(shop) == 3


def test_a_form_of_a_megabyte_is_turned_away(shop: Shop) -> None:
    assert post(shop, name="x" * 1_000_000).status_code == 413
    assert post(shop, name="x" * 2_000).status_code == 200


def test_the_page_runs_no_script_and_is_framed_by_nobody(shop: Shop) -> None:
    policy = shop.web.get(PAGE).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script-src" not in policy
