"""Told: facts that a delivery tells outright, and what follows from each without a further look at the platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from connector.domain.facts import (
    REFERRAL,
    AccountErased,
    ConnectionRemoved,
    DataRequested,
    ObjectRef,
    PeopleMerged,
    PersonErased,
    PersonGone,
    RewardReleased,
    ScopesChanged,
    SettingsChanged,
    Told,
)
from connector.errors import NotFound
from connector.journey.check import learn
from connector.journey.erase import forget, forget_account
from connector.journey.step import step_subject
from connector.journey.tasks import CHECK, DECIDE, STEP
from connector.journey.whose import behind
from connector.ports.platform import Seen
from connector.ports.rows import Referral, connection_lane, merchant_lane
from connector.ports.store import Tx

#: A workflow is answered once what it asked for could have been done.
ANSWER_AFTER = timedelta(seconds=2)


def take_in(tx: Tx, connection: UUID, fact: Told, named: Sequence[Seen] = ()) -> None:
    """Make one told fact true here. named: everybody whom the delivery names."""
    match fact:
        case PersonErased(ref=ref, happened_at=at):
            forget(tx, connection, named, ref.kind, at)
        case AccountErased(happened_at=at) if at >= tx.connections.get(connection).installed_at:
            forget_account(tx, connection)
        case PeopleMerged(ref=kept, other=gone):
            _join(tx, connection, kept, gone)
        case PersonGone(ref=ref):
            tx.people.retire(connection, ref)
        case DataRequested(happened_at=at, request=request):
            person = next(iter(sorted(tx.people.known(connection, named))), None)
            tx.people.ask(connection, request, tx.people.names(connection, named), person, at)
        case RewardReleased(ref=ref):
            _release(tx, connection, ref, fact)
        case ConnectionRemoved(happened_at=at) if at >= tx.connections.get(connection).installed_at:
            # One sent before a quick reinstall must not close the new installation.
            tx.connections.close(connection, "removed", "the merchant removed the app")
        case ScopesChanged(happened_at=at, scopes=scopes) if at >= tx.connections.get(connection).installed_at:
            _rescope(tx, connection, scopes)
        case SettingsChanged():
            tx.tasks.mark(connection_lane(connection), CHECK, [CHECK])


def _join(tx: Tx, connection: UUID, kept: ObjectRef, gone: ObjectRef) -> None:
    """The record that is gone still tells who somebody is; what we send goes to the one that was kept."""
    person, other = (tx.people.find(connection, ref.kind, ref.id) for ref in (kept, gone))
    if person is not None and other is not None and person != other:
        tx.people.merge(person, other, "the platform joined them")
    elif person is None and other is not None:
        tx.people.link(other, connection, kept)
    elif person is not None and other is None:
        tx.people.link(person, connection, gone)
    tx.people.retire(connection, gone)


def _release(tx: Tx, connection: UUID, ref: ObjectRef, fact: RewardReleased) -> None:
    """The purchase is named, the friend, or the referral itself; the fact belongs to the purchase in all cases.

    A workflow that waits is answered once its referral has come to an end.
    """
    asked = connection
    if ref.kind == REFERRAL:
        referral = _referral(tx, ref.id)
        connection, ref = referral.connection, referral.ref
    elif not tx.referrals.by_purchase(connection, ref) and (found := behind(tx, connection, ref)):
        referral = _referral(tx, str(found[0]))
        connection, ref = referral.connection, referral.ref
    tx.truths.tell(connection, [replace(fact, ref=ref)])
    standing = tx.referrals.by_purchase(connection, ref)
    if standing:
        tx.tasks.mark(merchant_lane(tx.merchant), DECIDE, [str(each) for each in standing])
    if fact.run:
        subject = step_subject(fact.run, str(standing[0]) if standing else "")
        tx.tasks.mark(connection_lane(asked), STEP, [subject], after=ANSWER_AFTER)


def _referral(tx: Tx, text: str) -> Referral:
    try:
        story = tx.referrals.story(UUID(text))
    except ValueError:  # no id at all
        story = None
    if story is None:
        raise NotFound(f"there is no referral {text[:60]!r}: give the id that `connector explain` shows")
    return story.referral


def _rescope(tx: Tx, connection: UUID, scopes: Sequence[str]) -> None:
    """What the merchant gave or took. Two changes may come in the wrong order: the check reads which one stands."""
    known = tx.connections.get(connection)
    learn(tx, connection, known.currency, scopes, known.traits)
    tx.tasks.mark(connection_lane(connection), CHECK, [CHECK])
