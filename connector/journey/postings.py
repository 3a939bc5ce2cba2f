"""The postings of effects that landed: the ledger follows the platform, never the other way round."""

from __future__ import annotations

from uuid import UUID

from connector.domain import ledger
from connector.domain.money import Money
from connector.ports.rows import Attempt
from connector.ports.store import Tx


def post(tx: Tx, attempt: Attempt, moved: Money | None = None) -> None:
    """Post what an attempt moved. moved: what a reversal really took, where that is less than it asked for."""
    if attempt.reversal is None:
        tx.ledger.post(ledger.issued(f"{attempt.reward}/issued", attempt.effect.amount), reward=attempt.reward)
        return
    taken = attempt.effect.amount if moved is None else moved
    if taken:
        batch = ledger.reversal_taken(f"{attempt.reversal}/taken", taken)
        tx.ledger.post(batch, reward=attempt.reward, reversal=attempt.reversal)
    post_shortfall(tx, attempt.reward, attempt.reversal, attempt.owed - taken)


def post_shortfall(tx: Tx, reward: UUID, reversal: UUID, rest: Money) -> None:
    """What could not be taken back stays with the merchant."""
    if rest:
        tx.ledger.post(ledger.shortfall(f"{reversal}/shortfall", rest), reward=reward, reversal=reversal)
