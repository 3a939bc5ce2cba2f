"""Writing to Salesforce: how full its calls are, and how long a record lies between our read of it and our write.

What a merchant would lose: calls of the day that their other apps need, and words that their people save in that moment.
The stand-in answers in this very process, so that only ratios and counts are quoted; what is told in milliseconds says how
long our own part of the window is, which on a real org is followed by the way there.
"""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import unquote_plus

import pytest

from adapters.salesforce.api import BATCH
from adapters.salesforce.sandbox.answers import Reply
from connector.journey.tasks import RECORD
from connector.ports.rows import connection_lane
from tests.bench.report import Report, least, plain
from tests.conftest import MakeApp
from tests.journey.money import until
from tests.orgs import Org

LEADS = 10_000
#: Values that people save, so many in each batch at moments between our read and this long after it.
BATCHES, SAVES, AROUND_S = 20, 20, 0.05
WRITES = "PATCH composite/sobjects"
#: A field of ours that is only written where it is empty.
FIELD = "Referral_Source__c"
#: The read right before a write; what is looked up otherwise names no lead's id, or asks for deleted ones too.
_READ = re.compile(r"GET /services/data/v[0-9.]+/query\?q=SELECT .* FROM Lead WHERE Id IN ")


@dataclass
class Wire:
    """Notes each read right before a write, and that write, as they reach the stand-in; times in seconds."""

    org: Org
    windows: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    #: Told of the leads that were just read.
    when_read: Callable[[list[str]], None] = lambda _: None
    read_at: float | None = None

    def __post_init__(self) -> None:
        self.real = self.org.sandbox.answer
        self.org.sandbox.answer = self.answer  # type: ignore[method-assign]

    def answer(self, method: str, target: str, headers: Message[str, str], raw: bytes) -> Reply:
        came = time.monotonic()
        reply = self.real(method, target, headers, raw)
        if _READ.match(f"{method} {unquote_plus(target)}"):
            self.read_at = time.monotonic()
            self.when_read([record["Id"] for record in reply.body["records"]])
        elif method == "PATCH" and self.read_at is not None:
            self.windows.append(came - self.read_at)
            self.writes.append(time.monotonic() - came)
            self.read_at = None
        return reply


@pytest.fixture
def org(make_app: MakeApp) -> Iterator[Org]:
    with Org(make_app) as opened:
        yield opened


def referred(org: Org, number: int) -> list[str]:
    """So many leads, each of a referral that is to be written on it."""
    _, code = org.advocate()
    leads = [org.lead(f"friend{each}@example.org") for each in range(number)]
    with org.app.database.begin(org.merchant) as tx:
        tx.run(
            """CREATE TEMP TABLE came ON COMMIT DROP AS
               SELECT lead, gen_random_uuid() AS person FROM unnest(CAST(:leads AS text[])) AS lead""",
            leads=leads,
        )
        tx.run("INSERT INTO person (id, merchant_id, canonical_id) SELECT person, :merchant, person FROM came")
        made = tx.run(
            """INSERT INTO referral (id, merchant_id, program_id, program_version, advocate_id, friend_id, connection_id,
                 object_kind, external_id, captured_at, touch, stage, rule)
               SELECT gen_random_uuid(), :merchant, :program, 1, (SELECT id FROM advocate), person, :connection, 'person',
                 lead, now(), jsonb_build_object('source', 'form', 'code', CAST(:code AS text), 'at', now(), 'confirmed',
                   true, 'medium', 'email', 'campaign', 'spring', 'evidence', 'a code in a form'), 'pending', 'waiting'
               FROM came RETURNING id""",
            program=org.program,
            connection=org.connection,
            code=code,
        )
        tx.tasks.mark(connection_lane(org.connection), RECORD, [str(each) for each in made.scalars()])
    return leads


def written(org: Org) -> None:
    """Work until every lead is written."""
    lane = connection_lane(org.connection)

    def done() -> bool:
        org.app.workshop.work(lane)
        return not org.rows("SELECT subject FROM task WHERE what = :what", what=RECORD)

    until(done, "every lead to be written", within=500)


@pytest.mark.timeout(600)
def test_every_writing_call_is_full_and_comes_right_after_its_read(org: Org, report: Report) -> None:
    referred(org, LEADS)
    before = len(org.client.book()["inputs"].get(WRITES, []))
    wire = Wire(org)
    written(org)
    sizes = org.client.book()["inputs"][WRITES][before:]
    fill = sum(sizes) / (len(sizes) * BATCH)
    assert sum(sizes) == LEADS
    assert len(wire.windows) == len(sizes), "a write came without a read right before it"
    last = statistics.quantiles(wire.windows, n=20)[-1]
    times = {"median": statistics.median(wire.windows), "p95": last, "maximum": max(wire.windows)}
    told = ", ".join(f"{name} {at * 1000:.0f} ms" for name, at in times.items())
    call = f"; such a write took {statistics.median(wire.writes) * 1000:.0f} ms"
    name = "records per call / what a call holds: Salesforce"
    report.add(
        least(name, 0.95, fill, f"{LEADS} leads in {len(sizes)} calls", counted=True),
        plain(f"Salesforce: from the end of a read of {BATCH} to the arrival of their write", told + call),
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("tracks", [True, False], ids=["tracked", "untracked"])
def test_what_people_save_around_our_write(org: Org, report: Report, tracks: bool) -> None:
    """Where the org keeps the history of our fields nothing is lost; elsewhere, how much is."""
    org.client.control("orgs/update", tracks=tracks)
    referred(org, BATCHES * BATCH)
    dice, saved = random.Random(26), dict[str, str]()

    def people(leads: list[str], read_at: float) -> None:
        moments = sorted(dice.uniform(0, AROUND_S) for _ in range(SAVES))
        for moment, lead in zip(moments, dice.sample(leads, SAVES), strict=True):
            time.sleep(max(0.0, read_at + moment - time.monotonic()))
            saved[lead] = f"word {len(saved)} of our staff"
            org.save(lead, **{FIELD: saved[lead]})

    with ThreadPoolExecutor(1) as room:
        busy = []
        wire = Wire(org, when_read=lambda leads: busy.append(room.submit(people, leads, time.monotonic())))
        written(org)
        for each in busy:
            each.result()
    assert len(wire.windows) == BATCHES and len(saved) == BATCHES * SAVES
    lost = sum(org.values(lead).get(FIELD) != word for lead, word in saved.items())
    back = sum(e["by"] == "api" and e["field"] == FIELD and e["new"] in saved.values() for e in _book(org))
    kind = "with" if tracks else "without"
    told = f"{lost} of {len(saved)} lost, {back} put back"
    report.add(plain(f"Salesforce: values that people save around our write, {kind} field history", told))
    if tracks:
        assert lost == 0
        assert back, "nobody saved anything between a read and its write"


def _book(org: Org) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = org.client.book()["entries"]
    return entries
