"""What a program's rules ask of an order: its tax, what was bought, where it went, whose marks it bears, if it was sent.

A wrong one of them pays a merchant's money for what they excluded, or calls an honest friend a fraud.
"""

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
from test_shopify_outbound import DOMAIN, running

from adapters import plain
from adapters.shopify import MANIFEST, queries
from adapters.shopify.inbound import evidence, visit_touches
from adapters.shopify.outbound import orders, values
from adapters.shopify.outbound.reads import AGAIN_S
from connector.domain.facts import Item, ObjectRef, OrderFulfilled, OrderPaid
from connector.domain.money import Money
from connector.domain.person import network_of
from connector.domain.touch import Source
from connector.errors import Refused, Throttled, Unavailable
from connector.ports.platform import Seen, Wanted

BERLIN = {"address1": "Lindenstraße 7", "zip": "10969", "country": "DE", "city": "Berlin"}
PERSONAL = {"phone": "+49 30 1234567", "client_ip": "84.20.30.40", "shipping_address": BERLIN}
VISIT = {"landing_page": "https://acme.example/?ref=ANNA7", "referrer": "https://www.Coupons.com/tea?x=1"}


@pytest.fixture
def shop():
    with running() as opened:
        yield opened


def truth(shop, *, read_items=False, **order):
    """What is told of a new order of a new customer."""
    _, ref = shop.order(**{"customer": shop.customer()["id"], "send": False, "net": "100", **order})
    return shop.truth(ref, items=read_items)


def paid(shop, **order):
    return truth(shop, **order).facts[0]


def eur(minor):
    return Money(minor, "EUR")


def bag(amount):
    return {"shopMoney": {"amount": amount, "currencyCode": "EUR"}}


def total(items, currency="EUR"):
    return sum((item.net for item in items), Money.zero(currency))


# ── Tax, country, currency ───────────────────────────────────────────────────────────────────────────────────────


def test_where_prices_are_without_tax_no_part_of_the_net_is_tax(shop):
    fact = paid(shop, tax="19", shipping="5", shipping_tax="0.95")
    assert (fact.net, fact.tax) == (eur(10000), eur(0))


def test_where_prices_include_it_the_tax_of_the_goods_counts_and_that_of_the_shipping_does_not(shop):
    plain = paid(shop, taxes_included=True, tax="19")
    assert (plain.net, plain.tax) == (eur(11900), eur(1900))
    shipped = paid(shop, taxes_included=True, tax="19", shipping="5.95", shipping_tax="0.95")
    assert (shipped.net, shipped.tax) == (eur(11900), eur(1900))


def test_tax_that_shopify_does_not_tell_is_unknown_and_never_more_than_the_net():
    order = {"taxesIncluded": True, "totalTaxSet": None, "shippingLine": {"taxLines": [{"priceSet": bag("3.0")}]}}
    assert orders._tax(order, eur(1000)) is None
    for told, tax in (("5.0", 200), ("2.0", 0), ("99.0", 1000)):
        assert orders._tax(order | {"totalTaxSet": bag(told)}, eur(1000)) == eur(tax)


def test_an_order_went_where_it_was_shipped_to_else_where_the_bill_went(shop):
    vienna = BERLIN | {"country": "AT"}
    assert paid(shop, shipping_address=BERLIN, billing_address=vienna).country == "DE"
    assert paid(shop, billing_address=vienna).country == "AT"
    assert paid(shop, shipping_address={"country": "ZZ"}, billing_address=vienna).country == "AT"
    assert paid(shop).country == ""


def test_the_currency_that_a_friend_saw_is_told_where_it_is_not_the_shops(shop):
    abroad = paid(shop, presentment={"currency": "USD", "rate": "1.25"})
    assert (abroad.net, abroad.paid_in) == (eur(10000), "USD")
    assert paid(shop).paid_in == ""


# ── What was bought ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_bought_is_read_only_when_asked_for(shop):
    assert paid(shop).items is None
    calls = len(shop.meter.asked)
    assert paid(shop, read_items=True).items is not None
    assert len(shop.meter.asked) == calls + 2
    assert truth(shop, read_items=True, status="pending").facts == ()
    assert len(shop.meter.asked) == calls + 3


def test_a_merchant_may_name_a_product_by_all_that_it_is_known_by(shop):
    tea = {"price": "10", "product": 77, "sku": " TEA-1 ", "vendor": "Anna's", "product_type": "Green Tea"}
    lines = [tea | {"tags": ["Bio", "ÖKO", " "]}, {"price": "5", "product": None}, {"price": "5", "product": 78}]
    first, typed, bare = paid(shop, read_items=True, items=lines).items
    names = frozenset({"gid://shopify/product/77", "77", "tea-1", "anna's", "green tea", "bio", "öko"})
    assert first == Item(names, eur(1000), eur(0))
    assert typed.labels == frozenset()
    assert bare.labels == {"gid://shopify/product/78", "78", "acme"}


@pytest.mark.parametrize("kind", ["code", "manual", "automatic"])
@pytest.mark.parametrize(
    ("currency", "prices", "off", "net"),
    [
        ("EUR", ("10.00", "10.00", "10.01"), "1.00", 2901),
        ("JPY", ("1000", "333", "10"), "100", 1243),
        ("KWD", ("1.001", "2.002", "0.004"), "0.500", 2507),
    ],
)
def test_the_parts_sum_to_the_net_to_the_last_unit(currency, prices, off, net, kind):
    with running(currency=currency) as shop:
        discount = {"kind": kind, "name": "LESS", "amount": off}
        fact = paid(shop, read_items=True, items=[{"price": price} for price in prices], discounts=[discount])
    assert fact.net == Money(net, currency) == total(fact.items, currency)
    assert len(fact.items) == 3
    assert all(item.net.minor >= 0 for item in fact.items)


def test_what_rounding_leaves_over_goes_to_the_largest_line():
    line = {"sku": "", "vendor": "", "product": None, "taxLines": []}
    lines = [line | {"discountedTotalSet": bag(amount)} for amount in ("1.00", "1.01", "1.00")]
    assert [item.net.minor for item in orders.items_of(eur(100), eur(0), lines)] == [33, 34, 33]
    assert [item.net.minor for item in orders.items_of(eur(0), eur(0), lines)] == [0, 0, 0]
    many = [item.net.minor for item in orders.items_of(eur(40), eur(0), lines[:1] * 75)]
    assert (min(many), sum(many)) == (0, 40)
    free = [line | {"discountedTotalSet": bag("0.0")}]
    assert [item.net.minor for item in orders.items_of(eur(0), eur(0), free)] == [0]
    assert orders.items_of(eur(100), eur(0), free) is None
    assert orders.items_of(eur(100), eur(0), []) is None


def test_each_line_has_the_tax_of_its_own_rate(shop):
    lines = [{"price": "11.90", "tax": "1.90"}, {"price": "10.70", "tax": "0.70"}, {"price": "3"}]
    fact = paid(shop, read_items=True, items=lines, taxes_included=True)
    assert [item.tax for item in fact.items] == [eur(190), eur(70), eur(0)]
    assert fact.tax == eur(260)
    without = paid(shop, read_items=True, items=lines)
    assert [item.tax for item in without.items] == [eur(0)] * 3


def test_a_line_with_more_taxes_than_are_read_has_a_tax_that_nobody_knows(shop):
    def taxed(parts):
        line = {"price": "12", "tax": "2", "tax_parts": parts}
        (item,) = paid(shop, read_items=True, items=[line], taxes_included=True).items
        return item.tax

    assert (taxed(orders.TAXES_READ - 1), taxed(orders.TAXES_READ)) == (eur(200), None)


def test_more_lines_than_a_page_are_not_told_rather_than_told_in_part(shop):
    whole, more = (paid(shop, read_items=True, items=[{"price": "1"}] * number) for number in (75, 76))
    assert (len(whole.items), total(whole.items)) == (75, whole.net)
    assert (more.items, more.net) == (None, eur(7600))


def test_a_shop_that_does_not_show_its_products_still_tells_what_was_paid(shop):
    kept = [scope.name for scope in MANIFEST.scopes if scope.name != "read_products"]
    shop.control(f"shops/{DOMAIN}/scopes", scopes=kept, send=False)
    fact = paid(shop, read_items=True)
    assert (fact.items, fact.net) == (None, eur(10000))


@pytest.mark.parametrize("operation", ["Items", "Refunds"])
def test_a_read_that_must_wait_leaves_time_to_read_the_order_again(shop, operation):
    number, ref = shop.order(customer=shop.customer()["id"], net="100")
    shop.control(f"orders/{number}/refund", amount="10")
    waits = []
    for throttled in ("Orders", operation):
        shop.fault("throttled", throttled)
        with pytest.raises(Throttled) as raised:
            shop.truth(ref, items=True)
        waits.append(raised.value.wait_s)
    assert waits[1] == waits[0] + AGAIN_S
    assert shop.truth(ref, items=True).facts[0].items


def test_what_was_bought_is_not_left_out_because_of_any_other_refusal(shop):
    _, ref = shop.order(customer=shop.customer()["id"], net="100")
    shop.fault("status", "Items", status=422)
    with pytest.raises(Refused):
        shop.truth(ref, items=True)


# ── What went back ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refund_tells_what_went_back_where_it_was_read_what_was_bought(shop):
    lines = [{"price": "60", "quantity": 2, "sku": "TEA"}, {"price": "30", "sku": "CUP"}]
    number, ref = shop.order(customer=shop.customer()["id"], items=lines)
    shop.control(f"orders/{number}/refund", lines=[{"line": 0, "quantity": 1}, {"line": 1}])
    shop.control(f"orders/{number}/refund", amount="20.00")
    fact, goods, money = shop.truth(ref, items=True).facts
    tea, cup = (item.labels for item in fact.items)
    assert goods.items == (Item(tea, eur(6000)), Item(cup, eur(3000)))
    assert (goods.amount, total(goods.items)) == (eur(9000), eur(9000))
    assert (money.items, money.amount) == (None, eur(2000))
    assert [fact.items for fact in shop.truth(ref).facts] == [None, None, None]


def test_a_refund_that_is_cut_off_or_of_unknown_lines_tells_its_sum_alone(shop):
    lines = {"nodes": [{"lineItem": {"id": "a"}, "subtotalSet": bag("6.0")}], "pageInfo": {"hasNextPage": False}}
    refund, labels = {"refundLineItems": lines}, {"a": frozenset({"tea"})}
    assert orders._returned(refund, eur(600), labels) == (Item(frozenset({"tea"}), eur(600)),)
    assert orders._returned(refund, eur(500), labels) is None
    assert orders._returned(refund, eur(600), {}) is None
    more = {"refundLineItems": lines | {"pageInfo": {"hasNextPage": True}}}
    assert orders._returned(more, eur(600), labels) is None


# ── Sent ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_fulfilled_when_all_of_it_was_sent_and_not_before(shop):
    assert "order_fulfilled" in MANIFEST.qualifying
    number, ref = shop.order(customer=shop.customer()["id"], net="100")
    assert len(shop.truth(ref).facts) == 1
    shop.control(f"orders/{number}/fulfill", partly=True)
    assert len(shop.truth(ref).facts) == 1
    shop.control("clock", advance_s=60)
    shop.control(f"orders/{number}/fulfill")
    first, sent = shop.truth(ref).facts
    assert isinstance(first, OrderPaid) and isinstance(sent, OrderFulfilled)
    assert (sent.ref, sent.happened_at) == (ref, sent.as_of)
    shop.control("clock", advance_s=60)
    shop.control(f"orders/{number}/refund", amount="1")
    later = shop.truth(ref).facts[-1]
    assert later.happened_at == sent.happened_at < later.as_of
    shop.control(f"orders/{number}/fulfill")  # a second parcel, that never left
    shop.control(f"orders/{number}/fulfill", cancelled=True)
    assert shop.truth(ref).facts[-1].happened_at == sent.happened_at


def test_a_shipment_that_was_taken_back_was_none(shop):
    number, ref = shop.order(customer=shop.customer()["id"], net="100")
    shop.control(f"orders/{number}/fulfill")
    shop.control(f"orders/{number}/fulfill", cancelled=True)
    assert [type(fact) for fact in shop.truth(ref).facts] == [OrderPaid]


def test_an_order_that_is_sent_before_it_is_paid_says_both_in_the_end(shop):
    number, ref = shop.order(customer=shop.customer()["id"], net="100", status="pending")
    shop.control(f"orders/{number}/fulfill")
    assert [type(fact) for fact in shop.truth(ref).facts] == [OrderFulfilled]
    shop.control(f"orders/{number}/pay")
    assert [type(fact) for fact in shop.truth(ref).facts] == [OrderPaid, OrderFulfilled]


def test_an_order_whose_shipments_are_not_told_was_sent_when_it_last_changed():
    order = {"displayFulfillmentStatus": "FULFILLED", "updatedAt": "2026-11-20T10:00:00Z", "fulfillments": []}
    fact = orders.fulfilled_of(ObjectRef("order", "1"), order)
    assert fact.happened_at == fact.as_of == values.time("2026-11-20T10:00:00Z")


# ── Whose marks it bears ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_bears_the_marks_that_people_may_share_behind_those_that_are_theirs_alone(shop):
    buyer = shop.customer(phone="+491701234567")
    found = truth(shop, customer=buyer["id"], **PERSONAL)
    assert found.buyer == (
        Seen("customer", buyer["gid"]),
        Seen("email", "friend@example.com"),
        Seen("phone", "+491701234567"),
        Seen("phone", "+49301234567"),
        Seen("address", "Lindenstraße 7 10969 DE"),
        Seen("network", "84.20.30.0/24"),
    )
    assert found.withheld == frozenset()
    (person,) = shop.out.fetch(shop.account, [ObjectRef("customer", buyer["gid"])], Wanted(items=True))
    assert person.buyer == found.buyer[:3]


def test_an_order_with_nothing_but_shared_marks_still_has_no_buyer(shop):
    found = truth(shop, customer=None, **PERSONAL)
    assert (found.note, len(found.buyer)) == ("no_buyer", 3)


@pytest.mark.parametrize(
    ("number", "same"),
    [
        ("+1 (212) 555-0100", "+12125550100"),
        ("030 1234567", ""),  # anybody's, without its country
        ("+0301234567", ""),
        ("+49", ""),
        ("call me", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_only_a_number_that_means_the_same_everywhere_is_a_mark(number, same):
    assert plain.phone_of(number) == same


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("84.20.30.40", "84.20.30.0/24"),
        (" 84.20.30.41 ", "84.20.30.0/24"),
        ("2a02:8109:aa0:1b2c::7", "2a02:8109:aa0::/48"),
        ("::ffff:84.20.30.40", "84.20.30.0/24"),
        ("10.0.0.1", ""),
        ("192.168.7.7", ""),
        ("100.64.0.1", ""),
        ("127.0.0.1", ""),
        ("203.0.113.9", ""),
        ("224.0.1.1", ""),
        ("::1", ""),
        ("::ffff:10.0.0.1", ""),
        ("fe80::1", ""),
        ("fd00::1", ""),
        ("84.20.30.999", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_only_an_address_on_the_open_internet_names_a_network(address, network):
    assert network_of(address) == network


def test_the_tags_that_a_merchant_gave_a_customer_are_their_groups(shop):
    tagged = shop.customer(tags=["VIP", " Tea Club ", " "])
    groups = frozenset({"tag:vip", "tag:tea club"})
    assert truth(shop, customer=tagged["id"]).groups == groups
    (person,) = shop.out.fetch(shop.account, [ObjectRef("customer", tagged["gid"])], Wanted())
    assert person.groups == groups
    assert truth(shop, customer=None, email="g@example.com", guest=True).groups == frozenset()


# ── What Shopify does not show ───────────────────────────────────────────────────────────────────────────────────


def test_what_an_app_is_not_approved_for_is_withheld_and_the_rest_is_read(shop):
    shop.control(f"shops/{DOMAIN}/update", withheld=["phone", "address", "name"], send=False)
    buyer = shop.customer(phone="+491701234567")
    found = truth(shop, customer=buyer["id"], read_items=True, visits=[VISIT], **PERSONAL)
    assert found.withheld == {"phone", "address"}
    assert found.buyer == (
        Seen("customer", buyer["gid"]),
        Seen("email", "friend@example.com"),
        Seen("network", "84.20.30.0/24"),
    )
    assert (found.facts[0].country, found.touches[0].code, found.note) == ("DE", "ANNA7", "")
    assert found.facts[0].items


def test_an_app_without_any_approval_still_reads_orders_and_says_what_it_cannot_see(shop):
    shop.control(f"shops/{DOMAIN}/update", protected=False, send=False)
    buyer = shop.customer(phone="+491701234567")
    _, ref = shop.order(customer=buyer["id"], net="100", visits=[VISIT], **PERSONAL)
    person = ObjectRef("customer", buyer["gid"])
    order, customer, missing = shop.out.fetch(
        shop.account, [ref, person, ObjectRef("order", "gid://shopify/Order/1")], Wanted()
    )
    assert order.withheld == {"phone", "address", "network", "mailbox", "referrer"}
    assert customer.withheld == {"phone", "mailbox"}
    assert (missing.found, missing.withheld) == (False, frozenset())
    assert order.buyer == customer.buyer == (Seen("customer", buyer["gid"]),)
    assert order.facts[0].net == eur(10000)
    (glance,) = shop.out.glance(shop.account, [ref])
    assert glance.found
    assert shop.out.find_person(shop.account, "friend@example.com") == person


def test_who_sent_the_buyer_is_told_though_their_link_bore_no_code(shop):
    found = truth(
        shop, visits=[{"landing_page": "https://acme.example/tea", "referrer": "https://www.coupons.com/tea"}]
    )
    assert (found.touches, found.referrers) == ((), {"www.coupons.com"})


def test_what_is_merely_empty_on_an_order_is_not_withheld(shop):
    bare = truth(shop, customer=None)
    assert (bare.buyer, bare.withheld) == ((), frozenset())
    shop.control(f"shops/{DOMAIN}/update", withheld=["address"], send=False)
    assert truth(shop).withheld == frozenset()


@contextmanager
def beside(shop, *errors):
    """Every answer of the shop has these errors beside its data."""
    answer = shop.sandbox.graphql

    def with_error(*call):
        reply = answer(*call)
        return replace(reply, body=json.dumps({**json.loads(reply.body), "errors": errors}).encode())

    shop.sandbox.graphql = with_error
    yield
    shop.sandbox.graphql = answer


AT_EMAIL = {"message": "This app is not approved to use the email field.", "path": ["nodes", 0, "email"]}


def test_an_error_is_understood_as_shopifys_page_shows_it_and_as_shops_send_it(shop):
    _, ref = shop.order(customer=shop.customer()["id"], net="100")
    for more in ({}, {"extensions": {}}, {"extensions": {"code": "ACCESS_DENIED"}}):
        with beside(shop, AT_EMAIL | more):
            assert shop.truth(ref).withheld == {"mailbox"}


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (AT_EMAIL | {"extensions": {"code": "INTERNAL_SERVER_ERROR"}}, Unavailable),
        (AT_EMAIL | {"extensions": {"code": "ACCESS_DENIED", "requiredAccess": "`read_customers`"}}, Refused),
        (AT_EMAIL | {"extensions": "odd"}, Unavailable),
        (AT_EMAIL | {"path": ["nodes", 0]}, Unavailable),
        (AT_EMAIL | {"path": ["nodes", 0, "subtotalPriceSet"]}, Unavailable),
        ({"message": "something"}, Unavailable),
        ("words", Unavailable),
    ],
)
def test_no_other_error_is_taken_for_a_field_that_is_not_shown(shop, error, meaning):
    _, ref = shop.order(customer=shop.customer()["id"], net="100")
    with beside(shop, error), pytest.raises(meaning):
        shop.truth(ref)
    with beside(shop, AT_EMAIL, error), pytest.raises((Unavailable, Refused)):
        shop.truth(ref)


# ── Who sent the friend ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_visit_names_the_host_that_sent_the_friend(shop):
    found = truth(shop, visits=[{**VISIT, "referrer": None}, VISIT])
    assert [(touch.source, touch.referrer) for touch in found.touches] == [
        (Source.LAST_VISIT, "www.coupons.com"),
        (Source.FIRST_VISIT, ""),
    ]
    assert truth(shop, discounts=[{"kind": "code", "name": "A1", "amount": "1"}]).touches[0].referrer == ""


def test_a_delivered_order_names_the_host_that_sent_the_friend():
    order = {
        "processed_at": "2026-11-20T10:00:00Z",
        "landing_site": "/?ref=ANNA7",
        "discount_applications": [{"type": "discount_code", "code": "ANNA7"}],
    }
    assert [touch.referrer for touch in evidence(order)] == ["", ""]
    for link, host in (("https://www.coupons.com/tea", "www.coupons.com"), ("coupons.com", ""), ("//[", ""), (7, "")):
        assert {touch.referrer for touch in evidence(order | {"referring_site": link})} == {host}
    visit = {"occurredAt": "2026-11-20T10:00:00Z", "landingPage": "/?ref=A1", "utmParameters": None}
    assert visit_touches({"lastVisit": visit})[0].referrer == ""  # a bulk file does not tell


def test_every_order_of_a_full_batch_may_be_asked_for_at_once():
    most = queries.document("orders").cost({"ids": ["x"] * MANIFEST.read_batch})
    assert most <= 1000 < most + queries.COSTS["orders"][1]
