"""The roster: advocates with the codes they share, and who was asked to become one. All of it in bulk."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from connector.domain import codes
from connector.domain.money import Money
from connector.domain.person import EMAIL
from connector.errors import ConfigError
from connector.ports.platform import Seen
from connector.ports.roster import Enrolment, Figures, Newcomer, Participation
from connector.ports.rows import Advocate
from connector.store.base import Repository, new_id
from connector.store.people import EMAIL_FIELD, People

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
        # In plain steps: as one statement it is planned for a few people, and slow with thousands.
        human = {row.id: row.canonical_id for row in self._rows("id", people)}
        rows_of = {row.id: row.canonical_id for row in self._rows("canonical_id", human.values())}
        found = self.run(
            """SELECT id, person_id, way, enrolled_at FROM advocate WHERE merchant_id = :merchant
               AND program_id = :program AND person_id = ANY(CAST(:people AS uuid[])) ORDER BY id DESC""",
            program=program,
            people=list(rows_of),
        ).all()
        minted = self.run(
            """SELECT advocate_id, min(code) AS code FROM code WHERE merchant_id = :merchant AND kind = 'minted'
               AND advocate_id = ANY(CAST(:advocates AS uuid[])) GROUP BY advocate_id""",
            advocates=[row.id for row in found],
        )
        code = {row.advocate_id: row.code for row in minted}
        standing = {
            rows_of[r.person_id]: Enrolment(r.id, program, rows_of[r.person_id], code[r.id], r.way, r.enrolled_at)
            for r in found
        }
        return {person: standing[human[person]] for person in human if human[person] in standing}

    def _rows(self, column: str, people: Collection[UUID]) -> Sequence[Row[Any]]:
        """Rows of people by their id, or by that of the human whom they are."""
        return self.run(
            f"""SELECT id, canonical_id FROM person
                WHERE merchant_id = :merchant AND {column} = ANY(CAST(:people AS uuid[]))""",  # noqa: S608  (of two)
            people=list(set(people)),
        ).all()

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
            taken = self._owners(asked)
            free = {code: advocate for code, advocate in asked.items() if code not in taken}
            given |= {advocate: code for code, advocate in self._list("code", free).items()}
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
               ON CONFLICT DO NOTHING RETURNING name, target_id""",
            kind=kind,
            names=list(names),
            targets=list(names.values()),
        )
        return {row.name: row.target_id for row in rows}

    def add_codes(self, codes_: Collection[tuple[UUID, str, str]]) -> set[tuple[UUID, str]]:
        """Further codes: advocate, code, kind. Returns those that belong to somebody else, which stay where they are."""
        rows = sorted((codes.fold(code), advocate, kind, code) for advocate, code, kind in codes_)
        folded = [each for each, _, _, _ in rows]
        self.run(
            """INSERT INTO code (merchant_id, code, kind, advocate_id)
               SELECT :merchant, code, kind, advocate
               FROM unnest(CAST(:codes AS text[]), CAST(:advocates AS uuid[]), CAST(:kinds AS text[]))
                    AS new (code, advocate, kind)
               ON CONFLICT DO NOTHING""",
            codes=folded,
            advocates=[advocate for _, advocate, _, _ in rows],
            kinds=[kind for _, _, kind, _ in rows],
        )
        owners = self._owners(folded)
        return {(advocate, code) for each, advocate, _, code in rows if owners[each] != advocate}

    def _owners(self, names: Collection[str]) -> dict[str, UUID]:
        """Whose codes these are; those of nobody are absent."""
        rows = self.run(
            "SELECT code, advocate_id FROM code WHERE merchant_id = :merchant AND code = ANY(CAST(:codes AS text[]))",
            codes=list(names),
        )
        return {row.code: row.advocate_id for row in rows}

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

    # ── Who they are ────────────────────────────────────────────────────────────────────────────────────────────

    def people(self, emails: Collection[str]) -> dict[str, UUID]:
        """The person behind each address, made if new; the address is kept sealed, to find accounts and to write there.

        As resolving them one by one would do, in a handful of statements for all of them.
        """
        if len(emails) > 1:
            # A plan made while the tables were all but empty would be kept while thousands come in.
            self.run("SET LOCAL plan_cache_mode = force_custom_plan")
        digests = {email: self._people.names(None, [Seen(EMAIL, email)])[0] for email in emails}
        known = self._known(digests.values())
        if not {*digests.values()} <= {*known}:
            self._people.hold()  # two may meet the same new person: look again with everyone else waiting
            known = self._known(digests.values())
        made = self._make({digest: email for email, digest in reversed(digests.items()) if digest not in known})
        self._keep_addresses({known[digest]: email for email, digest in reversed(digests.items()) if digest in known})
        return {email: known.get(digest) or made[digest] for email, digest in digests.items()}

    @property
    def _people(self) -> People:
        return People(self.tx)

    def _known(self, digests: Collection[bytes]) -> dict[bytes, UUID]:
        # Not joined with a list of values: that is planned for a few rows, and slow with thousands.
        rows = self.run(
            """SELECT digest, canonical_id FROM identifier JOIN person ON person.id = identifier.person_id
               WHERE identifier.merchant_id = :merchant AND kind = :kind
                 AND digest = ANY(CAST(:digests AS bytea[]))""",
            kind=EMAIL,
            digests=list(digests),
        )
        return {bytes(row.digest): row.canonical_id for row in rows}

    def _make(self, fresh: Mapping[bytes, str]) -> dict[bytes, UUID]:
        """New people, each known by one address."""
        people = {digest: new_id() for digest in fresh}
        if not fresh:
            return people
        self.run(
            """INSERT INTO person (id, merchant_id, canonical_id, email_sealed)
               SELECT id, :merchant, id, sealed
               FROM unnest(CAST(:people AS uuid[]), CAST(:sealed AS bytea[])) AS new (id, sealed)""",
            people=list(people.values()),
            sealed=[self.tx.seal(EMAIL_FIELD, email.encode()) for email in fresh.values()],
        )
        self.run(
            """INSERT INTO identifier (merchant_id, kind, digest, person_id)
               SELECT :merchant, :kind, digest, person
               FROM unnest(CAST(:digests AS bytea[]), CAST(:people AS uuid[])) AS new (digest, person)""",
            kind=EMAIL,
            digests=list(people),
            people=list(people.values()),
        )
        return people

    def _keep_addresses(self, addresses: Mapping[UUID, str]) -> None:
        """Of people who are known already, and of whom no address is kept so far."""
        kept = self.run(
            """SELECT DISTINCT canonical_id FROM person WHERE merchant_id = :merchant
               AND canonical_id = ANY(CAST(:people AS uuid[])) AND email_sealed IS NOT NULL""",
            people=list(addresses),
        ).scalars()
        for person in addresses.keys() - {*kept}:
            self._people.keep_email(person, addresses[person])

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

    # ── What stands on their records ────────────────────────────────────────────────────────────────────────────

    def get(self, advocate: UUID) -> Advocate | None:
        rows = self._shared("advocate.id = :advocate LIMIT 1", advocate=advocate)
        return rows[0] if rows else None

    def unprofiled(self, connection: UUID, program: UUID, limit: int) -> list[Advocate]:
        """Advocates whose own code does not stand on their record there yet, as far as anybody knows."""
        return self._shared(
            """program_id = :program AND NOT EXISTS (SELECT FROM profile WHERE profile.connection_id = :connection
                 AND profile.advocate_id = advocate.id
                 AND profile.code IN ('', (SELECT min(code) FROM code WHERE code.merchant_id = :merchant
                                             AND code.advocate_id = advocate.id AND kind = 'minted')))
               ORDER BY advocate.id LIMIT :limit""",
            connection=connection,
            program=program,
            limit=limit,
        )

    def _shared(self, which: str, **names: object) -> list[Advocate]:
        rows = self.run(
            f"""SELECT advocate.id, program_id, person.canonical_id,
                  (SELECT min(code) FROM code WHERE code.merchant_id = :merchant AND advocate_id = advocate.id
                     AND kind = 'minted') AS code
                FROM advocate JOIN person ON person.id = advocate.person_id
                WHERE advocate.merchant_id = :merchant AND {which}""",  # noqa: S608  (texts of ours alone)
            **names,
        )
        return [Advocate(row.id, row.program_id, row.canonical_id, row.code) for row in rows]

    def profiled(self, connection: UUID, written: Mapping[UUID, str]) -> None:
        """Remember which code was written for each advocate, "" where the platform has no record of them."""
        self.run(
            """INSERT INTO profile (merchant_id, connection_id, advocate_id, code)
               SELECT :merchant, :connection, * FROM unnest(CAST(:advocates AS uuid[]), CAST(:codes AS text[]))
               ON CONFLICT (connection_id, advocate_id) DO UPDATE SET code = excluded.code""",
            connection=connection,
            advocates=list(written),
            codes=list(written.values()),
        )

    def seek_again(self, connection: UUID, people: Collection[UUID] | None = None) -> None:
        """Those without a record there, or these among them, are to be looked for once more."""
        self.run(
            """DELETE FROM profile WHERE connection_id = :connection AND code = '' AND (CAST(:people AS uuid[]) IS NULL
                 OR advocate_id IN (SELECT id FROM advocate WHERE person_id = ANY(CAST(:people AS uuid[]))))""",
            connection=connection,
            people=None if people is None else list(people),
        )

    def write_anew(self, connection: UUID, people: Collection[UUID]) -> None:
        """What stands on these people's records there is old: it is to be written once more."""
        self.run(
            """DELETE FROM profile WHERE merchant_id = :merchant AND connection_id = :connection AND advocate_id IN (
                 SELECT advocate.id FROM advocate JOIN person ON person.id = advocate.person_id
                 JOIN person named ON named.canonical_id = person.canonical_id
                 WHERE named.merchant_id = :merchant AND named.id = ANY(CAST(:people AS uuid[])))""",
            connection=connection,
            people=list(people),
        )

    def figures(self, advocate: UUID) -> Figures:
        """How far this advocate has come."""
        friends: int = self.run(
            """SELECT count(*) FROM referral WHERE merchant_id = :merchant AND advocate_id = :advocate
               AND stage IN ('converted', 'rewarded')""",
            advocate=advocate,
        ).scalar_one()
        lots = self.run(
            """SELECT reward.currency, sum(reward.amount - reward.redeemed - reward.lapsed
                   - coalesce((SELECT sum(taken) FROM reversal WHERE reversal.reward_id = reward.id), 0)) AS left
               FROM reward JOIN person theirs ON theirs.id = reward.beneficiary_id
               WHERE reward.merchant_id = :merchant AND reward.state = 'issued' AND reward.item = ''
                 AND theirs.canonical_id = (SELECT canonical_id FROM person JOIN advocate ON person.id = advocate.person_id
                                            WHERE advocate.id = :advocate)
               GROUP BY 1""",
            advocate=advocate,
        ).all()
        balance = Money(max(0, int(lots[0].left)), lots[0].currency) if len(lots) == 1 else None
        return Figures(friends, balance)

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
