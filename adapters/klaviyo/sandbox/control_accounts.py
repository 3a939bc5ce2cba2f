"""Control requests about accounts and who may reach them: keys, apps, consent, tokens, limits."""

from __future__ import annotations

import secrets
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from adapters.klaviyo.sandbox import oauth
from adapters.klaviyo.sandbox.answers import Json
from adapters.klaviyo.sandbox.desk import Desk, MissingError, Route
from adapters.klaviyo.sandbox.limits import Size
from adapters.klaviyo.sandbox.routes import ROUTES
from adapters.klaviyo.sandbox.state import Account, App, Grant

_OPERATIONS = frozenset(route.operation for route in ROUTES)


class AccountDesk(Desk):
    def routes(self) -> list[Route]:
        return [
            ("POST", "accounts", self.add),
            ("POST", "accounts/update", self.update),
            ("POST", "keys", self.add_key),
            ("POST", "keys/revoke", self.revoke_key),
            ("POST", "apps", self.add_app),
            ("POST", "authorize", self.authorize),
            ("POST", "tokens", self.grant),
            ("POST", "tokens/expire", self.expire),
            ("POST", "tokens/revoke", self.revoke),
            ("POST", "tokens/rotation", self.rotate),
            ("POST", "limits", self.limit),
            ("DELETE", "limits", self.unlimit),
        ]

    def add(self, data: Json) -> Json:
        with self.world.lock:
            number = str(data.get("account") or f"TEA{len(self.world.accounts) + 1:03}")
            if number in self.world.accounts:
                raise ValueError(f"account {number} is there already")
            account = Account(
                id=number,
                name=str(data.get("name", "Anna's Tea House")),
                zone=str(data.get("zone", "Europe/Berlin")),
                currency=str(data.get("currency", "EUR")),
            )
            self.world.accounts[number] = account
            self._change(account, data)
            return {"account": number, **self._key(account, data)}

    def update(self, data: Json) -> Json:
        with self.world.lock:
            account = self.account(data)
            self._change(account, data)
            return {"account": account.id}

    def _change(self, account: Account, data: Json) -> None:
        for name in ("event_lag", "job_lag"):
            if f"{name}_s" in data:
                setattr(account, name, timedelta(seconds=float(data[f"{name}_s"])))
        account.refuses_repeats = bool(data.get("refuses_repeats", account.refuses_repeats))

    # ── Keys ────────────────────────────────────────────────────────────────────────────────────────────────────

    def add_key(self, data: Json) -> Json:
        with self.world.lock:
            return self._key(self.account(data), data)

    def _key(self, account: Account, data: Json) -> Json:
        key = str(data.get("key") or f"pk_{secrets.token_hex(17)}")
        account.keys[key] = frozenset(data["scopes"]) if data.get("scopes") is not None else None
        return {"key": key}

    def revoke_key(self, data: Json) -> Json:
        with self.world.lock:
            del self.account(data).keys[str(data["key"])]
            return {}

    # ── Apps and their tokens ───────────────────────────────────────────────────────────────────────────────────

    def add_app(self, data: Json) -> Json:
        with self.world.lock:
            app = App(
                id=str(data.get("client_id", "client")),
                secret=str(data.get("client_secret", "secret")),
                name=str(data.get("name", "Referral Connector")),
                scopes=frozenset(data["scopes"]) if "scopes" in data else _every_scope(),
                backs=tuple(data.get("backs", ())),
            )
            self.world.apps[app.id] = app
            return {"client_id": app.id}

    def authorize(self, data: Json) -> Json:
        """Somebody of the account chose on the consent page."""
        with self.world.lock:
            query = dict(parse_qsl(urlsplit(str(data["url"])).query))
            account = self.account(data)
            reply = oauth.decide(self.world, query, account.id, allowed=not data.get("decline"))
            if reply.status != 302:  # noqa: PLR2004
                raise ValueError("the app or its redirect address is not registered")
            location = reply.headers["Location"]
            return {"location": location, **dict(parse_qsl(urlsplit(location).query))}

    def grant(self, data: Json) -> Json:
        with self.world.lock:
            number = str(data.get("client_id", "client"))
            if number not in self.world.apps:
                raise MissingError(f"there is no app {number}; POST /_control/apps makes one")
            app = self.world.apps[number]
            scopes = frozenset(data.get("scopes", app.scopes))
            return oauth.issue(self.world, Grant(str(uuid4()), self.account(data).id, app.id, scopes))

    def expire(self, data: Json) -> Json:
        with self.world.lock:
            account, now = self.account(data).id, self.world.clock.now()
            ended = {token: (grant, now) for token, (grant, _) in self.world.access.items() if grant.account == account}
            self.world.access.update(ended)
            return {"expired": len(ended)}

    def revoke(self, data: Json) -> Json:
        with self.world.lock:
            account = self.account(data).id
            for grant in {one for one in self.world.refresh.values() if one.account == account}:
                self.world.end(grant)
            return {}

    def rotate(self, data: Json) -> Json:
        with self.world.lock:
            self.world.rotates = bool(data["rotates"])
            return {}

    # ── Limits ──────────────────────────────────────────────────────────────────────────────────────────────────

    def limit(self, data: Json) -> Json:
        """Smaller windows, or larger ones, than are published."""
        with self.world.lock:
            operations = {str(data["operation"])} if "operation" in data else _OPERATIONS
            if unknown := operations - _OPERATIONS:
                raise ValueError(f"{sorted(unknown)} is no operation of this stand-in")
            size = Size(int(data["burst"]), int(data["steady"]))
            self.account(data).limits |= dict.fromkeys(operations, size)
            return {}

    def unlimit(self, data: Json) -> Json:
        with self.world.lock:
            self.account(data).limits.clear()
            return {}


def _every_scope() -> frozenset[str]:
    return frozenset().union(*(route.scopes for route in ROUTES))
