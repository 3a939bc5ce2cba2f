"""`connector prove` can be believed: it breaks what it says it breaks, and finds what is wrong where something is.

What a merchant would lose: the one proof that rewards are neither lost nor doubled, if it were green whatever happens.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from connector import prove
from connector.prove.post import Post
from connector.prove.wire import Breaks, Wire
from tests.faults.plant import ROOT
from tests.faults.seeded import copy_with

COUNT = Path(prove.__path__[0]) / "count.py"
#: A tally for the tests of the count: the book is the list of movements itself.
TALLY = 'def tally(get):\n    return {"moved": get("book"), "heard": dict(get("heard")), "said": 3, "overwritten": 1}\n'


def test_every_promise_holds_while_everything_breaks() -> None:
    told = proven(ROOT, "--seconds", "12")
    kills = sum(times for what, times in told["what_broke"].items() if what.endswith("killed"))
    assert told["broken"] == 0, told
    assert told["exit"] == 0 and kills >= 2 and told["what_broke"]["copies"] > 0
    assert all(each["tried"] > 0 for each in told["promises"] if "given back" not in each["what"]), told


def test_without_reading_back_it_finds_rewards_that_were_paid_twice(tmp_path: Path) -> None:
    """Nearly every second answer of a call that pays is lost, and the product believes that nothing has landed."""
    copy_with(
        tmp_path,
        ("adapters/shopify/sandbox/market.py", '"probability": 0.04', '"probability": 0.15'),
        (
            "connector/journey/issue.py",
            "now.outbound.find(now.account, whole(desk, lane, attempt), claimed)",
            "Absent()",
        ),
    )
    told = proven(tmp_path, "--seconds", "20")
    (twice,) = (each["broken"] for each in told["promises"] if "twice" in each["text"] and "paid" in each["text"])
    assert told["exit"] == 1 and twice > 0, told


def proven(where: Path, *words: str) -> dict[str, Any]:
    """What the command says of the product that lies there, and how it ended."""
    command = [sys.executable, "-m", "connector", "prove", "--json", *words]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(where), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        command, cwd=where, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert ended.stdout, ended.stderr[-3000:]
    return {**json.loads(ended.stdout), "exit": ended.returncode}


# ── The count ────────────────────────────────────────────────────────────────────────────────────────────────────

ONE, OTHER = ["anna", "credit", 100], ["anna", "credit", 102]
BACK = ["anna", "debit", 50]
SALES = [{"owner": "anna", "minor": 1000, "undone": 500}, {"owner": "anna", "minor": 1020, "undone": 0}]


@pytest.mark.parametrize(
    ("book", "wrong"),
    [
        ([ONE, OTHER, BACK], {}),
        ([ONE, BACK], {"missing": 1, "ledger_off": 102}),
        ([ONE, OTHER], {"not_taken_back": 1, "ledger_off": 50}),
        ([ONE, ONE, OTHER, BACK], {"twice": 1, "ledger_off": 100}),
        ([ONE, OTHER, BACK, BACK], {"twice": 1, "ledger_off": 50}),
        ([ONE, OTHER, BACK, ["anna", "credit", 7]], {"not_planned": 1, "ledger_off": 7}),
        ([ONE, ["bela", "credit", 102], BACK], {"missing": 1, "not_planned": 1}),
    ],
)
def test_the_count_names_what_is_wrong(tmp_path: Path, book: list[Any], wrong: dict[str, int]) -> None:
    with stand_in({"book": book, "heard": []}) as url:
        found = counted(tmp_path, url, ears=[])["tea"]
    named = ("missing", "twice", "not_planned", "not_taken_back", "ledger_off")
    assert {name: found[name] for name in named if found[name]} == wrong
    assert (found["said"], found["overwritten"]) == (3, 1)


def test_the_count_says_what_was_heard_twice_and_what_never(tmp_path: Path) -> None:
    with stand_in({"book": [ONE, OTHER, BACK], "heard": [["credit", 3]]}) as url:
        found = counted(tmp_path, url, ears=[{"name": "ear", "url": url, "of": "tea"}])["ear"]
    assert found == {"heard": 3, "heard_twice": 1, "never_heard": 1}


def test_the_count_and_each_tally_import_nothing_of_this_product() -> None:
    """Isolated, and far from the sources: whatever it would import of ours is not to be found."""
    for script in (COUNT, *ROOT.glob("adapters/*/sandbox/tally.py")):
        code = f"import runpy, sys; runpy.run_path({str(script)!r}); print(*sys.modules)"
        loaded = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code], cwd="/", capture_output=True, text=True, check=True
        ).stdout
        assert not {"connector", "adapters"} & {name.partition(".")[0] for name in loaded.split()}


def counted(folder: Path, url: str, ears: list[dict[str, str]]) -> Any:
    (tally := folder / "tally.py").write_text(TALLY)
    market = {"name": "tea", "url": url, "tally": str(tally), "sales": SALES, "ledger": 152}
    plan = {"percent": 10, "markets": [market], "ears": [{**ear, "tally": str(tally)} for ear in ears]}
    done = subprocess.run(
        [sys.executable, "-I", COUNT], input=json.dumps(plan), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@contextmanager
def stand_in(pages: dict[str, Any]) -> Iterator[str]:
    """Something that answers to its control API with these pages."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps(pages[handler.path.removeprefix("/_control/")]).encode()
        said(handler, 200, body)

    with server({"GET": answer}) as port:
        yield f"http://127.0.0.1:{port}"


# ── The ways that break ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("breaks", "reached", "broke"),
    [(Breaks(), 20, {}), (Breaks(before=1.0), 0, {"cut before": 20}), (Breaks(after=1.0), 20, {"cut after": 20})],
)
def test_a_line_is_cut_before_the_effect_or_after_it_as_it_says(
    breaks: Breaks, reached: int, broke: dict[str, int]
) -> None:
    came: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        came.append(handler.path)
        said(handler, 200, b"done")

    with server({"GET": answer}) as port, Wire("127.0.0.1", port, random.Random(1), breaks) as wire:
        for number in range(20):
            if broke:
                with pytest.raises(requests.ConnectionError):
                    requests.get(f"{wire.url}/{number}", timeout=10)
            else:
                assert requests.get(f"{wire.url}/{number}", timeout=10).content == b"done"
        assert len(came) == reached and dict(wire.done) == broke


def test_a_line_breaks_each_request_of_a_connection_by_itself() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        said(handler, 200, b"x" * 300_000)

    one = random.Random(1)
    with server({"GET": answer}) as port, Wire("127.0.0.1", port, one) as wire, requests.Session() as session:
        assert [len(session.get(wire.url, timeout=10).content) for _ in range(5)] == [300_000] * 5
        wire.breaks = Breaks(after=1.0)
        with pytest.raises(requests.ConnectionError):
            session.get(wire.url, timeout=10)


def test_a_webhook_is_carried_until_it_is_taken_and_more_than_once() -> None:
    came: list[bytes] = []

    def take(handler: BaseHTTPRequestHandler) -> None:
        came.append(handler.rfile.read(int(handler.headers["Content-Length"])))
        said(handler, 503 if len(came) <= 2 else 200, b"<taken/>")

    with server({"POST": take}) as port, Post(port, random.Random(3)) as post:
        answers = [requests.post(f"{post.url}/webhooks/tea", data=f"{n}", timeout=20) for n in range(6)]
        until_idle(post)
    assert {answer.status_code for answer in answers} == {200} and answers[0].content == b"<taken/>"
    assert {int(body) for body in came} == set(range(6))
    assert len(came) == 6 + 2 + post.done["copies"] and post.done["copies"] > 0
    assert post.done["answered 503"] == 2 and post.done["webhooks"] == 6


def until_idle(post: Post) -> None:
    end = time.monotonic() + 30
    while not post.idle:
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def server(answers: dict[str, Any]) -> Iterator[int]:
    """A server on loopback that answers by these functions, one for each verb."""
    handler = type("Handler", (BaseHTTPRequestHandler,), {"protocol_version": "HTTP/1.1", "log_message": quiet})
    for verb, answer in answers.items():
        setattr(handler, f"do_{verb}", answer)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
    made = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=made.serve_forever, args=[0.05], daemon=True).start()
    try:
        yield made.server_port
    finally:
        made.shutdown()
        made.server_close()


def said(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def quiet(*_: Any) -> None:
    """No line for each request."""
