"""Offer: what a friend gets at checkout, kept in line with the program, with a code for every advocate.

One discount for a program on a connection. Every call may be repeated, so a lost answer costs another call and no more.

"Once per friend" has two halves. The platform refuses the same code a second time to a buyer whom it knows. That a friend
uses another advocate's code, or comes back as somebody else, no platform sees: they get the discount again, but
their first referral stands, so nobody is paid for it; such orders are counted for the merchant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from connector.domain.program import Mode, Offer
from connector.errors import Refused, Unknown
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.effects import code_of
from connector.journey.tasks import OFFER
from connector.ports.offers import NO_SUCH_OFFER, Offered, OfferState, OfferTerms
from connector.ports.platform import Capability
from connector.ports.rows import ProgramVersion, Task, connection_lane
from connector.ports.store import Tx

#: The longest pause between two looks at an addition of codes that is under way.
LONGEST = timedelta(minutes=1)


@dataclass(frozen=True)
class _Work:
    """One look at one program's offer. wish: what the program offers now; None where nobody may use it."""

    desk: Desk
    lane: Lane
    task: Task
    offered: Offered
    version: int
    name: str
    wish: Offer | None


def offer_due(desk: Desk, lane: Lane) -> int:
    """Take one offer one call further; returns 1 where there was one to take."""
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(connection_lane(lane.connection), OFFER, 1)
        if tasks and Capability.OFFER not in lane.platform.manifest.capabilities:
            tx.tasks.close(tasks)
            return 1
        work = _read(desk, tx, lane, tasks[0]) if tasks else None
    if work is None:
        return 0
    try:
        _advance(work)
    except Refused as error:
        _refused(work, error)
    except Unknown as error:  # it may be done; asking again finds out
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.later(work.task, _pause(work.task), error.reason)
    return 1


def _pause(task: Task) -> timedelta:
    return min(LONGEST, timedelta(seconds=2 ** min(task.tries + 1, 6)))


def _read(desk: Desk, tx: Tx, lane: Lane, task: Task) -> _Work:
    program = UUID(task.subject)
    current: ProgramVersion | None = next((p for p in tx.programs.current() if p.id == program), None)
    offered = tx.offers.get(lane.connection, program) or Offered(program, lane.connection)
    if current is None:
        return _Work(desk, lane, task, offered, offered.version, "", None)
    wish = current.program.offer if current.program.mode is Mode.LIVE else None
    if wish and offered.state is OfferState.LIVE and offered.version != current.version:
        before = tx.programs.pinned(program, offered.version)
        if (before.offer, before.name) == (wish, current.program.name):
            offered = replace(offered, version=current.version)  # the new version changes other things
            tx.offers.stand(offered)
    return _Work(desk, lane, task, offered, current.version, current.program.name, wish)


def _advance(work: _Work) -> None:
    if work.wish is None:
        _end(work)
    elif (work.offered.state, work.offered.version) != (OfferState.LIVE, work.version):
        _put(work, work.wish)
    else:
        _codes(work)


def _refused(work: _Work, error: Refused) -> None:
    """Write why, for the merchant; a new version or a new permission tries again."""
    offered = replace(work.offered, state=OfferState.REFUSED, version=work.version)
    with work.desk.store.begin(work.lane.merchant) as tx:
        if error.code == NO_SUCH_OFFER:  # somebody deleted it: it is made anew, with all its codes
            tx.offers.stand(replace(offered, state=OfferState.WANTED, external=""), error.reason)
            tx.tasks.later(work.task, _pause(work.task), error.reason)
        else:
            tx.offers.stand(offered, error.reason[:500])
            tx.tasks.close([work.task])


# ── The discount ─────────────────────────────────────────────────────────────────────────────────────────────────


def _end(work: _Work) -> None:
    """Nobody may use it any more; the discount and its codes stay for the day the program offers something again."""
    offered = work.offered
    if offered.external and offered.state is not OfferState.OFF:
        account = open_account(work.desk, work.lane)
        work.lane.platform.offers().end_offer(account, offered.external)
    with work.desk.store.begin(work.lane.merchant) as tx:
        if offered.version:
            tx.offers.stand(replace(offered, state=OfferState.OFF, version=work.version))
        tx.tasks.close([work.task])


def _put(work: _Work, wish: Offer) -> None:
    with work.desk.store.begin(work.lane.merchant) as tx:
        currency, now = tx.connections.get(work.lane.connection).currency, tx.now()
    for amount in (wish.amount, wish.minimum):
        if amount and currency and amount.currency != currency:
            raise Refused(f"the offer is in {amount.currency} and the shop in {currency}: write it in {currency}")
    account = open_account(work.desk, work.lane)
    anchor = code_of(work.desk.marker_key, work.offered.program)
    terms = OfferTerms(f"Referral: {work.name}"[:255], wish, now, anchor)
    external = work.lane.platform.offers().put_offer(account, work.offered.external, terms)
    offered = replace(work.offered, state=OfferState.LIVE, external=external, version=work.version)
    with work.desk.store.begin(work.lane.merchant) as tx:
        tx.offers.stand(offered)
        if external == work.offered.external:
            tx.offers.retry_refused(offered)
        else:
            tx.offers.start_over(offered)


# ── Its codes ────────────────────────────────────────────────────────────────────────────────────────────────────


def _codes(work: _Work) -> None:
    """Hand over codes that are wanted, in batches; once all are, ask what became of them."""
    with work.desk.store.begin(work.lane.merchant) as tx:
        tx.offers.want_codes(work.offered)
        wanted = tx.offers.wanted(work.offered, work.lane.platform.manifest.write_codes)
        adding = () if wanted else tx.offers.adding(work.offered)
        if not wanted and not adding:
            tx.tasks.close([work.task])
            return
    account, offers = open_account(work.desk, work.lane), work.lane.platform.offers()
    if wanted:
        operation = offers.add_codes(account, work.offered.external, [one.code for one in wanted])
        with work.desk.store.begin(work.lane.merchant) as tx:
            tx.offers.handed(work.offered, wanted, operation)
        return
    awaited = [one.code for one in adding]
    added = offers.codes_added(account, work.offered.external, adding[0].operation, awaited)
    with work.desk.store.begin(work.lane.merchant) as tx:
        if added is None:
            tx.tasks.later(work.task, _pause(work.task), "the platform is still adding codes")
        else:
            tx.offers.added(work.offered, adding, added)


# ── For the merchant's eyes ──────────────────────────────────────────────────────────────────────────────────────


def told(desk: Desk, tx: Tx) -> Sequence[str]:
    """A line on every offer, and a warning where a store's room for codes runs out."""
    lines, held = [], dict[tuple[str, str], int]()
    for one in tx.offers.report():
        held[one.platform, one.account] = held.get((one.platform, one.account), 0) + one.codes
        line = f"offer {one.program} on {one.account}: {one.state}, {one.codes} codes"
        line += f", {one.waiting} on their way" if one.waiting else ""
        line += f", {one.refused} refused" if one.refused else ""
        line += f", {one.uses_again} used again by friends who were referred before" if one.uses_again else ""
        lines.append(f"{line}. {one.reason}".strip() if one.reason else line)
    for (platform, account), codes in held.items():
        most = desk.platforms[platform].manifest.most_codes
        if most and codes * 20 >= most * 19:
            lines.append(f"warning: {account} holds {codes} referral codes, and there is room for {most}")
    return lines
