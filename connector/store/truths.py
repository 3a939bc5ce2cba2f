"""What was read of objects, evidence that came otherwise, and the facts that follow from both."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from connector.domain.facts import Fact, ObjectRef
from connector.domain.touch import Touch
from connector.ports.platform import Seen, Truth
from connector.ports.rows import Referral, SavedTruth, Standing
from connector.store import codec
from connector.store.base import Repository, as_json, new_id
from connector.store.facts import fact, plain_fact
from connector.store.people import digests

#: Every object that belongs to a referral: its purchases, and itself as people speak of it. Bound by `about`.
ABOUT = """WITH about AS (SELECT CAST(:connection AS uuid) AS connection_id, :kind AS kind, :id AS external
    UNION SELECT connection_id, object_kind, external_id FROM conversion
      WHERE merchant_id = :merchant AND referral_id = :referral
    UNION SELECT connection_id, object_kind, external_id FROM fact
      WHERE merchant_id = :merchant AND object_kind = 'referral' AND external_id = CAST(:referral AS text))"""


def about(referral: Referral) -> dict[str, object]:
    """What ABOUT needs to know."""
    place = {"connection": referral.connection, "kind": referral.ref.kind, "id": referral.ref.id}
    return {**place, "referral": referral.id}


class Truths(Repository):
    def get(self, connection: UUID, ref: ObjectRef) -> SavedTruth | None:
        row = self.run(
            """SELECT data, person_id FROM truth WHERE merchant_id = :merchant AND connection_id = :connection
               AND object_kind = :kind AND external_id = :id""",
            connection=connection,
            kind=ref.kind,
            id=ref.id,
        ).first()
        return SavedTruth(codec.truth(row.data), row.person_id) if row else None

    def standing(self, places: Collection[tuple[UUID, ObjectRef]]) -> dict[tuple[UUID, ObjectRef], Standing]:
        """Which of these (connection, object) were read or referred; unknown ones are absent."""
        rows = self.run(
            """SELECT place.*, EXISTS (SELECT FROM referral r WHERE r.connection_id = place.connection
                     AND r.object_kind = place.kind AND r.external_id = place.external)
                   OR EXISTS (SELECT FROM conversion c WHERE c.merchant_id = :merchant
                     AND c.connection_id = place.connection AND c.object_kind = place.kind
                     AND c.external_id = place.external) AS referred,
                   EXISTS (SELECT FROM truth t WHERE t.connection_id = place.connection
                     AND t.object_kind = place.kind AND t.external_id = place.external) AS read
               FROM unnest(CAST(:connections AS uuid[]), CAST(:kinds AS text[]), CAST(:externals AS text[]))
                    AS place (connection, kind, external)""",
            connections=[connection for connection, _ in places],
            kinds=[ref.kind for _, ref in places],
            externals=[ref.id for _, ref in places],
        )
        return {
            (r.connection, ObjectRef(r.kind, r.external)): Standing.REFERRED if r.referred else Standing.ORGANIC
            for r in rows
            if r.referred or r.read
        }

    def note(self, connection: UUID, ref: ObjectRef, touches: Sequence[Touch]) -> None:
        """Keep evidence that only the delivery carried; the first to tell stands."""
        self.run(
            """INSERT INTO noted (merchant_id, connection_id, object_kind, external_id, touches)
               VALUES (:merchant, :connection, :kind, :id, CAST(:touches AS jsonb)) ON CONFLICT DO NOTHING""",
            connection=connection,
            kind=ref.kind,
            id=ref.id,
            touches=as_json([codec.plain_touch(touch) for touch in touches]),
        )

    def note_more(self, connection: UUID, ref: ObjectRef, touches: Sequence[Touch]) -> None:
        """Keep further evidence beside what is known: what people say later adds to what a delivery carried."""
        self.run(
            """INSERT INTO noted (merchant_id, connection_id, object_kind, external_id, touches)
               VALUES (:merchant, :connection, :kind, :id, CAST(:touches AS jsonb))
               ON CONFLICT (connection_id, object_kind, external_id)
               DO UPDATE SET touches = noted.touches || excluded.touches""",
            connection=connection,
            kind=ref.kind,
            id=ref.id,
            touches=as_json([codec.plain_touch(touch) for touch in touches]),
        )

    def adopt(self, names: Collection[tuple[UUID, ObjectRef, ObjectRef]]) -> set[tuple[UUID, ObjectRef]]:
        """Move evidence that came under another name of an object to the object; returns which objects got some.

        names: connection, the other name, the object.
        """
        rows = self.run(
            """WITH moved AS (
                   DELETE FROM noted USING unnest(CAST(:connections AS uuid[]), CAST(:other_kinds AS text[]),
                       CAST(:others AS text[]), CAST(:kinds AS text[]), CAST(:ids AS text[]))
                       AS name (connection, other_kind, other, kind, id)
                   WHERE noted.merchant_id = :merchant AND noted.connection_id = name.connection
                     AND noted.object_kind = name.other_kind AND noted.external_id = name.other
                   RETURNING name.connection, name.kind, name.id, noted.touches)
               INSERT INTO noted (merchant_id, connection_id, object_kind, external_id, touches)
               SELECT :merchant, connection, kind, id, touches FROM moved
               ON CONFLICT (connection_id, object_kind, external_id)
               DO UPDATE SET touches = noted.touches || excluded.touches
               RETURNING connection_id, object_kind, external_id""",
            connections=[connection for connection, _, _ in names],
            other_kinds=[other.kind for _, other, _ in names],
            others=[other.id for _, other, _ in names],
            kinds=[ref.kind for _, _, ref in names],
            ids=[ref.id for _, _, ref in names],
        )
        return {(row.connection_id, ObjectRef(row.object_kind, row.external_id)) for row in rows}

    def noted(self, connection: UUID, ref: ObjectRef) -> tuple[Touch, ...]:
        touches = self.run(
            """SELECT touches FROM noted WHERE merchant_id = :merchant AND connection_id = :connection
               AND object_kind = :kind AND external_id = :id""",
            connection=connection,
            kind=ref.kind,
            id=ref.id,
        ).scalar_one_or_none()
        return tuple(codec.touch(t) for t in touches or [])

    def save(self, connection: UUID, truth: Truth, person: UUID | None) -> bool:
        """Keep it with its facts unless a newer one, by the platform's time, is there; says whether it was kept."""
        kept = self.run(
            """INSERT INTO truth (merchant_id, connection_id, object_kind, external_id, as_of, person_id, data)
               VALUES (:merchant, :connection, :kind, :id, :as_of, :person, CAST(:data AS jsonb))
               ON CONFLICT (connection_id, object_kind, external_id) DO UPDATE
               SET as_of = excluded.as_of, person_id = coalesce(excluded.person_id, truth.person_id), data = excluded.data
               WHERE truth.as_of <= excluded.as_of""",
            connection=connection,
            kind=truth.ref.kind,
            id=truth.ref.id,
            as_of=truth.as_of,
            person=person,
            data=as_json(codec.plain_truth(truth)),
        ).rowcount
        if kept and truth.facts:
            self.tell(connection, truth.facts)
        return kept == 1

    def tell(self, connection: UUID, facts: Sequence[Fact]) -> None:
        """Add facts; one that says nothing new adds nothing."""
        self.run(
            """INSERT INTO fact (id, merchant_id, connection_id, object_kind, external_id, key, as_of, data)
               SELECT id, :merchant, :connection, kind, external, key, as_of, CAST(data AS jsonb)
               FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:externals AS text[]), CAST(:keys AS text[]),
                           CAST(:times AS timestamptz[]), CAST(:datas AS text[]))
                    AS new (id, kind, external, key, as_of, data)
               WHERE CAST(new.data AS jsonb) IS DISTINCT FROM (
                   SELECT fact.data FROM fact WHERE fact.connection_id = :connection AND fact.key = new.key
                   ORDER BY fact.as_of DESC, fact.id DESC LIMIT 1)""",
            connection=connection,
            ids=[new_id() for _ in facts],
            kinds=[f.ref.kind for f in facts],
            externals=[f.ref.id for f in facts],
            keys=[f.key for f in facts],
            times=[f.as_of for f in facts],
            datas=[as_json(plain_fact(f)) for f in facts],
        )

    def nameless(self, connection: UUID, truths: Collection[Truth]) -> set[ObjectRef]:
        """Which of these objects must bring nobody back: their buyer was forgotten after placing them."""
        said = [(t.ref, t.placed_at or t.as_of, name) for t in truths for name in self._names(connection, t)]
        rows = self.run(
            """SELECT DISTINCT said.kind, said.id
               FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS text[]), CAST(:ats AS timestamptz[]),
                           CAST(:names AS bytea[])) AS said (kind, id, at, name)
               WHERE EXISTS (SELECT FROM erasure WHERE merchant_id = :merchant AND digest = said.name
                               AND until >= said.at)
                  OR EXISTS (SELECT FROM truth JOIN person ON person.id = truth.person_id
                             WHERE truth.merchant_id = :merchant AND truth.connection_id = :connection
                               AND truth.object_kind = said.kind AND truth.external_id = said.id
                               AND person.erased_at IS NOT NULL)""",
            connection=connection,
            kinds=[ref.kind for ref, _, _ in said],
            ids=[ref.id for ref, _, _ in said],
            ats=[at for _, at, _ in said],
            names=[name for _, _, name in said],
        )
        return {ObjectRef(row.kind, row.id) for row in rows}

    def _names(self, connection: UUID, truth: Truth) -> Sequence[bytes]:
        return digests(self.tx, connection, [Seen(truth.ref.kind, truth.ref.id), *truth.buyer])

    def facts(self, connection: UUID, ref: ObjectRef) -> tuple[Fact, ...]:
        rows = self.run(
            """SELECT data, as_of FROM fact WHERE merchant_id = :merchant AND connection_id = :connection
               AND object_kind = :kind AND external_id = :id ORDER BY as_of, id""",
            connection=connection,
            kind=ref.kind,
            id=ref.id,
        )
        return tuple(fact(row.data, row.as_of) for row in rows)

    def of_referral(self, referral: Referral) -> Sequence[tuple[str, Fact]]:
        """All that is known of a referral: of its purchases, and what people said of it; each with the platform's name."""
        rows = self.run(
            f"""{ABOUT}
               SELECT coalesce(connection.platform, '') AS platform, fact.data, fact.as_of FROM about
               JOIN fact ON fact.connection_id = about.connection_id AND fact.object_kind = about.kind
                 AND fact.external_id = about.external
               JOIN connection ON connection.id = fact.connection_id
               WHERE fact.merchant_id = :merchant ORDER BY fact.as_of, fact.id""",  # noqa: S608  (a constant)
            **about(referral),
        )
        return [(row.platform, fact(row.data, row.as_of)) for row in rows]

    def tell_own(self, told: Fact) -> None:
        """A fact of our own, told once for ever."""
        self.run(
            """INSERT INTO fact (id, merchant_id, object_kind, external_id, key, as_of, data)
               VALUES (:id, :merchant, :kind, :external, :key, :as_of, CAST(:data AS jsonb)) ON CONFLICT DO NOTHING""",
            id=new_id(),
            kind=told.ref.kind,
            external=told.ref.id,
            key=told.key,
            as_of=told.as_of,
            data=as_json(plain_fact(told)),
        )
