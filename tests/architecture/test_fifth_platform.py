"""A fifth platform costs one folder and one mapping file: a throw-away one is written, held to all rules, and pays."""

import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from codebase import ROOT

from tests.adapters.conformance import fifth_platform, fifth_stand_in

CONNECTOR = [sys.executable, "-m", "connector"]
ACCOUNT, TOKEN, SECRET = "annas.parcel.example", "parcel-token", "the secret that parcel signs with"
QUICK = {
    "SWEEP_SECONDS": "0.5", "CALL_SECONDS": "2", "DEADLINE_SECONDS": "1", "SLICE_SECONDS": "3", "LEASE_SECONDS": "6",
    "QUIET_SECONDS": "2", "GATHER_SECONDS": "0", "WORKER_SLOTS": "1",
}  # fmt: skip
PATIENCE_S = 60
FILES = {**fifth_platform.FILES, **fifth_stand_in.FILES}


def contents(root: Path) -> dict[str, str]:
    """Every file of a tree by its digest; what Python and pytest leave behind does not count."""
    files = [
        path for path in root.rglob("*") if path.is_file() and not {"__pycache__", ".hypothesis"} & set(path.parts)
    ]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    """A copy of the product with one platform more, under a folder that an unprivileged server may pass through."""
    with tempfile.TemporaryDirectory(prefix="connector-fifth-") as folder:
        Path(folder).chmod(0o711)
        root = Path(folder, "tree")
        for name in ("connector", "adapters", "mappings", "tests"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "Procfile"):
            shutil.copy(ROOT / name, root)
        before = contents(root)
        for name, source in FILES.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source.lstrip(), encoding="utf-8")
        yield root
        after = contents(root)
        assert set(after) - set(before) == set(FILES)
        assert {name: after.get(name) for name in before} == before, "a fifth platform forced an edit"


def environment(root: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", **more}


def run(command: list[str], root: Path, *, given: str = "", **environ: str) -> str:
    """Output of a command in the tree. Raises AssertionError with all of it unless it ends with 0."""
    ended = subprocess.run(
        command, cwd=root, env=environment(root, **environ), input=given, capture_output=True, text=True, timeout=240, check=False
    )  # fmt: skip
    assert ended.returncode == 0, f"{command}\n{ended.stdout[-6000:]}\n{ended.stderr[-3000:]}"
    return ended.stdout


def passed(root: Path, *selection: str) -> int:
    """How many tests passed there; none may fail."""
    told = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *selection], root)
    found = re.search(r"(\d+) passed", told)
    return int(found[1]) if found else 0


def test_it_is_found_by_its_folder_alone(tree: Path) -> None:
    found = run([sys.executable, "-c", "from adapters import discover; print(*discover())"], tree)
    assert "parcel" in found.split()


def test_every_rule_of_the_architecture_holds_for_it(tree: Path) -> None:
    names = ("test_imports.py", "test_platforms.py", "test_sizes.py", "test_habits.py")
    assert passed(tree, *(f"tests/architecture/{name}" for name in names)) >= 15


def test_it_passes_the_conformance_suite(tree: Path) -> None:
    suite = sorted(str(path.relative_to(tree)) for path in (tree / "tests/adapters").glob("test_conformance*.py"))
    assert passed(tree, *suite, "-k", "parcel") >= 150


def test_a_platform_that_promises_what_it_does_not_keep_fails_the_suite(tree: Path) -> None:
    """Its key is not honoured: a second send pays a second time, which class A rules out."""
    path = tree / "adapters/parcel/sandbox/__init__.py"
    honest = path.read_text(encoding="utf-8")
    patched = honest.replace(
        "self.moves.setdefault((kind, key), {", "self.moves.setdefault((kind, key, len(self.moves)), {"
    )
    patched = patched.replace("return self.moves.get((kind, key))", "return None")
    assert patched.count("len(self.moves))") == 1 and "return None" in patched
    driver = tree / "tests/adapters/conformance/parcel.py"
    kept = driver.read_text(encoding="utf-8")
    try:
        path.write_text(patched, encoding="utf-8")
        driver.write_text(kept.replace("(kind, key), m in", "(kind, key, _), m in"), encoding="utf-8")
        with pytest.raises(AssertionError, match="test_sent_twice_it_has_one_effect"):
            passed(tree, "tests/adapters/test_conformance_money.py", "-k", "parcel and sent_twice")
    finally:
        path.write_text(honest, encoding="utf-8")
        driver.write_text(kept, encoding="utf-8")


@contextmanager
def process(command: list[str], root: Path, **environ: str) -> Iterator[None]:
    started = subprocess.Popen(
        command, cwd=root, env=environment(root, **environ), stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        started.wait(PATIENCE_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(url: str, data: bytes = b"{}", **headers: str) -> Any:
    request = urllib.request.Request(url, data, {k.replace("_", "-"): v for k, v in headers.items()})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        body = answer.read()
    return json.loads(body)["answer"] if body else answer.status


def answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
        return bool(answer.status == 200)


def until(true: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            if found := true():
                return found
        except OSError:
            pass  # it does not answer yet
        time.sleep(0.1)
    raise AssertionError(f"waited {PATIENCE_S} s in vain for {what}")


def test_a_referral_that_it_delivers_is_paid(tree: Path) -> None:
    parcel, web = free_port(), free_port()
    stand_in = f"http://127.0.0.1:{parcel}"
    with tempfile.TemporaryDirectory(prefix="connector-fifth-data-") as data:
        Path(data).chmod(0o711)
        settings = {
            "DATA_DIR": data,
            "PARCEL_KEY": "k",
            "PARCEL_SECRET": SECRET,
            "PARCEL_URL": stand_in,
            "PORT": str(web),
            **QUICK,
        }
        with process([*CONNECTOR, "sandbox", "parcel", "--port", str(parcel)], tree, **settings):

            def ask(name: str, **given: Any) -> Any:
                return post(f"{stand_in}/{name}", json.dumps(given).encode(), Authorization=TOKEN)

            until(lambda: ask("account"), "the stand-in")
            anna, bob = (
                ask("add", kind="person", email="anna@example.com"),
                ask("add", kind="person", email="bob@example.com"),
            )
            run([*CONNECTOR, "migrate"], tree, **settings)
            told = run([*CONNECTOR, "connect", "parcel", "--account", ACCOUNT], tree, given=f"{TOKEN}\n", **settings)
            assert ACCOUNT in told and TOKEN not in told
            program = Path(data, "program.yaml")
            program.write_text(
                "name: Friends\nhold_days: 0\nadvocate: {kind: balance, percent: 10}\n", encoding="utf-8"
            )
            run([*CONNECTOR, "program", "apply", str(program)], tree, **settings)
            code = json.loads(run([*CONNECTOR, "advocate", "add", "anna@example.com", "--json"], tree, **settings))[
                "code"
            ]
            with process([*CONNECTOR, "up"], tree, **settings):
                url = f"http://127.0.0.1:{web}"
                until(lambda: answers(f"{url}/readyz"), "the web server")
                order = ask("add", kind="order", person=bob, email="bob@example.com", net=8000, code=code)
                body = json.dumps({"id": order, "code": code}).encode()
                mark = hmac.new(SECRET.encode(), f"order.paid\n{ACCOUNT}\n".encode() + body, hashlib.sha256).hexdigest()
                for _ in range(3):
                    signed = {"Parcel_Topic": "order.paid", "Parcel_Account": ACCOUNT, "Parcel_Signature": mark}
                    assert post(f"{url}/webhooks/parcel", body, **signed) == 200
                until(lambda: ask("book"), "the credit")
                until(lambda: ask("read", ids=[order])[order]["fields"].get("stage") == "rewarded", "the record")
            assert [(move["kind"], move["person"], move["minor"]) for move in ask("book")] == [("credit", anna, 800)]
