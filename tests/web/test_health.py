"""Machines that watch get true answers, every answer is safe to show in a browser, and no error tells about us."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from flask.testing import FlaskClient
from sqlalchemy import make_url, text
from werkzeug.test import TestResponse

from connector.store import migrate
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
    assert idle == {"status": "ok", "redis": "none", "sweeper": "away", "due_lanes": 0, "oldest_s": 0}
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


def changed(shop: Shop, **part: str) -> str:
    """The address of this test's database with another user, or of another database."""
    return make_url(shop.app.settings.database_url).set(**part).render_as_string(hide_password=False)


def test_an_error_of_ours_says_so_and_nothing_else(shop: Shop) -> None:
    """A database without our tables: every query fails in a way that nobody foresaw."""
    with elsewhere(shop, changed(shop, database="postgres")) as web:
        check(web.get(f"/r/{shop.code}"), 500)


def test_no_traffic_goes_to_a_process_whose_database_is_older_than_it(shop: Shop) -> None:
    with elsewhere(shop, changed(shop, database="postgres")) as web:
        answer = web.get("/readyz")
        check(answer, 503)
        assert "run `connector migrate`" in answer.text


def test_no_traffic_goes_to_a_process_that_could_show_one_merchant_anothers_rows(shop: Shop) -> None:
    with elsewhere(shop, changed(shop, username="postgres")) as web:
        answer = web.get("/readyz")
        check(answer, 503)
        assert "bypasses row-level security" in answer.text


def test_during_a_release_the_old_version_serves_on_the_new_schema(shop: Shop) -> None:
    with shop.app.database.engine.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    check(shop.web.get("/readyz"), 200)
    assert not migrate.pending(shop.app.database.engine)


@pytest.mark.parametrize(("address", "said"), [("", "none"), ("unix:///nowhere/redis.sock", "away"), (None, "ok")])
def test_readiness_says_how_redis_is_and_takes_traffic_without_it(
    shop: Shop, redis_url: str, address: str | None, said: str
) -> None:
    if address is None and not redis_url:
        pytest.skip("there is no Redis program here")
    app = shop.another_app(REDIS_URL=redis_url if address is None else address)
    answer = create_app(app).test_client().get("/readyz")
    check(answer, 200)
    assert answer.json is not None and answer.json["redis"] == said


def test_readiness_says_whether_a_sweeper_holds_its_lease(shop: Shop) -> None:
    def said(lease: str) -> str:
        with shop.app.database.engine.begin() as session:
            session.execute(
                text("UPDATE sweep SET owner = 'x', expires_at = clock_timestamp() + CAST(:lease AS interval)"),
                {"lease": lease},
            )
        answer = shop.web.get("/readyz")
        check(answer, 200)
        return str((answer.json or {})["sweeper"])

    assert (said("1 minute"), said("-1 second")) == ("ok", "away")
