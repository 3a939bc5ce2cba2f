"""The card and the settings page inside the CRM: they tell a signed question of its own account, and nobody else's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.hub import PORTAL, SECRET, Hub


@pytest.fixture
def hub(make_app: Any) -> Iterator[Hub]:
    with Hub(make_app) as opened:
        yield opened


def asked(hub: Hub, path: str, portal: int = PORTAL, secret: str = SECRET, **headers: str) -> requests.Response:
    """A question as the platform asks it for the page that a user has open."""
    url = f"http://127.0.0.1:{hub.port}{path}?userId=7&portalId={portal}&userEmail=eva%40tea.example&appId=1"
    stamp = str(round(time.time() * 1000))
    text = b"GET" + url.replace("%40", "@").encode() + stamp.encode()
    mark = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    signed = {"X-HubSpot-Signature-v3": mark, "X-HubSpot-Request-Timestamp": stamp, **headers}
    return requests.get(url, headers=signed, timeout=10)


def test_sales_see_who_sent_a_contact_and_what_to_say(hub: Hub) -> None:
    number, code = hub.advocate()
    friend = hub.form("friend@example.org", ref=code)
    hub.work()
    told = asked(hub, f"/crm/hubspot/contacts/{friend}").json()
    lines = {line["label"]: line["value"] for line in told["lines"]}
    assert told["state"] == "friend" and told["answer"]
    assert lines["Referred with the code"] == code
    assert lines["May I contact them?"].startswith("Yes. Came to us by themselves on ")
    assert "No deal is won yet." in told["words"]
    deal = hub.deal(friend, amount="1000.00")
    hub.win(deal)
    hub.work()
    lines = {line["label"]: line["value"] for line in asked(hub, f"/crm/hubspot/deals/{deal}").json()["lines"]}
    assert lines["Stage"] == "The reward was paid"
    assert lines["Reward"] == "100.00 EUR to the advocate: issued"
    about = asked(hub, f"/crm/hubspot/contacts/{number}").json()
    assert (about["state"], about["lines"]) == ("advocate", [{"label": "Shares the code", "value": code}])


def test_a_record_that_nobody_referred_says_so(hub: Hub) -> None:
    stranger = hub.contact("stranger@example.org")
    hub.work()
    for path in (f"contacts/{stranger}", "deals/1", "tickets/7", "contacts/999"):
        told = asked(hub, f"/crm/hubspot/{path}").json()
        assert (told["state"], told["lines"]) == ("none", [])


def test_the_settings_page_says_what_is_connected_and_what_is_missing(hub: Hub) -> None:
    hub.work()
    told = asked(hub, "/crm/hubspot/settings").json()
    assert (told["account"], told["program"]) == (str(PORTAL), "Tea friends")
    assert [row["what"] for row in told["missing"]] == ["credit records"]  # its plan has no objects of one's own
    assert all(row["why"] for row in told["missing"])


def test_only_a_signed_question_about_a_connected_account_is_answered(hub: Hub) -> None:
    friend = hub.contact("friend@example.org")
    path = f"/crm/hubspot/contacts/{friend}"
    assert asked(hub, path).status_code == 200
    assert asked(hub, path, secret="another app's").status_code == 401
    assert asked(hub, path, portal=4711).status_code == 403
    assert asked(hub, path, **{"X-HubSpot-Request-Timestamp": "1700000000000"}).status_code == 401
    assert requests.get(f"http://127.0.0.1:{hub.port}{path}", timeout=10).status_code == 401
    assert asked(hub, "/crm/nowhere/contacts/1").status_code == 404
    assert asked(hub, "/crm/hubspot/contacts/..%2F..").status_code in {401, 404}
