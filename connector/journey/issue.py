"""Issue: an approved reward becomes exactly one effect on the platform; a due reversal takes back what it must.

Commit the attempt with everything pinned, call once, write the answer. What may have landed is read back after the
quiet period and never sent again before; what nobody can tell waits for a person and blocks that account alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from connector.domain import ledger
from connector.domain.money import Money
from connector.errors import Gone, NotDone, PlatformError, Refused, Throttled, TokenExpired, Unavailable, Unknown
from connector.failpoints import reach
from connector.journey.accounts import open_account, token_expired
from connector.journey.desk import Desk, Lane
from connector.journey.tasks import DECIDE
from connector.ports.platform import (
    Absent,
    Account,
    Capability,
    Direction,
    Done,
    Effect,
    EffectClass,
    Operation,
    Outbound,
    Undecidable,
)
from connector.ports.rows import Answer, Attempt, AttemptState, Movement, Reward, merchant_lane
from connector.ports.store import Lease, Tx

#: Calls under way at once, each for another account.
IN_FLIGHT = 4
#: After a certain failure a reward is sent again after these pauses, then held for a person.
SCHEDULE = tuple(timedelta(seconds=s) for s in (5, 60, 600, 3600, 6 * 3600, 24 * 3600))
#: Where the platform has no field for our mark, the seconds of the expiry carry it: never :00:00 nor :59:59, which
#: people choose, so 3,598 values; that two unlike credits share one is the stated residue, 1 in 3,598.
MARK_VALUES = 3598


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
    account, outbound = open_account(desk, lane), lane.platform.outbound()
    for attempt in attempts:
        if attempt.late is not None and attempt.late.state is not AttemptState.UNKNOWN:
            _settle(desk, lane, lease, attempt, attempt.late)
        else:
            _read_back(desk, lane, lease, attempt, account, outbound)
    return len(attempts)


def _operation(lane: Lane, effect: Effect) -> Operation:
    operation = lane.platform.manifest.operation(effect.capability, effect.direction)
    if operation is None:
        raise Refused(f"{lane.platform.manifest.label} cannot {effect.direction} a {effect.capability}")
    return operation


def _read_back(desk: Desk, lane: Lane, lease: Lease, attempt: Attempt, account: Account, outbound: Outbound) -> None:
    """Look whether an effect landed on its pinned owner, and settle by what is certain."""

    def claimed(transaction: str) -> bool:
        with desk.store.begin(lane.merchant) as tx:
            return tx.attempts.claimed(lane.connection, transaction, but=attempt.effect.id)

    if _operation(lane, attempt.effect).effect_for(attempt.effect.expires_at) is EffectClass.D:
        finding: Done | Absent | Undecidable = Undecidable("the platform keeps no mark of ours on this movement")
    else:
        try:
            finding = outbound.find(account, attempt.effect, claimed)
        except Refused as error:
            finding = Undecidable(f"the account cannot be read: {error.reason}")
    reach("issue.read_back")
    match finding:
        case Done(transaction=transaction, holder=holder):
            reason = "found on the account by our mark"
            _settle(desk, lane, lease, attempt, Answer(AttemptState.DONE, transaction, holder, reason))
        case Absent():
            reason = "certainly not on the account; sent again"
            _settle(desk, lane, lease, attempt, Answer(AttemptState.NOT_DONE, reason=reason))
        case Undecidable(reason=reason):
            with desk.store.begin(lane.merchant) as tx:
                tx.attempts.need_person(attempt, reason)


def move_money(desk: Desk, lane: Lane, lease: Lease) -> int:
    """Send one round of what may be sent, reversals first, one per account; returns how many were taken up."""
    with desk.store.begin(lane.merchant) as tx:
        movements = tx.rewards.movable(lane.connection, IN_FLIGHT)
    if not movements:
        return 0
    account, outbound = open_account(desk, lane), lane.platform.outbound()
    prepared = [(m, _effect(desk, lane, account, outbound, m)) for m in movements]
    attempts = [a for m, e in prepared if e is not None and (a := _begin(desk, lane, lease, m, e))]
    reach("issue.attempt_committed")
    with ThreadPoolExecutor(max(1, len(attempts))) as pool:
        outcomes = list(pool.map(lambda attempt: _call(outbound, account, attempt, lease), attempts))
    reach("issue.answered")
    for attempt, outcome in zip(attempts, outcomes, strict=True):
        _settle(desk, lane, lease, attempt, outcome.answer)
    _heed(desk, lane, [outcome.error for outcome in outcomes if outcome.error])
    return len(movements)


def _begin(desk: Desk, lane: Lane, lease: Lease, movement: Movement, effect: Effect) -> Attempt | None:
    quiet = desk.quiet(lane.platform.manifest.key)
    with desk.store.begin(lane.merchant) as tx:
        attempt = tx.attempts.begin(movement, effect, lease, desk.timing.deadline, quiet)
        if attempt is None:
            tx.rewards.retry(movement, SCHEDULE[0], "another effect is open on this account: it goes first")
        return attempt


def _call(outbound: Outbound, account: Account, attempt: Attempt, lease: Lease) -> Outcome:
    """The one call, and its answer by consequence."""
    try:
        done = outbound.issue(account, attempt.effect, lease.guard(attempt.deadline_at))
    except Unknown as error:
        return Outcome(Answer(AttemptState.UNKNOWN, reason=error.reason))
    except Refused as error:
        return Outcome(Answer(AttemptState.REFUSED, reason=error.reason))
    except Gone as error:
        return Outcome(Answer(AttemptState.GONE, reason=error.reason), error)
    except NotDone as error:
        return Outcome(Answer(AttemptState.NOT_DONE, reason=error.reason), error)
    return Outcome(Answer(AttemptState.DONE, done.transaction, done.holder))


def _heed(desk: Desk, lane: Lane, errors: Sequence[PlatformError]) -> None:
    """What one answer tells about all later calls of this lane."""
    for error in errors:
        if isinstance(error, TokenExpired):
            token_expired(desk, lane, error)
        elif isinstance(error, Gone | Throttled | Unavailable):
            raise error


def _settle(desk: Desk, lane: Lane, lease: Lease, attempt: Attempt, answer: Answer) -> None:
    """Write the answer, its postings, and have the merchant's lane decide anew, in one transaction."""
    with desk.store.begin(lane.merchant) as tx:
        if answer.state in (AttemptState.NOT_DONE, AttemptState.GONE):
            answer = replace(answer, retry=_pause(attempt.tries))
        if not tx.attempts.settle(attempt, lease, answer):
            return  # somebody else had the last word; the answer stands on its attempt alone
        if answer.state is AttemptState.DONE:
            post(tx, attempt)
        if answer.state is not AttemptState.UNKNOWN:
            tx.tasks.mark(merchant_lane(lane.merchant), DECIDE, [str(attempt.referral)])
    desk.wake(merchant_lane(lane.merchant))


def _pause(tries: int) -> timedelta:
    return SCHEDULE[min(max(tries, 1), len(SCHEDULE)) - 1]


def post(tx: Tx, attempt: Attempt) -> None:
    """The postings of an effect that landed; a clamped reversal leaves its rest with the merchant."""
    if attempt.reversal is None:
        tx.ledger.post(ledger.issued(f"{attempt.reward}/issued", attempt.effect.amount), reward=attempt.reward)
        return
    taken, key = attempt.effect.amount, f"{attempt.reversal}"
    tx.ledger.post(ledger.reversal_taken(f"{key}/taken", taken), reward=attempt.reward, reversal=attempt.reversal)
    _post_shortfall(tx, attempt.reward, attempt.reversal, attempt.owed - taken)


def _post_shortfall(tx: Tx, reward: UUID, reversal: UUID, rest: Money) -> None:
    if rest:
        tx.ledger.post(ledger.shortfall(f"{reversal}/shortfall", rest), reward=reward, reversal=reversal)


# ── What to send ─────────────────────────────────────────────────────────────────────────────────────────────────


def _effect(desk: Desk, lane: Lane, account: Account, outbound: Outbound, movement: Movement) -> Effect | None:
    """Everything the call pins, or None when it cannot be sent now and the reason stands on its row."""
    try:
        if movement.reversal is not None:
            return _debit(desk, lane, account, outbound, movement)
        return _credit(desk, lane, account, outbound, movement)
    except Refused as error:  # this account is unusable; it must not hold up the others
        with desk.store.begin(lane.merchant) as tx:
            tx.rewards.hold(movement, error.reason)
        return None


def mark(key: bytes, row: UUID) -> str:
    """What we recognise our own movement by, where the platform keeps a text beside it."""
    return hmac.new(key, row.bytes, hashlib.sha256).hexdigest()[:24]


def _credit(desk: Desk, lane: Lane, account: Account, outbound: Outbound, movement: Movement) -> Effect | None:
    reward = movement.reward
    with desk.store.begin(lane.merchant) as tx:
        owner = reward.owner or tx.people.external(
            reward.beneficiary, lane.connection, lane.platform.manifest.person_kind
        )
        email = None if owner else tx.people.email(reward.beneficiary)
    owner = owner or _look_up(desk, lane, account, outbound, reward.beneficiary, email)
    with desk.store.begin(lane.merchant) as tx:
        if owner is None:
            reason = "the advocate has no account on this platform yet; the reward waits for it"
            tx.rewards.retry(movement, _pause(reward.tries + 1), reason)
            return None
        now = tx.now()
        return Effect(
            id=uuid4(),
            capability=Capability(reward.kind),
            direction=Direction.CREDIT,
            owner=owner,
            holder=reward.holder,
            amount=movement.amount,
            marker=mark(desk.marker_key, reward.id),
            since=now,
            expires_at=reward.expires_at or _expiry(desk, lane, tx, reward, owner, now),
        )


def _look_up(
    desk: Desk, lane: Lane, account: Account, outbound: Outbound, person: UUID, email: str | None
) -> str | None:
    """The beneficiary's own id on this platform, found by e-mail once, then remembered."""
    found = outbound.find_person(account, email) if email else None
    if found is None:
        return None
    with desk.store.begin(lane.merchant) as tx:
        tx.people.link(person, lane.connection, found)
    return found.id


def _expiry(desk: Desk, lane: Lane, tx: Tx, reward: Reward, owner: str, now: datetime) -> datetime | None:
    """The whole moment a credit ends, pinned at the first attempt: never earlier than promised, and recognisable."""
    if reward.expires_after is None:
        return None
    promised = now + reward.expires_after
    hour = promised.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    digest = hmac.new(desk.marker_key, reward.id.bytes, hashlib.sha256).digest()
    for shift in range(MARK_VALUES):
        seconds = (int.from_bytes(digest[:8], "big") + shift) % MARK_VALUES + 1
        expires_at = hour + timedelta(seconds=seconds)
        if not tx.attempts.expiry_taken(lane.connection, owner, expires_at, but=reward.id):
            return expires_at
    raise Refused("this account already holds as many open rewards as can be told apart")


def _debit(desk: Desk, lane: Lane, account: Account, outbound: Outbound, movement: Movement) -> Effect | None:
    """A debit, clamped to what the account still holds; an empty account settles the reversal as a shortfall."""
    reward, reversal = movement.reward, movement.reversal
    if reversal is None:
        return None
    balance = outbound.balance(account, reward.owner, reward.holder, movement.amount.currency)
    amount = movement.amount.at_most(balance.at_least_zero())
    if not amount:
        with desk.store.begin(lane.merchant) as tx:
            if tx.rewards.close_empty(reversal, "the account is empty: the whole amount stays with the merchant"):
                _post_shortfall(tx, reward.id, reversal.id, movement.amount)
        return None
    with desk.store.begin(lane.merchant) as tx:
        now = tx.now()
    return Effect(
        id=uuid4(),
        capability=Capability(reward.kind),
        direction=Direction.DEBIT,
        owner=reward.owner,
        holder=reward.holder,
        amount=amount,
        marker=mark(desk.marker_key, reversal.id),
        since=now,
    )
