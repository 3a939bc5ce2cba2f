"""R4, R5 and intake: how many deliveries a second are verified, committed and acknowledged, and what one costs.

Three others do less on the same machine, in turns of two seconds with the product: pgbench sends the product's own
statements, a bare handler in the same web server keeps the bytes by one INSERT, and pgbench sends that INSERT. Where the
bare handler is far from what the database takes, something else slows both, and nothing can be judged.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.bench import bare, pgbench
from tests.bench.load import KEY, Answers, Load, ask
from tests.bench.report import Figure, Report, least, most, plain
from tests.bench.served import Served, a_port, gunicorn, serving
from tests.bench.webhooks import EVENT, posted, webhook
from tests.shop import Shop

PAIRS, SLICE_S = 7, 2.0
#: The web server's threads, each of which has a session of its own.
SESSIONS = 8
SOUND = 0.6


@dataclass(frozen=True)
class Turn:
    """What was measured in one turn, a second, and p99 in ms."""

    statements: float
    insert: float
    bare: Answers
    ours: Answers


@pytest.fixture
def ours(shop: Shop, redis_url: str) -> Iterator[Served]:
    port = a_port()
    environment = {**os.environ, **shop.app.environ, "REDIS_URL": redis_url}
    with serving(gunicorn(port), port, environment) as served:
        yield served


@pytest.fixture
def plainest(shop: Shop) -> Iterator[Served]:
    with psycopg.connect(bare.address(shop.app.settings.database_url)) as session:
        session.execute(bare.TABLE)
    port = a_port()
    with serving(gunicorn(port, "tests.bench.bare:create_app()"), port, {**os.environ, **shop.app.environ}) as served:
        yield served


def _statements(shop: Shop) -> list[str]:
    """What the database is sent for one delivery, with a new key and a new id each time."""
    headers, body = webhook(shop)
    with pgbench.written_down(shop.app.database.engine) as commands:
        assert shop.web.post("/webhooks/shopify", data=body, headers=headers).status_code == 200
    rows = shop.rows("SELECT id FROM delivery WHERE key = :key", key=KEY)
    fresh = {f"'{{{KEY}}}'": f"ARRAY[{pgbench.NEW_KEY}]", f"'{{{rows[0]['id'].hex}}}'": f"ARRAY[{pgbench.NEW_ID}]"}
    fresh |= {f"'{{{rows[0]['id']}}}'": f"ARRAY[{pgbench.NEW_ID}]"}
    for text, made in fresh.items():
        commands = [command.replace(text, made) for command in commands]
    assert any(pgbench.NEW_KEY in command and pgbench.NEW_ID in command for command in commands), commands
    return commands


@pytest.mark.timeout(240)
@pytest.mark.parametrize("connections", [8, 32])
def test_intake(
    shop: Shop, ours: Served, plainest: Served, server_folder: Path, report: Report, connections: int
) -> None:
    program = pgbench.program()
    load = posted(shop, ours.port, connections, SLICE_S)
    least_load = Load(plainest.port, "/", connections, SLICE_S, "POST", {bare.KEY_HEADER: KEY}, load.body)
    url = shop.app.settings.database_url
    with (
        psycopg.connect(bare.address(shop.app.settings.database_url)) as session,
        psycopg.ClientCursor(session) as cursor,
    ):
        insert = cursor.mogrify(bare.INSERT, (KEY, load.body.encode())).replace(f"'{KEY}'", pgbench.NEW_KEY)
    scripts = [pgbench.Script(url, _statements(shop)), pgbench.Script(url, [insert])]

    def turn() -> Turn:
        rates = [script.rate(program, server_folder, SESSIONS, SLICE_S) if program else 0.0 for script in scripts]
        return Turn(rates[0], rates[1], ask(least_load), ask(load))

    turn()  # warms up and is not counted
    turns = [turn() for _ in range(PAIRS)]
    assert not any(each.ours.others or each.bare.others for each in turns), turns
    _hand_in(report, connections, turns, measured=program is not None)


def _hand_in(report: Report, connections: int, turns: list[Turn], *, measured: bool) -> None:
    def median(of: Callable[[Turn], float]) -> float:
        return statistics.median(map(of, turns))

    rate, p99 = median(lambda t: t.ours.rate), median(lambda t: t.ours.p99)
    rates = f"{rate:.0f}/s, bare {median(lambda t: t.bare.rate):.0f}/s"
    times = f"{p99:.0f} ms, bare {median(lambda t: t.bare.p99):.0f} ms"
    share, slower = median(lambda t: t.ours.rate / t.bare.rate), median(lambda t: t.ours.p99 / t.bare.p99)
    figures = [
        least(f"intake, {connections} connections: deliveries / those of a bare handler", 0.8, share, rates),
        most(f"intake, {connections} connections: p99 / that of a bare handler", 1.5, slower, times),
    ]
    if not measured:
        report.add(*figures, plain(f"intake, {connections} connections: soundness, R4", "no pgbench here"))
        return
    sound = median(lambda t: t.bare.rate / t.insert)
    held = f"pgbench {median(lambda t: t.insert):.0f}/s; else void"
    report.add(
        *(figures if sound >= SOUND else (Figure(f.name, f.goal, f"{f.measured}, void", None) for f in figures)),
        least(f"intake, {connections} connections: bare handler / pgbench with its INSERT", SOUND, sound, held),
        least(
            f"R4 intake / pgbench with its statements, {connections} connections",
            0.35,
            median(lambda t: t.ours.rate / t.statements),
            f"{rate:.0f}/s, pgbench {median(lambda t: t.statements):.0f}/s",
        ),
    )


def test_cpu_of_a_webhook(shop: Shop, ours: Served, report: Report) -> None:
    """R5: beside a route of the same server that does nothing, so that what is compared is our own work."""
    loads = {
        "webhook": posted(shop, ours.port, SESSIONS, SLICE_S),
        "nothing": Load(ours.port, "/healthz", SESSIONS, SLICE_S),
    }

    def cost(load: Load) -> float:
        before = ours.cpu_ms()
        answers = ask(load)
        assert not answers.others
        return (ours.cpu_ms() - before) / answers.count

    for load in loads.values():
        cost(load)  # warms up and is not counted
    pairs = [(cost(loads["webhook"]), cost(loads["nothing"])) for _ in range(PAIRS)]
    webhook_ms, nothing_ms = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(webhook / nothing for webhook, nothing in pairs)
    report.add(
        most(
            "R5 CPU per webhook / CPU of a route that does nothing", 6, ratio, f"{webhook_ms:.2f} / {nothing_ms:.2f} ms"
        )
    )


def test_wal_of_a_webhook(shop: Shop, report: Report) -> None:
    """R3: what the database must write, and a standby be sent, for one delivery, and for one that comes again."""
    headers, body = webhook(shop)
    posts = [
        {**headers, **{name: f"delivery {n}" for name in headers if name.lower() == EVENT.lower()}} for n in range(500)
    ]
    costs = [_wal(shop, posts, body) for _ in range(2)]
    first, again = (cost / len(posts) for cost in costs)
    report.add(
        most(
            "R3 WAL bytes per webhook / bytes of its body",
            1.0,
            first / len(body),
            f"{first:.0f} / {len(body)}",
            counted=True,
        ),
        most(
            "R3 WAL bytes of a duplicate / of a first", 0.2, again / first, f"{again:.0f} / {first:.0f}", counted=True
        ),
    )


def _wal(shop: Shop, posts: list[dict[str, str]], body: bytes) -> int:
    """Bytes of WAL while all of these are taken. Other sessions' are counted too; here there are none."""
    before = shop.rows("SELECT pg_current_wal_insert_lsn()::text AS at")[0]["at"]
    for headers in posts:
        assert shop.web.post("/webhooks/shopify", data=body, headers=headers).status_code == 200
    grown = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), CAST(:before AS pg_lsn))::bigint AS bytes"
    return int(shop.rows(grown, before=before)[0]["bytes"])
