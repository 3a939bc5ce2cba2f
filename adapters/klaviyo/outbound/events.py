"""Events: one piece of news as Klaviyo takes it, alone or among many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from typing import Any

from adapters.answers import Json
from adapters.klaviyo.api.sdk import encoded
from adapters.klaviyo.outbound.names import metric
from adapters.klaviyo.outbound.reads import address
from connector.ports.news import News

#: Events of one call, and its size in bytes, a little less than the published five megabytes.
MOST, LARGEST = 1000, 4_900_000
#: What one event may hold ("Events API overview"): what is more is taken, and thrown away without a word.
MOST_PROPERTIES, LONGEST_TEXT = 400, 100_000
#: Why nobody was reached.
NOBODY = "the person has neither a profile nor an e-mail address"


def unique_id(news: News) -> str:
    """By which Klaviyo records it once, for one profile and metric, however often it is told."""
    return f"{news.id}:{news.kind}"


def misfit(news: News) -> str:
    """Why Klaviyo would throw it away after it was taken, which nobody would hear of; "" where it would not."""
    if not news.person and not address(news.email):
        return NOBODY
    if len(news.values) + 2 > MOST_PROPERTIES:
        return f"it has more than {MOST_PROPERTIES} properties"
    if any(len(text.encode("utf-8", "replace")) > LONGEST_TEXT for text in news.values.values()):
        return f"one of its texts is longer than {LONGEST_TEXT:,} bytes"
    return ""


def single(app: str, news: News) -> Json:
    """The body that tells one."""
    attributes = {**_attributes(app, news), "profile": {"data": _profile(news)}}
    if news.history:
        attributes["backfill"] = True
    return {"data": {"type": "event", "attributes": attributes}}


def bulk(app: str, groups: Iterable[Sequence[News]]) -> Json:
    """The body that tells many, by groups of one person each."""
    data = [_group(app, group) for group in groups]
    return {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": data}}}}


def grouped(news: Iterable[News]) -> list[list[News]]:
    """Those of one person together, in the order of the first; what is history starts no flow, so it stands apart."""
    groups: dict[tuple[str, str, bool], list[News]] = {}
    for one in news:
        groups.setdefault((one.person, "" if one.person else address(one.email), one.history), []).append(one)
    return list(groups.values())


def parts(app: str, news: Iterable[News]) -> Iterator[list[News]]:
    """As few calls as they fit into, in their order."""
    part: list[News] = []
    size = 0
    for one in news:
        mine = len(encoded(_group(app, [one])))  # more than it adds to a group that is there already
        if part and (len(part) == MOST or size + mine > LARGEST):
            yield part
            part, size = [], 0
        part.append(one)
        size += mine
    if part:
        yield part


def _group(app: str, group: Sequence[News]) -> Json:
    events = [{"type": "event", "attributes": _attributes(app, one)} for one in group]
    attributes: dict[str, Any] = {"profile": {"data": _profile(group[0])}, "events": {"data": events}}
    if group[0].history:
        attributes["backfill"] = True
    return {"type": "event-bulk-create", "attributes": attributes}


def _profile(news: News) -> Json:
    """By the one name that we know them by: two could belong to two profiles."""
    if news.person:
        return {"type": "profile", "id": news.person, "attributes": {}}
    return {"type": "profile", "attributes": {"email": address(news.email)}}


def _attributes(app: str, news: News) -> dict[str, Any]:
    told: dict[str, Any] = {
        "metric": {"data": {"type": "metric", "attributes": {"name": metric(app, news.kind)}}},
        "properties": {**news.values, "role": news.role},
        "time": news.at.astimezone(UTC).isoformat(timespec="seconds"),
        "unique_id": unique_id(news),
    }
    if news.amount is not None:
        # What was taken back has a metric of its own, so that no sum over a metric cancels itself out.
        told["value"] = abs(float(news.amount.decimal()))
        told["value_currency"] = news.amount.currency
        told["properties"]["currency"] = news.amount.currency
    return told
