"""Issue: an approved reward becomes exactly one effect on the platform; a due reversal takes back what it must.

Commit the attempt with everything pinned, call once, write the answer. What may have landed is read back after the
quiet period and never sent again before; what nobody can tell waits for a person and blocks that account alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from connector.domain.news import NewsKind
from connector.errors import Gone, NotDone, PlatformError, Refused, Throttled, TokenExpired, Unavailable, Unknown
from connector.failpoints import reach
from connector.journey import happened
from connector.journey.accounts import open_account, token_expired
from connector.journey.desk import Desk, Lane
from connector.journey.effects import SCHEDULE, Round, code_of, effect_of, pause
from connector.journey.postings import post
from connector.journey.tasks import DECIDE, WATCH
from connector.ports.money import Lease
from connector.ports.platform import Absent, Capability, Direction, Done, Effect, EffectClass, Operation, Undecidable
from connector.ports.rows import Answer, Attempt, AttemptState, Movement, connection_lane, merchant_lane
from connector.ports.store import Tx

#: Calls under way at once, each for another account.
IN_FLIGHT = 4
#: How long after a credit was paid one looks at what is left of it, and then again and again.
WATCH_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class Outcome:
    """How one call ended. error: what stops or slows the lane, if anything."""

    answer: Answer
    error: PlatformError | None = None


def settle_overdue(desk: Desk, lane: Lane, lease: Lease) -> int:
    """Read back every attempt whose effect is in doubt and quiet; returns how many there were."""
    with desk.store.begin(lane.merchant) as tx:
        attempts = tx.attempts.overdue(lane.connection)
    if not attempts:
        return 0
    now = _round(desk, lane)
    for attempt in attempts:
        if attempt.late is not None and attempt.late.state is not AttemptState.UNKNOWN:
            _settle(desk, lane, lease, attempt, attempt.late)
        else:
            _read_back(now, lease, attempt)
    return len(attempts)


def _round(desk: Desk, lane: Lane) -> Round:
    """The connection opened for one round of calls."""
    account = open_account(desk, lane)
    with desk.store.begin(lane.merchant) as tx:
        return Round(desk, lane, tx.connections.get(lane.connection), account, lane.platform.outbound())


def _operation(lane: Lane, effect: Effect) -> Operation:
    operation = lane.platform.manifest.operation(effect.capability, effect.direction)
    if operation is None:
        raise Refused(f"{lane.platform.manifest.label} cannot {effect.direction} a {effect.capability}")
    return operation


def _read_back(now: Round, lease: Lease, attempt: Attempt) -> None:
    """Look whether an effect landed on its pinned owner, and settle by what is certain."""
    desk, lane = now.desk, now.lane

    def claimed(transaction: str) -> bool:
        with desk.store.begin(lane.merchant) as tx:
            return tx.attempts.claimed(lane.connection, transaction, but=attempt.effect.id)

    if _operation(lane, attempt.effect).effect_for(attempt.effect.expires_at) is EffectClass.D:
        finding: Done | Absent | Undecidable = Undecidable("the platform keeps no mark of ours on this movement")
    else:
        try:
            finding = now.outbound.find(now.account, whole(desk, lane, attempt), claimed)
        except Refused as error:
            finding = Undecidable(f"the account cannot be read: {error.reason}")
    reach("issue.read_back")
    match finding:
        case Done(transaction=transaction, holder=holder, amount=moved):
            reason = "found on the account by our mark"
            answer = Answer(AttemptState.DONE, transaction, holder, reason, moved=moved, found=True)
            _settle(desk, lane, lease, attempt, answer)
        case Absent():
            reason = "certainly not on the account; sent again"
            _settle(desk, lane, lease, attempt, Answer(AttemptState.NOT_DONE, reason=reason, found=True))
        case Undecidable(reason=reason):
            with desk.store.begin(lane.merchant) as tx:
                tx.attempts.need_person(attempt, reason)


def move_money(desk: Desk, lane: Lane, lease: Lease) -> int:
    """Send one round of what may be sent, reversals first, one per account; returns how many were taken up."""
    with desk.store.begin(lane.merchant) as tx:
        movements = tx.rewards.movable(lane.connection, IN_FLIGHT)
    if not movements:
        return 0
    now = _round(desk, lane)
    reach("issue.opened")
    prepared = [(movement, effect_of(now, movement)) for movement in movements]
    reach("issue.prepared")
    attempts = [a for m, e in prepared if e is not None and (a := _begin(desk, lane, lease, m, e))]
    reach("issue.attempt_committed")
    with ThreadPoolExecutor(max(1, len(attempts))) as pool:
        outcomes = list(pool.map(lambda attempt: _call(now, attempt, lease), attempts))
    reach("issue.answered")
    for attempt, outcome in zip(attempts, outcomes, strict=True):
        _settle(desk, lane, lease, attempt, outcome.answer)
    _heed(desk, lane, lease, [outcome.error for outcome in outcomes if outcome.error])
    return len(movements)


def _begin(desk: Desk, lane: Lane, lease: Lease, movement: Movement, effect: Effect) -> Attempt | None:
    quiet = desk.quiet(lane.platform.manifest.key)
    with desk.store.begin(lane.merchant) as tx:
        attempt = tx.attempts.begin(movement, effect, lease, desk.timing.deadline, quiet)
        reach("issue.committing")
        if attempt is None:
            tx.rewards.retry(movement, SCHEDULE[0], "another effect is open on this account: it goes first")
        return attempt


def whole(desk: Desk, lane: Lane, attempt: Attempt) -> Effect:
    """What the attempt moves, with what is not kept beside it: the secret text, and the purchase that earned it."""
    effect = replace(attempt.effect, code=code_of(desk.marker_key, attempt.reward))
    if effect.capability is not Capability.NATIVE:
        return effect
    with desk.store.begin(lane.merchant) as tx:
        story = tx.referrals.story(attempt.referral)
    return replace(effect, deed=story.referral.ref if story else None)


def _call(now: Round, attempt: Attempt, lease: Lease) -> Outcome:
    """The one call, and its answer by consequence."""
    try:
        done = now.outbound.issue(now.account, whole(now.desk, now.lane, attempt), lease.guard(attempt.deadline_at))
    except Unknown as error:
        return Outcome(Answer(AttemptState.UNKNOWN, reason=error.reason))
    except Refused as error:
        return Outcome(Answer(AttemptState.REFUSED, reason=error.reason))
    except Gone as error:
        return Outcome(Answer(AttemptState.GONE, reason=error.reason), error)
    except NotDone as error:
        return Outcome(Answer(AttemptState.NOT_DONE, reason=error.reason, retry=_asked(error)), error)
    return Outcome(Answer(AttemptState.DONE, done.transaction, done.holder, moved=done.amount))


def _asked(error: PlatformError) -> timedelta:
    """How long the platform asked us to wait: no failure of the reward, whose next try comes right after it."""
    return timedelta(seconds=error.wait_s or 0) if isinstance(error, Throttled) else timedelta(0)


def _heed(desk: Desk, lane: Lane, lease: Lease, errors: Sequence[PlatformError]) -> None:
    """What the answers tell about all later calls of this lane: an end comes before a wait, the longest first."""
    if ended := next((error for error in errors if isinstance(error, TokenExpired)), None):
        token_expired(desk, lane, ended, lease.claimed_at)
    stops = [error for error in errors if isinstance(error, Gone | Throttled | Unavailable)]
    if stops:
        raise max(stops, key=lambda error: (isinstance(error, Gone), _asked(error)))


def _settle(desk: Desk, lane: Lane, lease: Lease, attempt: Attempt, answer: Answer) -> None:
    """Write the answer, its postings, and have the merchant's lane decide anew, in one transaction."""
    with desk.store.begin(lane.merchant) as tx:
        if answer.state in (AttemptState.NOT_DONE, AttemptState.GONE) and not answer.retry:
            answer = replace(answer, retry=pause(attempt.tries))
        if answer.state is AttemptState.REFUSED and attempt.effect.direction is Direction.CREDIT and attempt.instead:
            answer = replace(answer, next_means=attempt.instead[0])
        if not tx.attempts.settle(attempt, lease, answer):
            return  # somebody else had the last word; the answer stands on its attempt alone
        if answer.state is AttemptState.DONE:
            post(tx, attempt, answer.moved)
            _tell(tx, attempt, answer)
            if attempt.reversal is None:
                tx.tasks.mark(connection_lane(lane.connection), WATCH, [WATCH], after=WATCH_EVERY)
        if answer.state is not AttemptState.UNKNOWN:
            tx.tasks.mark(merchant_lane(lane.merchant), DECIDE, [str(attempt.referral)])
        reach("issue.settling")
    reach("issue.settled")
    desk.wake(merchant_lane(lane.merchant))


def _tell(tx: Tx, attempt: Attempt, answer: Answer) -> None:
    """Whoever it is for hears that it was paid, or taken back."""
    moved = answer.moved or attempt.effect.amount
    if attempt.reversal is None:
        happened.of_reward(tx, NewsKind.ISSUED, f"reward/{attempt.reward}/issued", attempt.reward, moved)
    else:
        happened.of_reward(tx, NewsKind.REVERSED, f"reversal/{attempt.reversal}", attempt.reward, moved)
