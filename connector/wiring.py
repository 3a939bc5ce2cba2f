"""Where concrete classes meet: settings, servers, store, platforms. Nothing else constructs them."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from uuid import UUID

from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from adapters import Adapter, discover, found
from connector import config, mapping
from connector.errors import ConfigError
from connector.journey.desk import Desk, Platform
from connector.lanes.lane import Lanes
from connector.lanes.limits import LocalMeter, SharedMeter
from connector.lanes.wake import Waker
from connector.lanes.work import Workshop
from connector.mail.standing import standing
from connector.ports.meter import Meter
from connector.ports.platform import Kit
from connector.store.database import Database, engine
from connector.store.migrate import pending
from connector.store.vault import Vault, derive

if TYPE_CHECKING:
    from types import TracebackType

    from connector.ports.bills import Bills
    from connector.ports.coupons import Coupons, Shelf
    from connector.ports.forgetting import Forgetting
    from connector.ports.history import History
    from connector.ports.hooks import Receiver
    from connector.ports.lists import Lists
    from connector.ports.news import Telling
    from connector.ports.offers import Offers
    from connector.ports.steps import Steps

_REDIS_TIMEOUT_S = 0.5
#: Not platforms of somebody else's, but with the same rooms: receivers of the merchant's own, and mail.
_BUILT_IN = ("connector.hook", "connector.mail")


@dataclass
class App:
    """Everything a process works with. Close it, or use it as a context, to stop servers it started itself."""

    settings: config.Settings
    environ: Mapping[str, str]
    adapters: Mapping[str, Adapter]
    servers: ExitStack
    pool: int = 4

    @cached_property
    def database(self) -> Database:
        vault = Vault(config.listed(self.settings.encryption_keys.get_secret_value()))
        return Database(engine(self.settings.database_url, pool=self.pool), vault, self.key("identifiers"))

    @cached_property
    def redis(self) -> Redis | None:
        """For quick words only: it never waits long and never repeats, for nobody may depend on an answer."""
        return self._redis(socket_timeout=_REDIS_TIMEOUT_S)

    @cached_property
    def job_redis(self) -> Redis | None:
        """For a worker that waits for jobs."""
        return self._redis(health_check_interval=30)

    def _redis(self, **options: Any) -> Redis | None:
        if not self.settings.redis_url:
            return None
        no_repeats = Retry(NoBackoff(), 0)
        return Redis.from_url(
            self.settings.redis_url, socket_connect_timeout=_REDIS_TIMEOUT_S, retry=no_repeats, **options
        )

    def key(self, purpose: str) -> bytes:
        """A secret of its own for each purpose."""
        return derive(self.settings.secret_key.get_secret_value(), purpose)

    @cached_property
    def meter(self) -> Meter:
        return SharedMeter(self.redis) if self.redis is not None else LocalMeter()

    @cached_property
    def desk(self) -> Desk:
        mappings = mapping.load_all()
        platforms = {key: self._platform(adapter, mappings.get(key)) for key, adapter in self.adapters.items()}
        keys = (self.key("markers"), self.key("touch"))
        url = self.settings.public_url.rstrip("/")
        return Desk(self.database, platforms, self.settings.timing, *keys, url, Waker(self.redis))

    def kit(self, key: str) -> Kit:
        """What a platform's code is given."""
        manifest = self.adapters[key].manifest
        values = config.platform_settings(manifest, self.environ)
        return Kit(
            settings=values,
            meter=self.meter,
            base_url=values.get(manifest.url_setting, ""),
            proxy=self.settings.outbound_proxy,
            timeout_s=self.settings.call_seconds,
        )

    def _platform(self, adapter: Adapter, fields: mapping.Mapping | None) -> Platform:
        kit = self.kit(adapter.manifest.key)
        secret = kit.settings.get(adapter.manifest.app_secret, "")
        outbound = _once(partial(adapter.outbound, kit))
        return Platform(
            manifest=adapter.manifest,
            inbound=adapter.inbound,
            outbound=outbound,
            offers=cast("Callable[[], Offers]", outbound),
            history=cast("Callable[[], History]", outbound),
            lists=cast("Callable[[], Lists]", outbound),
            steps=cast("Callable[[], Steps]", outbound),
            bills=cast("Callable[[], Bills]", outbound),
            telling=cast("Callable[[], Telling]", outbound),
            forgetting=cast("Callable[[], Forgetting]", outbound),
            shelf=cast("Callable[[], Shelf]", outbound),
            coupons=cast("Callable[[], Coupons]", outbound),
            receiver=cast("Callable[[], Receiver]", outbound),
            auth=_once(partial(adapter.auth, kit)),
            standing=partial(standing, kit.settings) if adapter.manifest.mails else _nothing,
            mapping=fields,
            secrets=tuple(config.listed(secret)),
        )

    @cached_property
    def workshop(self) -> Workshop:
        return Workshop(self.desk, Lanes(self.database, self.settings.timing.lease), self.settings.worker_slots)

    def close(self) -> None:
        self.database.engine.dispose()
        for redis in (self.redis, self.job_redis):
            if redis is not None:
                redis.close()
        self.servers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _nothing(_merchant: UUID) -> None:
    """No platform is joined without its merchant."""


T = TypeVar("T")


def _once(make: Callable[[], T]) -> Callable[[], T]:
    """The same object at every call, made at the first: a platform's rooms are opened when somebody goes there."""
    made: list[T] = []

    def get() -> T:
        if not made:
            made.append(make())
        return made[0]

    return get


def adapters() -> dict[str, Adapter]:
    """Every platform there is, and what is built in, by key."""
    return {**discover(), **{each.manifest.key: each for each in map(found, _BUILT_IN)}}


def open_app(environ: Mapping[str, str] | None = None, *, pool: int = 4) -> App:
    """The app for this environment, with embedded servers where none are given. Raises ConfigError."""
    environ = os.environ if environ is None else environ
    every = adapters()
    settings = config.read({key: a.manifest for key, a in every.items()}, environ)
    servers = ExitStack()
    if not settings.database_url:
        settings = _with_own_servers(settings, servers)
    return App(settings, environ, every, servers, pool)


def _with_own_servers(settings: config.Settings, servers: ExitStack) -> config.Settings:
    """Embedded PostgreSQL and, where there is a program for it, Redis; secrets are made once and kept beside them."""
    from connector.embedded import postgres
    from connector.embedded import redis as embedded_redis

    if os.environ.get("DYNO"):
        raise ConfigError(["DATABASE_URL: set it; the disk of a dyno forgets everything at each restart"])
    folder = settings.data_dir.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    database = servers.enter_context(postgres.start(folder))
    redis_url = settings.redis_url
    if not redis_url and (redis := embedded_redis.start(folder)) is not None:
        redis_url = servers.enter_context(redis).url
    own = _secrets(folder / "secrets.json")
    return settings.model_copy(
        update={
            "database_url": database.url,
            "redis_url": redis_url,
            "secret_key": SecretStr(settings.secret_key.get_secret_value() or own["SECRET_KEY"]),
            "encryption_keys": SecretStr(settings.encryption_keys.get_secret_value() or own["ENCRYPTION_KEYS"]),
        }
    )


def _secrets(path: Path) -> dict[str, str]:
    """Secrets of an embedded installation, readable by its owner alone."""
    if not path.exists():
        made = {"SECRET_KEY": secrets.token_urlsafe(32), "ENCRYPTION_KEYS": secrets.token_urlsafe(32)}
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(made))
        try:
            os.link(temporary, path)  # fails if another process was first: then its secrets are the ones that count
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    found: dict[str, str] = json.loads(path.read_text())
    return found


def ready(app: App) -> App:
    """An app whose database may be used: a role that row-level security binds, and this version's schema.

    Raises ConfigError with the remedy.
    """
    app.database.check_role()
    if pending(app.database.engine):
        raise ConfigError(["The database is not up to date: run `connector migrate` first."])
    return app


def child_environment(app: App) -> dict[str, str]:
    """What a process started beside this one needs to share its servers and secrets."""
    settings = app.settings
    return {
        **app.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "ENCRYPTION_KEYS": settings.encryption_keys.get_secret_value(),
        "PUBLIC_URL": settings.public_url,
    }
