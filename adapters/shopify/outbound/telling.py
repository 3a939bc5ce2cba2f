"""Telling: what happened starts the workflows that a merchant built in Shopify Flow, once each.

Flow takes no key of ours, and Shopify keeps no word of what Flow was given. So in the same document each trigger is followed
by a note of ours on the app's own installation: the ids of all that was told so far. The mutations of a document are
carried out one after another, so what is noted was told. The note is read before anything is told.

What is left open: where Shopify dies after a trigger and before its note, that one is told twice; and what Flow refused
counts as told where the answer got lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from adapters.shopify import MANIFEST
from adapters.shopify.api import Client, shaped
from adapters.shopify.outbound.orders import email_of
from adapters.shopify.outbound.reads import Open
from adapters.shopify.outbound.triggers import handle, payload, too_large
from adapters.shopify.outbound.values import Json
from connector.domain.person import EMAIL, normal
from connector.errors import PlatformError, Unknown
from connector.ports.news import News, NewsResult
from connector.ports.platform import Account

NOBODY = "the shop has no customer with this id or e-mail address"
HISTORY = "it happened before the shop was connected, and a workflow would start now"
LARGE = "it is more than a trigger of Shopify Flow may carry"
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class Note:
    """What was told lately. owner: the app's installation, whose metafields the app alone can see and change."""

    #: At most 50 are asked for again at once, and before any others are told: a note of twice as many forgets none of them.
    KEY, KEPT = "flow_told", 100

    owner: str
    ids: tuple[str, ...] = ()

    def with_(self, one: News) -> Note:
        return replace(self, ids=(*self.ids, str(one.id))[-self.KEPT :])

    def as_input(self) -> Json:
        return {"ownerId": self.owner, "key": self.KEY, "type": "json", "value": json.dumps(self.ids)}


@dataclass(frozen=True)
class Telling:
    """What Shopify Flow hears."""

    client: Client

    def tell(self, account: Account, news: Sequence[News]) -> Sequence[NewsResult]:
        """Start the workflows: one read, and one call for each `tell_batch` of what was not told yet.

        Raises Unknown, too, where a part was told before a later call failed: the note says which.
        """
        first: dict[UUID, News] = {}
        for one in news:
            first.setdefault(one.id, one)
        told = {one.id: NewsResult(one.id, HISTORY) for one in first.values() if one.history}
        if asked := [one for one in first.values() if not one.history]:
            note, customers = self._look(account, asked)
            told |= {one.id: result for one in asked if (result := _untold(note, customers, one))}
            told |= self._trigger(account, note, customers, [one for one in asked if one.id not in told])
        return [told[one.id] for one in news]

    @shaped
    def _look(self, account: Account, news: Sequence[News]) -> tuple[Note, Mapping[str, str]]:
        """What was told lately, and the customers by `_name`, in one call."""
        people = {_name(one): identifier for one in news if (identifier := _identifier(one))}
        asked: list[tuple[str, Json]] = [("flow_note", {"key": Note.KEY})]
        asked += [("person", {"identifier": identifier}) for identifier in people.values()]
        installation, *found = Open(self.client.kit).each(account, asked)
        kept = installation["metafield"]
        note = Note(installation["id"], tuple(json.loads(kept["value"])) if kept else ())
        return note, {
            name: node["id"]
            for (name, identifier), node in zip(people.items(), found, strict=True)
            # A shop that lets us see no e-mails finds by them all the same, and shows none.
            if node and ("id" in identifier or email_of(node) in {"", name})
        }

    def _trigger(
        self, account: Account, note: Note, customers: Mapping[str, str], news: Sequence[News]
    ) -> dict[UUID, NewsResult]:
        told: dict[UUID, NewsResult] = {}
        for start in range(0, len(news), MANIFEST.tell_batch):
            part = news[start : start + MANIFEST.tell_batch]
            asked: list[tuple[str, Json]] = []
            for one in part:
                note = note.with_(one)
                given = {"handle": handle(one.kind), "payload": payload(one, customers[_name(one)])}
                asked += [("flow_trigger", given), ("set_metafields", {"metafields": [note.as_input()]})]
            try:
                answers = self.client.each(account, asked)
            except PlatformError as error:
                if not told or isinstance(error, Unknown):
                    raise
                words = f"a part of the news was told before this: {error.reason}"
                raise Unknown(words[:300], platform=MANIFEST.key, operation="tell", status=error.status) from error
            # Whether the notes were taken matters only where this answer gets lost.
            told |= {one.id: _result(one, answer) for one, answer in zip(part, answers[::2], strict=True)}
        return told


def _name(news: News) -> str:
    """By what a customer is known here: their id, else their address."""
    return news.person or normal(EMAIL, news.email)


def _identifier(news: News) -> Json | None:
    """How Shopify is asked for the customer; None where it cannot be."""
    if news.person:
        return {"id": news.person}
    return {"emailAddress": news.email.strip()} if _ADDRESS.fullmatch(news.email.strip()) else None


def _untold(note: Note, customers: Mapping[str, str], news: News) -> NewsResult | None:
    """What becomes of it without a call; None where it is to be told."""
    if str(news.id) in note.ids:
        return NewsResult(news.id)
    customer = customers.get(_name(news))
    if customer is None:
        return NewsResult(news.id, NOBODY, elsewhere=True)
    return NewsResult(news.id, LARGE) if too_large(payload(news, customer)) else None


def _result(news: News, answer: Json) -> NewsResult:
    words = " ".join("; ".join(str(error.get("message", "")) for error in answer["userErrors"]).split())
    if "invalid handle" in words.lower():
        remedy = "deploy the app again with all of its extensions"
        return NewsResult(news.id, f"the app was deployed without the trigger {handle(news.kind)}: {remedy}")
    return NewsResult(news.id, f"Shopify Flow refuses it: {words}" if answer["userErrors"] else "")
