"""The roster: advocates with the codes they share, and who was asked to become one. All of it in bulk."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from connector.domain import codes
from connector.errors import ConfigError
from connector.ports.roster import Enrolment, Newcomer, Participation
from connector.store.base import Repository, new_id

_MINT_TRIES = 5
_TOKEN_BYTES = 24


class Roster(Repository):
    def enrol(self, program: UUID, newcomers: Sequence[Newcomer]) -> Mapping[UUID, Enrolment]:
        """Enrol people, or find them enrolled, each with a code; by the person that was named."""
        found = self._enrolled(program, [each.person for each in newcomers])
        fresh = {each.person: each for each in newcomers if each.person not in found}
        if not fresh:
            return found
        made = self._add(program, fresh.values())
        if len(made) < len(fresh):  # somebody else enrolled them at the same moment
            found |= self._enrolled(program, [person for person in fresh if person not in made])
        minted = self._mint({one.id: fresh[person].minted for person, one in made.items()})
        return {**found, **{person: replace(one, code=minted[one.id]) for person, one in made.items()}}

    def _enrolled(self, program: UUID, people: Sequence[UUID]) -> dict[UUID, Enrolment]:
        """Those who are advocates already, under whichever row of the same human; the first one stands."""
        rows = self.run(
            """SELECT asked.person, advocate.id, mine.canonical_id, way, enrolled_at, (SELECT min(code) FROM code
                   WHERE code.merchant_id = :merchant AND advocate_id = advocate.id AND kind = 'minted') AS code
               FROM unnest(CAST(:people AS uuid[])) AS asked (person)
               JOIN person mine ON mine.id = asked.person AND mine.merchant_id = :merchant
               JOIN person other ON other.canonical_id = mine.canonical_id
               JOIN advocate ON advocate.person_id = other.id AND advocate.program_id = :program
               ORDER BY advocate.id DESC""",
            program=program,
            people=list(people),
        )
        return {r.person: Enrolment(r.id, program, r.canonical_id, r.code, r.way, r.enrolled_at) for r in rows.all()}

    def _add(self, program: UUID, fresh: Collection[Newcomer]) -> dict[UUID, Enrolment]:
        """Those of them who are advocates by this call alone, without a code so far."""
        # One order for everybody, so that two who enrol the same people cannot deadlock.
        rows = [(new_id(), one, secrets.token_urlsafe(_TOKEN_BYTES)) for one in sorted(fresh, key=lambda n: n.person)]
        tokens = {identity: token for identity, _, token in rows}
        made = self.run(
            """INSERT INTO advocate (id, merchant_id, program_id, person_id, way, source, brought, token_digest, enrolled_at)
               SELECT id, :merchant, :program, person, way, source, brought, digest, coalesce(at, clock_timestamp())
               FROM unnest(CAST(:ids AS uuid[]), CAST(:people AS uuid[]), CAST(:ways AS text[]), CAST(:sources AS text[]),
                           CAST(:brought AS int[]), CAST(:digests AS bytea[]), CAST(:ats AS timestamptz[]))
                    AS new (id, person, way, source, brought, digest, at)
               ON CONFLICT (program_id, person_id) DO NOTHING RETURNING id, person_id, way, enrolled_at""",
            program=program,
            ids=[identity for identity, _, _ in rows],
            people=[one.person for _, one, _ in rows],
            ways=[one.way for _, one, _ in rows],
            sources=[one.source for _, one, _ in rows],
            brought=[one.brought for _, one, _ in rows],
            digests=[_digest(token) for _, _, token in rows],
            ats=[one.enrolled_at for _, one, _ in rows],
        ).all()
        self._list("portal", {_digest(tokens[row.id]).hex(): row.id for row in made})
        return {
            r.person_id: Enrolment(r.id, program, r.person_id, "", r.way, r.enrolled_at, tokens[r.id], new=True)
            for r in made
        }

    def _mint(self, wanted: Mapping[UUID, str]) -> dict[UUID, str]:
        """A code for each advocate that nobody else has at any merchant: the one they want, or else a new one."""
        given: dict[UUID, str] = {}
        for turn in range(_MINT_TRIES):
            open_ = [advocate for advocate in wanted if advocate not in given]
            if not open_:
                break
            asked = {(not turn and wanted[advocate]) or codes.mint(): advocate for advocate in open_}
            given |= {advocate: code for code, advocate in self._list("code", asked).items()}
        if len(given) < len(wanted):
            raise ConfigError(["no free code was found in five tries; run it again"])
        self.add_codes([(advocate, code, "minted") for advocate, code in given.items()])
        return given

    def _list(self, kind: str, names: Mapping[str, UUID]) -> dict[str, UUID]:
        """Make names known over all merchants; returns those that were free, here too."""
        rows = self.run(
            """INSERT INTO directory (kind, name, merchant_id, target_id)
               SELECT :kind, name, :merchant, target
               FROM unnest(CAST(:names AS text[]), CAST(:targets AS uuid[])) AS new (name, target)
               WHERE NOT EXISTS (SELECT FROM code WHERE code.merchant_id = :merchant AND code.code = new.name)
               ON CONFLICT DO NOTHING RETURNING name, target_id""",
            kind=kind,
            names=list(names),
            targets=list(names.values()),
        )
        return {row.name: row.target_id for row in rows}

    def add_codes(self, codes_: Collection[tuple[UUID, str, str]]) -> set[tuple[UUID, str]]:
        """Further codes: advocate, code, kind. Returns those that belong to somebody else, which stay where they are."""
        rows = sorted((codes.fold(code), advocate, kind, code) for advocate, code, kind in codes_)
        asked: dict[str, Any] = {
            "codes": [folded for folded, _, _, _ in rows],
            "advocates": [advocate for _, advocate, _, _ in rows],
        }
        self.run(
            """INSERT INTO code (merchant_id, code, kind, advocate_id)
               SELECT :merchant, code, kind, advocate
               FROM unnest(CAST(:codes AS text[]), CAST(:advocates AS uuid[]), CAST(:kinds AS text[]))
                    AS new (code, advocate, kind)
               ON CONFLICT DO NOTHING""",
            kinds=[kind for _, _, kind, _ in rows],
            **asked,
        )
        taken = self.run(
            """SELECT asked.advocate, asked.code
               FROM unnest(CAST(:codes AS text[]), CAST(:advocates AS uuid[])) AS asked (code, advocate)
               JOIN code ON code.merchant_id = :merchant AND code.code = asked.code
               WHERE code.advocate_id <> asked.advocate""",
            **asked,
        )
        theirs = {(row.advocate, row.code) for row in taken}
        return {(advocate, code) for folded, advocate, _, code in rows if (advocate, folded) in theirs}

    def add_groups(self, groups: Collection[tuple[UUID, str]]) -> None:
        """Put people into groups by the word of staff; what they belong to already stands."""
        rows = sorted(groups)
        self.run(
            """INSERT INTO person_group (merchant_id, person_id, name)
               SELECT :merchant, * FROM unnest(CAST(:people AS uuid[]), CAST(:names AS text[]))
               ON CONFLICT DO NOTHING""",
            people=[person for person, _ in rows],
            names=[name for _, name in rows],
        )

    # ── Who was asked ───────────────────────────────────────────────────────────────────────────────────────────

    def invite(self, program: UUID, people: Collection[UUID], way: str) -> int:
        """Remember who was asked to take part; returns how many were asked for the first time."""
        return self.run(
            """INSERT INTO invitation (merchant_id, program_id, person_id, way)
               SELECT :merchant, :program, unnest(CAST(:people AS uuid[])), :way ON CONFLICT DO NOTHING""",
            program=program,
            people=sorted(set(people)),
            way=way,
        ).rowcount

    def participation(self, program: UUID | None = None) -> Participation:
        """Of one program, or of all."""
        row = self.run(
            """SELECT (SELECT count(*) FROM advocate WHERE merchant_id = :merchant
                         AND (CAST(:program AS uuid) IS NULL OR program_id = :program)) AS enrolled,
                   count(*) AS invited, count(*) FILTER (WHERE EXISTS (
                     SELECT FROM person mine JOIN person other ON other.canonical_id = mine.canonical_id
                     JOIN advocate ON advocate.person_id = other.id AND advocate.program_id = invitation.program_id
                     WHERE mine.id = invitation.person_id)) AS joined
               FROM invitation WHERE merchant_id = :merchant
                 AND (CAST(:program AS uuid) IS NULL OR program_id = :program)""",
            program=program,
        ).one()
        return Participation(row.enrolled, row.invited, row.joined)

    def all(self, program: UUID | None = None) -> list[dict[str, Any]]:
        """Every advocate with codes, groups and counts, in the order in which they were enrolled."""
        rows = self.run(_ALL, program=program)
        return [dict(row._mapping) for row in rows]  # noqa: SLF001  (SQLAlchemy's documented row mapping)


def _digest(token: str) -> bytes:
    """Of a token as random as this one, a plain hash tells nothing."""
    return hashlib.sha256(token.encode()).digest()


def _codes(kind: str) -> str:
    return f"""array(SELECT code FROM code WHERE code.merchant_id = :merchant AND advocate_id = advocate.id
                 AND kind = '{kind}' ORDER BY code)"""  # noqa: S608  (one of ours, below)


_ALL = f"""
SELECT advocate.id AS advocate, person.canonical_id AS person, program.slug AS program, way, source, enrolled_at, brought,
    (SELECT min(code) FROM code WHERE code.merchant_id = :merchant AND advocate_id = advocate.id
       AND kind = 'minted') AS code,
    {_codes("vanity")} AS vanity, {_codes("redeem")} AS redeem,
    array(SELECT DISTINCT name FROM person_group JOIN person theirs ON theirs.id = person_group.person_id
          WHERE person_group.merchant_id = :merchant AND theirs.canonical_id = person.canonical_id
            AND connection_id IS NULL ORDER BY name) AS groups,
    (SELECT count(*) FROM referral WHERE advocate_id = advocate.id) AS referrals,
    (SELECT count(*) FROM touch WHERE advocate_id = advocate.id) AS clicks
FROM advocate JOIN program ON program.id = advocate.program_id JOIN person ON person.id = advocate.person_id
WHERE advocate.merchant_id = :merchant AND (CAST(:program AS uuid) IS NULL OR advocate.program_id = :program)
ORDER BY enrolled_at, code
"""  # noqa: S608  (texts of ours alone)
