"""Back up and restore as docs/operate.md says it, with the programs of the very server that the tests run on."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from connector.embedded.programs import _folders
from connector.wiring import App
from tests.shop import Books

#: Row-level security binds the tables' owner too, so only the server's owner can dump every row.
SERVER_OWNER = "postgres"


def _programs(url: str) -> Path:
    """The folder of pg_dump and pg_restore beside the server of this address; skips the test where there is none."""
    server = create_engine(url, poolclass=NullPool)
    with server.connect() as session:
        major = int(session.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    for folder in _folders():
        if not all((folder / name).is_file() for name in ("pg_dump", "pg_restore")):
            continue
        told = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
        if re.search(rf"\) {major}[.\s]", told):
            return folder
    pytest.skip(f"there is no pg_dump of PostgreSQL {major} here")


def _at(url: URL, user: str) -> list[str]:
    """What the programs need to find the server."""
    return ["--host", str(url.query["host"]), "--port", str(url.query["port"]), "--username", user]


def back_up(shop: Books, *, user: str = SERVER_OWNER) -> bytes:
    """A backup of this merchant's database in pg_dump's own format. Raises CalledProcessError where `user` may not."""
    url = make_url(shop.app.settings.database_url)
    command = [_programs(shop.app.settings.database_url) / "pg_dump", "--format=custom", *_at(url, user)]
    return subprocess.run([*command, str(url.database)], capture_output=True, check=True).stdout


@contextmanager
def restored(shop: Books, backup: bytes) -> Iterator[App]:
    """The same installation on a fresh database that the backup was restored into."""
    url = make_url(shop.app.settings.database_url).set(database=f"restored_{uuid4().hex}")
    server = create_engine(
        url.set(username=SERVER_OWNER, database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with server.connect() as session:
        session.execute(text(f"CREATE DATABASE {url.database} OWNER {url.username}"))
    command = [_programs(shop.app.settings.database_url) / "pg_restore", "--no-owner", "--exit-on-error"]
    subprocess.run(
        [*command, *_at(url, str(url.username)), "--dbname", str(url.database)],
        input=backup, capture_output=True, check=True,
    )  # fmt: skip
    settings = shop.app.settings.model_copy(update={"database_url": url.render_as_string(hide_password=False)})
    with App(settings, shop.app.environ, shop.app.adapters, ExitStack()) as app:
        yield app
    with server.connect() as session:
        session.execute(text(f"DROP DATABASE {url.database} WITH (FORCE)"))
