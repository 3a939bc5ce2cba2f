"""Settings: read once at start, all problems told in one message, each with its remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from connector.errors import ConfigError
from connector.journey.desk import Timing
from connector.ports.platform import Manifest

_SHORTEST_SECRET = 16


class Settings(BaseSettings):
    """The product's own settings. A platform's settings come from its manifest, see `platform_settings`.

    Times are in seconds. WORKER_SLOTS is how many workers share the lanes.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: str = ""
    redis_url: str = ""
    public_url: str = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr("")
    encryption_keys: SecretStr = SecretStr("")
    data_dir: Path = Path(".data")
    outbound_proxy: str = ""
    port: int = Field(8000, ge=0, le=65535)
    worker_slots: int = Field(2, ge=1, le=64)
    lease_seconds: float = Field(60, gt=0)
    slice_seconds: float = Field(20, gt=0)
    call_seconds: float = Field(10, gt=0)
    deadline_seconds: float = Field(5, gt=0)
    quiet_seconds: float = Field(0, ge=0, description="0: as each platform's manifest says")
    sweep_seconds: float = Field(5, gt=0)
    gather_seconds: float = Field(60, ge=0)
    retention_days: int = Field(30, ge=1, le=365)

    def problems(self) -> list[str]:
        """What does not fit together."""
        problems = [*self._timing_problems(), *self._secret_problems()]
        if urlsplit(self.public_url).scheme not in ("http", "https") or not urlsplit(self.public_url).hostname:
            problems.append("PUBLIC_URL must be the address people reach, such as https://referrals.example.com")
        if self.database_url and not self.database_url.startswith(
            ("postgres://", "postgresql://", "postgresql+psycopg://")
        ):
            problems.append("DATABASE_URL must start with postgresql://; leave it out for the embedded server")
        if self.redis_url and not self.redis_url.startswith(("redis://", "rediss://", "unix://")):
            problems.append("REDIS_URL must start with redis://, rediss:// or unix://")
        return problems

    def _timing_problems(self) -> list[str]:
        problems = []
        if self.deadline_seconds + self.slice_seconds + self.call_seconds > self.lease_seconds:
            problems.append(
                "LEASE_SECONDS must be at least SLICE_SECONDS + DEADLINE_SECONDS + CALL_SECONDS, or a slow call could"
                " outlive the lane it was made under"
            )
        if self.quiet_seconds and self.quiet_seconds < self.call_seconds:
            problems.append(
                "QUIET_SECONDS must be at least CALL_SECONDS, or an effect could land after it was looked for"
            )
        return problems

    def _secret_problems(self) -> list[str]:
        """Own servers make their own secrets; a database of one's own needs secrets that outlive the machine."""
        names = {
            "SECRET_KEY": [self.secret_key.get_secret_value()],
            "ENCRYPTION_KEYS": listed(self.encryption_keys.get_secret_value()) or [""],
        }
        return [
            f"{name}: set it to {_SHORTEST_SECRET} or more random letters"
            for name, values in names.items()
            if (self.database_url or any(values)) and min(map(len, values)) < _SHORTEST_SECRET
        ]

    @property
    def timing(self) -> Timing:
        def seconds(value: float) -> timedelta:
            return timedelta(seconds=value)

        return Timing(
            lease=seconds(self.lease_seconds),
            slice=seconds(self.slice_seconds),
            call=seconds(self.call_seconds),
            deadline=seconds(self.deadline_seconds),
            quiet=seconds(self.quiet_seconds) if self.quiet_seconds else None,
            sweep=seconds(self.sweep_seconds),
            gather=seconds(self.gather_seconds),
        )


def listed(value: str) -> list[str]:
    """The secrets of a setting that may name several while they rotate, newest first."""
    return [each for part in value.split(",") if (each := part.strip())]


def read(manifests: Mapping[str, Manifest], environ: Mapping[str, str], **changes: Any) -> Settings:
    """The settings, or ConfigError naming everything that is wrong in core and platform settings at once."""
    problems: list[str] = []
    try:
        settings = Settings(**changes)
    except ValidationError as error:
        problems += _spoken(error)
        # Judge the rest as well, with the unusable fields left at their defaults: one message names everything.
        wrong = {str(entry["loc"][0]): Settings.model_fields[str(entry["loc"][0])].default for entry in error.errors()}
        settings = Settings(**{**changes, **wrong})
    problems += settings.problems()
    problems += [problem for manifest in manifests.values() for problem in _platform_problems(manifest, environ)]
    if problems:
        raise ConfigError(problems)
    return settings


def _spoken(error: ValidationError) -> list[str]:
    return [f"{str(entry['loc'][0]).upper()}: {entry['msg']}" for entry in error.errors()]


def _platform_problems(manifest: Manifest, environ: Mapping[str, str]) -> list[str]:
    odd = [
        f"{each.name}: give {each.help}"
        for each in manifest.settings
        if each.pattern and (value := environ.get(each.name, "")) and not re.fullmatch(each.pattern, value.strip())
    ]
    return odd + _url_problems(manifest, environ)


def _url_problems(manifest: Manifest, environ: Mapping[str, str]) -> list[str]:
    url = environ.get(manifest.url_setting, "")
    parts = urlsplit(url.replace("{shop}", "shop"))
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        return [f"{manifest.url_setting}: {url!r} is no address; give one such as https://gateway.example.com"]
    if url and parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        return [f"{manifest.url_setting}: plain http is accepted on this machine's loopback only; use https"]
    return []


def platform_settings(manifest: Manifest, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of a platform's own settings, "" where unset."""
    return {setting.name: environ.get(setting.name, "") for setting in manifest.settings}
