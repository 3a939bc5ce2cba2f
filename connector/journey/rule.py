"""Rule: a person says what nobody else can tell about one movement."""

from __future__ import annotations

from uuid import UUID

from connector.errors import ConfigError, NotFound
from connector.journey.desk import Desk
from connector.journey.postings import post
from connector.journey.tasks import DECIDE
from connector.ports.rows import Answer, AttemptState, connection_lane, merchant_lane


def rule(desk: Desk, merchant: UUID, attempt_id: UUID, verdict: str, transaction: str) -> None:
    """Settle an attempt that waits for a person: `landed`, `absent`, or `reverse` (landed, and must come back)."""
    landed = verdict in ("landed", "reverse")
    if landed and not transaction:
        raise ConfigError(["name the platform's id of the movement with --transaction"])
    with desk.store.begin(merchant) as tx:
        state = AttemptState.DONE if landed else AttemptState.NOT_DONE
        if landed and tx.attempts.settles_another(attempt_id, transaction):
            raise ConfigError([f"{transaction} already settles another reward; look for the movement of this one"])
        answer = Answer(state, transaction if landed else "", reason="a person ruled so")
        attempt = tx.attempts.rule(attempt_id, answer)
        if attempt is None:
            raise NotFound(f"attempt {attempt_id} does not wait for a person")
        if verdict == "reverse" and attempt.reversal is not None:
            raise ConfigError(["a debit that landed took money back already: rule `landed`"])
        if landed:
            post(tx, attempt)
        if verdict == "reverse":
            tx.rewards.revoke(attempt.reward)
        tx.tasks.mark(merchant_lane(merchant), DECIDE, [str(attempt.referral)])
    desk.wake(merchant_lane(merchant))
    desk.wake(connection_lane(attempt.connection))
