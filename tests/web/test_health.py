"""Machines that watch get true answers, every answer is safe to show in a browser, and no error tells about us."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from flask.testing import FlaskClient
from sqlalchemy import make_url
from werkzeug.test import TestResponse

from connector.web import MAX_REQUEST, create_app
from connector.wiring import App
from tests.conftest import SECRET as SECRET_KEY
from tests.shop import SECRET, TOKEN, Shop

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
REQUESTS = [
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 200),
    ("GET", "/metrics", 200),
    ("GET", "/r/CODE", 302),
    ("GET", "/r/NOBODY", 404),
    ("GET", "/r/nobody/nothing", 404),
    ("GET", "/", 404),
    ("GET", "/../../etc/passwd", 404),
    ("POST", "/healthz", 405),
    ("DELETE", "/r/CODE", 405),
    ("GET", "/webhooks/shopify", 405),
    ("POST", "/webhooks/shopify", 401),
    ("POST", "/webhooks/nosuch", 404),
]
#: What would tell a stranger how we are built, or open something.
TELLTALES = ("Traceback", "sqlalchemy", "psycopg", "werkzeug", "SELECT", ".py", "postgresql", SECRET, SECRET_KEY, TOKEN)


@contextmanager
def elsewhere(shop: Shop, url: str) -> Iterator[FlaskClient]:
    """The same app with another database."""
    settings = shop.app.settings.model_copy(update={"database_url": url})
    with App(settings, shop.app.environ, shop.app.adapters, ExitStack()) as app:
        yield create_app(app).test_client()


def check(answer: TestResponse, status: int) -> None:
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    if status >= 400:
        assert answer.content_type == "application/problem+json"
        assert answer.json is not None and answer.json["status"] == status and answer.json["title"]
        told = answer.text + str(answer.headers)
        assert [word for word in TELLTALES if word in told] == []


@pytest.mark.parametrize(("method", "path", "status"), REQUESTS)
def test_every_answer_carries_the_headers_that_protect_a_browser(
    shop: Shop, method: str, path: str, status: int
) -> None:
    check(shop.web.open(path.replace("CODE", shop.code), method=method), status)


def test_a_body_that_is_too_large_is_turned_away_with_the_limit(shop: Shop) -> None:
    answer = shop.web.post("/webhooks/shopify", data=b"x" * (MAX_REQUEST + 1))
    check(answer, 413)
    assert str(MAX_REQUEST) in answer.text


def test_readiness_tells_whether_somebody_works(shop: Shop) -> None:
    shop.work()
    idle = shop.web.get("/readyz").json
    assert idle == {"status": "ok", "due_lanes": 0, "oldest_s": 0}
    shop.order()
    waiting = shop.web.get("/readyz").json
    assert waiting is not None and waiting["due_lanes"] == 1 and waiting["oldest_s"] > 0
    shop.work()
    assert shop.web.get("/readyz").json == idle


def test_deliveries_are_counted(shop: Shop) -> None:
    def counted() -> float:
        lines = shop.web.get("/metrics").text.splitlines()
        found = [line for line in lines if "_total{" in line and 'platform="shopify"' in line and '"200"' in line]
        return float(found[0].split()[-1]) if found else 0.0

    before = counted()
    shop.order()  # two deliveries
    assert counted() == before + 2


def test_while_the_database_is_away_the_platform_is_asked_to_send_again_and_the_process_lives(shop: Shop) -> None:
    order = shop.order(deliver=False)
    ((headers, body),) = shop.webhooks(order, "orders/paid")
    with elsewhere(shop, "postgresql+psycopg://connector@127.0.0.1:9/connector?connect_timeout=2") as web:
        for answer in (
            web.post("/webhooks/shopify", data=body, headers=headers),
            web.get("/readyz"),
            web.get(f"/r/{shop.code}"),
        ):
            check(answer, 503)
            assert int(answer.headers["Retry-After"]) > 0
        check(web.get("/healthz"), 200)


def test_an_error_of_ours_says_so_and_nothing_else(shop: Shop) -> None:
    """A database without our tables: every query fails in a way that nobody foresaw."""
    empty = make_url(shop.app.settings.database_url).set(database="postgres").render_as_string(hide_password=False)
    with elsewhere(shop, empty) as web:
        for path in (f"/r/{shop.code}", "/readyz"):
            check(web.get(path), 500)
