"""Tell: what happened reaches whoever it concerns, once, by the one account of the merchant's that tells it.

Each thing is kept when it happens, in the same transaction. The merchant's lane hands it to the account that tells it; that
account's lane tells it, in order and in batches. Once a call may have had it, that account tells it for ever: what it is
given again it counts once. Only what certainly reached nobody there goes to the next account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from connector.domain.news import NewsKind
from connector.errors import Gone, NotDone, PlatformError, Refused, Unknown
from connector.journey import receivers
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.happened import mark
from connector.journey.hush import stop_link
from connector.journey.profile import shows_figures
from connector.journey.said import said
from connector.journey.tasks import PROFILE, PROFILES, TELL
from connector.journey.tellers import orders
from connector.ports.news import News, NewsResult, Waiting
from connector.ports.platform import Account
from connector.ports.rows import Connection, Task, connection_lane, merchant_lane
from connector.ports.store import Tx

#: Handed out at once.
MANY = 1_000
#: Platforms tell of times to the second or minute: what happened as the account was connected is no history.
_MOMENT = timedelta(minutes=1)
#: By then a record that was made for somebody who was told can be found.
_LATER = timedelta(minutes=2)
#: What changes how far an advocate has come.
_MOVED = (NewsKind.CONVERTED, NewsKind.REJECTED, NewsKind.ISSUED, NewsKind.REDEEMED, NewsKind.REVERSED)
_QUIET = "they asked not to be written to"
_NOBODY = "nobody knows how to reach this person there: no address of theirs is kept"

# ── Handing it out ───────────────────────────────────────────────────────────────────────────────────────────────


def hand_out_due(desk: Desk, merchant: UUID) -> int:
    """Give what happened to the accounts that tell it, and to all receivers; without an account that tells it waits."""
    name = merchant_lane(merchant)
    with desk.store.begin(merchant) as tx:
        tasks = tx.tasks.due(name, TELL, 1)
        if not tasks:
            return 0
        count, tellers = tx.news.hand_out(orders(desk, tx), MANY)
        for teller in tellers:
            tx.tasks.mark(connection_lane(teller), TELL, [TELL])
        seen, hooks = receivers.queue(tx, MANY)
        if max(count, seen) < MANY:
            tx.tasks.close(tasks)
    for each in (*tellers, *hooks):
        desk.wake(connection_lane(each))
    return 1


# ── Telling ──────────────────────────────────────────────────────────────────────────────────────────────────────


def tell_due(desk: Desk, lane: Lane) -> int:
    """Tell one batch; returns how many there were, and closes the task after the last."""
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(connection_lane(lane.connection), TELL, 1)
    if not tasks:
        return 0
    account = open_account(desk, lane)  # before anything counts as tried
    size = lane.platform.manifest.tell_batch
    with desk.store.begin(lane.merchant) as tx:
        connection = tx.connections.get(lane.connection)
        waiting = tx.news.take(lane.connection, size)
        news = [_rendered(desk, tx, lane, connection, each) for each in waiting]
        if not news:
            _rest(tx, lane, tasks[0])
            return 1
    try:
        results = _told(lane, account, news)
    except (NotDone, Unknown, Gone, Refused) as error:
        if _untold(desk, lane, tasks[0], news, error):
            raise
        return 1
    with desk.store.begin(lane.merchant) as tx:
        tx.news.settle(lane.connection, results)
        if any(each.elsewhere for each in results):
            mark(tx)
        _seek(tx, lane, connection, waiting)
    if any(each.elsewhere for each in results):
        desk.wake(merchant_lane(lane.merchant))
    return len(news)


def _rest(tx: Tx, lane: Lane, task: Task) -> None:
    """Nothing is left to tell now."""
    wait = tx.news.put_off(lane.connection)
    if wait is None:
        tx.tasks.close([task])
    else:
        tx.tasks.later(task, wait, "something was put off")


def _untold(desk: Desk, lane: Lane, task: Task, news: Sequence[News], error: PlatformError) -> bool:
    """A call failed: what it had is told again, by the same account if it may have been taken. Says whether to rest."""
    with desk.store.begin(lane.merchant) as tx:
        if isinstance(error, Unknown):
            tx.tasks.later(task, desk.timing.sweep, error.reason)
            return False
        tx.news.untry([each.id for each in news if not each.again])
        if isinstance(error, Refused):
            tx.tasks.park(task, error.reason)
            return False
    return True


def _seek(tx: Tx, lane: Lane, connection: Connection, told: Sequence[Waiting]) -> None:
    """New advocates have a record there by now, which what they were told may have made: their code is written on it.

    What else stands there of an advocate is old once something happened for them.
    """
    if PROFILES not in connection.traits:
        return
    if new := [each.person for each in told if each.kind is NewsKind.ENROLLED]:
        tx.roster.seek_again(connection.id, new)
    mapping = lane.platform.mapping
    if old := [each.person for each in told if each.kind in _MOVED] if mapping and shows_figures(mapping) else []:
        tx.roster.write_anew(connection.id, old)
    if new or old:
        programs = [str(each.id) for each in tx.programs.current()]
        tx.tasks.mark(connection_lane(connection.id), PROFILE, programs, after=_LATER)


def _told(lane: Lane, account: Account, news: Sequence[News]) -> list[NewsResult]:
    """One call for all who can be reached there, and want to be."""
    why = {each.id: _unreached(lane, each) for each in news}
    found = [NewsResult(each, words, elsewhere=words == _NOBODY) for each, words in why.items() if words]
    reached = [each for each in news if not why[each.id]]
    told = lane.platform.telling().tell(account, reached) if reached else ()
    # What may have been told here is told nowhere else, whatever the account says of it now.
    doubted = {each.id for each in news if each.again}
    return [replace(each, elsewhere=each.elsewhere and each.id not in doubted) for each in (*found, *told)]


def _unreached(lane: Lane, news: News) -> str:
    """Why the account is not even asked to tell it."""
    if not (news.email or news.person):
        return _NOBODY
    return _QUIET if lane.platform.manifest.mails and not news.stop else ""


def _rendered(desk: Desk, tx: Tx, lane: Lane, connection: Connection, each: Waiting) -> News:
    """What the account is told, by what is true now; nothing of anybody but the person themselves."""
    person = tx.people.external(each.person, lane.connection, lane.platform.manifest.person_kind) or ""
    return News(
        id=each.id,
        kind=each.kind,
        role=each.role,
        at=each.at,
        email=each.email,
        person=person,
        values=said(each, desk.public_url, desk.marker_key),
        amount=None if each.item else each.amount,  # what a thing costs is the merchant's own business
        history=each.at < connection.installed_at - _MOMENT,
        again=each.again,
        business=each.business,
        stop=stop_link(desk, lane.merchant, each.person) if lane.platform.manifest.mails and not each.quiet else "",
    )
