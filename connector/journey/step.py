"""Step: a merchant's workflow waits until we say how its referral step ended."""

from __future__ import annotations

from uuid import UUID

from connector.errors import Refused
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.effects import pause
from connector.journey.tasks import STEP
from connector.ports.rows import Reward, RewardState, Task, connection_lane
from connector.ports.steps import Ended
from connector.ports.store import Tx

_MOVING = (RewardState.DUE, RewardState.APPROVED, RewardState.SENDING, RewardState.UNKNOWN)
_STUCK = (RewardState.HELD, RewardState.REFUSED)
_NOBODY = Ended(done=False, told={"referral_state": "none", "referral_reward": "nobody referred this record"})
#: How often a referral without anything owed is looked at before the workflow goes on.
_LOOKS = 3


def step_subject(run: str, referral: str) -> str:
    """A run that waits, and the referral that it waits for ("" where the record belongs to none)."""
    return f"{referral}/{run}"


def step_due(desk: Desk, lane: Lane) -> int:
    """Answer one run whose referral has come to an end, or look again later; returns how many were taken up."""
    name = connection_lane(lane.connection)
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(name, STEP, 1)
        ended = _ended(tx, tasks[0]) if tasks else None
        if tasks and ended is None:
            tx.tasks.later(tasks[0], pause(tasks[0].tries + 1), "the reward is still on its way")
    if not tasks or ended is None:
        return len(tasks)
    run = tasks[0].subject.partition("/")[2]
    try:
        lane.platform.steps().complete(open_account(desk, lane), run, ended)
    except Refused as error:
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.park(tasks[0], f"the workflow does not wait any more: {error.reason}")
        return 1
    with desk.store.begin(lane.merchant) as tx:
        tx.tasks.close(tasks)
    return 1


def _ended(tx: Tx, task: Task) -> Ended | None:
    """How it ended; None while money is on its way."""
    referral = task.subject.partition("/")[0]
    story = tx.referrals.story(UUID(referral)) if referral else None
    if story is None:
        return _NOBODY
    rewards = [each for each in tx.rewards.of(story.referral.id) if each.state is not RewardState.VOID]
    if any(each.state in _MOVING for each in rewards) or (not rewards and task.tries < _LOOKS):
        return None
    issued = [each for each in rewards if each.state is RewardState.ISSUED]
    stuck = [each.reason for each in tx.receipts.promises(story.referral.id) if each.reward.state in _STUCK]
    words = "; ".join(stuck) or _amounts(issued) or story.referral.reason
    told = {"referral_state": str(story.referral.stage), "referral_reward": words}
    return Ended(bool(issued) and len(issued) == len(rewards), told)


def _amounts(rewards: list[Reward]) -> str:
    return ", ".join(str(each.amount) for each in rewards)
