"""A merchant connects Klaviyo in their browser, beside the shop that they have already; flows then hear what happens.

Over true HTTP against the stand-in's consent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.test import TestResponse

from adapters.klaviyo import MANIFEST
from connector.ports.rows import Connection
from connector.store import merchants
from connector.wiring import App
from tests.conftest import MakeApp
from tests.journey.money import drive
from tests.journey.test_tell import ACCOUNT, Marketed

SECRET = "the app's client secret"


class Joining(Marketed):
    """The merchant's own browser. join: at the end of the address, the code of a merchant who is here already."""

    def another_app(self, **changes: str) -> App:
        return super().another_app(KLAVIYO_CLIENT_ID="client", KLAVIYO_CLIENT_SECRET=SECRET, **changes)

    def begin(self, join: str = "") -> str:
        answer = self.web.get("/install/klaviyo" + (f"?join={join}" if join else ""))
        assert answer.status_code == 302
        return str(answer.headers["Location"])

    def agree(self, consent: str, **more: bool) -> TestResponse:
        """They choose on Klaviyo's page, and are sent back."""
        told = self.hand.control("authorize", account=ACCOUNT, url=consent, **more)
        back = urlsplit(told["location"])
        return self.web.get(f"{back.path}?{back.query}")

    def join_code(self) -> str:
        return merchants.join_code(self.app.database, self.merchant, timedelta(hours=1))

    def joined(self) -> Connection | None:
        owner = self.app.database.account("klaviyo", ACCOUNT)
        if owner is None:
            return None
        with self.app.database.begin(owner.merchant) as tx:
            return tx.connections.get(owner.target)


@pytest.fixture
def shop(make_app: MakeApp) -> Iterator[Joining]:
    with Joining(make_app, connect=False) as opened:
        back = f"{opened.app.settings.public_url.rstrip('/')}/oauth/klaviyo/callback"
        scopes = [scope.name for scope in MANIFEST.scopes]
        opened.hand.control("apps", client_id="client", client_secret=SECRET, scopes=scopes, backs=[back])
        yield opened


def test_the_merchant_is_asked_for_what_is_needed_and_no_more(shop: Joining) -> None:
    asked = dict(parse_qsl(urlsplit(shop.begin()).query))
    assert set(asked["scope"].split()) == {scope.name for scope in MANIFEST.scopes}
    assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43


def test_an_account_joins_the_merchant_whose_code_it_brings_and_hears_what_happens(shop: Joining) -> None:
    page = shop.agree(shop.begin(shop.join_code()))
    assert page.status_code == 200 and "Klaviyo" in page.text
    found = shop.joined()
    assert found is not None and found.merchant == shop.merchant
    assert found.access and found.refresh and found.token_expires_at is not None
    shop.order()
    shop.work()
    drive(shop)
    assert shop.names()["Reward Issued"] == 1


def test_a_token_that_ended_is_renewed_and_nothing_is_lost(shop: Joining) -> None:
    shop.agree(shop.begin(shop.join_code()))
    shop.hand.control("tokens/expire", account=ACCOUNT)
    shop.order()
    shop.work()
    drive(shop)
    assert shop.names()["Reward Issued"] == 1
    assert shop.hand.book()["refreshes"] == 1


def test_who_says_no_connects_nothing_and_is_told_so(shop: Joining) -> None:
    answer = shop.agree(shop.begin(), decline=True)
    assert answer.status_code == 400 and "Klaviyo did not connect the account" in answer.text
    assert shop.joined() is None


def test_a_code_that_somebody_else_began_connects_nothing(shop: Joining) -> None:
    consent = shop.begin()
    told = shop.hand.control("authorize", account=ACCOUNT, url=consent)
    stranger = shop.web.application.test_client()
    back = urlsplit(told["location"])
    assert stranger.get(f"{back.path}?{back.query}").status_code >= 400
    assert shop.joined() is None
