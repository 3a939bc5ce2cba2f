"""News: each thing that happened once, and how far it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from connector.domain.codes import slug
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.domain.program import Share
from connector.ports.news import Happened, NewsResult, Waiting
from connector.store.base import Repository, as_json, new_id
from connector.store.people import EMAIL_FIELD
from connector.store.receipts import LATE

#: What may have been told already can cost a call for each, so that only so much of it is taken at once.
FEW = 50
#: What is put off for longer than this is given up.
PATIENCE = timedelta(days=3)
#: The advocate's own code in the program, or the one that the friend came by.
_CODE = """CASE news.role WHEN 'friend' THEN (SELECT touch ->> 'code' FROM referral WHERE referral.id = news.referral_id)
           ELSE (SELECT min(code.code) FROM code JOIN advocate ON advocate.id = code.advocate_id
                   JOIN person theirs ON theirs.id = advocate.person_id
                 WHERE advocate.program_id = news.program_id AND theirs.canonical_id = person.canonical_id
                   AND code.kind = 'minted') END"""
#: What any account may say of a piece of news, beside its own columns, and where that stands.
SAYS = f"""reward.means, reward.item, {_CODE} AS code, merchant.name AS business, version.data ->> 'name' AS program,
    version.data -> 'share' AS share, program.slug,
    coalesce(version.data ->> 'mode', 'live') IN ('live', 'pilot')
      AND coalesce(version.data #> '{{enrol,ways}}' ? 'join', true) AS joinable"""
BESIDE = """JOIN merchant ON merchant.id = :merchant
    JOIN program ON program.id = news.program_id
    JOIN program_version version ON version.program_id = program.id AND version.version = program.version
    LEFT JOIN reward ON reward.id = news.reward_id"""
_EMAIL = """(SELECT email_sealed FROM person theirs WHERE theirs.merchant_id = :merchant
             AND theirs.canonical_id = person.canonical_id AND email_sealed IS NOT NULL ORDER BY id LIMIT 1)"""
_QUIET = """EXISTS (SELECT FROM person theirs WHERE theirs.merchant_id = :merchant
             AND theirs.canonical_id = person.canonical_id AND theirs.quiet_at IS NOT NULL)"""


class Book(Repository):
    def add(self, rows: Sequence[Happened]) -> bool:
        """Keep what is not there yet, and say whether any was; nobody who was forgotten hears anything."""
        if not rows:
            return False
        added = self.run(
            """INSERT INTO news (id, merchant_id, key, kind, role, person_id, program_id, referral_id, reward_id, at,
                                 amount, currency, reason)
               SELECT new.id, :merchant, new.key, new.kind, new.role, new.person, new.program, new.referral, new.reward,
                   new.at, new.amount, new.currency, new.reason
               FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[]), CAST(:kinds AS text[]), CAST(:roles AS text[]),
                   CAST(:people AS uuid[]), CAST(:programs AS uuid[]), CAST(:referrals AS uuid[]),
                   CAST(:rewards AS uuid[]), CAST(:ats AS timestamptz[]), CAST(:amounts AS bigint[]),
                   CAST(:currencies AS text[]), CAST(:reasons AS text[]))
                 AS new (id, key, kind, role, person, program, referral, reward, at, amount, currency, reason)
               JOIN person ON person.id = new.person AND person.merchant_id = :merchant AND erased_at IS NULL
               ON CONFLICT (merchant_id, key) DO NOTHING""",
            ids=[new_id() for _ in rows],
            keys=[row.key for row in rows],
            kinds=[row.kind.value for row in rows],
            roles=[row.role for row in rows],
            people=[row.person for row in rows],
            programs=[row.program for row in rows],
            referrals=[row.referral for row in rows],
            rewards=[row.reward for row in rows],
            ats=[row.at for row in rows],
            amounts=[row.amount.minor if row.amount else None for row in rows],
            currencies=[row.amount.currency if row.amount else None for row in rows],
            reasons=[row.reason for row in rows],
        ).rowcount
        return bool(added)

    def of_reward(self, kind: NewsKind, key: str, reward: UUID, amount: Money) -> bool:
        """Something that just became of a reward, for its beneficiary; says whether it is new."""
        added = self.run(
            """INSERT INTO news (id, merchant_id, key, kind, role, person_id, program_id, referral_id, reward_id, at,
                                 amount, currency)
               SELECT :id, :merchant, :key, :kind, CASE reward.role WHEN 'friend' THEN 'friend' ELSE 'advocate' END,
                   reward.beneficiary_id, referral.program_id, referral.id, reward.id, clock_timestamp(), :amount,
                   :currency
               FROM reward JOIN referral ON referral.id = reward.referral_id
                 JOIN person ON person.id = reward.beneficiary_id AND erased_at IS NULL
               WHERE reward.merchant_id = :merchant AND reward.id = :reward
               ON CONFLICT (merchant_id, key) DO NOTHING""",
            id=new_id(),
            key=key,
            kind=kind.value,
            reward=reward,
            amount=amount.minor,
            currency=amount.currency,
        ).rowcount
        return bool(added)

    def late(self) -> bool:
        """Rewards that should have been there by now, each once; says whether there are new ones."""
        return bool(
            self.run(
                f"""INSERT INTO news (id, merchant_id, key, kind, role, person_id, program_id, referral_id, reward_id, at,
                                      amount, currency)
                    SELECT gen_random_uuid(), :merchant, 'reward/' || reward.id || '/late', :kind,
                        CASE reward.role WHEN 'friend' THEN 'friend' ELSE 'advocate' END, reward.beneficiary_id,
                        referral.program_id, referral.id, reward.id, clock_timestamp(), reward.amount, reward.currency
                    FROM reward JOIN referral ON referral.id = reward.referral_id
                      JOIN person ON person.id = reward.beneficiary_id AND erased_at IS NULL
                      JOIN program_version v
                        ON v.program_id = referral.program_id AND v.version = referral.program_version
                    WHERE reward.merchant_id = :merchant AND {LATE}
                    ON CONFLICT (merchant_id, key) DO NOTHING""",  # noqa: S608 - a text of our own
                kind=NewsKind.LATE.value,
            ).rowcount
        )

    def tellers(self) -> Mapping[str, str]:
        """The platforms that the merchant chose, by kind of news or "all"; nobody chooses others until this ends."""
        found: Mapping[str, str] = self.run("SELECT tellers FROM merchant WHERE id = :merchant FOR SHARE").scalar_one()
        return found

    def choose(self, tellers: Mapping[str, str]) -> None:
        """What the merchant chose, in place of all before."""
        self.run(
            "UPDATE merchant SET tellers = CAST(:tellers AS jsonb) WHERE id = :merchant", tellers=as_json(dict(tellers))
        )

    def hand_out(self, orders: Mapping[NewsKind, Sequence[UUID]], limit: int) -> tuple[int, Sequence[UUID]]:
        """Give what nobody took up to the first account of its kind that has not passed it on.

        Returns how much was looked at, and who got any. What everybody passed on is refused; without any account it waits.
        """
        ways = [(kind.value, place, each) for kind, order in orders.items() for place, each in enumerate(order)]
        rows = self.run(
            """WITH way AS (
                   SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:places AS int[]), CAST(:connections AS uuid[]))
                     AS way (kind, place, connection)),
               mine AS (SELECT id, kind, passed FROM news WHERE merchant_id = :merchant AND state = 'open'
                 AND (passed <> '{}' OR kind IN (SELECT kind FROM way)) ORDER BY at, id LIMIT :limit),
               pick AS (
                   SELECT id, (SELECT connection FROM way WHERE way.kind = mine.kind
                                 AND connection <> ALL (passed) ORDER BY place LIMIT 1) AS connection FROM mine)
               UPDATE news SET connection_id = coalesce(pick.connection, passed[cardinality(passed)]),
                   state = CASE WHEN pick.connection IS NULL THEN 'refused' ELSE 'handed' END
               FROM pick WHERE pick.id = news.id RETURNING news.state, news.connection_id""",
            kinds=[kind for kind, _, _ in ways],
            places=[place for _, place, _ in ways],
            connections=[connection for _, _, connection in ways],
            limit=limit,
        ).all()
        return len(rows), sorted({row.connection_id for row in rows if row.state == "handed"})

    def give_back(self) -> None:
        """What was handed out and never tried is given to whoever tells now."""
        self.run("SELECT FROM merchant WHERE id = :merchant FOR NO KEY UPDATE")  # whoever hands out is through
        self.run(
            "UPDATE news SET state = 'open', connection_id = NULL WHERE merchant_id = :merchant AND state = 'handed'"
        )

    def take(self, connection: UUID, limit: int) -> Sequence[Waiting]:
        """The oldest of what this connection tells, a few that were tried before all others; a call may have it now."""
        rows = self.run(
            f"""WITH which AS (
                    SELECT CASE WHEN EXISTS (SELECT FROM news WHERE merchant_id = :merchant
                      AND connection_id = :connection AND state = 'tried') THEN 'tried' ELSE 'handed' END AS state),
                mine AS (
                    SELECT id, state FROM news WHERE merchant_id = :merchant AND connection_id = :connection
                      AND state = (SELECT state FROM which) AND coalesce(not_before <= clock_timestamp(), true)
                    ORDER BY at, id
                    LIMIT (SELECT CASE state WHEN 'tried' THEN least(:few, :limit) ELSE :limit END FROM which)
                    FOR UPDATE),
                taken AS (UPDATE news SET state = 'tried' FROM mine WHERE news.id = mine.id)
                SELECT news.*, mine.state = 'tried' AS again, {SAYS}, {_EMAIL} AS email_sealed, {_QUIET} AS quiet
                FROM news JOIN mine ON mine.id = news.id JOIN person ON person.id = news.person_id
                  {BESIDE}
                ORDER BY news.at, news.id""",  # noqa: S608 - texts of our own
            connection=connection,
            limit=limit,
            few=FEW,
        ).all()
        return [waiting(row, self._email(row.email_sealed), again=row.again, quiet=row.quiet) for row in rows]

    def _email(self, sealed: bytes | None) -> str:
        return self.tx.unseal(EMAIL_FIELD, sealed).decode() if sealed else ""

    def settle(self, connection: UUID, results: Sequence[NewsResult]) -> None:
        """What became of them there; whom this account could not reach waits for another one."""
        self.run(
            """UPDATE news SET outcome = new.why, told_at = clock_timestamp(),
                   state = CASE WHEN new.elsewhere THEN 'open' WHEN new.why = '' THEN 'told'
                     WHEN new.later > 0 AND created_at > clock_timestamp() - CAST(:patience AS interval) THEN 'handed'
                     ELSE 'refused' END,
                   not_before = clock_timestamp() + new.later * interval '1 second',
                   connection_id = CASE WHEN new.elsewhere THEN NULL ELSE connection_id END,
                   passed = CASE WHEN new.elsewhere THEN passed || CAST(:connection AS uuid) ELSE passed END
               FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[]), CAST(:elsewhere AS boolean[]),
                   CAST(:laters AS double precision[])) AS new (id, why, elsewhere, later)
               WHERE news.merchant_id = :merchant AND news.id = new.id AND news.state = 'tried'
                 AND connection_id = :connection""",
            connection=connection,
            ids=[each.id for each in results],
            reasons=[each.refused[:500] for each in results],
            elsewhere=[each.elsewhere for each in results],
            laters=[each.later.total_seconds() if each.later else 0 for each in results],
            patience=PATIENCE,
        )

    def put_off(self, connection: UUID) -> timedelta | None:
        """How long the first of what was put off there still waits; None where nothing was."""
        found: timedelta | None = self.run(
            """SELECT min(not_before) - clock_timestamp() FROM news
               WHERE merchant_id = :merchant AND connection_id = :connection AND state = 'handed'""",
            connection=connection,
        ).scalar_one()
        return found

    def untry(self, ids: Sequence[UUID]) -> None:
        """The call that had these had certainly no effect."""
        self.run(
            """UPDATE news SET state = 'handed'
               WHERE merchant_id = :merchant AND id = ANY(CAST(:ids AS uuid[])) AND state = 'tried'""",
            ids=list(ids),
        )

    def end(self, connection: UUID, reason: str) -> None:
        """The connection is gone: nobody can say whether what it was tried with was taken."""
        self.run(
            """UPDATE news SET state = 'refused', outcome = :reason
               WHERE merchant_id = :merchant AND connection_id = :connection AND state = 'tried'""",
            connection=connection,
            reason=reason,
        )


def waiting(row: Any, email: str, *, again: bool, quiet: bool = False) -> Waiting:
    """A row of news with what SAYS adds to it."""
    return Waiting(
        id=row.id,
        kind=NewsKind(row.kind),
        role=row.role,
        person=row.person_id,
        at=row.at,
        program=row.program,
        email=email,
        code=row.code or "",
        referral=row.referral_id,
        reward=row.reward_id,
        amount=Money(row.amount, row.currency) if row.currency else None,
        means=row.means or "",
        reason=row.reason,
        item=row.item or "",
        share=Share(**(row.share or {})),
        join=f"/join/{slug(row.business)}?program={row.slug}" if row.joinable else "",
        business=row.business,
        quiet=quiet,
        again=again,
    )
