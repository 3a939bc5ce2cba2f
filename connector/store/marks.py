"""Marks: keyed hashes of what several people may share. They tell what two people have in common, and never who they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from connector.domain import fraud
from connector.domain.fraud import Evidence
from connector.domain.person import EMAIL, MAIL_DOMAIN, NAME, NETWORK, WEAK, fingerprint, mail_marks
from connector.domain.program import FraudRules
from connector.ports.platform import Seen
from connector.ports.rows import Referral
from connector.store.base import Repository

#: How long before a referral wrong codes from the friend's network count.
_GUESSING = "1 hour"


class Marks(Repository):
    def _digest(self, kind: str, value: str) -> bytes:
        return fingerprint(self.tx.hash_key, self.tx.merchant, kind, value)

    def add(self, seen: Iterable[tuple[UUID, Sequence[Seen]]]) -> None:
        """Remember what marks each person bears; what an e-mail address tells is worked out here."""
        rows = sorted(
            {
                (person, kind, self._digest(kind, value))
                for person, each in seen
                for kind, value in _weak(each)
                if value.strip()
            }
        )
        if rows:
            self.run(
                """INSERT INTO person_mark (merchant_id, person_id, kind, digest)
                   SELECT :merchant, *
                   FROM unnest(CAST(:people AS uuid[]), CAST(:kinds AS text[]), CAST(:digests AS bytea[]))
                   ON CONFLICT DO NOTHING""",
                people=[person for person, _, _ in rows],
                kinds=[kind for _, kind, _ in rows],
                digests=[digest for _, _, digest in rows],
            )

    def join(self, person: UUID, connection: UUID | None, groups: frozenset[str]) -> None:
        """The audiences of a person, as this connection tells now, or our own staff (None); others' word stands."""
        self.run(
            """WITH gone AS (DELETE FROM person_group WHERE merchant_id = :merchant AND person_id = :person
                   AND connection_id IS NOT DISTINCT FROM CAST(:connection AS uuid) AND name <> ALL(:groups))
               INSERT INTO person_group (merchant_id, person_id, connection_id, name)
               SELECT :merchant, :person, CAST(:connection AS uuid), unnest(CAST(:groups AS text[]))
               ON CONFLICT DO NOTHING""",
            person=person,
            connection=connection,
            groups=sorted(groups),
        )

    def bearers(self, kind: str, value: str) -> list[UUID]:
        """Everybody who bears a mark, such as a name that somebody says."""
        rows = self.run(
            """SELECT DISTINCT person.canonical_id FROM person_mark JOIN person ON person.id = person_mark.person_id
               WHERE person_mark.merchant_id = :merchant AND kind = :kind AND digest = :digest ORDER BY 1""",
            kind=kind,
            digest=self._digest(kind, value),
        )
        return list(rows.scalars())

    def guess(self, network: str) -> None:
        """Somebody tried a code that nobody has."""
        self.run(
            "INSERT INTO guess (merchant_id, network) VALUES (:merchant, :network)",
            network=self._digest(NETWORK, network),
        )

    def evidence(
        self, referral: Referral, rules: FraudRules, *, first_order: bool | None, referrers: Collection[str]
    ) -> Evidence:
        """What the fraud rules may look at, as it is known now."""
        domains = {self._digest(MAIL_DOMAIN, domain): domain for domain in fraud.DISPOSABLE | rules.employees}
        row = self.run(
            _EVIDENCE,
            referral=referral.id,
            program=referral.program,
            advocate=referral.advocate,
            theirs=referral.advocate_person,
            friend=referral.friend,
            connection=referral.connection,
            at=referral.captured_at,
            velocity=rules.velocity_days,
            network_days=rules.network_days,
            network=NETWORK,
            mail_domain=MAIL_DOMAIN,
            not_shared=[MAIL_DOMAIN, NAME],
            domains=list(domains),
        ).one()
        return Evidence(
            shared=frozenset(row.shared or ()),
            withheld=frozenset(row.withheld or ()),
            friend_domain=domains.get(bytes(row.domain), "") if row.domain else "",
            first_order=first_order,
            by_advocate=row.by_advocate,
            by_network=row.by_network,
            guesses=row.guesses,
            referrers=frozenset(referrers),
            refunded=row.refunded,
            converted=row.converted,
        )


def _weak(seen: Iterable[Seen]) -> Iterable[tuple[str, str]]:
    for each in seen:
        if each.kind in WEAK:
            yield each.kind, each.value
        elif each.kind == EMAIL:
            yield from mail_marks(each.value)


#: One look: both people's marks, the advocate's other friends, and the friend's network.
_EVIDENCE = f"""
WITH theirs AS (SELECT mark.kind, mark.digest FROM person_mark mark JOIN person ON person.id = mark.person_id
                WHERE mark.merchant_id = :merchant AND person.canonical_id = :theirs),
     friends AS (SELECT mark.kind, mark.digest FROM person_mark mark JOIN person ON person.id = mark.person_id
                 WHERE mark.merchant_id = :merchant AND person.canonical_id = :friend),
     others AS (SELECT stage, captured_at, qualified_at FROM referral
                WHERE merchant_id = :merchant AND program_id = :program AND advocate_id = :advocate AND id <> :referral)
SELECT (SELECT array_agg(DISTINCT kind) FROM theirs JOIN friends USING (kind, digest)
          WHERE kind <> ALL(CAST(:not_shared AS text[]))) AS shared,
       (SELECT withheld FROM connection WHERE id = :connection) AS withheld,
       (SELECT digest FROM friends WHERE kind = :mail_domain AND digest = ANY(CAST(:domains AS bytea[])) LIMIT 1) AS domain,
       (SELECT 1 + count(*) FROM others WHERE captured_at <= :at
          AND captured_at > :at - make_interval(days => :velocity)) AS by_advocate,
       (SELECT count(DISTINCT referral.id) FROM friends JOIN person_mark USING (kind, digest)
          JOIN person ON person.id = person_mark.person_id
          JOIN referral ON referral.friend_id = person.id OR referral.friend_id = person.canonical_id
          WHERE friends.kind = :network AND person_mark.merchant_id = :merchant AND referral.program_id = :program
            AND captured_at <= :at AND captured_at > :at - make_interval(days => :network_days)) AS by_network,
       (SELECT count(*) FROM friends JOIN guess ON guess.network = friends.digest
          WHERE friends.kind = :network AND guess.merchant_id = :merchant
            -- Platforms keep whole seconds, so what came in the same second may seem to come after it.
            AND guess.at BETWEEN :at - interval '{_GUESSING}' AND :at + interval '1 second') AS guesses,
       (SELECT count(*) FROM others WHERE stage = 'reversed') AS refunded,
       (SELECT count(*) FROM others WHERE qualified_at IS NOT NULL OR stage = 'reversed') AS converted
"""  # noqa: S608 - an interval of ours
