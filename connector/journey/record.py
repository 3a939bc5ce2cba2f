"""Record: write who referred whom into the merchant's own records, never over a person's value."""

from __future__ import annotations

from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.tasks import RECORD
from connector.mapping import Values, render
from connector.ports.platform import RecordWrite
from connector.ports.rows import Task, connection_lane
from connector.ports.store import Tx


def write_due(desk: Desk, lane: Lane) -> int:
    """Write the records of one batch of referrals, rendered from what is true now; returns how many."""
    if lane.platform.mapping is None:
        return 0
    with desk.store.begin(lane.merchant) as tx:
        # Two records a referral: the purchase and the friend.
        tasks = tx.tasks.due(connection_lane(lane.connection), RECORD, max(1, lane.platform.manifest.write_batch // 2))
        writes = {write.ref: (write, task) for task in tasks for write in _writes(tx, lane, task)}
    if not tasks:
        return 0
    refused: dict[Task, str] = {}
    if writes:
        account = open_account(desk, lane)
        for result in lane.platform.outbound().write_records(account, [write for write, _ in writes.values()]):
            if result.refused:
                refused[writes[result.ref][1]] = result.refused
    with desk.store.begin(lane.merchant) as tx:
        tx.tasks.close(task for task in tasks if task not in refused)
        for task, reason in refused.items():
            tx.tasks.park(task, reason)
    return len(tasks)


def _writes(tx: Tx, lane: Lane, task: Task) -> list[RecordWrite]:
    """The purchase and the friend, with the values that the mapping asks for."""
    mapping = lane.platform.mapping
    story = tx.referrals.story(UUID(task.subject))
    if mapping is None or story is None or story.referral.connection != lane.connection:
        return []
    referral, reward = story.referral, story.reward
    values = Values(
        referral_id=str(referral.id),
        referral_code=referral.touch.code,
        referral_stage=referral.stage,
        referral_source=referral.touch.source,
        referral_medium=referral.touch.medium or None,
        referral_campaign=referral.touch.campaign or None,
        referral_explanation=f"{referral.touch.evidence} {referral.reason}".strip(),
        referral_touched_at=referral.touch.at,
        referral_converted_at=story.converted_at,
        advocate_id=str(referral.advocate),
        program_name=story.program,
        reward_amount=reward.amount if reward else None,
        reward_state=reward.state if reward else None,
        reward_issued_at=story.issued_at,
    )
    friend = tx.people.external(referral.friend, lane.connection, lane.platform.manifest.person_kind)
    refs = [referral.ref, *([ObjectRef(lane.platform.manifest.person_kind, friend)] if friend else [])]
    return [RecordWrite(ref, fields) for ref in refs if (fields := render(mapping, ref.kind, values))]
