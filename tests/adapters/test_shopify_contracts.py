"""Held to what Shopify publishes: the Admin schema, and every webhook body that was ever seen.

Without CONTRACTS_DIR these are skipped. `python tests/adapters/test_shopify_contracts.py` prints docs/attribution.md.
"""

import gzip
import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

import pytest
from graphql import OperationDefinitionNode, build_client_schema, parse, validate
from graphql.execution.values import get_variable_values
from test_shopify_inbound import SECRET, SHOP, signed
from test_shopify_outbound import note, running

from adapters.shopify import MANIFEST, inbound, queries
from adapters.shopify.outbound import history
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.domain.program import Offer
from connector.ports.news import News
from connector.ports.offers import OfferTerms
from connector.ports.platform import GUEST, Capability, Direction, Holding
from connector.ports.records import Setup

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "attribution.md"
FOLDER = os.environ.get("CONTRACTS_DIR", "")
CONTRACTS = Path(FOLDER) / "shopify"
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
pytestmark = [
    pytest.mark.contracts,
    pytest.mark.skipif(
        not FOLDER, reason="CONTRACTS_DIR is not set: Shopify's published schema and payloads are not here"
    ),
]
HEAD = """\
# What an order says about who sent the buyer

Each webhook body is read for evidence, strongest first: a discount code that checkout accepted, then a note in the cart
that our own storefront script signed, then the link the order started from (`ref=CODE`, or `utm_content=CODE` where
`utm_source=referral`), then an unsigned note in the cart, which counts last of all. The visits before the order are read
from the Admin API; that read also decides.

A discount code counts only where `discount_applications` calls it a `discount_code`. A title that staff type on a draft
order stands in `discount_codes` too, and proves nothing. Every body gets one of these outcomes:

"""
MIDDLE = """
## Every published body, and what it comes to

The bodies are Shopify's own examples and deliveries that others published. A test makes this table from them, so it
is true. "Of what kind" is the winning evidence in the body.

| body | outcome | of what kind | why |
|---|---|---|---|
"""


def payloads():
    """Every published body with its topic: from `orders_create.*` or `orders.create` to orders/create."""
    if not FOLDER:
        return []
    found = []
    for path in sorted(CONTRACTS.glob("payloads*/*.json")):
        if not path.name.startswith("_"):
            stem = path.name.removesuffix(".json")
            old = path.parent.name == "payloads"
            kind, _, verb = stem.partition(".")[0].partition("_") if old else stem.partition(".")
            found.append((path, f"{kind}/{verb}"))
    return found


def body_of(path):
    # The published examples of the privacy topics have a blank where the shop's name stands.
    return path.read_bytes().replace(b"{shop}.myshopify.com", SHOP.encode())


@lru_cache
def schema():
    packed = CONTRACTS / "admin-graphql" / f"admin_{MANIFEST.api_version}.introspection.json.gz"
    # graphql-core finds deprecations in Shopify's schema that the standard forbids, and would refuse all documents.
    return build_client_schema(json.loads(gzip.decompress(packed.read_bytes()))["data"], assume_valid=True)


#: Documents that are asked for among others alone.
ONLY_TOGETHER = ("flow_note", "flow_trigger", "code_known")


def documents():
    return sorted(path.stem for path in (ROOT / "adapters" / "shopify" / "queries").glob("*.graphql"))


def test_every_document_is_valid_in_the_version_that_we_pin():
    names = documents()
    assert len(names) == len(queries.COSTS) > 0
    for name in names:
        document = parse(queries.document(name).text)
        assert validate(schema(), document) == [], name
        assert len(document.definitions[0].selection_set.selections) == 1, f"{name} must ask for one field"


def test_a_document_that_the_schema_does_not_know_would_be_seen():
    wrong = queries.document("credit").text.replace("creditInput: $creditInput", "creditInput: $creditInput, note: $id")
    assert wrong != queries.document("credit").text
    assert validate(schema(), parse(wrong))


def exercise(shop):
    """Every call that our code can make, with the variables that it makes them with."""
    buyer = shop.customer()
    number, ref = shop.order(customer=buyer["id"], net="100")
    shop.control(f"orders/{number}/refund", amount="10")
    shop.truth(ref, items=True)
    shop.out.glance(shop.account, [ref])
    shop.out.find_person(shop.account, "friend@example.com")
    effect = shop.credit(buyer["gid"])
    done = shop.issue(effect)
    shop.find(effect)
    shop.issue(type(effect)(**{**vars(effect), "direction": Direction.DEBIT, "holder": done.holder}))
    shop.out.write_records(shop.account, [note(ref, stage="pending")])
    shop.auth.probe(shop.account)
    shop.out.unheard(shop.account)
    for url in ("https://connector.example.com", "https://connector.example.com", "https://moved.example.com"):
        shop.out.provision(shop.account, Setup(url))
    for capability in (Capability.GIFT_CARD, Capability.CODE):
        exercise_bearer(shop, replace(effect, capability=capability, code="ABCD2345EFGH6789"))
    exercise_offers(shop)
    told = [News(uuid4(), kind, "friend", AT, "friend@example.com", person=buyer["gid"]) for kind in NewsKind]
    assert {one.refused for one in shop.out.tell(shop.account, told)} == {""}
    assert shop.out.known_codes(shop.account, ["NOWHERE", "TO-BE-FOUND"]) == set()


def exercise_bearer(shop, effect):
    """A card or code: made, made again, found, read, taken back in part and then in whole."""
    done = shop.issue(effect)
    assert shop.issue(effect).transaction == shop.find(effect).transaction == done.transaction
    back = replace(effect, direction=Direction.DEBIT, holder=done.holder, amount=Money(300, "EUR"))
    for leaves in (700, 0):
        shop.issue(replace(back, leaves=Money(leaves, "EUR"), amount=Money(700 - leaves or 700, "EUR")))
        shop.out.balance(shop.account, effect.capability, effect.owner, done.holder, "EUR")
    guest = replace(effect, owner=f"{GUEST}1", code="WXYZ2345EFGH6789", expires_at=None)
    paid = [
        (effect.capability, shop.issue(guest)),
        (Capability.BALANCE, shop.issue(replace(effect, capability=Capability.BALANCE))),
    ]
    shop.out.remains(shop.account, [Holding(kind, one.transaction, one.holder, effect.amount) for kind, one in paid])


def test_the_query_that_shopify_runs_for_us_is_one_that_it_takes():
    asked = history.QUERY.replace("SINCE", "2026-10-01T00:00:00Z")
    assert validate(schema(), parse(asked)) == []
    assert validate(schema(), parse(asked.replace("discountCodes", "discountedCodes")))


def exercise_offers(shop):
    """The friend's offer of every kind, made and changed, its codes added twice; and the orders of the past."""
    gift = Offer("gift", product="1", collection="2")
    kinds = (gift, Offer("shipping"), Offer("amount", amount=Money(500, "EUR"), minimum=Money(2000, "EUR")))
    external = ""

    def terms(offer):
        return OfferTerms("Referral: Tea friends", offer, AT, "ANCHOR")

    for offer in [kind for kind in kinds for _ in range(2)]:
        external = shop.out.put_offer(shop.account, external, terms(offer))
    for _ in range(2):
        operation = shop.out.add_codes(shop.account, external, ["ANNA1"])
        shop.out.codes_added(shop.account, external, operation, ["ANNA1"])
    shop.out.end_offer(shop.account, "gid://shopify/DiscountCodeNode/1")
    since = datetime.now(UTC) - timedelta(days=60)
    shop.out.read_history(shop.account, since, shop.out.read_history(shop.account, since, "").place)


def test_every_call_we_make_carries_variables_that_the_schema_takes():
    sent = []
    with running() as shop:
        answer = shop.sandbox.graphql
        shop.sandbox.graphql = lambda domain, token, raw, request: (
            sent.append(json.loads(raw)),
            answer(domain, token, raw, request),
        )[1]
        exercise(shop)
    texts = {queries.document(name).text for name in documents()}
    together = {one["query"] for one in sent} - texts
    assert {one["query"] for one in sent} >= texts - {queries.document(name).text for name in ONLY_TOGETHER}
    roots = ("currentAppInstallation", "flowTriggerReceive", "codeDiscountNodeByCode")
    assert all(any(name in text for text in together) for name in roots)
    assert [validate(schema(), parse(text)) for text in together] == [[]] * len(together)
    for one in sent:
        (operation,) = [d for d in parse(one["query"]).definitions if isinstance(d, OperationDefinitionNode)]
        coerced = get_variable_values(schema(), operation.variable_definitions or (), one["variables"])
        assert not isinstance(coerced, list), (one["variables"], coerced)


@pytest.mark.parametrize(
    ("path", "topic"), [pytest.param(*p, id=f"{p[0].parent.name}/{p[0].name}") for p in payloads()]
)
def test_every_published_body_is_received_and_comes_to_a_named_outcome(path, topic):
    (item,) = inbound.receive(signed(body_of(path), topic=topic), [SECRET])
    assert (item.account, item.topic, item.known) == (SHOP, topic, topic in inbound.TOPICS)
    reading = inbound.read(item.topic, item.body, AT)
    assert reading.outcome in inbound.OUTCOMES
    assert reading.reason.endswith(".")
    if topic.startswith("orders/") or topic == "refunds/create":
        (sighting,) = reading.sightings
        assert sighting.ref.id.startswith("gid://shopify/Order/")
        assert sighting.as_of.year < 2027


def test_the_headers_that_were_captured_are_understood():
    captured = json.loads((CONTRACTS / "payloads" / "_headers.captured.json").read_text())
    assert captured
    for headers in captured.values():
        more = {k.removeprefix("x-shopify-"): v for k, v in headers.items() if k.startswith("x-shopify-")}
        more = {name.replace("-", "_"): value for name, value in more.items() if name != "hmac-sha256"}
        shop, topic = more.pop("shop_domain"), more.pop("topic")
        (item,) = inbound.receive(
            signed({"id": 1, "domain": None}, shop=shop, topic=topic, event_id=None, **more), [SECRET]
        )
        assert (item.account, item.topic, item.key) == (shop, topic, more["webhook_id"])
        assert (item.triggered_at is not None) == ("triggered_at" in more)


def page():
    """docs/attribution.md as the published bodies make it."""
    words = "".join(f"- `{word}`: {meaning}\n" for word, meaning in inbound.OUTCOMES.items())
    rows = []
    for path, topic in payloads():
        body = body_of(path)
        reading = inbound.read(topic, body, AT)
        found = inbound.evidence(json.loads(body)) if topic in inbound.ORDERS else []
        kind = found[0].evidence if found else "none"
        rows.append(f"| {path.parent.name}/{path.stem} | `{reading.outcome}` | {kind} | {reading.reason} |\n")
    return HEAD + words + MIDDLE + "".join(rows)


def test_the_page_on_attribution_is_true():
    assert PAGE.read_text(encoding="utf-8") == page(), "print it anew: python tests/adapters/test_shopify_contracts.py"


if __name__ == "__main__":
    sys.stdout.write(page())
