"""Telling: news stands on the contact, in properties of ours from which a workflow can start.

Each piece of news replaces the one before it, so those of one person are written one after another. The history of the id
says what was told: HubSpot keeps the last 45 values of a contact's property ("Export property history", 2024-08).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

from adapters.hubspot import MANIFEST
from adapters.hubspot.api import BATCH, HISTORY_BATCH, Client, shaped
from adapters.hubspot.api.answers import ABSENT_PROPERTY
from adapters.hubspot.outbound.updates import update
from adapters.hubspot.outbound.values import Json, versions
from connector.domain.news import NewsKind
from connector.domain.person import EMAIL, normal
from connector.errors import PlatformError, Refused, Unavailable, Unknown
from connector.ports.news import News, NewsResult
from connector.ports.platform import Account
from connector.ports.records import FieldPlan

NEWS, ID, AT, AMOUNT, CURRENCY, TEXT = (
    "referral_news", "referral_news_id", "referral_news_at", "referral_news_amount", "referral_news_currency",
    "referral_news_text",
)  # fmt: skip
PLANS = (
    FieldPlan(NEWS, "enumeration", "What happened last to this contact's referrals.", tuple(map(str, NewsKind))),
    FieldPlan(ID, "string", "Another one with each piece of news: start workflows from it, with re-enrollment."),
    FieldPlan(AT, "datetime", "When it happened."),
    FieldPlan(AMOUNT, "number", "What it is worth, where it is about money."),
    FieldPlan(CURRENCY, "string", "The currency of the amount."),
    FieldPlan(TEXT, "string/textarea", "What more there is to say, one line each, such as the program and the link."),
)
#: The lines of the text, in their order; what else there is to say follows them by its name.
LINES = ("role", "program", "code", "link", "reward_kind", "reward_code", "reason", "referral_id", "reward_id")
NOBODY = "HubSpot has no contact of this person"
BEFORE = "it happened before the account was connected, and here it would start workflows"
_UNMADE = "the properties for news are not made yet"


@dataclass(frozen=True)
class _Listener:
    """Whom news is for. heard: the ids of what they were told, where their history was asked for."""

    id: str
    heard: frozenset[str]


@dataclass(frozen=True)
class Telling:
    """What workflows start from."""

    client: Client

    def tell(self, account: Account, news: Sequence[News]) -> Sequence[NewsResult]:
        """Write them on the contacts that are there: one look, and one call for each that somebody has more than others.

        Raises Unknown, too, where a part was told before a later call failed.
        """
        once = {one.id: one for one in news}
        told = {one.id: NewsResult(one.id, BEFORE, elsewhere=True) for one in once.values() if one.history}
        fresh = [one for one in once.values() if not one.history]
        contacts = self._listeners(account, fresh)
        lines: dict[str, list[News]] = {}
        for one in fresh:
            contact = contacts.get(one.id)
            if contact is None:
                told[one.id] = NewsResult(one.id, NOBODY, elsewhere=True)
            elif str(one.id) in contact.heard:
                told[one.id] = NewsResult(one.id)
            else:
                lines.setdefault(contact.id, []).append(one)
        told |= self._tell(account, lines)
        return [told[one.id] for one in news]

    # ── Who they are ────────────────────────────────────────────────────────────────────────────────────────────

    @shaped
    def _listeners(self, account: Account, news: Sequence[News]) -> dict[UUID, _Listener]:
        """The contacts of those who have one, by its id, else by their address."""
        past = any(one.again for one in news)
        by_id = self._read(account, (one.person for one in news if one.person), past=past)
        found = {one.id: by_id[one.person] for one in news if one.person in by_id}
        emails = {one.id: normal(EMAIL, one.email) for one in news if one.id not in found and "@" in one.email}
        by_email = self._read(account, emails.values(), by="email", past=past)
        return found | {each: by_email[email] for each, email in emails.items() if email in by_email}

    def _read(self, account: Account, names: Iterable[str], *, past: bool, by: str = "") -> dict[str, _Listener]:
        """Contacts by the names that they were asked for; one that was merged away answers with what it went into."""
        wanted, found = list(dict.fromkeys(names)), dict[str, _Listener]()
        size, history = (HISTORY_BATCH, (ID,)) if past else (BATCH, ())
        for start in range(0, len(wanted), size):
            part = wanted[start : start + size]
            read = self.client.read(account, MANIFEST.person_kind, part, (), history=history, by=by)
            found |= {name: _listener(record) for name, record in read.found.items()}
        return found

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, account: Account, lines: Mapping[str, Sequence[News]]) -> dict[UUID, NewsResult]:
        """Tell everybody the first of theirs, then the second, and so on: no call has a contact twice."""
        told: dict[UUID, NewsResult] = {}
        try:
            for turn in range(max(map(len, lines.values()), default=0)):
                these = {contact: line[turn] for contact, line in lines.items() if turn < len(line)}
                self._turn(account, these, told)
        except PlatformError as error:
            if all(result.refused for result in told.values()):
                raise
            words = f"a part of the news was told before this: {error.reason}"[:300]
            raise Unknown(words, platform=MANIFEST.key, operation=error.operation, status=error.status) from error
        return told

    def _turn(self, account: Account, these: Mapping[str, News], told: dict[UUID, NewsResult]) -> None:
        """One piece of news for each contact; notes in `told` what became of it, as soon as that is known."""
        values = {contact: _values(one) for contact, one in these.items()}
        try:
            for contact, refused in update(self.client, account, MANIFEST.person_kind, values):
                if ABSENT_PROPERTY in refused:
                    raise Unavailable(_UNMADE, platform=MANIFEST.key)
                told[these[contact].id] = NewsResult(these[contact].id, refused)
        except Refused as error:
            if error.code != ABSENT_PROPERTY:
                raise
            raise Unavailable(_UNMADE, platform=MANIFEST.key) from error


def _listener(record: Json) -> _Listener:
    return _Listener(str(record["id"]), frozenset(version.value for version in versions(record, ID)))


def _values(one: News) -> dict[str, str]:
    """All of our properties, empty where there is nothing to say: nothing of an earlier one stays."""
    amount = one.amount
    return {
        NEWS: str(one.kind),
        ID: str(one.id),
        AT: one.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        AMOUNT: amount.decimal().removeprefix("-") if amount is not None else "",
        CURRENCY: amount.currency if amount is not None else "",
        TEXT: _text(one),
    }


def _text(one: News) -> str:
    """A line for each thing that there is to say, such as "Program: Tea friends"."""
    said = {"role": one.role, **one.values}
    names = [*(name for name in LINES if name in said), *sorted(said.keys() - set(LINES))]
    told = ((name, " ".join(said[name].split())) for name in names)
    return "\n".join(f"{name.replace('_', ' ').capitalize()}: {text}" for name, text in told if text)
