"""The only place that calls Klaviyo: one call at a time, in one pinned revision, within the windows of each operation."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid5

from adapters.answers import Json, parse
from adapters.http import Gate, Reply, shaped_by
from adapters.klaviyo import MANIFEST
from adapters.klaviyo.api import sdk
from adapters.klaviyo.api.answers import OK, Told, classify, token_refused
from adapters.klaviyo.api.credentials import Credentials
from adapters.klaviyo.api.endpoints import BURST_S, PROFILES, STEADY_S, Endpoint
from adapters.plain import text_of
from connector.errors import ConfigError, Throttled, Unavailable, Unknown
from connector.ports.meter import Window
from connector.ports.platform import Account, Kit

#: Profiles of one call ("Page size: 100").
BATCH = 100
#: How long a call waits for its place in a window, and how long before that it is prepared.
PATIENCE_S, READY_S = 2.5, 1.5
#: `RateLimit-Limit: 75, 75;w=1, 750;w=60`: how many calls, in a window of how many seconds.
_WINDOWS = re.compile(r"([0-9]{1,9});w=([0-9]{1,6})")
_NUMBER = re.compile(r"[0-9]{1,9}")

#: A read whose answer has a shape that Klaviyo does not document did not succeed: it may be tried again.
shaped = shaped_by(MANIFEST.key, MANIFEST.label)


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
        return (self.kit.base_url or "https://a.klaviyo.com").rstrip("/")

    # ── Calls ───────────────────────────────────────────────────────────────────────────────────────────────────

    def run(
        self,
        account: Account,
        endpoint: Endpoint,
        *,
        filled: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Json:
        """One call; what a success says, which is nothing for what is done later. Raises for every other answer."""
        for seconds, most in ((BURST_S, endpoint.burst), (STEADY_S, endpoint.steady)):
            self._enter(_place(account.connection, endpoint, seconds), Window(most, seconds))
        header = Credentials.parse(account.token).header
        try:
            reply = sdk.ask(self.gate, self.base, header, endpoint, filled=filled, query=query, body=body)
        except Unknown as error:
            if endpoint.changes:
                raise
            # A read has no effect, so a lost answer to it is no more than a failed try.
            raise Unavailable(error.reason, platform=MANIFEST.key, operation=endpoint.name) from error
        self._learn(account.connection, endpoint, reply)
        return classify(Told(reply, endpoint.name, endpoint.changes, endpoint.scope, endpoint.later, endpoint.makes))

    def _enter(self, place: UUID, window: Window) -> None:
        """Count one call. A short wait is waited for here: what was prepared for it would have to be prepared again.

        Raises Throttled for a longer one, a little shorter than it is, so that the next call is ready when its time comes.
        """
        try:
            self.kit.meter.enter(place, window)
        except Throttled as error:
            wait = error.wait_s or 0
            if wait > PATIENCE_S:
                raise Throttled(error.reason, wait_s=wait - READY_S, platform=MANIFEST.key) from error
            time.sleep(wait)
            self.kit.meter.enter(place, window)

    def _learn(self, connection: UUID, endpoint: Endpoint, reply: Reply) -> None:
        """The real size of the windows, and what is left of the longer one, which other users of a key share."""
        told = [reply.headers.get(f"ratelimit-{name}", "") for name in ("remaining", "reset")]
        left, reset = map(int, told) if all(map(_NUMBER.fullmatch, told)) else (0, 0)
        for most, length in _WINDOWS.findall(reply.headers.get("ratelimit-limit", "")):
            window = Window(int(most), int(length))
            # How much is left is told without saying of which window. One that ends later than in a second is the longer.
            free = left if BURST_S < reset <= window.seconds else window.most
            if window.most and window.seconds in (BURST_S, STEADY_S):
                self.kit.meter.saw(_place(connection, endpoint, int(length)), window, min(free, window.most))

    # ── Profiles ────────────────────────────────────────────────────────────────────────────────────────────────

    @shaped
    def profiles(self, account: Account, field: str, values: Sequence[str]) -> Sequence[Json]:
        """Up to a batch of profiles whose field (`id`, `email`) is one of these; none for what is not there."""
        asked = list(dict.fromkeys(values))
        if not asked:
            return ()
        query = {"filter": sdk.any_of(field, asked), "page[size]": str(BATCH)}
        answer = self.run(account, PROFILES, query=query)
        found = answer["data"]
        if not isinstance(found, list) or not all(isinstance(row["attributes"], dict) for row in found):
            raise TypeError("profiles are listed in another way")
        if (answer.get("links") or {}).get("next"):
            raise ValueError("more profiles than were asked for")
        return found

    # ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def token(self, form: Mapping[str, str]) -> Json:
        """One request for a pair. Raises Gone for a refresh token that is no longer honoured."""
        reply = self._form("/oauth/token", form, "token")
        told = Told(reply, "token", changes=False)
        if reply.status != OK:
            raise token_refused(told, renews=form.get("grant_type") == "refresh_token")
        answer = parse(reply)
        if answer is None:
            raise told.uncertain("the answer to a token request cannot be read")
        return answer

    def revoke(self, refresh_token: str) -> None:
        """End a grant with all its tokens. One that ended already is as good."""
        reply = self._form("/oauth/revoke", {"token": refresh_token, "token_type_hint": "refresh_token"}, "revoke")
        if reply.status != OK:
            raise token_refused(Told(reply, "revoke", changes=False), renews=False)

    def _form(self, path: str, form: Mapping[str, str], operation: str) -> Reply:
        basic = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        url, body = f"{self.base}{path}", urlencode(form).encode()
        try:
            return self.gate.send("POST", url, operation=operation, headers=headers, body=body)
        except Unknown as error:
            raise Unavailable(error.reason, platform=MANIFEST.key, operation=operation) from error

    @property
    def key(self) -> str:
        return self._setting(MANIFEST.app_key)

    @property
    def secret(self) -> str:
        """The secret of today; while one is renewed, both stand there."""
        return self._setting(MANIFEST.app_secret).split(",")[0]

    def _setting(self, name: str) -> str:
        value = self.kit.settings.get(name)
        if not value:
            raise ConfigError([f"{name} is not set: take it from the app's page in Klaviyo's developer portal"])
        return value


def _place(connection: UUID, endpoint: Endpoint, seconds: int) -> UUID:
    """Where the calls of one operation in a window of this length are counted: each has its own."""
    return uuid5(connection, f"{endpoint.name} {seconds}")


def id_of(row: Json) -> str:
    """The id of a resource. Raises ValueError for one without."""
    number = text_of(row.get("id"))
    if not number:
        raise ValueError("a resource without an id")
    return number
