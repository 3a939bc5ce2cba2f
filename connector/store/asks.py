"""Asks: moments after which somebody may be asked for a referral, each once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from connector.domain.asking import Answer, Moment, Past, Prompt
from connector.domain.facts import Fact
from connector.ports.asking import Ask, Effect, Known
from connector.store.base import Repository, new_id
from connector.store.facts import fact

_STATES = {Answer.ASK: "asked", Answer.HOLD_OUT: "held_out", Answer.NO: "declined"}
#: Everybody who is the same person as one of these.
_THEIRS = """SELECT person.id, person.canonical_id AS who FROM person
             WHERE person.merchant_id = :merchant AND canonical_id = ANY(CAST(:people AS uuid[]))"""


class Asks(Repository):
    def add(self, program: UUID, person: UUID, moments: Sequence[Moment]) -> Sequence[tuple[UUID, datetime]]:
        """Keep the moments that are not there yet; returns their ids and times."""
        if not moments:
            return ()
        rows = self.run(
            """INSERT INTO ask (id, merchant_id, program_id, person_id, prompt, key, at)
               SELECT id, :merchant, :program, :person, prompt, key, at
               FROM unnest(CAST(:ids AS uuid[]), CAST(:prompts AS text[]), CAST(:keys AS text[]),
                   CAST(:ats AS timestamptz[])) AS new (id, prompt, key, at)
               ON CONFLICT DO NOTHING RETURNING id, at""",
            program=program,
            person=person,
            ids=[new_id() for _ in moments],
            prompts=[each.prompt.value for each in moments],
            keys=[each.key for each in moments],
            ats=[each.at for each in moments],
        )
        return [(row.id, row.at) for row in rows]

    def waiting(self, ids: Collection[UUID]) -> Sequence[Ask]:
        """Those among them that are not decided."""
        rows = self.run(
            """SELECT ask.id, program_id, canonical_id, prompt, at FROM ask JOIN person ON person.id = ask.person_id
               WHERE ask.merchant_id = :merchant AND ask.id = ANY(CAST(:ids AS uuid[])) AND state = 'waiting'
               ORDER BY at, ask.id FOR UPDATE OF ask""",
            ids=list(ids),
        )
        return [Ask(row.id, row.program_id, row.canonical_id, Prompt(row.prompt), row.at) for row in rows]

    def known(self, people: Collection[UUID]) -> Sequence[Known]:
        """All that speaks for and against asking them."""
        if not people:
            return ()
        told = self._facts(people)
        rows = self.run(
            f"""WITH theirs AS ({_THEIRS})
                SELECT who, bool_or(person.quiet_at IS NOT NULL) AS quiet,
                    (SELECT count(*) FILTER (WHERE stage IN ('converted', 'rewarded')) FROM referral
                       JOIN advocate ON advocate.id = advocate_id
                     WHERE advocate.person_id IN (SELECT id FROM theirs mine WHERE mine.who = theirs.who)) AS counted,
                    (SELECT count(*) FILTER (WHERE stage IN ('rejected', 'reversed')) FROM referral
                       JOIN advocate ON advocate.id = advocate_id
                     WHERE advocate.person_id IN (SELECT id FROM theirs mine WHERE mine.who = theirs.who)) AS lost,
                    array(SELECT decided_at FROM ask WHERE state = 'asked'
                       AND person_id IN (SELECT id FROM theirs mine WHERE mine.who = theirs.who)
                     UNION SELECT invited_at FROM invitation
                       WHERE person_id IN (SELECT id FROM theirs mine WHERE mine.who = theirs.who)
                     ORDER BY 1) AS asked,
                    (SELECT min(code.code) FROM code JOIN advocate ON advocate.id = code.advocate_id
                     WHERE code.kind = 'minted'
                       AND advocate.person_id IN (SELECT id FROM theirs mine WHERE mine.who = theirs.who)) AS code
                FROM theirs JOIN person ON person.id = theirs.id GROUP BY who""",  # noqa: S608 - a text of our own
            people=list(people),
        )
        return [
            Known(
                row.who, row.code or "", told.get(row.who, ()), Past(row.counted, row.lost, tuple(row.asked), row.quiet)
            )
            for row in rows
        ]

    def _facts(self, people: Collection[UUID]) -> dict[UUID, list[Fact]]:
        """What is known of everything that is theirs, by person."""
        rows = self.run(
            f"""WITH theirs AS ({_THEIRS})
                SELECT who, fact.data, fact.as_of FROM theirs
                JOIN truth ON truth.merchant_id = :merchant AND truth.person_id = theirs.id
                JOIN fact ON fact.connection_id = truth.connection_id AND fact.object_kind = truth.object_kind
                  AND fact.external_id = truth.external_id
                ORDER BY fact.as_of, fact.id""",  # noqa: S608 - a text of our own
            people=list(people),
        )
        told: dict[UUID, list[Fact]] = {}
        for row in rows:
            told.setdefault(row.who, []).append(fact(row.data, row.as_of))
        return told

    def asked_since(self, program: UUID, since: datetime) -> int:
        count: int = self.run(
            """SELECT count(*) FROM ask WHERE merchant_id = :merchant AND program_id = :program AND state = 'asked'
               AND decided_at >= :since""",
            program=program,
            since=since,
        ).scalar_one()
        return count

    def decide(self, ask: UUID, answer: Answer, why: str, score: int) -> None:
        """What was decided; `later` is only noted."""
        self.run(
            """UPDATE ask SET state = :state, why = :why, score = :score,
                   decided_at = CASE WHEN :state = 'waiting' THEN NULL ELSE clock_timestamp() END
               WHERE merchant_id = :merchant AND id = :id""",
            id=ask,
            state=_STATES.get(answer, "waiting"),
            why=why,
            score=score,
        )

    def people(self, program: UUID, limit: int) -> Sequence[UUID]:
        """Whoever had such a moment or takes part, the latest first."""
        return list(
            self.run(
                """SELECT canonical_id FROM (
                       SELECT person_id, at FROM ask WHERE merchant_id = :merchant AND program_id = :program
                       UNION ALL SELECT person_id, enrolled_at FROM advocate
                         WHERE merchant_id = :merchant AND program_id = :program) AS known
                   JOIN person ON person.id = person_id WHERE erased_at IS NULL
                   GROUP BY 1 ORDER BY max(at) DESC, 1 LIMIT :limit""",
                program=program,
                limit=limit,
            ).scalars()
        )

    def effects(self, program: UUID) -> Sequence[Effect]:
        """What came of asking, and of not asking those who are held out."""
        rows = self.run(
            """WITH one AS (
                   SELECT DISTINCT ON (person.canonical_id) person.canonical_id AS who, state, decided_at
                   FROM ask JOIN person ON person.id = ask.person_id
                   WHERE ask.merchant_id = :merchant AND program_id = :program AND state IN ('asked', 'held_out')
                   ORDER BY person.canonical_id, decided_at),
               mine AS (
                   SELECT who, state, advocate.id AS advocate, decided_at FROM one
                   LEFT JOIN (advocate JOIN person ON person.id = advocate.person_id)
                     ON person.canonical_id = who AND advocate.program_id = :program)
               SELECT state, count(DISTINCT who) AS people,
                   count(DISTINCT who) FILTER (WHERE mine.advocate IS NOT NULL) AS joined,
                   coalesce(sum((SELECT count(*) FROM referral WHERE advocate_id = mine.advocate
                     AND captured_at >= mine.decided_at AND stage IN ('converted', 'rewarded'))), 0) AS friends
               FROM mine GROUP BY state ORDER BY state""",
            program=program,
        )
        return [Effect(row.state, row.people, row.joined, int(row.friends)) for row in rows]
