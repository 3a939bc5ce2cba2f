"""The past as it is stored: purchases with their evidence, referrals as they stand, and the facts of both. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from connector.domain.case import Stage
from connector.domain.facts import Fact, ObjectRef
from connector.domain.money import Money
from connector.domain.program import Mode
from connector.domain.rehearsal import Stood
from connector.ports.past import Extent, Place, Promise, Purchase, StoodReferral
from connector.ports.rows import LOCKED, RewardState, paid_out
from connector.store import codec
from connector.store.base import Repository
from connector.store.facts import fact

PAGE = 1_000


class Past(Repository):
    def extent(self, since: datetime) -> Extent:
        row = self.run(
            f"""SELECT count(*) FILTER (WHERE {_PLACED} >= :since AND person_id IS NOT NULL) AS purchases,
                   count(*) FILTER (WHERE {_PLACED} >= :since AND person_id IS NULL) AS guests,
                   count(*) FILTER (WHERE {_PLACED} IS NULL AND as_of >= :since) AS unread
               FROM truth WHERE merchant_id = :merchant""",  # noqa: S608 - a constant
            since=since,
        ).one()
        return Extent(row.purchases, row.unread, row.guests)

    def purchases(self, since: datetime) -> Iterator[Sequence[Purchase]]:
        """Oldest first. A cursor sorts them once; pages by OFFSET or by the last row seen would sort for every page."""
        self.run(
            f"""DECLARE past NO SCROLL CURSOR FOR
               SELECT truth.connection_id, connection.platform, person.canonical_id AS friend, {_PLACED} AS placed_at,
                   truth.data, noted.touches
               FROM truth JOIN person ON person.id = truth.person_id JOIN connection ON connection.id = truth.connection_id
               LEFT JOIN noted ON noted.connection_id = truth.connection_id AND noted.object_kind = truth.object_kind
                 AND noted.external_id = truth.external_id
               WHERE truth.merchant_id = :merchant AND {_PLACED} >= :since
               ORDER BY placed_at, truth.connection_id, truth.object_kind, truth.external_id""",  # noqa: S608
            since=since,
        )
        while page := [_purchase(row) for row in self.run(f"FETCH {PAGE} FROM past")]:
            yield page
        self.run("CLOSE past")

    def referrals(self, program: UUID) -> Sequence[StoodReferral]:
        found = []
        for part in _pages(self.run(_REFERRALS, program=program).all()):
            ids = [row.id for row in part]
            rewards, claimed = defaultdict[UUID, list[Any]](list), defaultdict[UUID, list[Place]](list)
            for row in self.run(_REWARDS, referrals=ids):
                rewards[row.referral_id].append(row)
            for row in self.run(_CLAIMED, referrals=ids):
                claimed[row.referral_id].append((row.connection_id, ObjectRef(row.object_kind, row.external_id)))
            found += [_stood(row, rewards[row.id], claimed[row.id]) for row in part]
        return found

    def facts(self, places: Collection[Place]) -> Mapping[Place, Sequence[tuple[str, Fact]]]:
        found: defaultdict[Place, list[tuple[str, Fact]]] = defaultdict(list)
        for part in _pages(places):
            rows = self.run(
                """SELECT fact.connection_id, fact.object_kind, fact.external_id, connection.platform, fact.data, fact.as_of
                   FROM unnest(CAST(:connections AS uuid[]), CAST(:kinds AS text[]), CAST(:ids AS text[]))
                     AS place (connection, kind, id)
                   JOIN fact ON fact.connection_id = place.connection AND fact.object_kind = place.kind
                     AND fact.external_id = place.id
                   JOIN connection ON connection.id = fact.connection_id
                   WHERE fact.merchant_id = :merchant ORDER BY fact.as_of, fact.id""",
                connections=[connection for connection, _ in part],
                kinds=[ref.kind for _, ref in part],
                ids=[ref.id for _, ref in part],
            )
            for row in rows:
                place = row.connection_id, ObjectRef(row.object_kind, row.external_id)
                found[place].append((row.platform, fact(row.data, row.as_of)))
        return found

    def promises(self, program: UUID) -> Sequence[Promise]:
        rows = self.run(
            """SELECT reward.id, referral_id, reward.state, coalesce(due_at, reward.created_at) AS due_at, issued_at,
                   reward.reason, reward.currency,
                   (SELECT sum(reversal.amount - taken) FROM reversal
                      WHERE reward_id = reward.id AND reversal.state = 'issued')::bigint AS short
               FROM reward JOIN referral ON referral.id = reward.referral_id
               WHERE reward.merchant_id = :merchant AND program_id = :program AND reward.state <> 'void'
               ORDER BY reward.id""",
            program=program,
        )
        return [
            Promise(
                row.id,
                row.referral_id,
                RewardState(row.state),
                row.due_at,
                row.issued_at,
                row.reason,
                Money(row.short, row.currency) if row.short else None,
            )
            for row in rows
        ]

    def records(self, program: UUID) -> Mapping[UUID, str | None]:
        rows = self.run(
            """SELECT referral.id, task.state, task.reason FROM task
               JOIN referral ON task.subject = CAST(referral.id AS text)
               WHERE task.merchant_id = :merchant AND what = 'record' AND program_id = :program""",
            program=program,
        )
        return {row.id: row.reason if row.state == "parked" else None for row in rows}

    def advocates(self, program: UUID) -> Mapping[UUID, UUID]:
        rows = self.run(
            """SELECT advocate.id, canonical_id FROM advocate JOIN person ON person.id = person_id
               WHERE advocate.merchant_id = :merchant AND program_id = :program""",
            program=program,
        )
        return {row.id: row.canonical_id for row in rows}

    def versions(self, program: UUID, mode: Mode) -> frozenset[int]:
        rows = self.run(
            """SELECT version FROM program_version
               WHERE merchant_id = :merchant AND program_id = :program AND coalesce(data ->> 'mode', 'live') = :mode""",
            program=program,
            mode=mode.value,
        )
        return frozenset(rows.scalars())

    def groups(self, people: Collection[UUID]) -> Mapping[UUID, frozenset[str]]:
        found: defaultdict[UUID, set[str]] = defaultdict(set)
        for part in _pages(people):
            rows = self.run(
                """SELECT person.canonical_id, person_group.name FROM person_group
                   JOIN person ON person.id = person_group.person_id
                   WHERE person_group.merchant_id = :merchant AND person.canonical_id = ANY(CAST(:people AS uuid[]))""",
                people=part,
            )
            for row in rows:
                found[row.canonical_id].add(row.name)
        return {person: frozenset(names) for person, names in found.items()}


T = TypeVar("T")


def _pages(all_of_them: Collection[T]) -> Iterator[list[T]]:
    each = list(all_of_them)
    for start in range(0, len(each), PAGE):
        yield each[start : start + PAGE]


_PLACED = "CAST(truth.data ->> 'placed' AS timestamptz)"
_REFERRALS = f"""
SELECT referral.*, giver.canonical_id AS advocate_person, friend.canonical_id AS friend, {_PLACED} AS placed_at
FROM referral JOIN advocate ON advocate.id = referral.advocate_id
JOIN person AS giver ON giver.id = advocate.person_id JOIN person AS friend ON friend.id = referral.friend_id
LEFT JOIN truth ON truth.connection_id = referral.connection_id AND truth.object_kind = referral.object_kind
  AND truth.external_id = referral.external_id
WHERE referral.merchant_id = :merchant AND referral.program_id = :program ORDER BY referral.captured_at, referral.id
"""  # noqa: S608 - a constant
#: Rewards less what is taken back of them, though the debit may have found less; what an earlier loss keeps is promised.
_REWARDS = """
SELECT referral_id, role, kind, ordinal, state, currency, netted,
    CASE WHEN state IN ('void', 'refused') THEN 0 ELSE amount END
    + netted - coalesce((SELECT sum(reversal.amount) FROM reversal
                         WHERE reversal.reward_id = reward.id AND reversal.state <> 'void'), 0)::bigint AS left_of_it
FROM reward WHERE merchant_id = :merchant AND referral_id = ANY(CAST(:referrals AS uuid[]))
ORDER BY referral_id, ordinal, role, kind
"""
_CLAIMED = """
SELECT referral_id, connection_id, object_kind, external_id FROM conversion
WHERE merchant_id = :merchant AND referral_id = ANY(CAST(:referrals AS uuid[])) ORDER BY at, external_id
"""


def _purchase(row: Any) -> Purchase:
    truth = codec.truth(row.data)
    noted = tuple(codec.touch(each) for each in row.touches or ())
    return Purchase(row.connection_id, row.platform, row.friend, row.placed_at, truth, (*truth.touches, *noted))


def _stood(row: Any, rewards: Sequence[Any], claimed: Sequence[Place]) -> StoodReferral:
    own: Place = row.connection_id, ObjectRef(row.object_kind, row.external_id)
    states = [RewardState(each.state) for each in rewards]
    return StoodReferral(
        id=row.id,
        version=row.program_version,
        advocate=row.advocate_id,
        advocate_person=row.advocate_person,
        friend=row.friend,
        connection=row.connection_id,
        captured_at=row.captured_at,
        touch=codec.touch(row.touch),
        stage=Stage(row.stage),
        rule=row.rule,
        reason=row.reason,
        places=tuple(dict.fromkeys((*claimed, own))),
        placed_at=row.placed_at,
        converted=bool(claimed),
        qualified_at=row.qualified_at,
        evidence=codec.evidence(row.evidence) if row.evidence else None,
        rewards=tuple(
            Stood(each.role, each.kind, each.ordinal, Money(each.left_of_it, each.currency), state in LOCKED)
            for each, state in zip(rewards, states, strict=True)
            if each.left_of_it
        ),
        settled=any(state in LOCKED for state in states),
        paid_out=paid_out(zip(states, (bool(each.netted) for each in rewards), strict=True)),
        trouble=row.review or (f"a review is overdue: {row.doubt}" if row.overdue else ""),
    )
