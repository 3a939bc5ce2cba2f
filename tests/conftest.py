"""What tests share: a real PostgreSQL and Redis of their own, and an app on them. Nothing here is a mock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from connector import config
from connector.embedded import postgres
from connector.embedded import redis as embedded_redis
from connector.store import migrate
from connector.wiring import App, adapters
from tests.shop import Shop

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", parent=settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

SECRET = "a shared secret that is long enough for a signature"


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that the servers' own account can pass through; pytest's folders are closed to others."""
    with TemporaryDirectory(prefix="connector-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_url(server_folder: Path) -> Iterator[str]:
    """One server for this test process."""
    with postgres.start(server_folder) as server:
        yield server.url


@pytest.fixture(scope="session")
def redis_url(server_folder: Path) -> Iterator[str]:
    """One server for this test process; "" where there is no program for it."""
    server = embedded_redis.start(server_folder)
    if server is None:
        yield ""
        return
    with server:
        yield server.url


@pytest.fixture(scope="session")
def template(postgres_url: str) -> str:
    """A migrated schema to clone: a fresh database for each test costs about 50 ms."""
    engine = create_engine(postgres_url)
    migrate.migrate(engine)
    engine.dispose()
    return postgres_url


@pytest.fixture
def database_url(template: str) -> Iterator[str]:
    """A database of this test's own, dropped afterwards. Only the server's owner may make one."""
    name = f"test_{uuid4().hex}"
    owner = make_url(template).set(username="postgres", database="postgres")
    server = create_engine(owner, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as session:
        session.execute(text(f"CREATE DATABASE {name} TEMPLATE connector OWNER connector"))
    yield make_url(template).set(database=name).render_as_string(hide_password=False)
    with server.connect() as session:
        session.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def quick_environment(**changes: str) -> dict[str, str]:
    """Settings under which nothing waits longer than a test should."""
    quick = {
        "SECRET_KEY": SECRET,
        "ENCRYPTION_KEYS": SECRET,
        "SWEEP_SECONDS": "0.3",
        "CALL_SECONDS": "2",
        "DEADLINE_SECONDS": "1",
        "SLICE_SECONDS": "3",
        "LEASE_SECONDS": "6",
        "QUIET_SECONDS": "2",
        "GATHER_SECONDS": "0",
    }
    return {**quick, **changes}


MakeApp = Callable[..., App]


@pytest.fixture
def make_app(database_url: str) -> Iterator[MakeApp]:
    """Apps on this test's database, as separate processes would be; changes are further environment variables."""
    with ExitStack() as opened:

        def make(**changes: str) -> App:
            environ = quick_environment(DATABASE_URL=database_url, **changes)
            with pytest.MonkeyPatch.context() as patch:
                for name, value in environ.items():
                    patch.setenv(name, value)
                every = adapters()
                read = config.read({key: a.manifest for key, a in every.items()}, environ)
            return opened.enter_context(App(read, environ, every, ExitStack()))

        yield make


@pytest.fixture
def contracts() -> Path:
    """The platforms' published contracts, where CONTRACTS_DIR names them."""
    folder = os.environ.get("CONTRACTS_DIR")
    if not folder:
        pytest.skip("CONTRACTS_DIR is not set: the platforms' published contracts are not here")
    return Path(folder)


@pytest.fixture
def shop(make_app: MakeApp) -> Iterator[Shop]:
    """A stand-in shop that the app of this test is connected to, with a program and one advocate."""
    with Shop(make_app) as opened:
        yield opened
