"""A wrong setting is found at start, not on the day it is needed; and all of them at once, not one after the other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRONG = {
    "DATABASE_URL": "mysql://nowhere/db",
    "REDIS_URL": "http://nowhere",
    "PUBLIC_URL": "referrals.example.com",
    "SECRET_KEY": "too-short-sk",
    "ENCRYPTION_KEYS": "too-short-ek",
    "LEASE_SECONDS": "5",
    "QUIET_SECONDS": "1",
    "SHOPIFY_URL": "http://gateway.example.com/{shop}",
    "MAIL_SERVER": "smtp.example.com/with-a-pass-word",
    "MAIL_FROM": "Anna's Tea House",
}


def start(tmp_path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-m", "connector", "web"]
    return subprocess.run(
        command, cwd=tmp_path, env=clean | environ, capture_output=True, text=True, timeout=60, check=False
    )


def named(told: str) -> set[str]:
    return {name for name in WRONG if name in told}


def test_one_message_names_every_wrong_setting_with_its_remedy_and_no_secret(tmp_path: Path) -> None:
    ended = start(tmp_path, **WRONG)
    assert ended.returncode == 2
    assert named(ended.stderr) == set(WRONG)
    assert len(ended.stderr.strip().splitlines()) == len(WRONG)
    assert "Traceback" not in ended.stderr and ended.stdout == ""
    assert not any(secret in ended.stderr for secret in ("too-short-sk", "too-short-ek"))
    assert not (tmp_path / "data").exists(), "nothing is started before the settings are right"


@pytest.mark.parametrize(
    "number", [{"PORT": "eighty"}, {"PORT": "70000"}, {"WORKER_SLOTS": "0"}, {"LEASE_SECONDS": "-1"}]
)
def test_a_number_that_is_none_hides_no_other_problem(tmp_path: Path, number: dict[str, str]) -> None:
    wrong = {name: value for name, value in WRONG.items() if name not in number}
    ended = start(tmp_path, **wrong, **number)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert all(name in ended.stderr for name in number)
    assert named(ended.stderr) >= set(wrong) - {"LEASE_SECONDS", "QUIET_SECONDS"}


def test_each_wrong_setting_alone_stops_the_start_and_is_named(tmp_path: Path) -> None:
    right = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "SECRET_KEY": "s" * 32,
        "ENCRYPTION_KEYS": "e" * 32,
    }
    for name in ("SHOPIFY_URL", "PUBLIC_URL", "ENCRYPTION_KEYS"):
        ended = start(tmp_path, **{**right, name: WRONG[name]})
        assert (ended.returncode, named(ended.stderr)) == (2, {name}), ended.stderr


@pytest.mark.parametrize("keys", ["e" * 32 + ",short", "short, " + "e" * 32, ","])
def test_no_key_in_the_list_may_be_one_that_anybody_could_guess(tmp_path: Path, keys: str) -> None:
    ended = start(
        tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:9/none", SECRET_KEY="s" * 32, ENCRYPTION_KEYS=keys
    )
    assert (ended.returncode, named(ended.stderr)) == (2, {"ENCRYPTION_KEYS"}), ended.stderr
