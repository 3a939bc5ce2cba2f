"""How things of ours are called in Klaviyo: by our app's name first, so that they stand together and are nobody else's."""

from __future__ import annotations

import re
from collections.abc import Mapping

from connector.domain.news import NewsKind
from connector.errors import ConfigError

SETTING = "KLAVIYO_APP_NAME"
DEFAULT = "Referral Connector"
#: Names of metrics have less than 128 characters ("Events API overview"), and are read in narrow lists.
_APP_NAME = re.compile(r"\S(?:.{0,58}\S)?")


def app_name(settings: Mapping[str, str]) -> str:
    """The name that all others begin with. Raises ConfigError for one that is too long."""
    name = " ".join((settings.get(SETTING) or DEFAULT).split())
    if not _APP_NAME.fullmatch(name):
        raise ConfigError([f"{SETTING}: give a name of at most 60 characters"])
    return name


def metric(app: str, kind: NewsKind) -> str:
    """The metric under which news of a kind is recorded, such as Referral Connector Reward Issued."""
    return f"{app} {kind.title()}"


def profile_property(app: str, field: str) -> str:
    """The property of a profile that holds a field of the mapping, such as Referral Connector Referral URL."""
    return f"{app} {field}"
