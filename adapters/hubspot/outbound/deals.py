"""What a deal or an invoice says: whose it is, what it is worth, whether it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.hubspot.outbound.contacts import marks_of, reached, touches_of
from adapters.hubspot.outbound.portal import View
from adapters.hubspot.outbound.values import Json, created_at, held, money_in, since, time_in, versions
from connector.domain.facts import DealReopened, DealWon, Fact, InvoicePaid, ObjectRef, OrderRefunded, StageReached
from connector.domain.touch import Source, Touch
from connector.ports.platform import Truth

DEAL = ("amount", "deal_currency_code", "dealstage", "pipeline", "createdate", "closedate")
DEAL_HISTORY = ("dealstage",)
INVOICE = ("hs_invoice_status", "hs_amount_billed", "hs_currency", "hs_createdate", "hs_invoice_date")
INVOICE_HISTORY = ("hs_invoice_status",)
#: Fields speak of the past: what a person types into one after the deal was made tells of what was before it.
_TYPED = frozenset({Source.CRM_FIELD})


def the_friend(contacts: Sequence[Json]) -> Json | None:
    """Whose deal it is, of all contacts on it: the one whom a code brought first, else the one who was known first."""
    return min(contacts, key=_precedence, default=None)


def _precedence(contact: Json) -> tuple[bool, datetime, str]:
    first = min((touch.at for touch in touches_of(contact)), default=None)
    return first is None, first or created_at(contact), str(contact["id"])


def _touches(contacts: Sequence[Json], placed: datetime) -> Iterator[Touch]:
    """The evidence on every contact of it."""
    for contact in contacts:
        for touch in touches_of(contact):
            yield replace(touch, at=min(touch.at, placed)) if touch.source in _TYPED else touch


def _truth(view: View, ref: ObjectRef, record: Json, contacts: Sequence[Json], facts: Iterable[Fact]) -> Truth:
    friend, placed = the_friend(contacts), created_at(record)
    return Truth(
        ref,
        found=True,
        as_of=view.at,
        placed_at=placed,
        buyer=tuple(marks_of(friend)) if friend else (),
        touches=tuple(_touches(contacts, placed)),
        facts=tuple(facts),
        note="" if friend else "no_buyer",
    )


# ── Deals ────────────────────────────────────────────────────────────────────────────────────────────────────────


def deal_truth(view: View, ref: ObjectRef, record: Json, contacts: Sequence[Json]) -> Truth:
    """A deal with the contact whom it belongs to."""
    first = _first_deal(record, the_friend(contacts))
    return _truth(view, ref, record, contacts, _deal_facts(view, ref, record, first=first))


def gone_deal(ref: ObjectRef, at: datetime) -> Truth:
    """A deal that was deleted counts for nothing until it is restored."""
    return Truth(ref, found=True, as_of=at, facts=(DealReopened(ref, at, at),), note="deleted")


def _deal_facts(view: View, ref: ObjectRef, record: Json, *, first: bool | None) -> Iterator[Fact]:
    placed, stage = created_at(record), view.stage(held(record, "dealstage"))
    standing = since(record, "dealstage")
    entered = standing.at if standing else time_in(record, "closedate") or placed
    if stage.won:
        since_when = _won_since(view, record) or entered
        currency = held(record, "deal_currency_code") or view.currency()
        yield DealWon(ref, view.at, since_when, placed, money_in(record, "amount", currency), first_order=first)
    elif any(view.stage(version.value).won for version in versions(record, "dealstage")):
        yield DealReopened(ref, view.at, entered)
    if stage.label:
        yield StageReached(ref, view.at, entered, placed, first_order=first, stage=stage.label)
    yield from reached(view, ref, record, placed, first=first)


def _won_since(view: View, record: Json) -> datetime | None:
    """Since when it has stood won: a move from one won stage to another does not begin it anew."""
    found = None
    for version in versions(record, "dealstage"):
        if not view.stage(version.value).won:
            break
        found = version.at
    return found


def _first_deal(deal: Json, friend: Json | None) -> bool | None:
    """Whether its contact was no customer before; None where HubSpot does not tell."""
    if friend is None:
        return None
    customer_since = time_in(friend, "hs_lifecyclestage_customer_date")
    if customer_since is not None:
        return customer_since >= created_at(deal)
    return True if held(friend, "num_associated_deals") in ("0", "1") else None


# ── Invoices ─────────────────────────────────────────────────────────────────────────────────────────────────────


def invoice_truth(view: View, ref: ObjectRef, record: Json, contacts: Sequence[Json]) -> Truth:
    """An invoice with the contact whom it was sent to."""
    return _truth(view, ref, record, contacts, _invoice_facts(view, ref, record))


def _invoice_facts(view: View, ref: ObjectRef, record: Json) -> Iterator[Fact]:
    """Paid once, it stays told as paid; voided afterwards, all of it went back."""
    net, placed = money_in(record, "hs_amount_billed", held(record, "hs_currency")), created_at(record)
    status, standing = held(record, "hs_invoice_status").casefold(), since(record, "hs_invoice_status")
    paid = [version.at for version in versions(record, "hs_invoice_status") if version.value.casefold() == "paid"]
    if status == "paid" and not paid:
        paid = [standing.at if standing else placed]
    if net is None or not paid:
        return
    yield InvoicePaid(ref, view.at, min(paid), placed, net)
    if status != "paid":
        yield OrderRefunded(ref, view.at, standing.at if standing else view.at, status or "unpaid", net)
