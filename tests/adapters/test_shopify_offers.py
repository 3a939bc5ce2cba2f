"""The friend's offer as the shop holds it: what a buyer gets, and what a second call finds. All over real HTTP."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from graphql import parse, validate
from test_shopify_outbound import DOMAIN, running

from adapters.http import Gate
from adapters.shopify.outbound import history
from connector.domain.money import Money
from connector.domain.program import Offer
from connector.errors import Refused, Unavailable, Unknown
from connector.ports.offers import NO_SUCH_OFFER, CodesAdded, OfferTerms

ANCHOR = "0123456789ABCDEF"
TEN = Offer("percent", 1000)
GIFT = Offer("gift", product="11", collection="22")
OFFERS = {
    "percent": TEN,
    "amount": Offer("amount", amount=Money(500, "EUR"), minimum=Money(3000, "EUR")),
    "shipping": Offer("shipping", minimum=Money(2000, "EUR")),
    "gift": GIFT,
    "gift above a minimum": replace(GIFT, minimum=Money(4000, "EUR")),
}
SEEN = """query($id: ID!) { codeDiscountNode(id: $id) { codeDiscount { __typename
  ... on DiscountCodeBasic { title status appliesOncePerCustomer usageLimit
    minimumRequirement { ... on DiscountMinimumSubtotal { greaterThanOrEqualToSubtotal { amount } } }
    customerGets { value { ... on DiscountPercentage { percentage } ... on DiscountAmount { amount { amount } } } } }
  ... on DiscountCodeFreeShipping { title status appliesOncePerCustomer
    minimumRequirement { ... on DiscountMinimumSubtotal { greaterThanOrEqualToSubtotal { amount } } } }
  ... on DiscountCodeBxgy { title status appliesOncePerCustomer usesPerOrderLimit
    customerBuys { value { ... on DiscountQuantity { quantity } ... on DiscountPurchaseAmount { amount } }
      items { ... on DiscountCollections { collections(first: 5) { nodes { id } } } } }
    customerGets { items { ... on DiscountProducts { products(first: 5) { nodes { id } } } } } }
} } }"""


@pytest.fixture
def shop():
    with running() as opened:
        yield opened


def terms(offer=TEN, title="Referral: Tea friends"):
    return OfferTerms(title, offer, datetime.now(UTC), ANCHOR)


def put(shop, offer=TEN, standing="", **more):
    return shop.out.put_offer(shop.account, standing, terms(offer, **more))


def discounts(shop):
    return {one["gid"]: one for one in shop.control("state", "GET")["shops"][0]["discounts"]}


def seen(shop, external):
    body = json.dumps({"query": SEEN, "variables": {"id": external}}).encode()
    answer = json.loads(shop.sandbox.graphql(DOMAIN, shop.account.token, body, "r").body)
    return answer["data"]["codeDiscountNode"]["codeDiscount"]


def add(shop, external, codes):
    operation = shop.out.add_codes(shop.account, external, codes)
    return shop.out.codes_added(shop.account, external, operation, codes)


# ── The discount ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_making_it_twice_finds_the_first_one(shop, offer):
    first = put(shop, offer)
    assert put(shop, offer, first) == put(shop, offer) == first
    (one,) = discounts(shop).values()
    assert len(one["codes"]) == 1
    held = seen(shop, first)
    assert (held["title"], held["status"], held["appliesOncePerCustomer"]) == ("Referral: Tea friends", "ACTIVE", True)


def test_a_buyer_gets_what_the_program_says(shop):
    assert seen(shop, put(shop))["customerGets"]["value"] == {"percentage": 0.1}
    held = seen(shop, put(shop, OFFERS["amount"]))
    assert held["customerGets"]["value"]["amount"]["amount"] in {"5.0", "5.00"}
    assert held["minimumRequirement"]["greaterThanOrEqualToSubtotal"]["amount"] in {"30.0", "30.00"}
    assert seen(shop, put(shop))["minimumRequirement"] is None, "a minimum that the program dropped is dropped"
    held = seen(shop, put(shop, OFFERS["gift above a minimum"]))
    assert float(held["customerBuys"]["value"]["amount"]) == 40
    assert held["customerBuys"]["items"]["collections"]["nodes"] == [{"id": "gid://shopify/Collection/22"}]
    assert held["customerGets"]["items"]["products"]["nodes"] == [{"id": "gid://shopify/Product/11"}]
    assert held["usesPerOrderLimit"] == 1
    held = seen(shop, put(shop, GIFT))
    assert held["customerBuys"]["value"] == {"quantity": "1"}


def test_another_kind_takes_the_old_ones_place(shop):
    first = put(shop)
    second = put(shop, OFFERS["shipping"], first)
    assert (seen(shop, first)["status"], seen(shop, second)["status"]) == ("EXPIRED", "ACTIVE")
    third = put(shop, GIFT, second)
    fourth = put(shop, Offer("gift", product="12", collection="22"), third)
    assert len({first, second, third, fourth}) == 4, "another gift is another discount: items only add up"
    assert put(shop, TEN, fourth) == first
    assert [seen(shop, one)["status"] for one in (first, second, third, fourth)] == ["ACTIVE", *["EXPIRED"] * 3]


def test_ending_it_twice_or_after_it_was_deleted_is_fine(shop):
    external = put(shop)
    shop.out.end_offer(shop.account, external)
    shop.out.end_offer(shop.account, external)
    assert seen(shop, external)["status"] == "EXPIRED"
    shop.out.end_offer(shop.account, "gid://shopify/DiscountCodeNode/1")


def test_a_lost_answer_is_told_as_unknown_and_the_next_call_finds_the_discount(shop):
    shop.fault("cut_after", "discountCodeBasicCreate")
    with pytest.raises(Unknown):
        put(shop)
    assert {put(shop)} == set(discounts(shop))


def test_a_gift_is_named_by_its_number_or_its_id_and_by_nothing_else(shop):
    for product in ("tea cup", "", "gid://shopify/Collection/22", "11 or 12"):
        with pytest.raises(Refused, match=r"offer\.product: write the number"):
            put(shop, Offer("gift", product=product, collection="22"))
    whole = Offer("gift", product="gid://shopify/Product/11", collection="gid://shopify/Collection/22")
    assert put(shop, whole) == put(shop, GIFT)


# ── Its codes ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_codes_are_added_once_and_those_that_are_there_already_are_live(shop):
    external = put(shop)
    assert add(shop, external, ["ANNA1", "BERT2"]) == CodesAdded(live=frozenset({"ANNA1", "BERT2"}))
    assert add(shop, external, ["BERT2", "CARL3"]).live == {"BERT2", "CARL3"}
    assert len(discounts(shop)[external]["codes"]) == 4


def test_a_code_of_another_discount_is_taken_and_one_that_is_refused_says_so(shop):
    shop.control("discounts", shop=DOMAIN, title="Autumn", codes=["autumn"])
    external, too_long = put(shop), "X" * 300
    added = add(shop, external, ["AUTUMN", "ANNA1", too_long])
    assert (added.live, added.taken, set(added.refused)) == ({"ANNA1"}, {"AUTUMN"}, {too_long})


def test_two_hundred_fifty_lost_codes_are_looked_up_a_few_at_a_time(shop):
    external, codes = put(shop), [f"CODE{n}" for n in range(250)]
    add(shop, external, codes)
    operation = shop.out.add_codes(shop.account, external, codes)
    found, looks = set(), 0
    while len(found) < 250 and looks < 20:
        found |= shop.out.codes_added(shop.account, external, operation, [c for c in codes if c not in found]).live
        looks += 1
    assert (len(found), looks) == (250, 10)


def test_an_addition_that_the_shop_forgot_is_wanted_again(shop):
    gone = "gid://shopify/DiscountRedeemCodeBulkCreation/1"
    assert shop.out.codes_added(shop.account, put(shop), gone, ["ANNA1"]).again == {"ANNA1"}


def test_a_discount_that_somebody_deleted_is_told_apart(shop):
    with pytest.raises(Refused) as caught:
        shop.out.add_codes(shop.account, "gid://shopify/DiscountCodeNode/1", ["ANNA1"])
    assert caught.value.code == NO_SUCH_OFFER


# ── History ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_query_that_shopify_runs_itself_is_in_the_published_schema(contracts):
    from test_shopify_contracts import schema

    assert validate(schema(), parse(history.QUERY)) == []
    assert validate(schema(), parse(history.QUERY.replace("updatedAt", "updated"))), "a wrong field would be seen"


def test_history_reaches_sixty_days_and_further_where_the_merchant_allows_it(shop):
    assert shop.out.horizon(frozenset({"read_orders"})).longest == timedelta(days=60)
    assert shop.out.horizon(frozenset({"read_orders", "read_all_orders"})).longest is None


def test_a_file_is_read_from_shopifys_hosts_alone(shop):
    for url in ("https://evil.example/x", "http://storage.googleapis.com/x", "file:///etc/passwd", "http://[::1]/x"):
        with pytest.raises(Refused, match="not a host"):
            shop.out.client.part(url, 0, 10)


WHOLE = b"".join(b"line %d\n" % number for number in range(1000))


class Files(BaseHTTPRequestHandler):
    """A file server: /ranges honours Range, /whole sends all, /short breaks off."""

    def do_GET(self):
        start, end = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        if self.path == "/ranges" and start >= len(WHOLE):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/ranges":
            data = WHOLE[start : end + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{start + len(data) - 1}/{len(WHOLE)}")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(WHOLE)))
            self.end_headers()
            self.wfile.write(WHOLE if self.path == "/whole" else WHOLE[: start + 5])

    def log_message(self, *_):
        pass


@pytest.fixture
def files():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


@pytest.mark.parametrize("path", ["ranges", "whole"])
def test_a_file_is_read_part_by_part_whether_its_server_knows_ranges_or_not(files, path):
    gate, read, last = Gate("test", "", files), b"", False
    while not last:
        part = gate.part(f"{files}/{path}", operation="file", start=len(read), size=1000)
        read, last = read + part.data, part.last
    assert read == WHOLE
    assert gate.part(f"{files}/{path}", operation="file", start=len(WHOLE), size=10).data == b""


def test_a_file_that_breaks_off_is_no_end_of_it(files):
    with pytest.raises(Unavailable):
        Gate("test", "", files).part(f"{files}/short", operation="file", start=0, size=1000)


def test_a_place_survives_and_reading_it_twice_is_the_same(shop, monkeypatch):
    monkeypatch.setattr(history, "PART", 700)
    shop.control("bulk", shop=DOMAIN, looks=0)
    buyer = shop.customer()
    for _ in range(6):
        shop.order(customer=buyer["id"], net="10", send=False)
    since = datetime.now(UTC) - timedelta(days=30)
    place = shop.out.read_history(shop.account, since, "").place
    refs, done = [], False
    while not done:
        chapter = shop.out.read_history(shop.account, since, place)
        assert shop.out.read_history(shop.account, since, place) == chapter
        refs += [sighting.ref.id for sighting in chapter.sightings]
        place, done = chapter.place, chapter.done
    assert len(refs) == len(set(refs)) == 6
    assert (chapter.seen, chapter.total) == (6, 6)
