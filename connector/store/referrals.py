"""Referrals: one per friend and program; the purchase that converts one converts no other, for ever."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from connector.domain.case import Decision, Stage
from connector.domain.facts import ObjectRef
from connector.ports.rows import Referral, Story
from connector.store import codec
from connector.store.base import Repository, as_json
from connector.store.rewards import reward_row


class Referrals(Repository):
    def by_purchase(self, connection: UUID, ref: ObjectRef) -> Sequence[UUID]:
        """Referrals this purchase belongs to, converted by it or waiting for it."""
        return (
            self.run(
                """SELECT id FROM referral WHERE merchant_id = :merchant AND connection_id = :connection
                     AND object_kind = :kind AND external_id = :id
                   UNION SELECT referral_id FROM conversion WHERE merchant_id = :merchant AND connection_id = :connection
                     AND object_kind = :kind AND external_id = :id""",
                connection=connection,
                kind=ref.kind,
                id=ref.id,
            )
            .scalars()
            .all()
        )

    def of_friend(self, program: UUID, friend: UUID) -> UUID | None:
        """The referral of this human in this program, under whichever of their rows it stands."""
        found: UUID | None = self.run(
            """SELECT referral.id FROM referral JOIN person ON person.id = referral.friend_id
               WHERE referral.merchant_id = :merchant AND program_id = :program AND person.canonical_id =
                 (SELECT canonical_id FROM person WHERE merchant_id = :merchant AND id = :friend)
               ORDER BY captured_at, referral.id LIMIT 1""",
            program=program,
            friend=friend,
        ).scalar_one_or_none()
        return found

    def awaited(self, names: Collection[bytes]) -> set[bytes]:
        """Which of these keyed hashes name a friend whose next purchase may count, whatever it bears."""
        rows = self.run(
            """SELECT DISTINCT identifier.digest FROM identifier
               JOIN person named ON named.id = identifier.person_id
               JOIN person friend ON friend.canonical_id = named.canonical_id
               JOIN referral ON referral.friend_id = friend.id
               JOIN program_version v ON v.program_id = referral.program_id AND v.version = referral.program_version
               WHERE identifier.merchant_id = :merchant AND identifier.digest = ANY(CAST(:names AS bytea[]))
                 AND (referral.stage IN ('pending', 'expired') OR v.data #>> '{qualify,payment}' IN ('nth', 'each'))""",
            names=list(names),
        )
        return {bytes(row.digest) for row in rows}

    def held_by(self, hold: str) -> list[str]:
        """Referrals that wait for this, to be decided anew once its remedy was applied."""
        rows = self.run("SELECT id FROM referral WHERE merchant_id = :merchant AND hold = :hold", hold=hold)
        return [str(row.id) for row in rows]

    def open(self, referral: Referral) -> UUID:
        """Create it, or return the one that stands for (program, friend)."""
        found: UUID = self.run(
            """INSERT INTO referral (id, merchant_id, program_id, program_version, advocate_id, friend_id, connection_id,
                   object_kind, external_id, captured_at, touch, stage)
               VALUES (:id, :merchant, :program, :version, :advocate, :friend, :connection, :kind, :external, :at,
                   CAST(:touch AS jsonb), :stage)
               ON CONFLICT (program_id, friend_id) DO UPDATE SET friend_id = excluded.friend_id RETURNING id""",
            id=referral.id,
            program=referral.program,
            version=referral.version,
            advocate=referral.advocate,
            friend=referral.friend,
            connection=referral.connection,
            kind=referral.ref.kind,
            external=referral.ref.id,
            at=referral.captured_at,
            touch=as_json(codec.plain_touch(referral.touch)),
            stage=referral.stage.value,
        ).scalar_one()
        return found

    def lock(self, referral: UUID) -> Referral:
        """Read it with program and referral locked, in this order for everybody: limits are weighed one after another."""
        self.run(
            """SELECT FROM program WHERE merchant_id = :merchant
               AND id = (SELECT program_id FROM referral WHERE merchant_id = :merchant AND id = :id) FOR NO KEY UPDATE""",
            id=referral,
        )
        return _referral(self.run(f"{_SELECT} FOR UPDATE OF referral", id=referral).one())

    def story(self, referral: UUID) -> Story | None:
        """A referral with what the merchant's records should tell of it."""
        row = self.run(_SELECT, id=referral).first()
        if row is None:
            return None
        extra = self.run(
            """SELECT reward.*, v.data ->> 'name' AS program,
                   (SELECT at FROM conversion WHERE referral_id = :id LIMIT 1) AS converted_at
               FROM program_version v LEFT JOIN reward ON reward.referral_id = :id AND reward.role = 'advocate'
               WHERE v.merchant_id = :merchant AND v.program_id = :program AND v.version = :version
               ORDER BY reward.ordinal LIMIT 1""",
            id=referral,
            program=row.program_id,
            version=row.program_version,
        ).one()
        reward = reward_row(extra) if extra.id else None
        return Story(_referral(row), extra.program, reward, extra.converted_at, extra.issued_at)

    def is_duplicate(self, referral: Referral) -> bool:
        """Whether an earlier referral of the same human stands in the same program."""
        return bool(
            self.run(
                """SELECT EXISTS (SELECT FROM referral other JOIN person ON person.id = other.friend_id
                     WHERE other.merchant_id = :merchant AND other.program_id = :program AND other.id <> :id
                       AND person.canonical_id = :friend AND (other.captured_at, other.id) < (:at, :id)
                       AND (other.stage NOT IN ('rejected', 'expired') OR other.rule = 'duplicate'))""",
                program=referral.program,
                id=referral.id,
                friend=referral.friend,
                at=referral.captured_at,
            ).scalar_one()
        )

    def convert(self, referral: Referral) -> bool:
        """Claim the purchase for this referral, once and for ever; False if another owns it."""
        owner = self.run(
            """WITH claimed AS (
                 INSERT INTO conversion (merchant_id, program_id, connection_id, object_kind, external_id, referral_id)
                 VALUES (:merchant, :program, :connection, :kind, :external, :id) ON CONFLICT DO NOTHING
                 RETURNING referral_id)
               SELECT referral_id FROM claimed UNION ALL
               SELECT referral_id FROM conversion WHERE program_id = :program AND connection_id = :connection
                 AND object_kind = :kind AND external_id = :external LIMIT 1""",
            program=referral.program,
            connection=referral.connection,
            kind=referral.ref.kind,
            external=referral.ref.id,
            id=referral.id,
        ).scalar_one()
        return bool(owner == referral.id)

    def is_anothers(self, referral: Referral) -> bool:
        """Whether its purchase converts another referral of the program."""
        return bool(
            self.run(
                """SELECT EXISTS (SELECT FROM conversion WHERE merchant_id = :merchant AND program_id = :program
                     AND connection_id = :connection AND object_kind = :kind AND external_id = :external
                     AND referral_id <> :id)""",
                program=referral.program,
                connection=referral.connection,
                kind=referral.ref.kind,
                external=referral.ref.id,
                id=referral.id,
            ).scalar_one()
        )

    def add_payment(self, referral: UUID, program: UUID, connection: UUID, ref: ObjectRef) -> None:
        """Another payment of a referred friend belongs to the referral too, unless it converts another one."""
        self.run(
            """INSERT INTO conversion (merchant_id, program_id, connection_id, object_kind, external_id, referral_id)
               VALUES (:merchant, :program, :connection, :kind, :external, :id) ON CONFLICT DO NOTHING""",
            program=program,
            connection=connection,
            kind=ref.kind,
            external=ref.id,
            id=referral,
        )

    def is_converted(self, referral: UUID) -> bool:
        return bool(
            self.run(
                "SELECT EXISTS (SELECT FROM conversion WHERE merchant_id = :merchant AND referral_id = :id)",
                id=referral,
            ).scalar_one()
        )

    def repoint(self, referral: Referral) -> None:
        """Another purchase of the friend may convert it; evidence and advocate follow that purchase."""
        self.run(
            """UPDATE referral SET connection_id = :connection, object_kind = :kind, external_id = :external,
                   advocate_id = :advocate, touch = CAST(:touch AS jsonb)
               WHERE merchant_id = :merchant AND id = :id""",
            id=referral.id,
            connection=referral.connection,
            kind=referral.ref.kind,
            external=referral.ref.id,
            advocate=referral.advocate,
            touch=as_json(codec.plain_touch(referral.touch)),
        )

    def repin(self, referral: UUID, version: int) -> None:
        """It is judged by another version of its program, from figures that are taken anew."""
        self.run(
            """UPDATE referral SET program_version = :version, standing = NULL, qualified_at = NULL
               WHERE merchant_id = :merchant AND id = :id""",
            id=referral,
            version=version,
        )

    def decide(self, referral: UUID, decision: Decision) -> bool:
        """Write the decision; says whether anything that people see changed."""
        return bool(
            self.run(
                """UPDATE referral SET stage = :stage, rule = :rule, reason = :reason, hold = :hold, doubt = :doubt,
                       overdue = :overdue, decided_at = clock_timestamp()
                   WHERE merchant_id = :merchant AND id = :id
                     AND (stage, rule, reason, hold, doubt, overdue) <> (:stage, :rule, :reason, :hold, :doubt, :overdue)""",
                id=referral,
                stage=decision.stage.value,
                rule=decision.rule,
                reason=decision.reason,
                hold=decision.hold,
                doubt=decision.review,
                overdue=decision.overdue,
            ).rowcount
        )

    def review(self, referral: UUID, reason: str) -> None:
        """Flag it for a person."""
        self.run(
            "UPDATE referral SET review = :reason WHERE merchant_id = :merchant AND id = :id",
            id=referral,
            reason=reason,
        )


_SELECT = """SELECT referral.*, advocate_person.canonical_id AS advocate_person, friend.canonical_id AS friend,
        array(SELECT person_group.name FROM person_group JOIN person ON person.id = person_group.person_id
              WHERE person.canonical_id = advocate_person.canonical_id) AS groups
    FROM referral JOIN advocate ON advocate.id = referral.advocate_id
    JOIN person AS advocate_person ON advocate_person.id = advocate.person_id
    JOIN person AS friend ON friend.id = referral.friend_id
    WHERE referral.merchant_id = :merchant AND referral.id = :id"""


def _referral(row: Any) -> Referral:
    return Referral(
        id=row.id,
        program=row.program_id,
        version=row.program_version,
        advocate=row.advocate_id,
        advocate_person=row.advocate_person,
        friend=row.friend,
        connection=row.connection_id,
        ref=ObjectRef(row.object_kind, row.external_id),
        captured_at=row.captured_at,
        touch=codec.touch(row.touch),
        stage=Stage(row.stage),
        rule=row.rule,
        reason=row.reason,
        groups=frozenset(row.groups),
        standing=codec.standing(row.standing) if row.standing else None,
        evidence=codec.evidence(row.evidence) if row.evidence else None,
    )
