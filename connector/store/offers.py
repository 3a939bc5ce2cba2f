"""The friend's offer: how its discount stands on a connection, and the code of each advocate there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from connector.domain import codes
from connector.errors import ConfigError
from connector.ports.offers import CodesAdded, Offered, OfferReport, OfferState, RedeemCode
from connector.ports.rows import connection_lane
from connector.store.base import Repository

_MINT_TRIES = 5


class Offers(Repository):
    # ── The discount ────────────────────────────────────────────────────────────────────────────────────────────

    def mark(self, program: UUID, *, refused: bool = False) -> None:
        """Have the offer of this program brought in line on every connection.

        refused: also where the platform refused it, because that may be over: after a new version or permission.
        """
        # One mark in a transaction is enough, and thousands of them, as in an import, make its row ever slower to find.
        rows = self.run(
            """SELECT connection.id FROM connection
               LEFT JOIN offer ON offer.connection_id = connection.id AND offer.program_id = :program
               JOIN program ON program.id = :program
               JOIN program_version v ON v.program_id = program.id AND v.version = program.version
               LEFT JOIN task ON task.lane = 'c:' || connection.id AND task.what = 'offer'
                 AND task.subject = CAST(:program AS text) AND task.xmin = CAST(pg_current_xact_id() AS xid)
               WHERE connection.merchant_id = :merchant AND connection.state = 'active' AND task.lane IS NULL
                 AND (v.data ? 'offer' OR offer.program_id IS NOT NULL)
                 AND (:refused OR offer.state IS DISTINCT FROM 'refused') ORDER BY connection.id""",
            program=program,
            refused=refused,
        )
        for connection in rows.scalars().all():
            self.tx.tasks.mark(connection_lane(connection), "offer", [str(program)])

    def get(self, connection: UUID, program: UUID) -> Offered | None:
        row = self.run(
            """SELECT state, external, version FROM offer
               WHERE merchant_id = :merchant AND connection_id = :connection AND program_id = :program""",
            connection=connection,
            program=program,
        ).first()
        return Offered(program, connection, OfferState(row.state), row.external, row.version) if row else None

    def stand(self, offered: Offered, reason: str = "") -> None:
        """Write how it stands now."""
        self.run(
            """INSERT INTO offer (merchant_id, program_id, connection_id, state, external, version, reason)
               VALUES (:merchant, :program, :connection, :state, :external, :version, :reason)
               ON CONFLICT (program_id, connection_id) DO UPDATE SET state = excluded.state,
                   external = excluded.external, version = excluded.version, reason = excluded.reason""",
            program=offered.program,
            connection=offered.connection,
            state=offered.state,
            external=offered.external,
            version=offered.version,
            reason=reason,
        )

    # ── Its codes ───────────────────────────────────────────────────────────────────────────────────────────────

    def want_codes(self, offered: Offered) -> None:
        """Every advocate of the program gets a code at checkout: the one they share."""
        self.run(
            """INSERT INTO redeem_code (merchant_id, program_id, connection_id, advocate_id, code)
               SELECT :merchant, :program, :connection, advocate.id, min(code.code) FROM advocate
               JOIN code ON code.merchant_id = :merchant AND code.advocate_id = advocate.id AND code.kind = 'minted'
               WHERE advocate.merchant_id = :merchant AND advocate.program_id = :program AND NOT EXISTS (
                   SELECT FROM redeem_code r WHERE r.connection_id = :connection AND r.advocate_id = advocate.id)
               GROUP BY advocate.id ON CONFLICT DO NOTHING""",
            program=offered.program,
            connection=offered.connection,
        )

    def wanted(self, offered: Offered, limit: int) -> Sequence[RedeemCode]:
        """Codes to hand over next."""
        rows = self.run(
            """SELECT advocate_id, code FROM redeem_code WHERE merchant_id = :merchant AND connection_id = :connection
               AND program_id = :program AND state = 'wanted' ORDER BY advocate_id LIMIT :limit""",
            program=offered.program,
            connection=offered.connection,
            limit=limit,
        )
        return [RedeemCode(row.advocate_id, row.code) for row in rows]

    def adding(self, offered: Offered) -> Sequence[RedeemCode]:
        """The codes of one addition whose end is awaited."""
        rows = self.run(
            """SELECT advocate_id, code, bulk FROM redeem_code WHERE merchant_id = :merchant
               AND connection_id = :connection AND program_id = :program AND state = 'adding' AND bulk = (
                   SELECT min(bulk) FROM redeem_code WHERE merchant_id = :merchant AND connection_id = :connection
                   AND program_id = :program AND state = 'adding')""",
            program=offered.program,
            connection=offered.connection,
        )
        return [RedeemCode(row.advocate_id, row.code, row.bulk) for row in rows]

    def handed(self, offered: Offered, handed: Collection[RedeemCode], operation: str) -> None:
        """The platform took them in and is adding them."""
        self.run(
            """UPDATE redeem_code SET state = 'adding', bulk = :operation WHERE merchant_id = :merchant
               AND connection_id = :connection AND advocate_id = ANY(:advocates) AND state = 'wanted'""",
            connection=offered.connection,
            advocates=[code.advocate for code in handed],
            operation=operation,
        )

    def added(self, offered: Offered, awaited: Collection[RedeemCode], added: CodesAdded) -> None:
        """Write how an addition ended; whose code belongs to another discount of the shop gets a new one."""
        named = {
            **dict.fromkeys(added.live, ("live", "")),
            **{code: ("refused", reason) for code, reason in added.refused.items()},
            **dict.fromkeys(added.again, ("wanted", "")),
        }
        mine = {one.code: one.advocate for one in awaited}
        rows = [(mine[code], *ended) for code, ended in named.items() if code in mine]
        live = self.run(
            """WITH moved AS (
                 UPDATE redeem_code SET state = new.state, reason = new.reason, bulk = ''
                 FROM unnest(CAST(:advocates AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]))
                      AS new (advocate, state, reason)
                 WHERE merchant_id = :merchant AND connection_id = :connection AND advocate_id = new.advocate
                   AND redeem_code.state = 'adding' RETURNING redeem_code.state)
               SELECT count(*) FROM moved WHERE state = 'live'""",
            connection=offered.connection,
            advocates=[row[0] for row in rows],
            states=[row[1] for row in rows],
            reasons=[row[2] for row in rows],
        ).scalar_one()
        for code in sorted(added.taken & mine.keys()):
            self._renew(offered, mine[code])
        self.run(
            """UPDATE offer SET codes = codes + :live
               WHERE merchant_id = :merchant AND connection_id = :connection AND program_id = :program""",
            program=offered.program,
            connection=offered.connection,
            live=live,
        )

    def _renew(self, offered: Offered, advocate: UUID) -> None:
        """Another code for checkout, which leads to the same advocate."""
        for _ in range(_MINT_TRIES):
            code = codes.mint()
            free = self.run(
                """INSERT INTO code (merchant_id, code, kind, advocate_id) VALUES (:merchant, :code, 'redeem', :id)
                   ON CONFLICT DO NOTHING""",
                code=code,
                id=advocate,
            ).rowcount
            if free:
                self.run(
                    """UPDATE redeem_code SET state = 'wanted', bulk = '', reason = '', code = :code
                       WHERE merchant_id = :merchant AND connection_id = :connection AND advocate_id = :id""",
                    connection=offered.connection,
                    code=code,
                    id=advocate,
                )
                return
        raise ConfigError(["no free code was found in five tries; run it again"])

    def start_over(self, offered: Offered) -> None:
        """Another discount takes the old one's place: every code has to be added there."""
        self.run(
            """UPDATE redeem_code SET state = 'wanted', bulk = '', reason = '', code = coalesce(
                   (SELECT min(code.code) FROM code WHERE code.merchant_id = :merchant
                    AND code.advocate_id = redeem_code.advocate_id AND code.kind = 'minted'), redeem_code.code)
               WHERE merchant_id = :merchant AND connection_id = :connection AND program_id = :program""",
            program=offered.program,
            connection=offered.connection,
        )
        self.run(
            """UPDATE offer SET codes = 0
               WHERE merchant_id = :merchant AND connection_id = :connection AND program_id = :program""",
            program=offered.program,
            connection=offered.connection,
        )

    def retry_refused(self, offered: Offered) -> None:
        """Codes that were refused are tried again."""
        self.run(
            """UPDATE redeem_code SET state = 'wanted', reason = '' WHERE merchant_id = :merchant
               AND connection_id = :connection AND program_id = :program AND state = 'refused'""",
            program=offered.program,
            connection=offered.connection,
        )

    # ── What people ask of it ───────────────────────────────────────────────────────────────────────────────────

    def report(self) -> Sequence[OfferReport]:
        """How every offer of the merchant stands."""
        rows = self.run(
            """SELECT connection.external_account AS account, connection.platform, program.slug AS program, offer.state,
                 offer.reason, offer.codes, counted.waiting, counted.refused,
                 (SELECT count(*) FROM truth t WHERE t.merchant_id = :merchant AND t.connection_id = connection.id
                    AND t.data -> 'touches' @> '[{"source": "redeem_code"}]' AND t.person_id IS NOT NULL
                    AND EXISTS (SELECT FROM jsonb_array_elements(t.data -> 'touches') touch
                      JOIN code ON code.merchant_id = :merchant AND code.code = upper(touch ->> 'code')
                      JOIN advocate ON advocate.id = code.advocate_id AND advocate.program_id = program.id
                      JOIN referral ON referral.merchant_id = :merchant AND referral.program_id = program.id
                      JOIN person ON person.id = t.person_id
                        AND referral.friend_id IN (person.id, person.canonical_id)
                      WHERE touch ->> 'source' = 'redeem_code' AND (referral.connection_id, referral.object_kind,
                        referral.external_id) <> (t.connection_id, t.object_kind, t.external_id))) AS uses_again
               FROM offer JOIN connection ON connection.id = offer.connection_id
               JOIN program ON program.id = offer.program_id
               CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE r.state IN ('wanted', 'adding')) AS waiting,
                   count(*) FILTER (WHERE r.state = 'refused') AS refused FROM redeem_code r
                   WHERE r.connection_id = offer.connection_id AND r.program_id = offer.program_id) counted
               WHERE offer.merchant_id = :merchant ORDER BY 1, 3"""
        )
        return [OfferReport(**row._mapping) for row in rows]  # noqa: SLF001  (SQLAlchemy's documented row mapping)
