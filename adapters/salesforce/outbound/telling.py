"""Telling: each piece of news becomes one Referral News, whose creation starts the flows that the merchant built on it.

Its id is the record's unique external id: told again, it is the same record, and nothing is created that a flow could
start from. So what may have been told before needs no look of its own. A flow starts by being created alone, whatever the
record says: so what happened before the org was connected is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from adapters.salesforce import MANIFEST
from adapters.salesforce.api import SETUP, Client, Item, refused, shaped
from adapters.salesforce.inbound.ids import full_id, is_lead
from adapters.salesforce.outbound.org import Kind, Orgs
from adapters.salesforce.outbound.reads import Reads
from adapters.salesforce.outbound.values import stamp
from connector.domain.person import EMAIL, normal
from connector.errors import Refused, Unknown
from connector.ports.news import News, NewsResult
from connector.ports.platform import Account

NEWS = "Referral_News__c"
ID, KIND, ROLE, AT, AMOUNT, CURRENCY = (
    "News_Id__c", "Kind__c", "Role__c", "Happened_At__c", "Amount__c", "Currency__c",
)  # fmt: skip
PERSON = {True: "Lead__c", False: "Contact__c"}
#: Where each further text stands, by its name among the values of news.
TEXTS = {
    "program": "Program__c",
    "code": "Code__c",
    "link": "Link__c",
    "reason": "Reason__c",
    "referral_id": "Referral_Id__c",
    "reward_id": "Reward_Id__c",
    "reward_kind": "Reward_Kind__c",
    "reward_code": "Reward_Code__c",
}
#: Without these no flow could tell what happened, or to whom.
NEEDED = (ID, KIND, *PERSON.values())
_NOBODY = "our user sees neither a contact nor an open lead of this person"
_HISTORY = "it happened before the org was connected: nothing is started by it"
_UPGRADE = "upgrade our package (in a developer's own org: `connector fields`), and assign its permission set"
_OPERATION = "tell"


@dataclass(frozen=True)
class Telling:
    """What flows start from."""

    client: Client
    orgs: Orgs
    reads: Reads

    def tell(self, account: Account, news: Sequence[News]) -> Sequence[NewsResult]:
        """Make up to 200 records, by one look for the people and one upsert.

        Raises Unknown, too, where some of them are there and others may be after another try.
        """
        every = {one.id: one for one in news}
        told = {one.id: _unsaid(one, _HISTORY) for one in every.values() if one.history}
        due = [one for one in every.values() if not one.history]
        people = self.reads.fresh(account, partial(self._listeners, account, due))
        told |= {one.id: _unsaid(one, _NOBODY) for one in due if one.id not in people}
        told |= self._made(account, [one for one in due if one.id in people], people)
        return [told[one.id] for one in news]

    @shaped
    def _listeners(self, account: Account, news: Sequence[News]) -> dict[UUID, str]:
        """The present record of each person who has one: the named one, or what it became; else by e-mail."""
        named = {one.id: record for one in news if (record := full_id(one.person))}
        people = self.reads.people(account, set(named.values()), frozenset())
        found = {one: people[record].id for one, record in named.items() if record in people}
        mails = {one.id: normal(EMAIL, one.email) for one in news if one.id not in found}
        by_email = self.reads.find_people(account, mails.values())
        return found | {one: by_email[mail].id for one, mail in mails.items() if mail in by_email}

    def _made(self, account: Account, news: Sequence[News], people: Mapping[UUID, str]) -> dict[UUID, NewsResult]:
        """What became of each; all are for another account to tell where the org has no such object for us."""
        try:
            return self.reads.fresh(account, partial(self._upserted, account, news, people))
        except Refused as error:
            if error.code not in SETUP:
                raise
            return {one.id: _unsaid(one, f"{error.reason}: {_UPGRADE}") for one in news}

    def _upserted(self, account: Account, news: Sequence[News], people: Mapping[UUID, str]) -> dict[UUID, NewsResult]:
        if not news:
            return {}
        kind = self.orgs.kind(account, NEWS)
        if kind is None or _lacking(kind):
            why = self._cannot(account, kind)
            return {one.id: _unsaid(one, why) for one in news}
        rows, key = [_row(kind, one, people[one.id]) for one in news], kind.names([ID])[ID]
        items = self.client.save(account, rows, operation=_OPERATION, key=key, kind=kind.name, exact=True)
        _judge(items)
        return {
            one.id: NewsResult(one.id, item.problem.words if item.problem else "")
            for one, item in zip(news, items, strict=True)
        }

    def _cannot(self, account: Account, kind: Kind | None) -> str:
        if kind is None:
            return f"our user sees no {NEWS}: {_UPGRADE}"
        self.orgs.forget(account)  # an admin is about to mend that
        return f"our user may not write {', '.join(_lacking(kind))} of {NEWS}: {_UPGRADE}"


def _unsaid(news: News, why: str) -> NewsResult:
    """Nobody heard it here. Of what may have been told before nobody can say that."""
    return NewsResult(news.id, why, elsewhere=not news.again)


def _lacking(kind: Kind) -> list[str]:
    """What no flow could do without and we may not write."""
    return [name for name in NEEDED if not ((there := kind.field(name)) and there.create)]


def _row(kind: Kind, news: News, person: str) -> dict[str, Any]:
    """The record as the org takes it: of our fields those that our user may write."""
    said: dict[str, Any] = {
        ID: str(news.id),
        KIND: news.kind.value,
        ROLE: news.role,
        AT: stamp(news.at),
        PERSON[is_lead(person)]: person,
    }
    if news.amount is not None:
        # What was taken back has a kind of its own, so that no sum over a kind cancels itself out.
        said |= {AMOUNT: abs(float(news.amount.decimal())), CURRENCY: news.amount.currency}
    for name, text in news.values.items():
        if there := kind.field(TEXTS.get(name, "")):
            said[there.name] = there.typed(text)
    writable = {there.name: value for name, value in said.items() if (there := kind.field(name)) and there.create}
    return {"attributes": {"type": kind.name}, **writable}


def _judge(items: Sequence[Item]) -> None:
    """Raises what one of them means for all."""
    problems = [item.problem for item in items if item.problem]
    for problem in problems:
        if problem.code == "DUPLICATE_VALUE":
            # Another call of ours with the same id was faster: it is told again, and finds the record there.
            raise Unknown(problem.words, platform=MANIFEST.key, operation=_OPERATION)
    if len(problems) == len(items) and problems[0].code in SETUP:
        raise refused(problems[0], _OPERATION)  # what is known of the object is out of date
