"""Postings: append-only, each batch once per event, summing to zero (the database checks it at commit)."""

from __future__ import annotations

from uuid import UUID

from connector.domain.ledger import Batch
from connector.store.base import Repository, new_id


class Ledger(Repository):
    def post(self, batch: Batch, *, reward: UUID, reversal: UUID | None = None) -> None:
        """Post a batch. A second batch of the same event breaks the unique key, and with it the transaction."""
        batch_id = new_id()
        self.run(
            """WITH made AS (
                 INSERT INTO batch (id, merchant_id, key, memo, reward_id, reversal_id)
                 VALUES (:id, :merchant, :key, :memo, :reward, :reversal) RETURNING id)
               INSERT INTO posting (batch_id, merchant_id, line, book, amount, currency)
               SELECT made.id, :merchant, line.*  FROM made,
                 unnest(CAST(:numbers AS int[]), CAST(:books AS text[]), CAST(:amounts AS bigint[]),
                        CAST(:currencies AS text[])) AS line""",
            id=batch_id,
            key=batch.key,
            memo=batch.memo,
            reward=reward,
            reversal=reversal,
            numbers=list(range(len(batch.lines))),
            books=[line.book.value for line in batch.lines],
            amounts=[line.amount.minor for line in batch.lines],
            currencies=[line.amount.currency for line in batch.lines],
        )
