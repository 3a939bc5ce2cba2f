"""C15 in CRMs: a worker dies on the way of money, and what stands on the advocate's record is right all the same.

What a merchant would lose: a credit that is on the record twice or never. `test_faults_every_kind` is about the shop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import MakeApp
from tests.faults.crash import die_at, pass_over
from tests.hub import Hub
from tests.journey.money import drive, hurry, open_books, states, waiting_for_person
from tests.orgs import Org

#: Before the call has left, after the platform has carried it out, amid writing that down, and amid reading back.
PLACES = ("issue.attempt_committed", "http.answered", "issue.settling", "issue.read_back")
PAID, TAKEN_BACK = [Decimal(100)], [Decimal(100), Decimal(-100)]


@dataclass(frozen=True)
class Crm:
    """What is asked of a CRM here. sell: a friend's deal of 1,000.00 is won. asked: all that was told can be read."""

    open: Callable[[MakeApp], Hub | Org]
    sell: Callable[[Any], str]
    asked: Callable[[Any], None]


def sell_in_hub(hub: Hub) -> str:
    _, code = hub.advocate()
    deal = hub.deal(hub.form("friend@example.org", ref=code))
    hub.win(deal)
    return deal


def sell_in_org(org: Org) -> str:
    _, code = org.advocate()
    deal = org.opportunity(org.contact("ben@example.com", Referral_Code__c=code))
    org.win(deal)
    return deal


def ask_org(org: Org) -> None:
    """The next worker asks what changed."""
    org.drained()
    org.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'poll' AND state = 'open' RETURNING subject")


CRMS = {
    "hubspot": Crm(Hub, sell_in_hub, Hub.drained),
    "salesforce": Crm(Org, sell_in_org, ask_org),
}


@contextmanager
def due(make_app: MakeApp, crm: Crm, *, back: bool) -> Iterator[Hub | Org]:
    """One movement that may be made as soon as somebody works, and nothing else that moves money."""
    with crm.open(make_app) as opened:
        deal = crm.sell(opened)
        if back:
            opened.work()
            opened.reopen(deal)
        crm.asked(opened)
        yield opened


@pytest.mark.parametrize("back", [False, True], ids=["paid", "taken back"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", CRMS)
def test_whoever_dies_there_the_record_is_right(make_app: MakeApp, name: str, place: str, *, back: bool) -> None:
    dies_and_is_right(make_app, name, place, back=back)


def dies_and_is_right(make_app: MakeApp, name: str, place: str, *, back: bool) -> None:
    """A worker dies at `place`, another one goes on, and the money has moved exactly once."""
    with due(make_app, CRMS[name], back=back) as crm:
        if place == "issue.read_back":
            die_at(crm, "http.answered")
            pass_over(crm)
            hurry(crm)
        die_at(crm, place)
        pass_over(crm)
        drive(crm, within=60)
        assert [amount for _, amount in crm.moved()] == (TAKEN_BACK if back else PAID)
        assert states(crm, "reward") == ["issued"]
        assert states(crm, "reversal") == (["issued"] if back else [])
        assert waiting_for_person(crm) == []
        assert open_books(crm) == ({} if back else {"cost": 10_000, "issued": -10_000})
