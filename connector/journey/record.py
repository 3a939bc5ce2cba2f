"""Record: write who referred whom into the merchant's own records, never over a person's value.

The purchase is written where it was made; the friend on every platform that keeps records of people and knows them.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.domain.touch import Source, Touch
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.tasks import RECORD
from connector.mapping import Mapping, render
from connector.ports.records import OWNED_BY, REFERRED_BY, FieldValue, Link, RecordResult, RecordWrite
from connector.ports.rows import Reward, Story, Task, connection_lane
from connector.ports.store import Tx
from connector.values import CHANNEL, PERMISSIONS, Values

#: Words of staff or of the advocate alone: the friend has not been heard of by themselves.
_OTHERS = frozenset({Source.STAFF, Source.CLAIM, Source.CRM_FIELD})


def write_due(desk: Desk, lane: Lane) -> int:
    """Write the records of one batch of referrals, rendered from what is true now; returns how many.

    A batch leaves when it is full or has waited: records are read by people, and calls are few.
    """
    mapping, name, size = lane.platform.mapping, connection_lane(lane.connection), lane.platform.manifest.write_batch
    if mapping is None:
        return 0
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.waiting(name, RECORD, size)
        if len(tasks) < size and not tx.tasks.due(name, RECORD, 1):
            return 0
        chosen = tx.connections.get(lane.connection).choices
        wanted = {task: _writes(tx, lane, mapping, chosen, task) for task in tasks}
    results = send(desk, lane, [write for writes in wanted.values() for write in writes])
    with desk.store.begin(lane.merchant) as tx:
        for task, writes in wanted.items():
            refused = next((told.refused for each in writes if (told := results[_name(each)]).refused), "")
            if refused:
                tx.tasks.park(task, refused)
        tx.tasks.close(t for t, writes in wanted.items() if not any(results[_name(each)].refused for each in writes))
    return len(tasks)


def send(desk: Desk, lane: Lane, writes: Iterable[RecordWrite]) -> dict[tuple[ObjectRef, str], RecordResult]:
    """Write records, each once; what came of each, by its name and, without one, its address."""
    together: dict[tuple[ObjectRef, str], RecordWrite] = {}
    for write in writes:
        known = together.get(_name(write))
        both = (known.links if known else ()) + write.links
        together[_name(write)] = replace(write, fields={**(known.fields if known else {}), **write.fields}, links=both)
    if not together:
        return {}
    account = open_account(desk, lane)
    results = lane.platform.outbound().write_records(account, list(together.values()))
    return dict(zip(together, results, strict=True))


def _name(write: RecordWrite) -> tuple[ObjectRef, str]:
    return write.ref, "" if write.ref.id else write.email


def _writes(tx: Tx, lane: Lane, mapping: Mapping, chosen: abc.Mapping[str, str], task: Task) -> list[RecordWrite]:
    """The purchase, the friend and each reward, with the values that the mapping asks for."""
    story = tx.referrals.story(UUID(task.subject))
    if story is None:
        return []
    values, found = replace(_values(story), account_lead_source=chosen.get("lead_source")), list[RecordWrite]()
    referral, kind = story.referral, lane.platform.manifest.person_kind
    advocate = tx.people.external(referral.advocate_person, lane.connection, kind)
    tie = (Link(ObjectRef(kind, advocate), REFERRED_BY),) if advocate else ()
    if referral.connection == lane.connection:
        found.append(RecordWrite(referral.ref, render(mapping, referral.ref.kind, values)))
        if beside := lane.platform.manifest.beside.get(referral.ref.kind):
            found.append(RecordWrite(ObjectRef(beside, referral.ref.id), render(mapping, beside, values)))
    theirs = person_write(tx, lane, referral.friend, render(mapping, kind, values), tie)
    found += [replace(write, friend=True) for write in theirs]
    if "credit" in mapping.records:
        owed = [reward for reward in tx.rewards.of(referral.id) if reward.connection == lane.connection]
        found += _credits(tx, lane, mapping, story, owed)
    return [write for write in found if write.fields]


def person_write(
    tx: Tx, lane: Lane, person: UUID, fields: dict[str, FieldValue], links: tuple[Link, ...] = ()
) -> Iterator[RecordWrite]:
    """A write to somebody's record, by their name there or, where the platform finds people by it, their address."""
    manifest = lane.platform.manifest
    known = tx.people.external(person, lane.connection, manifest.person_kind)
    email = None if known or not manifest.by_email else tx.people.email(person)
    if known or email:
        yield RecordWrite(ObjectRef(manifest.person_kind, known or ""), fields, email or "", links)


def _values(story: Story) -> Values:
    referral, reward = story.referral, story.reward
    return Values(
        referral_id=str(referral.id),
        referral_code=referral.touch.code,
        referral_stage=referral.stage,
        referral_channel=CHANNEL,
        referral_source=referral.touch.source,
        referral_medium=referral.touch.medium or None,
        referral_campaign=referral.touch.campaign or None,
        referral_explanation=f"{referral.touch.evidence} {referral.reason}".strip(),
        referral_touched_at=referral.touch.at,
        referral_converted_at=story.converted_at,
        advocate_id=str(referral.advocate),
        friend_permission=permission_of(referral.touch)[0],
        friend_permission_words=permission_of(referral.touch)[1],
        program_name=story.program,
        reward_id=str(reward.id) if reward else None,
        reward_amount=reward.amount if reward else None,
        reward_state=reward.state if reward else None,
        reward_issued_at=story.issued_at,
    )


def permission_of(touch: Touch) -> tuple[str, str]:
    """Whether the friend may be written to, by what is known of how they came, and what that rests on."""
    themselves, by_others = PERMISSIONS
    if touch.source in _OTHERS:
        words = (
            f"Named by somebody else, and known since {touch.at:%Y-%m-%d}: ask them before you write. {touch.evidence}"
        )
        return by_others, words.strip()
    return themselves, f"Came to us by themselves on {touch.at:%Y-%m-%d}. {touch.evidence}".strip()


def _credits(tx: Tx, lane: Lane, mapping: Mapping, story: Story, rewards: Sequence[Reward]) -> Iterator[RecordWrite]:
    """A record of its own for each reward, tied to whom it is for and to what earned it."""
    kind = lane.platform.manifest.person_kind
    for reward in rewards:
        values = replace(
            _values(story),
            reward_id=str(reward.id),
            reward_amount=reward.amount,
            reward_state=reward.state,
            reward_issued_at=story.issued_at if story.reward and story.reward.id == reward.id else None,
        )
        whose = tx.people.external(reward.beneficiary, lane.connection, kind)
        ties = [Link(story.referral.ref)] if story.referral.connection == lane.connection else []
        ties += [Link(ObjectRef(kind, whose), OWNED_BY)] if whose else []
        fields = render(mapping, "credit", values)
        yield RecordWrite(ObjectRef("credit", str(reward.id)), fields, links=tuple(ties))
