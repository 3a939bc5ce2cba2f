"""Telling: what happened is written on the contact, so that the merchant's workflows start from it, once each.

A workflow starts when `referral_news_id` changes, which each piece of news changes; the other properties say what it is.
HubSpot keeps the past of that property. So what may have been told before is looked for there, and only what never stood
there is told. HubSpot keeps a limited number of past values of a property, far more than can be in doubt at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from adapters.answers import Json
from adapters.hubspot import MANIFEST
from adapters.hubspot.api import BATCH, HISTORY_BATCH, shaped
from adapters.hubspot.outbound.records import Plan, Records
from adapters.hubspot.outbound.values import versions
from connector.domain.news import NewsKind
from connector.domain.person import EMAIL, normal
from connector.errors import PlatformError, Unknown
from connector.ports.news import News, NewsResult
from connector.ports.platform import Account
from connector.ports.records import FieldPlan

KIND, ID, AT, AMOUNT, CURRENCY, TEXT = (
    "referral_news", "referral_news_id", "referral_news_at", "referral_news_amount", "referral_news_currency",
    "referral_news_text",
)  # fmt: skip
#: What is made in each account, so that workflows can be built on it.
PROPERTIES = (
    FieldPlan(KIND, "enumeration", "The last thing that happened in a referral of this contact.", tuple(NewsKind)),
    FieldPlan(ID, "string", "Changes with each piece of referral news: let a workflow start from its change."),
    FieldPlan(AT, "datetime", "When the last referral news happened."),
    FieldPlan(AMOUNT, "number", "What the last referral news is worth, where it is about money."),
    FieldPlan(CURRENCY, "string", "The currency of that amount."),
    FieldPlan(TEXT, "string/textarea", "What there is to say: program, code, link, reason; one a line."),
)
#: In which order the texts stand, and how each is called. A reward's code is a secret of its owner's.
SAID: Mapping[str, str] = {
    "program": "Program",
    "code": "Code",
    "link": "Link",
    "join": "Join",
    "item": "Item",
    "reason": "Reason",
    "reward_code": "Reward code",
    "share_text": "Share",
}
NOBODY = "HubSpot has no contact with this id or e-mail address"
HISTORY = "it happened before the account was connected, and a workflow would start now"
_CONTACT = MANIFEST.person_kind


@dataclass(frozen=True)
class Telling(Records):
    """What workflows start from. It is written as records are."""

    def tell(self, account: Account, news: Sequence[News]) -> Sequence[NewsResult]:
        """Write up to 100 contacts in one call; whoever has several pieces of news gets them one after another.

        Raises Unknown, too, where a part was told before a later call failed.
        """
        first: dict[str, News] = {}
        for one in news:
            first.setdefault(str(one.id), one)
        told = {mark: NewsResult(one.id, HISTORY) for mark, one in first.items() if one.history}
        asked = [one for mark, one in first.items() if mark not in told]
        contacts = self._contacts_of(account, asked)
        told |= {str(one.id): NewsResult(one.id, NOBODY, elsewhere=True) for one in asked if one.id.hex not in contacts}
        told |= {str(one.id): NewsResult(one.id) for one in asked if _stood(contacts.get(one.id.hex), one)}
        told |= self._in_turns(account, [one for one in asked if str(one.id) not in told], contacts)
        return [told[str(one.id)] for one in news]

    @shaped
    def _contacts_of(self, account: Account, news: Sequence[News]) -> dict[str, Json]:
        """The contact of each, as it is now; with the past of our id where it may stand there already."""
        found: dict[str, Json] = {}
        for doubted, size in ((True, HISTORY_BATCH), (False, BATCH)):
            mine, past = [one for one in news if one.again is doubted], (ID,) if doubted else ()
            for by, name in (("", _number), ("email", _address)):
                names = {name(one): None for one in mine if name(one)}
                records: dict[str, Json] = {}
                for start in range(0, len(names), size):
                    part = [*names][start : start + size]
                    records |= self.client.read(account, _CONTACT, part, (), history=past, by=by).found
                found |= {one.id.hex: records[name(one)] for one in mine if name(one) in records}
        return found

    def _in_turns(self, account: Account, news: Sequence[News], contacts: Mapping[str, Json]) -> dict[str, NewsResult]:
        """Each contact once in a call, so that none of its news covers another one before a workflow saw it."""
        told: dict[str, NewsResult] = {}
        left = list(news)
        while left:
            turn: dict[str, News] = {}
            for one in left:
                turn.setdefault(str(contacts[one.id.hex]["id"]), one)
            part = list(turn.items())[:BATCH]
            plans = [Plan(_CONTACT, external, _values(one), {}, frozenset(), ()) for external, one in part]
            try:
                refused = self.send(account, _CONTACT, plans)
            except PlatformError as error:
                if not told or isinstance(error, Unknown):
                    raise
                words = f"a part of the news was told before this: {error.reason}"
                raise Unknown(words[:300], platform=MANIFEST.key, operation="tell", status=error.status) from error
            for external, one in part:
                why = refused.get(external, "")
                told[str(one.id)] = NewsResult(one.id, why, elsewhere=bool(why))
            done = {one.id for _, one in part}
            left = [one for one in left if one.id not in done]
        return told


def _number(news: News) -> str:
    return news.person


def _address(news: News) -> str:
    """By which a contact is asked for whose id is not known; "" for what is no address."""
    text = "" if news.person else normal(EMAIL, news.email)
    return text if "@" in text.strip("@") else ""


def _stood(contact: Json | None, news: News) -> bool:
    return contact is not None and any(version.value == str(news.id) for version in versions(contact, ID))


def _values(news: News) -> dict[str, str]:
    """All properties: what this news does not have is emptied, so that nothing of an earlier one stays."""
    amount = news.amount
    return {
        KIND: news.kind.value,
        ID: str(news.id),
        AT: news.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        # What was taken back has a kind of its own.
        AMOUNT: amount.decimal().lstrip("-") if amount is not None else "",
        CURRENCY: amount.currency if amount is not None else "",
        TEXT: "\n".join(f"{label}: {news.values[name]}" for name, label in SAID.items() if news.values.get(name)),
    }
