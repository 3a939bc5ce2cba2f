"""Judge: a person's word on referrals: approved, declined, looked at again, released before its time, done, handed over.

Each is a fact with a name and a reason, told beside what the platforms tell; the rules decide with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from connector.domain import ledger
from connector.domain.facts import REFERRAL, Appealed, CreditRedeemed, Fact, JobDone, Judged, ObjectRef, RewardReleased
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import ConfigError, NotFound
from connector.journey import happened
from connector.journey.desk import Desk
from connector.journey.tasks import DECIDE
from connector.ports.rows import LOCKED, Referral, merchant_lane
from connector.ports.store import Tx


def judge(desk: Desk, merchant: UUID, referrals: Sequence[UUID], by: str, reason: str, *, approved: bool) -> int:
    """Approve or decline referrals, all or none; returns how many. Raises NotFound or ConfigError."""
    _need(by=by, reason=reason)

    def judged(about: ObjectRef, now: datetime) -> Judged:
        return Judged(about, now, now, by, approved=approved, reason=reason)

    return _tell(desk, merchant, referrals, judged, settles=True)


def appeal(desk: Desk, merchant: UUID, referral: UUID, by: str, reason: str) -> None:
    """The advocate, or staff for them, asks for another look: it goes to review, and a person decides."""
    _need(by=by, reason=reason)
    _tell(desk, merchant, [referral], lambda about, now: Appealed(about, now, now, by, reason))


def release(desk: Desk, merchant: UUID, referral: UUID, by: str) -> None:
    """Pay before the hold is over. A review is not skipped by it."""
    _need(by=by)
    _tell(desk, merchant, [referral], lambda about, now: RewardReleased(about, now, now, by))


def _need(**words: str) -> None:
    if missing := [name for name, value in words.items() if not value.strip()]:
        raise ConfigError([f"--{name}: say it, for it is kept with the decision" for name in missing])


def _tell(
    desk: Desk,
    merchant: UUID,
    referrals: Sequence[UUID],
    fact: Callable[[ObjectRef, datetime], Fact],
    *,
    settles: bool = False,
) -> int:
    """Tell a fact of each, all or none. settles: a doubt about it is answered; what is still in doubt is said anew."""
    with desk.store.begin(merchant) as tx:
        now = tx.now()
        for referral in referrals:
            standing = find(tx, referral)
            tx.truths.tell(standing.connection, [fact(ObjectRef(REFERRAL, str(referral)), now)])
            if settles:
                tx.referrals.review(referral, "")
        tx.tasks.mark(merchant_lane(merchant), DECIDE, [str(each) for each in referrals])
    desk.wake(merchant_lane(merchant))
    return len(referrals)


def find(tx: Tx, referral: UUID) -> Referral:
    """Raises NotFound with what to do."""
    story = tx.referrals.story(referral)
    if story is None:
        raise NotFound(f"there is no referral {referral}: give the id that `connector explain` shows")
    return story.referral


def again(desk: Desk, merchant: UUID, referral: UUID) -> int:
    """Judge a referral by the program as it stands today; returns the version. What was paid keeps what was promised."""
    with desk.store.begin(merchant) as tx:
        find(tx, referral)
        standing = tx.referrals.lock(referral)
        if any(reward.state in LOCKED for reward in tx.rewards.of(referral)):
            raise ConfigError(["a reward of it was sent already: what was promised stands"])
        program = next(each for each in tx.programs.current() if each.id == standing.program)
        tx.referrals.repin(referral, program.version)
        tx.tasks.mark(merchant_lane(merchant), DECIDE, [str(referral)])
    desk.wake(merchant_lane(merchant))
    return program.version


def job_done(desk: Desk, merchant: UUID, referral: UUID, by: str, net: Money | None) -> None:
    """Staff recorded that the work for the friend is done. net: what it cost, where a percentage is promised of it."""
    _need(by=by)
    with desk.store.begin(merchant) as tx:
        standing, now = find(tx, referral), tx.now()
        done = JobDone(standing.ref, now, now, now, net, first_order=None, by=by)
        tx.truths.tell(standing.connection, [done])
        tx.tasks.mark(merchant_lane(merchant), DECIDE, [str(referral)])
    desk.wake(merchant_lane(merchant))


def handed_over(desk: Desk, merchant: UUID, reward: UUID, by: str) -> str:
    """Staff gave the thing that was promised; returns what it was. Raises NotFound where none is to be handed over."""
    _need(by=by)
    with desk.store.begin(merchant) as tx:
        found = tx.rewards.hand_over(reward, f"by hand: {by}")
        if found is None:
            raise NotFound(f"reward {reward} is nothing that waits to be handed over")
        tx.ledger.post(ledger.issued(f"{reward}/issued", found.amount), reward=reward)
        happened.of_reward(tx, NewsKind.ISSUED, f"reward/{reward}/issued", reward, found.amount)
        tx.tasks.mark(merchant_lane(merchant), DECIDE, [str(found.referral)])
    desk.wake(merchant_lane(merchant))
    return found.item


def redeemed(desk: Desk, merchant: UUID, reward: UUID, amount: Money, by: str) -> Money:
    """Staff took credit off a bill; returns what is left of it. Raises ConfigError for more than there is."""
    _need(by=by)
    with desk.store.begin(merchant) as tx:
        credit = tx.holdings.of_reward(reward)
        if credit is None:
            raise NotFound(f"reward {reward} is no credit that was paid")
        if desk.platforms[credit.platform].manifest.watch_batch:
            label = desk.platforms[credit.platform].manifest.label
            raise ConfigError([f"{label} tells by itself what was spent: nothing has to be entered for it"])
        left = credit.amount - credit.taken - credit.redeemed - credit.lapsed
        if amount.currency != left.currency or left < amount or not amount:
            raise ConfigError([f"{amount} cannot be applied: {left} is left of this credit"])
        total, now = credit.redeemed + amount, tx.now()
        tx.truths.tell(credit.connection, [CreditRedeemed(credit.ref, now, now, reward, total)])
        tx.ledger.post(ledger.redeemed(f"{reward}/redeemed/{total.minor}", amount), reward=reward)
        happened.of_reward(tx, NewsKind.REDEEMED, f"reward/{reward}/redeemed/{total.minor}", reward, amount)
        tx.holdings.spent(reward, total)
    return left - amount
