"""Evidence in links: codes in the query of an address that somebody followed. Never raises, whatever a stranger typed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from adapters.plain import text_of
from connector.domain.touch import Source, Touch

MAX_LINK = 8192
MAX_PARAMETERS = 200


def link_touch(link: object, source: Source, at: datetime) -> Touch | None:
    """The code in a link's query. Never raises, whatever text a stranger put there."""
    text = link if isinstance(link, str) else ""
    try:
        pairs = parse_qsl(urlsplit(text[:MAX_LINK]).query, max_num_fields=MAX_PARAMETERS)
    except ValueError:  # not a link at all, or hundreds of parameters
        return None
    first = {name.casefold(): value for name, value in reversed(pairs)}
    return utm_touch({name.removeprefix("utm_"): value for name, value in first.items()}, source, at)


def utm_touch(utm: Mapping[str, object], source: Source, at: datetime) -> Touch | None:
    """The code in a link's marks: `ref` wins; `content` counts only where the source says that it is ours."""
    code, words = text_of(utm.get("ref")), "ref in its link"
    if not code and text_of(utm.get("source")).casefold() == "referral":
        code, words = text_of(utm.get("content")), "utm_content in its link"
    if not code:
        return None
    medium, campaign = text_of(utm.get("medium")), text_of(utm.get("campaign"))
    return Touch(source, code, at, medium=medium, campaign=campaign, evidence=words)


def host_of(link: object) -> str:
    """The host of a whole link, "" for anything else. Never raises, whatever text a stranger put there."""
    try:
        return text_of(urlsplit(link[:MAX_LINK]).hostname) if isinstance(link, str) else ""
    except ValueError:
        return ""
