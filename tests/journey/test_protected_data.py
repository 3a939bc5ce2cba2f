"""A shop that has not let us see e-mails and names: everything that can work does, and what cannot is said."""

from __future__ import annotations

import pytest

from connector.store import reports
from tests.journey.money import drive, open_books
from tests.shop import DOMAIN, Shop


@pytest.fixture
def shy(shop: Shop) -> Shop:
    shop.client.control(f"shops/{DOMAIN}/update", protected=False, send=False)
    return shop


def test_referrals_are_found_paid_and_taken_back_without_an_e_mail(shy: Shop) -> None:
    order = shy.order(net="80.00")
    by_code = shy.order(net="50.00", discounts=[{"kind": "code", "name": shy.code, "amount": "5.00"}])
    drive(shy)
    assert sorted(shy.credits()) == [500, 800]
    shy.change(order, "refund")
    shy.change(by_code, "refund", amount="25.00")
    drive(shy)
    assert sorted(shy.debits()) == [250, 800]
    assert open_books(shy) == {"cost": 250, "issued": -250}


def test_a_visit_whose_page_is_hidden_still_tells_by_its_marks(shy: Shop) -> None:
    marks = {"source": "referral", "medium": "link", "campaign": "tea", "content": shy.code}
    shy.order(net="80.00", visits=[{"landing_page": f"https://{DOMAIN}/tea", "source": "direct", "utm": marks}])
    drive(shy)
    assert shy.credits() == [800]


def test_an_advocate_still_cannot_refer_themselves(shy: Shop) -> None:
    shy.order(email="anna@example.com", net="80.00", landing_site=shy.landing())
    drive(shy)
    assert (shy.credits(), shy.stages()) == ([], ["rejected"])


def test_a_friend_who_was_referred_once_is_known_by_their_account(shy: Shop) -> None:
    shy.order(email="ben@example.org", net="80.00")
    drive(shy)
    shy.order(email="ben@example.org", net="80.00")
    drive(shy)
    assert shy.credits() == [800]


def test_doctor_says_what_cannot_work(shy: Shop) -> None:
    assert reports.blind(shy.app.database, shy.merchant) == []
    for _ in range(3):
        shy.order(net="20.00")
    drive(shy)
    assert reports.blind(shy.app.database, shy.merchant) == [{"platform": "shopify", "account": DOMAIN}]


def test_a_shop_that_shows_e_mails_is_not_called_blind(shop: Shop) -> None:
    for _ in range(4):
        shop.order(net="20.00")
    drive(shop)
    assert reports.blind(shop.app.database, shop.merchant) == []
