"""Hook: the news that people hear are sent to receivers of the merchant's own too, signed, so that others can build on it.

Each piece goes to each receiver at least once, under an id that stays the same at every try and replay, in order as far as
nothing fails. What fails is tried again for three days and holds up nothing else. Nothing of it names anybody.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import Gone, NotDone, Refused, Unknown
from connector.failpoints import reach
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.said import stated
from connector.journey.tasks import HOOK
from connector.ports.hooks import Answer, Ended, Outgoing
from connector.ports.platform import Account
from connector.ports.rows import connection_lane

#: Taken up together.
FEW = 20
#: After a failed try the next comes after these pauses; after the last of them it is given up.
SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
_GONE = 410
_GONE_WORDS = "the receiver answered 410: it wants no more; add it again, and what waits is sent"

# ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────


def deliver_due(desk: Desk, lane: Lane) -> int:
    """Send a few of what is due, each settled before the next; returns how many, and rests until more is due."""
    name = connection_lane(lane.connection)
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(name, HOOK, 1)
    if not tasks:
        return 0
    account = open_account(desk, lane)
    with desk.store.begin(lane.merchant) as tx:
        found = tx.hooks.take(lane.connection, FEW)
        if not found:
            tx.tasks.close(tasks)
            if (at := tx.hooks.next_at(lane.connection)) is not None:
                tx.tasks.mark_at(name, HOOK, HOOK, at)
            return 1
    # A slow receiver gets fewer at a time, so that the lane's lease outlives the last call.
    until = time.monotonic() + desk.timing.deadline.total_seconds()
    for sent, each in enumerate(found, 1):
        _deliver(desk, lane, account, each)
        if time.monotonic() >= until:
            return sent
    return len(found)


def _deliver(desk: Desk, lane: Lane, account: Account, each: Outgoing) -> None:
    """One try. Raises Gone where the receiver wants no more: what waits for it waits until it is added again."""
    try:
        answer = lane.platform.receiver().send(account, each.id, body_of(each, desk.public_url))
    except (NotDone, Unknown, Refused) as error:
        ended = Ended(each.id, None, error.reason, pause(each.tries))
    else:
        reach("hook.answered")
        if answer.status == _GONE:
            raise _gone(desk, lane, each)
        ended = ended_by(each, answer)
    with desk.store.begin(lane.merchant) as tx:
        tx.hooks.settle(ended)


def ended_by(each: Outgoing, answer: Answer) -> Ended:
    """What an answer means: any 2xx is yes, and everything else is tried again."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - what HTTP calls success
        return Ended(each.id, answer.status)
    again = pause(each.tries)
    why = f"it answered {answer.status}"
    return Ended(each.id, answer.status, why, None if again is None else max(again, answer.wait))


def pause(tries: int) -> timedelta | None:
    """How long to wait after another failed try, having had so many before; None where it is given up."""
    return SCHEDULE[tries] if tries < len(SCHEDULE) else None


def _gone(desk: Desk, lane: Lane, each: Outgoing) -> Gone:
    """Nothing more is sent there until the receiver is added again; this one waits with the others."""
    with desk.store.begin(lane.merchant) as tx:
        tx.connections.close(lane.connection, "reconnect", _GONE_WORDS)
        tx.hooks.settle(Ended(each.id, _GONE, "it answered 410", timedelta(0)))
    return Gone(_GONE_WORDS, platform=lane.platform.manifest.key, status=_GONE)


# ── What is said ─────────────────────────────────────────────────────────────────────────────────────────────────


def body_of(each: Outgoing, public_url: str) -> bytes:
    """What the receiver gets: what happened, and nothing that names or pays anybody. Fields are always there, or null."""
    news = each.news
    amount = news.amount
    told: dict[str, Any] = {
        "type": type_of(news.kind),
        "timestamp": news.at.isoformat(),
        "data": {
            "id": str(news.id),
            "role": news.role,
            "person": str(news.person),
            **{name: text or None for name, text in stated(news, public_url).items()},
            "amount": None if amount is None else _money(amount),
        },
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _money(amount: Money) -> dict[str, Any]:
    return {"minor": amount.minor, "currency": amount.currency, "decimal": amount.decimal()}


def type_of(kind: NewsKind) -> str:
    """A kind of news as receivers know it, such as `reward.issued`."""
    return kind.value.replace(" ", ".")
