"""Programs with their versions, and where the codes lead that their advocates share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from connector.domain import codes
from connector.domain.program import Budget, Program
from connector.domain.program_data import parse
from connector.errors import NotFound
from connector.ports.rows import Advocate, ProgramVersion
from connector.store.base import Repository, as_json, new_id


@dataclass(frozen=True)
class Click:
    """Where a share link leads: only ever to one of `hosts`. redeem: the friend's code at checkout, by shop host.

    shared_by: the advocate, where nobody had followed a link of theirs before.
    """

    program: Program
    hosts: tuple[str, ...]
    redeem: Mapping[str, str]
    program_id: UUID
    shared_by: UUID | None


class Programs(Repository):
    def apply(self, data: Mapping[str, Any]) -> ProgramVersion:
        """Save data as the program's next version, unless nothing changed. Raises ConfigError."""
        program = parse(data)
        row = self.run(
            """INSERT INTO program (id, merchant_id, slug, version) VALUES (:id, :merchant, :slug, 0)
               ON CONFLICT (merchant_id, slug) DO UPDATE SET slug = excluded.slug RETURNING id, version""",
            id=new_id(),
            slug=program.slug,
        ).one()
        last = self.run(
            "SELECT data FROM program_version WHERE program_id = :id AND version = :version",
            id=row.id,
            version=row.version,
        ).scalar_one_or_none()
        if last == dict(data):
            return ProgramVersion(row.id, row.version, program)
        self.run(
            """INSERT INTO program_version (program_id, merchant_id, version, data)
               VALUES (:id, :merchant, :version, CAST(:data AS jsonb))""",
            id=row.id,
            version=row.version + 1,
            data=as_json(dict(data)),
        )
        self.run("UPDATE program SET version = version + 1 WHERE merchant_id = :merchant AND id = :id", id=row.id)
        self.tx.offers.mark(row.id, refused=True)
        return ProgramVersion(row.id, row.version + 1, program)

    def current(self) -> Sequence[ProgramVersion]:
        rows = self.run(
            """SELECT program.id, program.version, data FROM program
               JOIN program_version v ON v.program_id = program.id AND v.version = program.version
               WHERE program.merchant_id = :merchant ORDER BY program.id"""
        )
        return [ProgramVersion(r.id, r.version, parse(r.data)) for r in rows]

    def data(self, slug: str, version: int | None = None) -> Mapping[str, Any]:
        """A version as the merchant wrote it; the one that stands where none is named. Raises NotFound."""
        found = self.run(
            """SELECT data FROM program JOIN program_version v ON v.program_id = program.id
               WHERE program.merchant_id = :merchant AND slug = :slug
                 AND v.version = coalesce(CAST(:version AS int), program.version)""",
            slug=slug,
            version=version,
        ).scalar_one_or_none()
        if found is None:
            which = f"{slug!r}" if version is None else f"{slug!r} in version {version}"
            raise NotFound(f"there is no program {which}; `connector program apply FILE` makes one")
        return dict(found)

    def pinned(self, program: UUID, version: int) -> Program:
        data = self.run(
            "SELECT data FROM program_version WHERE merchant_id = :merchant AND program_id = :id AND version = :version",
            id=program,
            version=version,
        ).scalar_one()
        return parse(data)

    def was_paid(self, program: UUID) -> bool:
        """Whether any reward of it was ever delivered."""
        return bool(
            self.run(
                """SELECT EXISTS (SELECT FROM reward JOIN referral ON referral.id = reward.referral_id
                     WHERE reward.merchant_id = :merchant AND program_id = :id AND reward.state = 'issued')""",
                id=program,
            ).scalar_one()
        )

    def budget(self, program: UUID) -> Budget | None:
        """What the program may cost by the merchant's word of today, whatever version was promised."""
        data = self.run(
            """SELECT data FROM program JOIN program_version v ON v.program_id = program.id AND v.version = program.version
               WHERE program.merchant_id = :merchant AND program.id = :id""",
            id=program,
        ).scalar_one()
        return parse(data).budget

    def click(self, code: str, medium: str) -> Click | None:
        """Note a click on a share link; where it leads, or None for a code that nobody shares."""
        row = self.run(
            """SELECT advocate.id, advocate.person_id, program.id AS program, data,
                   NOT EXISTS (SELECT FROM touch WHERE touch.merchant_id = :merchant AND advocate_id = advocate.id) AS first,
                   (
                   SELECT jsonb_object_agg(connection.external_account, r.code)
                     || coalesce(jsonb_object_agg(connection.traits ->> 'host', r.code)
                          FILTER (WHERE connection.traits ? 'host'), '{}') FROM redeem_code r
                   JOIN offer ON offer.program_id = r.program_id AND offer.connection_id = r.connection_id
                   JOIN connection ON connection.id = r.connection_id
                   WHERE r.merchant_id = :merchant AND r.advocate_id = advocate.id AND r.state = 'live'
                     AND offer.state = 'live' AND connection.state = 'active') AS redeem
               FROM code JOIN advocate ON advocate.id = code.advocate_id
               JOIN program ON program.id = advocate.program_id
               JOIN program_version v ON v.program_id = program.id AND v.version = program.version
               WHERE code.merchant_id = :merchant AND code.code = :code""",
            code=code,
        ).first()
        if row is None:
            return None
        self.run(
            """INSERT INTO touch (id, merchant_id, advocate_id, source, medium)
               VALUES (:id, :merchant, :advocate, 'click', :medium)""",
            id=new_id(),
            advocate=row.id,
            medium=medium,
        )
        program = parse(row.data)
        whose = row.person_id if row.first else None
        return Click(program, program.redirect_hosts or self._shops(), row.redeem or {}, row.program, whose)

    def _shops(self) -> tuple[str, ...]:
        """The merchant's own connected hosts, for a program that names none."""
        rows = self.run(
            """SELECT external_account FROM connection WHERE merchant_id = :merchant AND state <> 'removed'
               AND external_account LIKE '%.%' ORDER BY id"""
        )
        return tuple(rows.scalars())

    def advocates(self, hints: Iterable[str]) -> Mapping[str, Advocate]:
        """The advocates behind texts that may be codes; unknown texts are absent."""
        spelled: dict[str, list[str]] = {}
        for hint in hints:
            for spelling in codes.spellings(hint):
                spelled.setdefault(spelling, []).append(hint)  # one code may be seen in several spellings
        if not spelled:
            return {}
        rows = self.run(
            """SELECT code.code, advocate.id, advocate.program_id, person.canonical_id FROM code
               JOIN advocate ON advocate.id = code.advocate_id JOIN person ON person.id = advocate.person_id
               WHERE code.merchant_id = :merchant AND code.code = ANY(:codes)""",
            codes=list(spelled),
        )
        return {
            hint: Advocate(row.id, row.program_id, row.canonical_id, row.code)
            for row in rows
            for hint in spelled[row.code]
        }

    def of_people(self, program: UUID, people: Collection[UUID]) -> Sequence[Advocate]:
        """Which of these people are advocates of the program, each with the code that they share."""
        rows = self.run(
            """SELECT advocate.id, advocate.program_id, person.canonical_id,
                   (SELECT code FROM code WHERE code.advocate_id = advocate.id ORDER BY kind, code LIMIT 1) AS code
               FROM advocate JOIN person ON person.id = advocate.person_id
               WHERE advocate.merchant_id = :merchant AND advocate.program_id = :program
                 AND person.canonical_id = ANY(:people) ORDER BY advocate.id""",
            program=program,
            people=list(people),
        )
        return [Advocate(row.id, row.program_id, row.canonical_id, row.code) for row in rows]
