"""Telling: news goes out as events, once each, whatever gets lost on the way.

Klaviyo takes an event with 202 and no body, and validates it later: that it was taken is no proof that it will be recorded,
and nobody is told if it is not. An event that is told again under its id is recorded once. But of a bulk call with an id
that was recorded before it is only published that it may be refused as a whole, in silence. So what may have been told
before goes alone, where it can spoil nothing, and a bulk call is made of fresh news only.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.klaviyo import MANIFEST
from adapters.klaviyo.api import Client
from adapters.klaviyo.api.answers import Misfit
from adapters.klaviyo.api.endpoints import EVENT, EVENTS
from adapters.klaviyo.outbound.events import NOBODY, bulk, grouped, misfit, parts, single, unique_id
from connector.errors import PlatformError, Unknown
from connector.ports.news import News, NewsResult
from connector.ports.platform import Account

#: Where a refusal of a bulk call points: a group, and mostly an event in it.
_PLACE = re.compile(r"/events-bulk-create/data/([0-9]{1,4})(?:/attributes/events/data/([0-9]{1,4}))?(?:/|$)")


@dataclass(frozen=True)
class Telling:
    """What flows hear."""

    client: Client
    app: str

    def tell(self, account: Account, news: Sequence[News]) -> Sequence[NewsResult]:
        """Have Klaviyo take them: one alone or `again` by a call each, more of them by the thousand.

        That it was taken is all that anybody can know. Raises Unknown, too, where a part was taken before a later one
        failed: then none of them may stand in a bulk call again.
        """
        first = {unique_id(one): one for one in reversed(news)}
        told = {mark: misfit(one) for mark, one in first.items()}
        open_ = [first[mark] for mark in dict.fromkeys(map(unique_id, news)) if not told[mark]]
        fresh = [one for one in open_ if not one.again]
        for one in open_:
            if one.again:
                told[unique_id(one)] = self._one(account, one)
        told |= self._many(account, fresh)
        return [_result(one, told[unique_id(one)]) for one in news]

    def _one(self, account: Account, news: News) -> str:
        """Why Klaviyo refuses it for ever; "" where it was taken."""
        try:
            self.client.run(account, EVENT, body=single(self.app, news))
        except Misfit as error:
            return error.reason
        return ""

    def _many(self, account: Account, news: Sequence[News]) -> dict[str, str]:
        """Fresh news in as few calls as it fits into. What a call is refused for is told alone, the others together."""
        told: dict[str, str] = {}
        waiting = deque(parts(self.app, news))
        while waiting:
            part = waiting.popleft()
            try:
                if len(part) == 1:
                    told[unique_id(part[0])] = self._one(account, part[0])
                else:
                    self.client.run(account, EVENTS, body=bulk(self.app, grouped(part)))
                    told |= {unique_id(one): "" for one in part}
            except Misfit as error:
                waiting.extendleft(reversed(_parted(part, error)))
            except PlatformError as error:
                was_taken = "" in told.values()
                if not was_taken or isinstance(error, Unknown):
                    raise
                words = f"a part of the news was taken before this: {error.reason}"
                raise Unknown(words[:300], platform=MANIFEST.key, operation=EVENTS.name, status=error.status) from error
        return told


def _result(news: News, refused: str) -> NewsResult:
    return NewsResult(news.id, refused, elsewhere=refused == NOBODY)


def _parted(part: Sequence[News], error: Misfit) -> list[list[News]]:
    """Those that the refusal points at, each alone, and the others together; its halves where it points at nothing."""
    groups = grouped(part)
    blamed = [one for pointer in error.pointers for one in _pointed_at(groups, pointer)]
    marks = set(map(unique_id, blamed))
    others = [one for one in part if unique_id(one) not in marks]
    if blamed and others:
        return [others, *([one] for one in {unique_id(one): one for one in blamed}.values())]
    middle = len(part) // 2
    return [list(part[:middle]), list(part[middle:])]


def _pointed_at(groups: Sequence[Sequence[News]], pointer: str) -> Sequence[News]:
    found = _PLACE.search(pointer)
    group = groups[int(found[1])] if found and int(found[1]) < len(groups) else ()
    if not found or found[2] is None:
        return group
    place = int(found[2])
    return group[place : place + 1]
