"""What people ask of the memory: why, how much, and whether it adds up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from connector.domain.ledger import Book
from connector.domain.money import Money
from connector.store.database import Database
from connector.store.receipts import LATE


def totals(database: Database, merchant: UUID) -> dict[str, Any]:
    """Counts and the ledger's balances by book and currency."""
    with database.begin(merchant) as tx:
        books = tx.run(
            """SELECT book, currency, sum(amount) AS amount FROM posting WHERE merchant_id = :merchant
               GROUP BY book, currency ORDER BY 1, 2"""
        ).mappings()
        counts = {
            name: {row.state: row.n for row in tx.run(sql)}
            for name, sql in {
                "referrals": "SELECT stage AS state, count(*) AS n FROM referral WHERE merchant_id = :merchant GROUP BY 1",
                "rewards": "SELECT state, count(*) AS n FROM reward WHERE merchant_id = :merchant GROUP BY 1",
                "reversals": "SELECT state, count(*) AS n FROM reversal WHERE merchant_id = :merchant GROUP BY 1",
                "attempts": "SELECT state, count(*) AS n FROM attempt WHERE merchant_id = :merchant GROUP BY 1",
                "deliveries": "SELECT state, count(*) AS n FROM delivery WHERE merchant_id = :merchant GROUP BY 1",
                # What is looked after once a day is no backlog, nor is asking every minute what changed.
                "tasks": """SELECT CASE WHEN due_at > clock_timestamp()
                      + CASE what WHEN 'poll' THEN interval '0' ELSE interval '1 minute' END THEN 'later' ELSE state END
                    AS state, count(*) AS n FROM task WHERE merchant_id = :merchant GROUP BY 1""",
                "news": """SELECT CASE state WHEN 'open' THEN 'with nobody to tell them' WHEN 'told' THEN 'told'
                      WHEN 'refused' THEN 'refused' ELSE 'on their way' END AS state, count(*) AS n
                    FROM news WHERE merchant_id = :merchant GROUP BY 1""",
                # Where a natural key let the movement happen once, a late word of it is no second movement.
                "surplus": """SELECT 'found' AS state, count(*) AS n FROM surplus WHERE merchant_id = :merchant
                      AND NOT EXISTS (SELECT FROM attempt WHERE attempt.merchant_id = :merchant
                        AND attempt.connection_id = surplus.connection_id AND attempt.id <> surplus.attempt_id
                        AND attempt.transaction = surplus.transaction)""",
            }.items()
        }
        return {**counts, "ledger": [dict(row) for row in books]}


def settled(database: Database, merchant: UUID) -> bool:
    """Nothing is waiting: no delivery, task, news, reward or reversal that could still move by itself."""
    found = totals(database, merchant)
    moving = ("due", "approved", "sending", "unknown")
    return (
        not found["deliveries"].get("received")
        and not found["tasks"].get("open")
        and not found["news"].get("on their way")
        and not any(found[kind].get(state) for kind in ("rewards", "reversals") for state in moving)
    )


def away(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Accounts that must be connected again, and why."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT platform, external_account AS account, state, state_reason AS reason FROM connection
               WHERE merchant_id = :merchant AND state NOT IN ('active', 'removed') ORDER BY 1, 2"""
        ).mappings()
        return [dict(row) for row in rows]


def untold(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Why people do not hear what they should, most often first."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT outcome AS reason, count(*) AS times FROM news WHERE merchant_id = :merchant AND state = 'refused'
               GROUP BY 1 ORDER BY 2 DESC, 1"""
        ).mappings()
        return [dict(row) for row in rows]


def undelivered(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Receivers that were sent something in vain until it was given up; reason: the newest."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT external_account AS url, count(*) AS times,
                 (array_agg(outcome ORDER BY done_at DESC))[1] AS reason
               FROM hook_delivery JOIN connection ON connection.id = connection_id AND connection.state <> 'removed'
               WHERE hook_delivery.merchant_id = :merchant AND hook_delivery.state = 'failed' AND tries > 0
               GROUP BY 1 ORDER BY 1"""
        ).mappings()
        return [dict(row) for row in rows]


#: Which book stands against the open liability for what, in the order in which it comes about.
_PARTS = {Book.PAYABLE: "issued", Book.REDEEMED: "redeemed", Book.EXPIRED: "expired", Book.RECLAIM: "reversed"}


@dataclass(frozen=True)
class Liability:
    """What stands on the platforms and may still be spent: open = issued - redeemed - expired - reversed."""

    open: Money
    issued: Money
    redeemed: Money
    expired: Money
    reversed: Money


def liability(database: Database, merchant: UUID) -> list[Liability]:
    """The open liability of each currency, from the ledger alone."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT against.currency, against.book, abs(sum(against.amount))::bigint AS amount
               FROM posting JOIN posting against ON against.batch_id = posting.batch_id AND against.book <> posting.book
               WHERE posting.merchant_id = :merchant AND posting.book = 'issued' GROUP BY 1, 2 ORDER BY 1"""
        ).all()
    found = []
    for currency in sorted({row.currency for row in rows}):
        sums = {_PARTS[Book(row.book)]: Money(row.amount, currency) for row in rows if row.currency == currency}
        issued, *less = (sums.get(name, Money.zero(currency)) for name in _PARTS.values())
        found.append(Liability(issued - sum(less, Money.zero(currency)), issued, *less))
    return found


@dataclass(frozen=True)
class LateReward:
    """A reward that should have been there. by: for how long; why: what it waits for."""

    reward: UUID
    referral: UUID
    role: str
    amount: Money
    due_at: datetime
    by: timedelta
    why: str


def late(database: Database, merchant: UUID) -> list[LateReward]:
    """Promises that are past their time and the grace that the program gives, the latest first."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            f"""SELECT reward.*, clock_timestamp() - due_at AS by, doubt, hold, referral.reason AS decided,
                  connection.state AS away, state_reason
                FROM reward JOIN referral ON referral.id = reward.referral_id
                JOIN program_version v ON v.program_id = referral.program_id AND v.version = referral.program_version
                JOIN connection ON connection.id = reward.connection_id
                WHERE reward.merchant_id = :merchant AND {LATE} ORDER BY due_at, reward.id"""  # noqa: S608
        )
        return [
            LateReward(r.id, r.referral_id, r.role, Money(r.amount, r.currency), r.due_at, r.by, _why_late(r))
            for r in rows
        ]


def _why_late(row: Any) -> str:
    if row.state == "due" and row.doubt:
        return f"review: {row.doubt}"
    if row.state == "held":
        return f"held: {row.reason}"
    if row.state == "unknown":
        return f"unknown: {row.reason}"
    if row.away != "active":
        return f"connection away: {row.state_reason}"
    return f"{row.state}: {row.reason or row.decided}"


def overdue(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Referrals that a person should have looked at by now."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT id AS referral, captured_at, doubt AS why FROM referral
               WHERE merchant_id = :merchant AND overdue AND doubt <> '' ORDER BY captured_at"""
        ).mappings()
        return [dict(row) for row in rows]


def waiting(database: Database) -> list[UUID]:
    """Merchants of whom a promise is past its time, whatever grace their programs give."""
    with database.switchboard() as session:
        return list(
            session.execute(
                text(
                    """SELECT DISTINCT merchant_id FROM reward
                       WHERE state NOT IN ('issued', 'void', 'refused') AND due_at < clock_timestamp()"""
                )
            ).scalars()
        )


@dataclass(frozen=True)
class Spending:
    """How much of a program's budget is promised in its present period."""

    program: str
    spent: Money
    budget: Money
    percent: int


def budgets(database: Database, merchant: UUID) -> list[Spending]:
    """Budgets of which more is spent than the merchant wants to be warned of."""
    found = []
    with database.begin(merchant) as tx:
        now = tx.now()
        for version in tx.programs.current():
            budget = version.program.budget
            if budget is None:
                continue
            spent = tx.limits.spent(version.id, budget.amount.currency, budget.period.start(now))
            percent = 100 * spent.minor // budget.amount.minor
            if percent >= budget.warn_percent:
                found.append(Spending(version.program.slug, spent, budget.amount, percent))
    return found


def needs_person(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Attempts that only a person can rule on."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT id, direction, owner, amount, currency, since, needs_person FROM attempt
               WHERE merchant_id = :merchant AND needs_person <> '' AND state = 'unknown' ORDER BY since"""
        ).mappings()
        return [dict(row) for row in rows]


def held(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Rewards and reversals that wait for a remedy, each with what it is."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT 'reward' AS what, amount, currency, reason FROM reward
               WHERE merchant_id = :merchant AND state IN ('held', 'refused')
               UNION ALL SELECT 'reversal', amount, currency, reason FROM reversal
               WHERE merchant_id = :merchant AND state IN ('held', 'refused') ORDER BY 1, 4"""
        ).mappings()
        return [dict(row) for row in rows]


def parked(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """What was given up until a person mends its cause, one row for each kind and cause, the most frequent first."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT what, reason, count(*) AS times FROM (
                   SELECT what, reason FROM task WHERE merchant_id = :merchant AND state = 'parked'
                   UNION ALL SELECT topic, reason FROM delivery WHERE merchant_id = :merchant AND state = 'parked'
               ) AS left_over GROUP BY what, reason ORDER BY times DESC, what, reason LIMIT :most""",
            most=MOST_CAUSES,
        ).mappings()
        return [dict(row) for row in rows]


#: Nobody reads on after so many causes.
MOST_CAUSES = 50
#: So many people without a single e-mail are no chance.
ENOUGH = 3


def blind(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Accounts that show us people and never an e-mail: they may not have let us see protected data."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT platform, external_account AS account FROM connection
               WHERE merchant_id = :merchant AND state = 'active' AND :enough <= (
                   SELECT count(DISTINCT person_id) FROM identifier
                   WHERE identifier.connection_id = connection.id AND kind <> 'email')
                 AND NOT EXISTS (SELECT FROM identifier WHERE identifier.connection_id = connection.id AND kind = 'email')
               ORDER BY 1, 2""",
            enough=ENOUGH,
        ).mappings()
        return [dict(row) for row in rows]
