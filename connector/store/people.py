"""People: identifiers as keyed hashes, joins and un-joins as facts, erasure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.domain.person import EMAIL, PHONE, WEAK, Merge, fingerprint, groups, normal
from connector.ports.platform import Seen
from connector.ports.rows import Erased
from connector.store.base import Repository, Transaction, new_id

EMAIL_FIELD = "person.email"
#: How long the merchant has to answer (GDPR, article 12: one month).
ANSWER_WITHIN = timedelta(days=30)
#: All rows of the human behind one of them.
_GROUP = """(SELECT id FROM person WHERE merchant_id = :merchant AND canonical_id =
    (SELECT canonical_id FROM person WHERE merchant_id = :merchant AND id = :id))"""


def digests(tx: Transaction, connection: UUID | None, seen: Iterable[Seen]) -> tuple[bytes, ...]:
    """Keyed hashes of whom or what a platform names: e-mail and phone are the merchant's, the rest the connection's."""
    return tuple(
        fingerprint(
            tx.hash_key, tx.merchant, each.kind, each.value, "" if each.kind in (EMAIL, PHONE) else str(connection)
        )
        for each in seen
    )


class People(Repository):
    def _digest(self, connection: UUID | None, kind: str, value: str) -> bytes:
        return self.names(connection, [Seen(kind, value)])[0]

    def names(self, connection: UUID | None, seen: Iterable[Seen]) -> tuple[bytes, ...]:
        return digests(self.tx, connection, seen)

    def resolve(self, connection: UUID | None, identifiers: Sequence[tuple[str, str]]) -> UUID | None:
        """The canonical person behind (kind, clear value) pairs: made if new, joined where strong ones name two."""
        strong = [(kind, value) for kind, value in identifiers if kind not in WEAK and value.strip()]
        if not strong:
            return None
        digests = [self._digest(connection, kind, value) for kind, value in strong]
        kinds = [kind for kind, _ in strong]
        known = self._known(kinds, digests)
        if len(known) < len(set(digests)):
            # Two lanes of one merchant may meet the same new person: look again with everyone else waiting.
            self.hold()
            known = self._known(kinds, digests)
        people = sorted(set(known.values()))
        person = people[0] if people else self._new()
        for other in people[1:]:
            self.merge(person, other, "the same purchase carried identifiers of both")
        for (kind, value), digest in zip(strong, digests, strict=True):
            if digest not in known:
                self._add(person, connection, kind, digest, value)
        return self.canonical(person) if people[1:] else person

    def hold(self) -> None:
        """Until this transaction ends, nobody else makes a new person of this merchant's, or forgets one."""
        self.run("SELECT FROM merchant WHERE id = :merchant FOR NO KEY UPDATE")

    def _known(self, kinds: Sequence[str], digests: Sequence[bytes]) -> dict[bytes, UUID]:
        # The kind is hashed into the digest, so two lists find the same as pairs would, and find it by the index alone.
        rows = self.run(
            """SELECT identifier.digest, person.canonical_id FROM identifier
               JOIN person ON person.id = identifier.person_id
               WHERE identifier.merchant_id = :merchant AND identifier.kind = ANY(CAST(:kinds AS text[]))
                 AND identifier.digest = ANY(CAST(:digests AS bytea[]))""",
            kinds=sorted(set(kinds)),
            digests=list(digests),
        )
        return {bytes(row.digest): row.canonical_id for row in rows}

    def _new(self) -> UUID:
        person = new_id()
        self.run("INSERT INTO person (id, merchant_id, canonical_id) VALUES (:id, :merchant, :id)", id=person)
        return person

    def _add(self, person: UUID, connection: UUID | None, kind: str, digest: bytes, value: str) -> None:
        self.run(
            """INSERT INTO identifier (merchant_id, kind, digest, person_id, connection_id, external)
               VALUES (:merchant, :kind, :digest, :person, :connection, :external) ON CONFLICT DO NOTHING""",
            kind=kind,
            digest=digest,
            person=person,
            connection=connection,
            external=None if kind in (EMAIL, PHONE) else normal(kind, value),
        )

    def keep_email(self, person: UUID, email: str) -> None:
        """Keep an advocate's address, sealed: we must be able to look their account up and to write to them."""
        self.run(
            "UPDATE person SET email_sealed = :sealed WHERE merchant_id = :merchant AND id = :id",
            id=person,
            sealed=self.tx.seal(EMAIL_FIELD, email.strip().encode()),
        )

    def email(self, person: UUID) -> str | None:
        sealed = self.run(
            """SELECT email_sealed FROM person WHERE merchant_id = :merchant AND canonical_id =
                 (SELECT canonical_id FROM person WHERE merchant_id = :merchant AND id = :id)
               AND email_sealed IS NOT NULL ORDER BY id LIMIT 1""",
            id=person,
        ).scalar_one_or_none()
        return self.tx.unseal(EMAIL_FIELD, sealed).decode() if sealed else None

    def hush(self, person: UUID, *, quiet: bool) -> None:
        """They ask not to be written to, or to be written to again; said by any name that they go by."""
        self.run(
            """UPDATE person SET quiet_at = CASE WHEN :quiet THEN coalesce(quiet_at, clock_timestamp()) END
               WHERE merchant_id = :merchant AND canonical_id =
                 (SELECT canonical_id FROM person WHERE merchant_id = :merchant AND id = :id)""",
            id=person,
            quiet=quiet,
        )

    def canonical(self, person: UUID) -> UUID:
        found: UUID = self.run(
            "SELECT canonical_id FROM person WHERE merchant_id = :merchant AND id = :id", id=person
        ).scalar_one()
        return found

    def external(self, person: UUID, connection: UUID, kind: str) -> str | None:
        """The platform's own id of this person on this connection."""
        found: str | None = self.run(
            """SELECT external FROM identifier JOIN person ON person.id = identifier.person_id
               WHERE identifier.merchant_id = :merchant AND connection_id = :connection AND kind = :kind
                 AND external IS NOT NULL
                 AND person.canonical_id = (SELECT canonical_id FROM person WHERE merchant_id = :merchant AND id = :id)
               ORDER BY since DESC LIMIT 1""",
            id=person,
            connection=connection,
            kind=kind,
        ).scalar_one_or_none()
        return found

    def link(self, person: UUID, connection: UUID, ref: ObjectRef) -> None:
        """Remember that this record on the platform is this person."""
        self._add(person, connection, ref.kind, self._digest(connection, ref.kind, ref.id), ref.id)

    def revive(self, connection: UUID, ref: ObjectRef) -> bool:
        """A record is there. Says whether that is news: it was retired, or nobody has heard of it."""
        digest = self._digest(connection, ref.kind, ref.id)
        known = self.run(
            """SELECT external FROM identifier WHERE merchant_id = :merchant AND kind = :kind AND digest = :digest""",
            kind=ref.kind,
            digest=digest,
        ).first()
        if known is not None and known.external is None:
            self.run(
                """UPDATE identifier SET external = :external WHERE merchant_id = :merchant AND kind = :kind
                   AND digest = :digest""",
                kind=ref.kind,
                digest=digest,
                external=normal(ref.kind, ref.id),
            )
        return known is None or known.external is None

    def find(self, connection: UUID | None, kind: str, value: str) -> UUID | None:
        return next(iter(self._known([kind], [self._digest(connection, kind, value)]).values()), None)

    def known(self, connection: UUID | None, seen: Iterable[Seen]) -> set[UUID]:
        """The people behind any of these."""
        all_seen = list(seen)
        return set(self._known([each.kind for each in all_seen], self.names(connection, all_seen)).values())

    def merge(self, kept: UUID, absorbed: UUID, reason: str) -> None:
        """Join two people, and recompute who stands for the group."""
        self.run(
            """INSERT INTO person_merge (id, merchant_id, kept_id, absorbed_id, reason)
               VALUES (:id, :merchant, :kept, :absorbed, :reason)""",
            id=new_id(),
            kept=kept,
            absorbed=absorbed,
            reason=reason,
        )
        self._regroup(kept, absorbed)

    def unmerge(self, kept: UUID, absorbed: UUID) -> None:
        """They were two people after all: undo every join between these two rows."""
        self.run(
            """UPDATE person_merge SET undone_at = clock_timestamp() WHERE merchant_id = :merchant AND undone_at IS NULL
               AND ((kept_id, absorbed_id) = (:kept, :absorbed) OR (kept_id, absorbed_id) = (:absorbed, :kept))""",
            kept=kept,
            absorbed=absorbed,
        )
        self._regroup(kept, absorbed)

    def _regroup(self, *touched: UUID) -> None:
        """Write each affected person's canonical id anew, and have every referral of theirs decided again."""
        rows = self.run(
            "SELECT kept_id, absorbed_id, at, reason, undone_at FROM person_merge WHERE merchant_id = :merchant ORDER BY at"
        )
        roots = groups([Merge(r.kept_id, r.absorbed_id, r.at, r.reason, r.undone_at) for r in rows])
        affected = {p: roots.get(p, p) for p in {*roots, *touched}}
        changed = self.run(
            """UPDATE person SET canonical_id = new.root
               FROM unnest(CAST(:people AS uuid[]), CAST(:roots AS uuid[])) AS new (id, root)
               WHERE person.merchant_id = :merchant AND person.id = new.id AND person.canonical_id <> new.root
               RETURNING person.id""",
            people=list(affected),
            roots=list(affected.values()),
        ).scalars()
        group = {*changed.all(), *touched}
        referrals = self.run(
            """SELECT referral.id FROM referral JOIN advocate ON advocate.id = referral.advocate_id
               WHERE referral.merchant_id = :merchant
                 AND (friend_id = ANY(:people) OR advocate.person_id = ANY(:people)
                      OR friend_id IN (SELECT id FROM person WHERE canonical_id = ANY(:people)))""",
            people=list({*group, *(affected[p] for p in group if p in affected)}),
        ).scalars()
        subjects = [str(r) for r in referrals.all()]
        if subjects:
            self.tx.tasks.mark(f"m:{self.tx.merchant}", "decide", subjects)

    def retire(self, connection: UUID, ref: ObjectRef) -> None:
        """The platform's record is gone: it still tells who this is, and nothing is sent there any more."""
        self.run(
            """UPDATE identifier SET external = NULL WHERE merchant_id = :merchant AND kind = :kind AND digest = :digest""",
            kind=ref.kind,
            digest=self._digest(connection, ref.kind, ref.id),
        )

    def ask(self, connection: UUID, request: str, names: Sequence[bytes], person: UUID | None, at: datetime) -> None:
        """Somebody wants to know what is kept of them; asking twice under one number is asking once."""
        self.run(
            """INSERT INTO data_request (id, merchant_id, connection_id, request, person_id, names, asked_at, due_at)
               VALUES (:id, :merchant, :connection, :request, :person, :names, :at, :due)
               ON CONFLICT (connection_id, request) DO NOTHING""",
            id=new_id(),
            connection=connection,
            request=request,
            person=person,
            names=list(names),
            at=at,
            due=at + ANSWER_WITHIN,
        )

    # ── Forgetting ──────────────────────────────────────────────────────────────────────────────────────────────

    def is_erased(self, person: UUID) -> bool:
        return bool(
            self.run(
                "SELECT erased_at IS NOT NULL FROM person WHERE merchant_id = :merchant AND id = :id", id=person
            ).scalar_one()
        )

    def erase(self, person: UUID) -> Erased:
        """Forget who this was: identifiers and addresses go, the pseudonymous row stays for the ledger.

        Returns what named them, so that it can be found elsewhere.
        """
        email = self.email(person)
        gone = self.run(
            f"DELETE FROM identifier WHERE merchant_id = :merchant AND person_id IN {_GROUP} RETURNING digest, external",  # noqa: S608
            id=person,
        ).all()
        objects = self.run(
            f"""SELECT connection_id, object_kind, external_id FROM truth
                WHERE merchant_id = :merchant AND person_id IN {_GROUP}""",  # noqa: S608
            id=person,
        ).all()
        for table in ("person_mark", "person_group", "invitation", "ask"):
            self.run(f"DELETE FROM {table} WHERE merchant_id = :merchant AND person_id IN {_GROUP}", id=person)  # noqa: S608
        self.run(
            f"""DELETE FROM directory WHERE merchant_id = :merchant AND kind = 'portal' AND target_id IN (
                SELECT id FROM advocate WHERE merchant_id = :merchant AND person_id IN {_GROUP})""",  # noqa: S608
            id=person,
        )
        self.run(
            f"""UPDATE news SET state = 'refused', outcome = 'they were forgotten', reason = ''
                WHERE merchant_id = :merchant AND person_id IN {_GROUP} AND state IN ('open', 'handed', 'tried')""",  # noqa: S608
            id=person,
        )
        self.run(
            f"""UPDATE data_request SET person_id = NULL, names = '{{}}'
                WHERE merchant_id = :merchant AND person_id IN {_GROUP}""",  # noqa: S608
            id=person,
        )
        self.run(
            f"""UPDATE person SET email_sealed = NULL, erased_at = coalesce(erased_at, clock_timestamp())
                WHERE merchant_id = :merchant AND id IN {_GROUP}""",  # noqa: S608
            id=person,
        )
        return Erased(
            names=tuple(bytes(row.digest) for row in gone),
            objects=tuple(self._digest(o.connection_id, o.object_kind, o.external_id) for o in objects),
            texts=tuple(filter(None, [email, *(row.external for row in gone)])),
        )

    def forget_asked(self, names: Sequence[bytes]) -> None:
        """What somebody asked who is forgotten now: that they asked stays, who they were goes."""
        self.run(
            """UPDATE data_request SET person_id = NULL, names = '{}'
               WHERE merchant_id = :merchant AND names && CAST(:names AS bytea[])""",
            names=list(names),
        )

    def erase_account(self, connection: UUID) -> None:
        """Forget everybody who is known through this connection alone.

        Spared are people whom another connection knows, and advocates whom the merchant enrolled, while another
        connection still works.
        """
        self.run(
            """UPDATE identifier SET connection_id = (
                   SELECT other.connection_id FROM identifier other JOIN person theirs ON theirs.id = other.person_id
                   WHERE theirs.canonical_id = person.canonical_id AND other.connection_id <> :connection LIMIT 1)
               FROM person
               WHERE identifier.merchant_id = :merchant AND person.id = identifier.person_id AND identifier.kind = :email
                 AND connection_id = :connection AND EXISTS (
                   SELECT FROM identifier other JOIN person theirs ON theirs.id = other.person_id
                   WHERE theirs.canonical_id = person.canonical_id AND other.connection_id <> :connection)""",
            connection=connection,
            email=EMAIL,
        )
        self.run(
            """DELETE FROM identifier USING person
               WHERE identifier.merchant_id = :merchant AND person.id = identifier.person_id
                 AND (connection_id = :connection OR (connection_id IS NULL
                   AND NOT EXISTS (SELECT FROM connection WHERE merchant_id = :merchant AND id <> :connection
                                     AND state <> 'removed')
                   AND NOT EXISTS (SELECT FROM identifier other JOIN person theirs ON theirs.id = other.person_id
                     WHERE theirs.canonical_id = person.canonical_id AND other.connection_id <> :connection)))""",
            connection=connection,
        )
        self.run(
            """UPDATE person SET email_sealed = NULL, erased_at = clock_timestamp()
               WHERE merchant_id = :merchant AND erased_at IS NULL AND NOT EXISTS (
                   SELECT FROM identifier JOIN person theirs ON theirs.id = identifier.person_id
                   WHERE theirs.merchant_id = :merchant AND theirs.canonical_id = person.canonical_id)"""
        )
        for table in ("person_mark", "person_group"):
            self.run(
                f"""DELETE FROM {table} WHERE merchant_id = :merchant AND person_id IN (
                    SELECT id FROM person WHERE merchant_id = :merchant AND erased_at IS NOT NULL)"""  # noqa: S608
            )
        self.run(
            """UPDATE data_request SET person_id = NULL, names = '{}' WHERE merchant_id = :merchant
                 AND (connection_id = :connection
                   OR person_id IN (SELECT id FROM person WHERE merchant_id = :merchant AND erased_at IS NOT NULL))""",
            connection=connection,
        )
