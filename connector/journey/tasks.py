"""The kinds of work, and how a task names what it is about."""

from __future__ import annotations

from uuid import UUID

from connector.domain.facts import ObjectRef

#: On a connection's lane: read an object now; read it together with others; write our fields on its records.
FETCH, LOOK, RECORD = "fetch", "look", "record"
#: Also there: look what is left of paid credits; see that the connection is well; bring the friend's offer in line;
#: read what happened before we came.
WATCH, CHECK, OFFER, BACKFILL = "watch", "check", "offer", "backfill"
#: Also there, for CRMs: write advocates' own codes on their records; let people in from a list; answer a workflow's step;
#: take credit off a bill.
PROFILE, LISTED, STEP, APPLY = "profile", "listed", "step", "apply"
#: Also there, where an account does not tell by itself: ask what changed.
POLL = "poll"
#: Also there: take what is ours off the records of whoever was forgotten; what an account bears that can.
TAKE_OFF, FORGETS = "take_off", "forgets"
#: On both: what happened is handed to the account that tells it; it is told there.
TELL = "tell"
#: On a connection's lane: news is sent to a receiver of the merchant's own.
HOOK = "hook"
#: What a mapping calls a person who refers others, and what an account bears whose records of them we write.
ADVOCATE, PROFILES = "advocate", "profiles"
#: What an account bears for which we keep the addresses of people whom it cannot know otherwise.
ADDRESSES = "addresses"
#: On a merchant's lane: a purchase was read; a referral must be decided again.
ATTRIBUTE, DECIDE = "attribute", "decide"
#: Also there: the wait after a moment is over; somebody may be asked for a referral.
ASK = "ask"


def subject(ref: ObjectRef) -> str:
    """An object on the lane's own connection."""
    return f"{ref.kind}:{ref.id}"


def ref_of(text: str) -> ObjectRef:
    kind, _, external = text.partition(":")
    return ObjectRef(kind, external)


def purchase(connection: UUID, ref: ObjectRef) -> str:
    """An object on any connection of the merchant."""
    return f"{connection}/{subject(ref)}"


def purchase_of(text: str) -> tuple[UUID, ObjectRef]:
    connection, _, rest = text.partition("/")
    return UUID(connection), ref_of(rest)
