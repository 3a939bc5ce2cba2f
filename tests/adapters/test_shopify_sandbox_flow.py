"""The stand-in's Shopify Flow refuses what the real one would, else a whole kind of news could be lost unseen."""

import pytest

from adapters.shopify.sandbox import start
from adapters.shopify.sandbox.client import Client
from adapters.shopify.sandbox.flow import triggers

SHOP, HANDLE = "tea.myshopify.com", "referral-started"
TRIGGER = """mutation($handle: String, $payload: JSON) {
  flowTriggerReceive(handle: $handle, payload: $payload) { userErrors { field message } }
}"""


@pytest.fixture
def flow():
    sandbox = start()
    try:
        client = Client(sandbox.url, SHOP, "shpat_flow")
        client.control("shops", domain=SHOP, token="shpat_flow", bucket={"maximum": 1e9, "rate": 1e9})
        client.person = client.control("customers", shop=SHOP, email="anna@example.com", send=False)["id"]
        yield client
        client.close()
    finally:
        sandbox.stop()


def payload(flow, **more):
    texts = {key: "" for key, kind in triggers()[HANDLE].items() if kind == "single_line_text_field"}
    return {**texts, "customer_id": flow.person, "Reward amount": 1.5, **more}


def refused(flow, handle, given):
    (error, *more) = flow.ask(TRIGGER, handle=handle, payload=given)["data"]["flowTriggerReceive"]["userErrors"] or [
        None
    ]
    assert more == []
    return error and (error["field"], " ".join(error["message"].split()))


def booked(flow):
    return [entry["key"] for entry in flow.book()["entries"] if entry["kind"] == "flow_trigger"]


def test_a_trigger_that_was_deployed_is_started_and_booked_as_often_as_it_is_asked_for(flow):
    assert [refused(flow, HANDLE, payload(flow)) for _ in range(2)] == [None, None]
    assert booked(flow) == [HANDLE, HANDLE]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"customer_id": 1}, "'customer_id' is no customer_reference."),
        ({"customer_id": "7"}, "'customer_id' is no customer_reference."),
        ({"Role": None}, "'Role' is no single_line_text_field."),
        ({"Reward amount": ""}, "'Reward amount' is no number_decimal."),
        ({"Colour": "red"}, "Unknown field: 'Colour'."),
        ({"Reason": "x" * 50_000}, "Properties size exceeds the limit of 50000 bytes."),
    ],
)
def test_a_payload_that_does_not_fit_starts_nothing(flow, more, words):
    assert refused(flow, HANDLE, payload(flow, **more)) == (["body"], f"Errors validating schema: {words}")
    assert booked(flow) == []


def test_a_field_that_is_left_out_and_an_unknown_handle_start_nothing(flow):
    less = payload(flow)
    del less["Role"]
    assert refused(flow, HANDLE, less) == (["body"], "Errors validating schema: Required field missing: 'Role'.")
    for handle in ("referral-danced", "issue-referral-credit"):
        assert refused(flow, handle, payload(flow))[1] == f"Errors validating schema: Invalid handle '{handle}'."
    flow.control(f"shops/{SHOP}/update", undeployed=[HANDLE], send=False)
    assert refused(flow, HANDLE, payload(flow))[1] == f"Errors validating schema: Invalid handle '{HANDLE}'."
    assert booked(flow) == []


def test_the_mutations_of_a_document_are_carried_out_in_order_and_past_a_refusal(flow):
    own = flow.ask('{ currentAppInstallation { id metafield(key: "told") { value } } }')["data"][
        "currentAppInstallation"
    ]
    assert own["metafield"] is None
    fields = [{"ownerId": own["id"], "key": "told", "type": "json", "value": f"[{place}]"} for place in range(2)]
    told = flow.ask(
        """mutation($a: JSON, $b: [MetafieldsSetInput!]!, $c: [MetafieldsSetInput!]!) {
          r0: metafieldsSet(metafields: $b) { userErrors { message } }
          r1: flowTriggerReceive(handle: "nobody", payload: $a) { userErrors { message } }
          r2: metafieldsSet(metafields: $c) { userErrors { message } }
        }""",
        a=payload(flow),
        b=fields[:1],
        c=fields[1:],
    )["data"]
    assert [bool(told[root]["userErrors"]) for root in ("r0", "r1", "r2")] == [False, True, False]
    after = flow.ask("{ currentAppInstallation { metafields(first: 5) { nodes { key value } } } }")["data"]
    assert after["currentAppInstallation"]["metafields"]["nodes"] == [{"key": "told", "value": "[1]"}]
