"""The commands as a merchant types them: from an empty folder to an explained reward, each answer in words."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.shopify.sandbox import start
from adapters.shopify.sandbox.client import Client
from connector.cli.stand_ins import answers, free_port
from tests.conftest import SECRET, quick_environment
from tests.shop import DOMAIN, TOKEN

PROGRAM = """
name: Tea friends
hold_days: 0
advocate: {kind: balance, percent: 10, expires_days: 180}
links: {hosts: [annas-tea.myshopify.com], path: /tea}
"""


class Terminal:
    """Runs commands in a folder of its own, as a person would."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        quick = quick_environment(DATA_DIR=str(folder / "data"), **environ)
        self.environ = {**kept, **quick, "PYTHONPATH": str(Path(__file__).parents[2])}

    def run(self, *words: str, given: str = "", expect: int = 0) -> str:
        command = [sys.executable, "-m", "connector", *words]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == expect, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout if expect == 0 else done.stderr


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with tempfile.TemporaryDirectory(prefix="connector-test-") as folder:
        Path(folder).chmod(0o711)
        yield Terminal(Path(folder))


def test_a_mistake_is_answered_with_its_remedy_and_not_with_a_trace(terminal: Terminal):
    told = terminal.run("program", "show", "none", expect=2)
    assert "connector migrate" in told
    terminal.run("migrate")
    assert "there is none yet" in terminal.run("doctor", expect=2)
    wrong = terminal.folder / "wrong.yaml"
    wrong.write_text("name: x\nhold_days: soon\nadvocate: {kind: beer}\n")
    told = terminal.run("program", "apply", str(wrong), expect=2)
    assert "hold_days" in told
    assert "advocate.kind" in told
    assert "Traceback" not in told


@pytest.mark.timeout(180)
def test_up_pays_a_referral_and_explains_it(terminal: Terminal):
    port = free_port()
    sandbox = start()
    client = Client(sandbox.url, DOMAIN, TOKEN)
    terminal.environ |= {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    terminal.environ |= {"SHOPIFY_URL": f"{sandbox.url}/{{shop}}", "SHOPIFY_API_SECRET": SECRET}
    up = subprocess.Popen([sys.executable, "-m", "connector", "up"], cwd=terminal.folder, env=terminal.environ)
    try:
        until(lambda: answers(port))
        target = f"http://127.0.0.1:{port}/webhooks/shopify"
        client.control("shops", domain=DOMAIN, currency="EUR", token=TOKEN, secret=SECRET, target=target)
        client.control("customers", shop=DOMAIN, email="anna@example.com", earlier_orders=1, send=False)
        friend = client.control("customers", shop=DOMAIN, email="cem@example.org", send=False)["gid"]
        assert "is no Shopify shop" in terminal.run(
            "connect", "shopify", "--account", "evil.com", given=TOKEN, expect=2
        )
        terminal.run("connect", "shopify", "--account", DOMAIN, "--merchant", "Anna's Tea House", given=TOKEN)
        (terminal.folder / "program.yaml").write_text(PROGRAM)
        terminal.run("program", "apply", "program.yaml")
        advocate = json.loads(terminal.run("advocate", "add", "anna@example.com", "--json"))
        landing = f"/tea?ref={advocate['code']}"
        order = client.control("orders", shop=DOMAIN, customer=friend, net="80.00", landing_site=landing)["id"]
        until(lambda: [e for e in client.book()["entries"] if e["kind"] == "credit"])
        until(lambda: "rewarded" in terminal.run("explain", str(order)))
        told = terminal.run("explain", str(order))
        assert "the link the order started from" in told
        assert "reward 8.00 EUR to the advocate as balance: issued" in told
        reward = json.loads(terminal.run("explain", str(order), "--json"))[0]["rewards"][0]["id"]
        assert json.loads(terminal.run("verify", reward, "--json"))["sum"] == 0
        doctor = json.loads(terminal.run("doctor", "--json"))
        assert (doctor["rewards"], doctor["needs_person"]) == ({"issued": 1}, [])
        assert "nobody here is known" in terminal.run("erase", "stranger@example.org", expect=2)
        assert terminal.run("replay", "--all").startswith("2 deliveries")
        until(lambda: not json.loads(terminal.run("doctor", "--json"))["deliveries"].get("received"))
        terminal.run("erase", "cem@example.org")
        assert terminal.run("replay", "--all").startswith("0 deliveries")  # both named somebody who is forgotten
        until(lambda: not json.loads(terminal.run("doctor", "--json"))["deliveries"].get("received"))
        assert json.loads(terminal.run("doctor", "--json"))["rewards"] == {"issued": 1}
        assert len([e for e in client.book()["entries"] if e["kind"] == "credit"]) == 1
    finally:
        up.send_signal(signal.SIGTERM)
        assert up.wait(40) is not None
        client.close()
        sandbox.stop()


def until(true: object, within: float = 60) -> None:
    end = time.monotonic() + within
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
