"""C9: while a platform's secret rotates, old and new are taken; afterwards the old one opens no door."""

import pytest

from connector.web import create_app
from tests.shop import SECRET, Shop

NEW = "the secret that the platform signs with from now on"


@pytest.mark.parametrize(
    ("listed", "status"), [(f"{NEW},{SECRET}", 200), (f"{SECRET}, {NEW}", 200), (f"{NEW} , {SECRET} ", 200), (NEW, 401)]
)
def test_what_the_old_secret_signed_is_taken_as_long_as_it_is_listed(shop: Shop, listed: str, status: int) -> None:
    order = shop.order(deliver=False)
    ((headers, body),) = shop.webhooks(order, "orders/paid")
    web = create_app(shop.another_app(SHOPIFY_API_SECRET=listed)).test_client()
    assert web.post("/webhooks/shopify", data=body, headers=headers).status_code == status
