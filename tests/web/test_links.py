"""A share link leads to the shop it was made for: a friend is never sent elsewhere, and the click is remembered."""

import random
import re
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from werkzeug.test import TestResponse

from connector.domain import codes
from connector.journey import enrol
from connector.store import merchants
from connector.web import links
from tests.shop import DOMAIN, PROGRAM, Shop

SECOND = "tea.example.com"
HOSTS = {DOMAIN, SECOND}
PAGES = {**PROGRAM, "links": {"hosts": [DOMAIN, SECOND], "path": "/collections/all?sort=new"}}
VARIANTS = 1_000


@pytest.fixture(autouse=True)
def two_hosts(shop: Shop) -> None:
    shop.apply(PAGES)


def clicks(shop: Shop) -> list[dict[str, str]]:
    return shop.rows("SELECT source, medium, advocate_id FROM touch WHERE merchant_id = :merchant ORDER BY id")


def leads_to(answer: TestResponse) -> tuple[str, str, dict[str, str]]:
    assert answer.status_code == 302, answer.text
    url = urlsplit(answer.headers["Location"])
    assert url.scheme == "https"
    return url.netloc, url.path, dict(parse_qsl(url.query))


def test_a_link_leads_to_the_shop_with_all_marks_and_the_click_is_kept(shop: Shop) -> None:
    host, path, query = leads_to(shop.web.get(f"/r/{shop.code}?m=whatsapp"))
    assert (host, path) == (DOMAIN, "/collections/all")
    assert query == {
        "sort": "new",
        "ref": shop.code,
        "utm_source": "referral",
        "utm_medium": "whatsapp",
        "utm_campaign": "tea-friends",
        "utm_content": shop.code,
    }
    (click,) = clicks(shop)
    assert (click["source"], click["medium"]) == ("click", "whatsapp")
    assert leads_to(shop.web.get(f"/r/{shop.code}?m=carrier-pigeon"))[2]["utm_medium"] == "link"
    assert leads_to(shop.web.get(f"/r/{shop.code}?to={SECOND}"))[0] == SECOND
    assert [click["medium"] for click in clicks(shop)] == ["whatsapp", "link", "link"]


def test_the_first_who_follows_a_link_tells_that_it_was_shared(shop: Shop) -> None:
    def told() -> list[dict[str, str]]:
        return shop.rows("SELECT role FROM news WHERE kind = 'link shared'")

    assert told() == []
    for _ in range(3):
        shop.web.get(f"/r/{shop.code}")
    assert [row["role"] for row in told()] == ["advocate"]
    shop.web.get(f"/r/{shop.enrol('cleo@example.com')}")
    assert len(told()) == 2
    shop.apply({**PAGES, "mode": "shadow"})
    shop.web.get(f"/r/{shop.enrol('dora@example.com')}")
    assert len(told()) == 2, "a program that only watches is nobody's business"


def test_a_code_may_be_typed_by_hand(shop: Shop) -> None:
    def with_letter(letter: str) -> str:
        found = (shop.enrol(f"{letter}{number}@example.com") for number in range(400))
        return next(code for code in found if letter in code)

    zero, one = with_letter("0"), with_letter("1")
    spoken = {
        shop.code.lower(): shop.code,
        f"{shop.code[:4]}-{shop.code[4:]}".lower(): shop.code,
        f" {shop.code[:4]} {shop.code[4:]} ": shop.code,
        zero.replace("0", "O"): zero,
        zero.replace("0", "o"): zero,
        one.replace("1", "I"): one,
        one.replace("1", "l"): one,
    }
    for typed, meant in spoken.items():
        assert leads_to(shop.web.get(f"/r/{quote(typed)}"))[2]["ref"] == meant, typed
    assert len(clicks(shop)) == len(spoken)


def test_a_slip_of_the_finger_leads_nowhere_rather_than_to_somebody_else(shop: Shop) -> None:
    for place in range(len(shop.code)):
        for letter in set(codes.ALPHABET) - {shop.code[place]}:
            wrong = shop.code[:place] + letter + shop.code[place + 1 :]
            assert shop.web.get(f"/r/{wrong}").status_code == 404, wrong
    assert shop.web.get(f"/r/{codes.mint()}").status_code == 404
    assert clicks(shop) == []


def test_a_vanity_code_lives_under_its_merchants_name_alone(shop: Shop) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        anna = enrol.enrol(tx, shop.program, "anna@example.com")
        tx.roster.add_codes([(anna.id, "anna-drinks-tea", "vanity")])
    other = merchants.ensure(shop.app.database, "Bob's Boats")
    for path in ("anna-s-tea-house/anna-drinks-tea", "Anna-S-Tea-House/ANNA-Drinks-Tea"):
        host, _, query = leads_to(shop.web.get(f"/r/{path}"))
        assert (host, query["ref"]) == (DOMAIN, "ANNA-DRINKS-TEA")
    assert len(clicks(shop)) == 2
    for path in ("bob-s-boats/anna-drinks-tea", "nobody/anna-drinks-tea", "anna-s-tea-house/bert", "anna-drinks-tea"):
        assert shop.web.get(f"/r/{path}").status_code == 404, path
    with shop.app.database.begin(other) as tx:
        assert tx.run("SELECT count(*) FROM touch").scalar_one() == 0
    assert len(clicks(shop)) == 2


EVIL = [
    "evil.com", "//evil.com", "https://evil.com", "https:evil.com", "///evil.com", "\\\\evil.com", "/\\evil.com", "javascript:alert(1)",
    f"{DOMAIN}@evil.com", f"{DOMAIN}.evil.com", f"evil.com/{DOMAIN}", f"evil.com#{DOMAIN}", f"evil.com?{DOMAIN}", f"{DOMAIN}:80@evil.com",
    f"{DOMAIN}\r\nLocation: https://evil.com", f"{DOMAIN}%0d%0aLocation:%20https://evil.com", f"{DOMAIN}\x00.evil.com", f"{DOMAIN}/../evil",
    DOMAIN.upper(), f" {DOMAIN}", f"{DOMAIN}.", DOMAIN.replace(".", "。"), "\u202eevil.com", "evil\uff0ecom", "data:text/html,x", "[::1]", "0x7f.1",
    "", "\x00", "%00", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "é" * 3000, "..", ".", "%2e%2e", "{shop}", "* ", "'; DROP TABLE code; --",
]  # fmt: skip


def test_no_variant_of_a_link_ever_leads_away_from_the_programs_hosts(shop: Shop) -> None:
    dice = random.Random(7)
    left, failed = [], []
    for number in range(VARIANTS):
        evil, more = dice.choice(EVIL), dice.choice(EVIL)
        part = quote(re.sub("/+", "/", evil.replace("\x00", "")).lstrip("/")) or "x"
        code = dice.choice([shop.code, shop.code, shop.code, part, f"{part}/{shop.code}"])
        path = dice.choice(["/r/", "/r/", "/r/", "/evil.com/r/", "/r/anna-s-tea-house/", "/\\evil.com/r/"])
        names = dice.choice([("to", "m"), ("m", "to"), ("to", "to"), ("to", "host"), ("to", "utm_source")])
        query = f"{names[0]}={quote(evil)}&{names[1]}={quote(more, safe=':/?#')}"
        host = dice.choice(["localhost", "evil.com", f"{DOMAIN}@evil.com", "evil.com:443", "localhost"])
        headers = {
            "Host": host,
            "X-Forwarded-Host": "evil.com",
            "X-Forwarded-Proto": "gopher",
            "X-Original-URL": "//evil.com",
        }
        answer = shop.web.get(f"{path}{code}?{query}", headers=headers)
        seen = (number, path, code, query, host, answer.status_code, answer.headers.get("Location"))
        if answer.status_code >= 500:
            failed.append(seen)
        if answer.status_code // 100 == 3:
            target = urlsplit(answer.headers["Location"])
            if (target.scheme, target.netloc in HOSTS) != ("https", True) or any(
                c in target.geturl() for c in "\r\n\\"
            ):
                left.append(seen)
    assert (left, failed) == ([], [])
    assert leads_to(shop.web.get(f"/r/{shop.code}"))[0] == DOMAIN


def test_a_slash_too_many_is_no_redirect_to_a_host_that_a_stranger_named(shop: Shop) -> None:
    for host in ("evil.com", f"{DOMAIN}@evil.com", "localhost"):
        for path in (f"/r//{shop.code}", f"/r//anna-s-tea-house//{shop.code}", "//healthz"):
            answer = shop.web.get(path, headers={"Host": host})
            assert "evil" not in answer.headers.get("Location", ""), (path, host)
            assert answer.status_code in {200, 302, 404}, (path, host)


def test_a_nul_in_a_link_is_a_code_that_nobody_has(shop: Shop) -> None:
    for path in ("/r/%00", "/r/anna-s-tea-house/%00", "/r/%00/anna", f"/r/a%00b/{shop.code}"):
        assert shop.web.get(path).status_code == 404, path


# ── With an offer the friend's discount is in the cart before they look ─────────────────────────────────────────────


def offering(shop: Shop) -> None:
    shop.apply({**PAGES, "offer": {"kind": "percent", "percent": 10}})
    shop.work()


def test_with_an_offer_a_link_brings_the_friends_discount_and_all_marks(shop: Shop) -> None:
    offering(shop)
    host, path, query = leads_to(shop.web.get(f"/r/{shop.code}?m=sms"))
    assert (host, path) == (DOMAIN, f"/discount/{shop.code}")
    marks = {
        "ref": shop.code,
        "utm_source": "referral",
        "utm_medium": "sms",
        "utm_campaign": "tea-friends",
        "utm_content": shop.code,
    }
    page = urlsplit(query.pop("redirect"))
    assert query == marks
    assert (page.scheme, page.netloc, page.path) == ("", "", "/collections/all")
    assert dict(parse_qsl(page.query)) == {"sort": "new", **marks}
    assert len(clicks(shop)) == 1


def test_the_discount_is_used_on_the_shops_own_host_alone_and_only_while_it_stands(shop: Shop) -> None:
    offering(shop)
    assert leads_to(shop.web.get(f"/r/{shop.code}?to={SECOND}"))[:2] == (SECOND, "/collections/all")
    late = shop.enrol("late@example.com")  # not at checkout yet
    assert leads_to(shop.web.get(f"/r/{late}"))[1] == "/collections/all"
    shop.work()
    assert leads_to(shop.web.get(f"/r/{late}"))[1] == f"/discount/{late}"
    shop.apply({**PAGES, "mode": "test", "offer": {"kind": "percent", "percent": 10}})
    shop.work()
    assert leads_to(shop.web.get(f"/r/{late}"))[1] == "/collections/all"


def test_a_friend_with_a_link_gets_the_redeem_code_that_took_the_place_of_the_advocates(shop: Shop) -> None:
    shop.client.control("discounts", shop=DOMAIN, title="Autumn", codes=[shop.code])
    offering(shop)
    _, path, query = leads_to(shop.web.get(f"/r/{shop.code}"))
    assert path.startswith("/discount/")
    assert path != f"/discount/{shop.code}"
    assert query["ref"] == shop.code
    shop.order(discounts=[{"kind": "code", "name": path.rpartition("/")[2], "amount": "1.00"}])
    shop.work()
    assert shop.stages() == ["rewarded"]


def test_a_shop_with_an_address_of_its_own_gives_the_discount_there_too(shop: Shop) -> None:
    """Most shops do: without it their friends would pay the full price."""
    shop.client.control(f"shops/{DOMAIN}/update", host="tea.example.com", send=False)
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'check' RETURNING subject")
    shop.apply({**PAGES, "links": {"hosts": ["tea.example.com"]}, "offer": {"kind": "percent", "percent": 10}})
    shop.work()
    host, path, *_ = leads_to(shop.web.get(f"/r/{shop.code}"))
    assert (host, path) == ("tea.example.com", f"/discount/{shop.code}")


def test_no_variant_of_a_link_with_an_offer_leads_away_either(shop: Shop) -> None:
    offering(shop)
    for evil in EVIL:
        answer = shop.web.get(f"/r/{shop.code}?to={quote(evil)}&m={quote(evil)}&redirect={quote(evil)}")
        host, path, query = leads_to(answer)
        assert (host, path) == (DOMAIN, f"/discount/{shop.code}"), evil
        assert query["redirect"].startswith("/collections/all?sort=new&ref="), evil


def test_who_tries_many_wrong_codes_is_seen_when_they_bring_a_friend(shop: Shop) -> None:
    """Eleven wrong codes from one network, and then an order from there: its referral says so, and is not blocked by it."""
    links.guesses.passed.clear()
    for number in range(11):
        headers = {"X-Forwarded-For": f"198.51.100.7, 8.8.8.{number}"}
        assert shop.web.get(f"/r/anna-s-tea-house/wrong-{number}", headers=headers).status_code == 404
    shop.order(client_ip="8.8.8.200")
    shop.work()
    [referral] = shop.rows("SELECT evidence, rule FROM referral")
    assert (referral["evidence"]["guesses"], referral["rule"]) == (11, "paid")
    assert shop.web.get("/r/anna-s-tea-house/wrong", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 404
    assert shop.rows("SELECT count(*) AS n FROM guess") == [{"n": 11}]
