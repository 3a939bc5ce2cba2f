"""Apply: staff take an advocate's credit off a bill that is not sent yet; the ledger follows what the platform shows."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from connector.domain.money import Money
from connector.errors import ConfigError, NotFound, Refused, Unknown
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.tasks import APPLY, WATCH
from connector.ports.bills import Deduction
from connector.ports.money import Lease
from connector.ports.platform import Capability
from connector.ports.rows import RewardState, Task, connection_lane
from connector.ports.store import Tx


def ask(desk: Desk, merchant: UUID, reward: UUID, bill: str, amount: Money) -> None:
    """Have credit of a reward taken off a bill. The same amount off the same bill is asked for once, however often.

    Raises NotFound and ConfigError.
    """
    with desk.store.begin(merchant) as tx:
        paid = tx.holdings.of_reward(reward)
        if paid is None:
            raise NotFound(f"reward {reward} is no credit that was paid")
        manifest = desk.platforms[paid.platform].manifest
        if Capability.BILLS not in manifest.capabilities:
            raise ConfigError([f"{manifest.label} takes credit off a bill by itself, when its owner uses it"])
        left = paid.amount - paid.taken - paid.redeemed - paid.lapsed
        if amount.currency != left.currency or left < amount or amount.minor <= 0:
            raise ConfigError([f"{amount} cannot be applied: {left} is left of this credit"])
        tx.tasks.mark(connection_lane(paid.connection), APPLY, [f"{reward}/{amount.minor}/{bill}"])
    desk.wake(connection_lane(paid.connection))


def apply_due(desk: Desk, lane: Lane, lease: Lease) -> int:
    """Take credit off one bill; what may have had an effect is looked for before it is tried again."""
    name = connection_lane(lane.connection)
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(name, APPLY, 1)
        deduction = _deduction(desk, tx, tasks[0]) if tasks else None
        deadline = tx.now() + desk.timing.deadline
        if deduction and tx.attempts.busy(lane.connection, deduction.holder):
            # A credit whose answer is in doubt may still land, and would write the balance as it was before this.
            tx.tasks.later(tasks[0], desk.timing.sweep, "another effect is open on this account: it goes first")
            return 1
    if not tasks:
        return 0
    if deduction is None:
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.park(tasks[0], "this credit was taken back meanwhile")
        return 1
    try:
        lane.platform.bills().deduct(open_account(desk, lane), deduction, lease.guard(deadline))
    except Refused as error:
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.park(tasks[0], error.reason)
        return 1
    except Unknown as error:
        with desk.store.begin(lane.merchant) as tx:
            quiet = desk.quiet(lane.platform.manifest.key)
            tx.tasks.later(tasks[0], desk.timing.deadline + quiet, error.reason)
        return 1
    with desk.store.begin(lane.merchant) as tx:
        tx.tasks.close(tasks)
        tx.tasks.mark(name, WATCH, [WATCH])
        tx.holdings.look_again(UUID(tasks[0].subject.partition("/")[0]))
    return 1


def _deduction(desk: Desk, tx: Tx, task: Task) -> Deduction | None:
    """What is to be taken off, marked so that it is recognised; None where the reward does not stand any more."""
    reward, minor, bill = task.subject.split("/", 2)
    held = tx.rewards.get(UUID(reward))
    if held is None or held.state is not RewardState.ISSUED:
        return None
    digest = hmac.new(desk.marker_key, f"apply/{task.subject}".encode(), hashlib.sha256).hexdigest()
    return Deduction(bill, held.holder, Money(int(minor), held.amount.currency), digest[:24])
