"""The only place that calls Shopify: one POST a call, with its shop and token in its own arguments.

ShopifyAPI does not call here: its GraphQL client has no timeout, keeps the current shop in class and thread state that
one exception leaves pointing at another shop, and tells nothing of THROTTLED or errors beside data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from adapters.answers import parse
from adapters.http import Gate, Part, Reply, shaped_by
from adapters.shopify import MANIFEST
from adapters.shopify.api.answers import Told, by_status, classify, classify_each, dated
from adapters.shopify.queries import Document, Together, document, together
from connector.errors import ConfigError, Gone, Refused, Unavailable, Unknown
from connector.ports.platform import Account, Guard, Kit

Json = Mapping[str, Any]
_OK = 200


#: A read whose answer has a shape that Shopify does not document did not succeed: it may be tried again.
shaped = shaped_by(MANIFEST.key, MANIFEST.label)


@dataclass(frozen=True)
class Client:
    """Calls one shop at a time; keeps nothing between calls."""

    kit: Kit

    @cached_property
    def gate(self) -> Gate:
        kit = self.kit
        return Gate(MANIFEST.key, MANIFEST.hosts, kit.base_url, kit.proxy, kit.timeout_s)

    def url(self, external: str, path: str) -> str:
        base = self.kit.base_url or "https://{shop}"
        return base.replace("{shop}", external).rstrip("/") + path

    def run(self, account: Account, name: str, variables: Json, *, effect: Guard | None = None) -> Any:
        """What one document's field holds. Raises the PlatformError that `classify` finds; `effect` guards money."""
        asked = document(name)
        return classify(*self._ask(account, asked, variables, effect), asked)

    def each(self, account: Account, parts: Sequence[tuple[str, Json]]) -> Sequence[Any]:
        """What the fields of several documents hold, asked for in one call and carried out in this order.

        A mutation that was refused says so in its `userErrors`. Raises the PlatformError that `classify_each` finds.
        """
        asked = together(parts)
        return classify_each(*self._ask(account, asked, asked.variables, None), asked)

    def dated(self, account: Account, name: str, variables: Json) -> tuple[Any, datetime]:
        """What a read's field holds, and Shopify's own time of the answer."""
        asked = document(name)
        reply, answer = self._ask(account, asked, variables, None)
        return classify(reply, answer, asked), dated(reply)

    def _ask(
        self, account: Account, asked: Document | Together, variables: Json, effect: Guard | None
    ) -> tuple[Reply, Json | None]:
        self.kit.meter.take(account.connection, asked.cost(variables))
        url = self.url(account.external, f"/admin/api/{MANIFEST.api_version}/graphql.json")
        body = json.dumps({"query": asked.text, "variables": variables}).encode()
        reply = self._post(
            url, asked.name, body, {"X-Shopify-Access-Token": account.token}, effect, mutation=asked.mutation
        )
        answer = parse(reply)
        self._learn(account, answer, asked.cost(variables))
        return reply, answer

    def part(self, url: str, start: int, size: int) -> Part:
        """A part of a file that Shopify named, from its own hosts alone. Raises Unavailable or Refused."""
        kit = self.kit
        base = "" if urlsplit(url).hostname in MANIFEST.own_hosts else kit.base_url
        hosts = "|".join(re.escape(host) for host in sorted(MANIFEST.own_hosts))
        gate = Gate(MANIFEST.key, hosts, base, kit.proxy, kit.timeout_s)
        return gate.part(url, operation="file", start=start, size=size)

    def token(self, external: str, form: Json) -> tuple[Json, Reply]:
        """One token request. It may be repeated: the old pair is honoured until the new one is used (2026-08-28)."""
        app = {"client_id": self.key, "client_secret": self.secret}
        url = self.url(external, "/admin/oauth/access_token")
        reply = self._post(url, "token", json.dumps({**app, **form}).encode(), {}, None, mutation=False)
        answer = parse(reply)
        if reply.status == _OK and answer:
            return answer, reply
        told = Told(reply, "token", changes=False)
        word = str((answer or {}).get("error", ""))
        if word == "invalid_grant":
            raise Gone("Shopify no longer honours the token: open the app in the shop's admin again", **told.facts)
        if reply.status in {400, 401} and word:
            raise Refused(f"Shopify gives no token: {word}", code=word, **told.facts)
        by_status(told)
        raise told.uncertain("the answer to a token request cannot be read")

    @property
    def key(self) -> str:
        return self._setting(MANIFEST.app_key)

    @property
    def secret(self) -> str:
        """The secret of today, with which we prove ourselves."""
        return self.secrets[0]

    @property
    def secrets(self) -> list[str]:
        """Every secret that still counts, newest first: while one is renewed, Shopify signs with either."""
        return self._setting(MANIFEST.app_secret).split(",")

    def _setting(self, name: str) -> str:
        value = self.kit.settings.get(name)
        if not value:
            raise ConfigError([f"{name} is not set: take it from the app's page in Shopify's Dev Dashboard"])
        return value

    def _post(
        self, url: str, operation: str, body: bytes, headers: Json, guard: Guard | None, *, mutation: bool
    ) -> Reply:
        sent = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        try:
            return self.gate.send("POST", url, operation=operation, headers=sent, body=body, guard=guard)
        except Unknown as error:
            if mutation:
                raise
            # A read has no effect, so a lost answer to it is no more than a failed try.
            raise Unavailable(error.reason, platform=MANIFEST.key, operation=operation) from error

    def _learn(self, account: Account, answer: Json | None, reserved: float) -> None:
        match answer:
            case {
                "extensions": {
                    "cost": {
                        "actualQueryCost": int() | float() | None as actual,
                        "throttleStatus": {
                            "maximumAvailable": int() | float() as maximum,
                            "currentlyAvailable": int() | float() as available,
                            "restoreRate": int() | float() as rate,
                        },
                    }
                }
            }:
                told = {
                    "available": available,
                    "maximum": maximum,
                    "per_second": rate,
                    "back": reserved - (actual or 0),
                }
                self.kit.meter.learn(account.connection, **told)
