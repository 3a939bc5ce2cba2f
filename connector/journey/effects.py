"""Effects: what one call moves, with everything pinned that the platform will ever be asked for."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from connector.domain.codes import ALPHABET
from connector.errors import Refused
from connector.journey.desk import Desk, Lane
from connector.journey.postings import post_shortfall
from connector.ports.platform import CANNOT, GUEST, Account, Capability, Direction, Effect, Operation, Outbound
from connector.ports.rows import Connection, Movement, Reward
from connector.ports.store import Tx

#: After a certain failure a reward is sent again after these pauses, the last of them again and again.
SCHEDULE = tuple(timedelta(seconds=s) for s in (5, 60, 600, 3600, 6 * 3600, 24 * 3600))
#: Where the platform has no field for our mark, the seconds of the expiry carry it: never :00:00 nor :59:59, which
#: people choose, so 3,598 values; that two unlike credits share one is the stated residue, 1 in 3,598.
MARK_VALUES = 3598
#: Letters of a secret code: 80 bits, which nobody guesses and gift cards have room for.
CODE_LETTERS = 16


@dataclass(frozen=True)
class Round:
    """One connection, opened for one round of calls."""

    desk: Desk
    lane: Lane
    connection: Connection
    account: Account
    outbound: Outbound


def pause(tries: int) -> timedelta:
    """How long to wait before the next try, after so many."""
    return SCHEDULE[min(max(tries, 1), len(SCHEDULE)) - 1]


def mark(key: bytes, row: UUID) -> str:
    """What we recognise our own movement by, where the platform keeps a text beside it."""
    return hmac.new(key, row.bytes, hashlib.sha256).hexdigest()[:24]


def code_of(key: bytes, reward: UUID) -> str:
    """The code that a reward is made out to: whoever holds it holds the money, so it is computed and never stored."""
    digest = hmac.new(key, b"code" + reward.bytes, hashlib.sha256).digest()
    number = int.from_bytes(digest, "big")
    return "".join(ALPHABET[(number >> (5 * place)) & 31] for place in range(CODE_LETTERS))


def effect_of(now: Round, movement: Movement) -> Effect | None:
    """Everything the call pins, or None when it cannot be sent now and the reason stands on its row."""
    try:
        return _debit(now, movement) if movement.reversal is not None else _credit(now, movement)
    except Refused as error:  # this account is unusable; it must not hold up the others
        with now.desk.store.begin(now.lane.merchant) as tx:
            tx.rewards.hold(movement, error.reason)
        return None


# ── Paying ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _credit(now: Round, movement: Movement) -> Effect | None:
    reward = movement.reward
    owner = _owner(now, reward)
    means = _means(now, reward, owner)
    with now.desk.store.begin(now.lane.merchant) as tx:
        if means is None and tx.people.is_erased(reward.beneficiary):
            tx.rewards.hold(movement, f"the {reward.role} was forgotten at their own wish, so nobody can be paid")
            return None
        if means is None:
            reason = f"the {reward.role} has no account on this platform yet; the reward waits for it"
            tx.rewards.retry(movement, pause(reward.tries + 1), reason)
            return None
        at, owner = tx.now(), owner or f"{GUEST}{reward.beneficiary}"
        return Effect(
            id=uuid4(),
            capability=means,
            direction=Direction.CREDIT,
            owner=owner,
            holder=reward.holder,
            amount=movement.amount,
            marker=mark(now.desk.marker_key, reward.id),
            since=at,
            expires_at=reward.expires_at or _expiry(now, tx, reward, owner, at),
            reward=reward.id,
        )


def _owner(now: Round, reward: Reward) -> str:
    """The beneficiary's own id on this platform, found by e-mail once and then remembered; "" for a guest."""
    if reward.owner:
        return reward.owner
    with now.desk.store.begin(now.lane.merchant) as tx:
        known = tx.people.external(reward.beneficiary, now.lane.connection, now.lane.platform.manifest.person_kind)
        email = None if known else tx.people.email(reward.beneficiary)
    found = now.outbound.find_person(now.account, email) if email else None
    if found is None:
        return known or ""
    with now.desk.store.begin(now.lane.merchant) as tx:
        tx.people.link(reward.beneficiary, now.lane.connection, found)
    return found.id


def _means(now: Round, reward: Reward, owner: str) -> Capability | None:
    """The first kind in the program's order that is of use here; None where one only waits for an account.

    Raises Refused with the remedy of each kind where none is.
    """
    remedies, waits = [], False
    for kind in reward.kinds:
        capability = Capability(kind)
        operation = now.lane.platform.manifest.operation(capability, Direction.CREDIT)
        if trouble := hindrance(now, capability, operation):
            remedies.append(f"{kind}: {trouble}")
        elif operation and (operation.guests or (owner and not owner.startswith(GUEST))):
            return capability
        else:
            waits = True
    if waits:
        return None
    raise Refused("; ".join(remedies))


def hindrance(now: Round, capability: Capability, operation: Operation | None) -> str:
    """Why this kind cannot be paid or taken back on this connection, with the remedy; "" where it can."""
    if operation is None:
        return f"{now.lane.platform.manifest.label} cannot do it"
    if not now.connection.grants(operation.scope):
        return f"the permission {operation.scope} is missing: grant it in {now.lane.platform.manifest.label}"
    if operation.direction is Direction.CREDIT:
        return now.connection.traits.get(f"{CANNOT}{capability}", "")
    return ""


def _expiry(now: Round, tx: Tx, reward: Reward, owner: str, at: datetime) -> datetime | None:
    """The whole moment a credit ends, pinned at the first attempt: never earlier than promised, and recognisable."""
    if reward.expires_after is None:
        return None
    promised = at + reward.expires_after
    hour = promised.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    digest = hmac.new(now.desk.marker_key, reward.id.bytes, hashlib.sha256).digest()
    for shift in range(MARK_VALUES):
        seconds = (int.from_bytes(digest[:8], "big") + shift) % MARK_VALUES + 1
        expires_at = hour + timedelta(seconds=seconds)
        if not tx.attempts.expiry_taken(now.lane.connection, owner, expires_at, but=reward.id):
            return expires_at
    raise Refused("this account already holds as many open rewards as can be told apart")


# ── Taking back ──────────────────────────────────────────────────────────────────────────────────────────────────


def _debit(now: Round, movement: Movement) -> Effect | None:
    """A debit, clamped to what the holder still has; an empty one settles the reversal as a shortfall."""
    reward, reversal, merchant = movement.reward, movement.reversal, now.lane.merchant
    if reversal is None:
        return None
    means = Capability(reward.means)
    if trouble := hindrance(now, means, now.lane.platform.manifest.operation(means, Direction.DEBIT)):
        raise Refused(f"{means}: {trouble}")
    balance = now.outbound.balance(now.account, means, reward.owner, reward.holder, movement.amount.currency)
    amount = movement.amount.at_most(balance.at_least_zero())
    if not amount:
        with now.desk.store.begin(merchant) as tx:
            if tx.rewards.close_empty(reversal, "nothing is left of it: the whole amount stays with the merchant"):
                post_shortfall(tx, reward.id, reversal.id, movement.amount)
        return None
    with now.desk.store.begin(merchant) as tx:
        at = tx.now()
    return Effect(
        id=uuid4(),
        capability=means,
        direction=Direction.DEBIT,
        owner=reward.owner,
        holder=reward.holder,
        amount=amount,
        marker=mark(now.desk.marker_key, reversal.id),
        since=at,
        leaves=balance - amount,
        reward=reward.id,
    )
