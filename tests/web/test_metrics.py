"""What a machine that watches is told: true numbers over all merchants, no number where nobody knows, and nobody's name."""

import math
import re
from contextlib import ExitStack

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from connector.store import merchants
from connector.web import create_app
from connector.wiring import App
from tests.shop import Shop

Labels = tuple[str, ...]
AWAY = "postgresql+psycopg://connector@127.0.0.1:9/connector?connect_timeout=2"


def scraped(shop: Shop, app: App | None = None) -> dict[tuple[str, Labels], float]:
    """Every sample of ours by name and the values of its labels."""
    web = create_app(app).test_client() if app else shop.web
    families = text_string_to_metric_families(web.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name.startswith("connector_")]
    return {(sample.name, tuple(sample.labels.values())): sample.value for sample in samples}


def later(shop: Shop, change: str) -> None:
    """Change rows of this merchant behind the product's back, as time or an accident would."""
    with shop.app.database.begin(shop.merchant) as tx:
        assert tx.run(change).rowcount


def test_work_that_nobody_does_grows_old_in_the_figures_and_is_gone_when_it_is_done(shop: Shop) -> None:
    shop.work()
    kinds = ("delivery", "task", "news", "history", "reward", "reversal", "attempt")
    idle = scraped(shop)
    assert {kind: idle["connector_oldest_seconds", (kind,)] for kind in kinds} == dict.fromkeys(kinds, 0)
    shop.order()
    later(shop, "UPDATE delivery SET received_at = received_at - interval '1 hour' WHERE state = 'received'")
    waiting = scraped(shop)
    assert waiting["connector_due", ("delivery",)] == 2
    assert 3600 <= waiting["connector_oldest_seconds", ("delivery",)] < 3700
    shop.work()
    assert scraped(shop)["connector_due", ("delivery",)] == 0


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("reward", "UPDATE reward SET state = 'approved', retry_at = clock_timestamp() - interval '90 seconds'"),
        ("task", "INSERT INTO task SELECT id, 'm:' || id, 'decide', 'x', 1, now() - interval '90 s' FROM merchant"),
        (
            "history",
            "INSERT INTO task SELECT id, 'm:' || id, 'backfill', 'x', 1, now() - interval '90 s' FROM merchant",
        ),
        ("news", "INSERT INTO task SELECT id, 'm:' || id, 'tell', 'x', 1, now() - interval '90 s' FROM merchant"),
    ],
)
def test_each_kind_of_work_has_an_age_of_its_own(shop: Shop, kind: str, change: str) -> None:
    shop.order()
    shop.work()
    later(shop, change.replace("FROM merchant", f"FROM merchant WHERE id = '{shop.merchant}'"))
    found = scraped(shop)
    assert found["connector_due", (kind,)] == 1
    assert 90 <= found["connector_oldest_seconds", (kind,)] < 190


def test_what_waits_for_an_account_to_be_joined_again_is_told_by_the_account_and_not_by_its_age(shop: Shop) -> None:
    shop.order()
    shop.work()
    later(shop, "UPDATE reward SET state = 'approved', retry_at = clock_timestamp() - interval '3 days'")
    later(shop, "UPDATE connection SET state = 'reconnect'")
    found = scraped(shop)
    assert found["connector_due", ("reward",)] == 0
    states = [found["connector_connections", ("shopify", each)] for each in ("active", "reconnect", "removed")]
    assert states == [0, 1, 0]


def test_money_in_doubt_and_money_that_waits_for_a_person_are_counted_apart(shop: Shop) -> None:
    shop.order()
    shop.work()
    assert scraped(shop)["connector_unknown_attempts", ()] == 0
    with shop.app.database.begin(shop.merchant) as tx:
        tx.run(
            """INSERT INTO attempt (id, merchant_id, connection_id, reward_id, capability, direction, owner, holder, amount,
                   currency, marker, since, deadline_at, readback_at, epoch, state, needs_person)
               SELECT gen_random_uuid(), merchant_id, connection_id, reward_id, capability, direction, name, '', 1,
                   currency, '', since, deadline_at, 'infinity', epoch, 'unknown', why
               FROM attempt CROSS JOIN (VALUES ('one', ''), ('two', 'nobody can tell')) AS new (name, why)"""
        )
    later(shop, "UPDATE reward SET state = 'held'")
    found = scraped(shop)
    assert found["connector_unknown_attempts", ()] == 2
    held = {kind: found["connector_held", (kind,)] for kind in ("attempt", "reward", "reversal")}
    assert held == {"attempt": 1, "reward": 1, "reversal": 0}


def test_what_was_given_up_is_counted_until_somebody_takes_it_up_again(shop: Shop) -> None:
    shop.order()
    shop.work()
    later(shop, "UPDATE delivery SET state = 'parked'")
    found = scraped(shop)
    assert (found["connector_parked", ("delivery",)], found["connector_parked", ("task",)]) == (2, 0)


def test_the_figures_are_over_all_merchants_and_name_none(shop: Shop) -> None:
    shop.order()
    other = merchants.ensure(shop.app.database, "Ben's Bikes")
    with shop.app.database.begin(other) as tx:
        tx.tasks.mark(f"m:{other}", "decide", ["x"])
    assert scraped(shop)["connector_due", ("task",)] == 1
    labels = {value for _, values in scraped(shop) for value in values}
    assert all(re.fullmatch(r"[a-z_]+|\d{3}", label) for label in labels), labels


def test_while_the_database_is_away_no_figure_is_a_number_and_the_scrape_says_so(shop: Shop) -> None:
    settings = shop.app.settings.model_copy(update={"database_url": AWAY})
    with App(settings, shop.app.environ, shop.app.adapters, ExitStack()) as app:
        away = scraped(shop, app)
    here = scraped(shop)
    gauges = {key for key in here if not key[0].startswith(("connector_deliveries", "connector_up"))}
    assert len(gauges) > 20
    assert {key for key, value in away.items() if math.isnan(value)} == {*gauges, ("connector_up", ("sweeper",))}
    assert (away["connector_up", ("database",)], here["connector_up", ("database",)]) == (0, 1)


def test_every_slice_of_work_leaves_one_line_that_names_nobody(shop: Shop) -> None:
    shop.order()
    with capture_logs() as lines:
        shop.work()
    slices = [line for line in lines if line["event"] == "slice"]
    assert {(line["lane"], line["platform"]) for line in slices} == {("merchant", ""), ("connection", "shopify")}
    assert sum(line["steps"] for line in slices) > 0
    assert {line["ended"] for line in slices} == {"done"}
    assert {frozenset(line) for line in slices} == {
        frozenset({"event", "log_level", "lane", "platform", "steps", "ms", "ended"})
    }


def test_a_slice_that_the_platform_stops_says_so(shop: Shop) -> None:
    shop.order()
    shop.fault("throttled")
    with capture_logs() as lines:
        shop.work()
    assert "paused" in {line["ended"] for line in lines if line["event"] == "slice"}
