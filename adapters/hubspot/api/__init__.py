"""The only place that calls HubSpot: one call at a time, in 2026-09 paths, with its token in its own arguments."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID, uuid5

from adapters.answers import parse
from adapters.http import Gate, Reply, shaped_by
from adapters.hubspot import MANIFEST
from adapters.hubspot.api.answers import Told, classify, token_refused
from adapters.hubspot.api.sdk import Call
from adapters.plain import rows, text_of, time_of
from connector.errors import ConfigError, Refused, Throttled, Unavailable, Unknown
from connector.ports.meter import Window
from connector.ports.platform import Account, Guard, Kit

Json = Mapping[str, Any]

VERSION = MANIFEST.api_version
#: Of an app that was installed by OAuth, in each account (usage guidelines, 2026-04). The answers tell the real one.
WINDOW = Window(110, 10.0)
SEARCHES = Window(5, 1.0)
#: How long a call waits for its place in a window, and how long before that it is prepared.
PATIENCE_S, READY_S = 2.5, 1.5
#: Records in one call, and with the history of their properties ("The maximum number ... for property histories is 50").
BATCH, HISTORY_BATCH = 100, 50
#: Properties by which a record may have been asked for, where that is more than the one.
_NAMED_BY = {"email": ("email", "hs_additional_emails")}
#: How HubSpot calls kinds of ours in paths. Deals have their number there in the published 2026-09 paths.
PATHS = {"contact": "contacts", "deal": "0-3", "invoice": "invoices", "discount": "discounts"}


#: A read whose answer has a shape that HubSpot does not document did not succeed: it may be tried again.
shaped = shaped_by(MANIFEST.key, MANIFEST.label)


@dataclass(frozen=True)
class Records:
    """What a batch read answered: records by the id that was asked for, and when HubSpot looked."""

    found: Mapping[str, Json]
    at: datetime


@dataclass(frozen=True)
class Client:
    """Calls one account at a time; keeps nothing between calls."""

    kit: Kit

    @cached_property
    def gate(self) -> Gate:
        kit = self.kit
        return Gate(MANIFEST.key, MANIFEST.hosts, kit.base_url, kit.proxy, kit.timeout_s)

    @property
    def base(self) -> str:
        return (self.kit.base_url or "https://api.hubapi.com").rstrip("/")

    # ── Calls ───────────────────────────────────────────────────────────────────────────────────────────────────

    def run(
        self,
        account: Account,
        method: str,
        path: str,
        *,
        operation: str,
        body: Any = None,
        query: Sequence[tuple[str, str]] = (),
        filled: Mapping[str, str] | None = None,
        changes: bool = False,
        effect: Guard | None = None,
        empty: bool = False,
    ) -> Json:
        """One call. filled: values for the `{names}` in the path. changes: whether a lost answer leaves it open."""
        self._enter(account.connection, WINDOW)
        more: dict[str, Any] = {"path_params": filled, "query_params": list(query), "body": body}
        more["header_params"] = {"Authorization": f"Bearer {account.token}"}
        reply = self._send(operation, effect, method, path, changes=changes, **more)
        self._learn(account, reply)
        return classify(Told(reply, operation, changes), empty=empty)

    def _enter(self, connection: UUID, window: Window) -> None:
        """Count one call. A short wait is waited for here: what was prepared for it would have to be prepared again.

        Raises Throttled for a longer one, a little shorter than it is, so that the next call is ready when its time comes.
        """
        try:
            self.kit.meter.enter(connection, window)
        except Throttled as error:
            wait = error.wait_s or 0
            if wait > PATIENCE_S:
                raise Throttled(error.reason, wait_s=wait - READY_S, platform=MANIFEST.key) from error
            time.sleep(wait)
            self.kit.meter.enter(connection, window)

    def _send(
        self, operation: str, guard: Guard | None, method: str, path: str, *, changes: bool, **more: Any
    ) -> Reply:
        try:
            return Call(self.gate, operation, guard).ask(self.base, method, path, **more)
        except Unknown as error:
            if changes:
                raise
            # A read has no effect, so a lost answer to it is no more than a failed try.
            raise Unavailable(error.reason, platform=MANIFEST.key, operation=operation) from error

    def _learn(self, account: Account, reply: Reply) -> None:
        names = ("max", "remaining", "interval-milliseconds")
        told = [reply.headers.get(f"x-hubspot-ratelimit-{name}", "") for name in names]
        if all(text.isascii() and text.isdigit() and len(text) < 10 for text in told):  # noqa: PLR2004
            most, left, interval = map(int, told)
            if most and interval:
                self.kit.meter.saw(account.connection, Window(most, interval / 1000), left)

    # ── Batches ─────────────────────────────────────────────────────────────────────────────────────────────────

    def read(
        self,
        account: Account,
        kind: str,
        ids: Iterable[str],
        properties: Sequence[str],
        *,
        history: Sequence[str] = (),
        by: str = "",
        archived: bool = False,
    ) -> Records:
        """Up to a batch of records by their ids, or by a unique property. A merged record answers for those in it.

        Raises Unavailable for an answer that passes over one of them although it is there.
        """
        asked = list(dict.fromkeys(ids))
        body: dict[str, Any] = {
            "inputs": [{"id": each} for each in asked],
            "properties": [*properties, "hs_merged_object_ids", *_NAMED_BY.get(by, (by,) if by else ())],
            "propertiesWithHistory": list(history),
        }
        if by:
            body["idProperty"] = by
        path, query = f"/crm/objects/{VERSION}/{PATHS.get(kind, kind)}/batch/read", [("archived", "true")] * archived
        answer = self.run(account, "POST", path, operation=f"read_{kind}", body=body, query=query)
        found, lost = _sorted_out(asked, answer, by)
        if lost and not archived:
            self._confirm(account, kind, lost[0], by)
        at = time_of(answer.get("startedAt")) or time_of(answer.get("completedAt"))
        if at is None:
            raise Unavailable("the answer does not say when", platform=MANIFEST.key, operation=f"read_{kind}")
        return Records(found, at)

    def _confirm(self, account: Account, kind: str, external: str, by: str) -> None:
        """An answer that passes over a record is no word that it is gone: ask for it alone. Raises Unavailable."""
        path = f"/crm/objects/{VERSION}/{PATHS.get(kind, kind)}/{{id}}"
        try:
            query = [("idProperty", by)] if by else []
            self.run(account, "GET", path, operation=f"get_{kind}", filled={"id": external}, query=query)
        except Refused as error:
            if error.status != 404:  # noqa: PLR2004
                raise
            return
        raise Unavailable("HubSpot passed over a record that is there", platform=MANIFEST.key)

    def search(self, account: Account, path: str, body: Json) -> Json:
        """One page of a search, which has a limit of its own."""
        self._enter(uuid5(account.connection, "search"), SEARCHES)
        return self.run(account, "POST", path, operation="search", body=body)

    # ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def token(self, form: Mapping[str, str], *, operation: str = "token", path: str = "/token") -> Json:
        """One request about tokens. Raises Gone for a refresh token that is no longer honoured."""
        sent = [("client_id", self.key), ("client_secret", self.secret), *form.items()]
        reply = self._send(operation, None, "POST", f"/oauth/{VERSION}{path}", changes=False, post_params=sent)
        told = Told(reply, operation, changes=False)
        token_refused(told, renews=form.get("grant_type") == "refresh_token")
        answer = parse(reply)
        if answer is None:
            raise told.uncertain("the answer to a token request cannot be read")
        return answer

    @property
    def key(self) -> str:
        return self._setting(MANIFEST.app_key)

    @property
    def secret(self) -> str:
        """The secret of today; while one is renewed, webhooks may be signed with the older one too."""
        return self._setting(MANIFEST.app_secret).split(",")[0]

    def _setting(self, name: str) -> str:
        value = self.kit.settings.get(name)
        if not value:
            raise ConfigError([f"{name} is not set: take it from the app's page in HubSpot's developer projects"])
        return value


def _sorted_out(asked: Sequence[str], answer: Json, by: str) -> tuple[dict[str, Json], list[str]]:
    """Records by the id that was asked for, and the ids that neither a record nor an error speaks of."""
    wanted = {each.casefold(): each for each in asked}
    found: dict[str, Json] = {}
    for row in rows(answer["results"]):
        for name in _names(row, by):
            if name.casefold() in wanted:
                found[wanted[name.casefold()]] = row
    told = {each for error in rows(answer.get("errors")) for each in _ids_of(error)}
    return found, [each for each in asked if each not in found and each not in told]


def _names(row: Json, by: str) -> list[str]:
    """All by which a record may have been asked for: its id and those of the records that went into it, or a property."""
    held = row["properties"]
    if by:
        also = str(held.get("hs_additional_emails") or "").split(";") if by == "email" else []
        return [str(held.get(by) or ""), *also]
    merged = str(held.get("hs_merged_object_ids") or "").split(";")
    return [str(row["id"]), *(each.strip() for each in merged if each.strip())]


def _ids_of(error: Json) -> list[str]:
    context = error.get("context")
    told = context.get("ids") if isinstance(context, dict) else None
    return [text_of(each) for each in told] if isinstance(told, list) else []
