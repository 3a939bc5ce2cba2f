"""Control requests about portals and the app in them: tokens, consent, limits, lists, rules."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from adapters.hubspot.sandbox import oauth
from adapters.hubspot.sandbox.answers import Json
from adapters.hubspot.sandbox.clock import iso
from adapters.hubspot.sandbox.desk import Desk, Route
from adapters.hubspot.sandbox.limits import Limits
from adapters.hubspot.sandbox.state import Members, Portal, Rule, new_token

_TIERS = ("free", "starter", "professional", "enterprise")


class PortalDesk(Desk):
    def routes(self) -> list[Route]:
        return [
            ("POST", "portals", self.add),
            ("POST", "portals/update", self.update),
            ("POST", "tokens/expire", self.expire),
            ("POST", "tokens/revoke", self.revoke),
            ("POST", "uninstall", self.uninstall),
            ("POST", "authorize", self.authorize),
            ("POST", "lists", self.add_list),
            ("POST", "rules", self.add_rule),
            ("DELETE", "rules", self.clear_rules),
            ("POST", "permissions", self.permit),
        ]

    def add(self, data: Json) -> Json:
        """Tokens that are named here never end by themselves."""
        with self.world.lock:
            number = int(data["portal"])
            if number in self.world.portals:
                raise ValueError(f"portal {number} is there already")
            secret = str(data.get("secret", "secret"))
            portal = Portal(
                id=number,
                name=str(data.get("name", f"Portal {number}")),
                currency=str(data.get("currency", "EUR")),
                zone=str(data.get("zone", "Europe/Berlin")),
                tier="enterprise",
                secret=secret,
                app_id=int(data.get("app_id", 19_083_857)),
                client_id=str(data.get("client_id", "client")),
                client_secret=str(data.get("client_secret", secret)),
                target=str(data.get("target", "")),
                limits=Limits(),
            )
            self.world.portals[number] = portal
            self._change(portal, data)
            access, refresh = str(data.get("token") or new_token("P")), str(data.get("refresh") or new_token("R"))
            if data.get("installed", True):
                portal.tokens.access[access] = None
                portal.tokens.refresh.add(refresh)
            portal.installed = bool(data.get("installed", True))
            return {"portal": number, "token": access, "refresh_token": refresh}

    def update(self, data: Json) -> Json:
        with self.world.lock:
            portal = self.portal(data)
            self._change(portal, data)
            return {"portal": portal.id}

    def _change(self, portal: Portal, data: Json) -> None:
        tier = str(data.get("tier", portal.tier))
        if tier not in _TIERS:
            raise ValueError(f"tier must be one of {_TIERS}, not {tier!r}")
        portal.tier = tier
        portal.target = str(data.get("target", portal.target))
        portal.currency = str(data.get("currency", portal.currency))
        portal.currencies = list(data.get("currencies", portal.currencies))
        portal.association_page = int(data.get("association_page", portal.association_page))
        if "scopes" in data:
            portal.scopes = None if data["scopes"] is None else frozenset(data["scopes"])
        if "limit" in data:
            given = data["limit"]
            style = str(given.get("style", "rolling"))
            if style not in {"rolling", "fixed"}:
                raise ValueError(f"style must be rolling or fixed, not {style!r}")
            portal.limits = Limits(
                int(given.get("max", 110)), float(given.get("seconds", 10)), style, given.get("daily")
            )
        if "search_delay_s" in data:
            portal.search_delay = timedelta(seconds=float(data["search_delay_s"]))

    # ── Tokens and consent ──────────────────────────────────────────────────────────────────────────────────────

    def expire(self, data: Json) -> Json:
        """Every access token ended just now; the refresh token still works."""
        with self.world.lock:
            tokens, now = self.portal(data).tokens, self.world.clock.now()
            tokens.access = dict.fromkeys(tokens.access, now)
            return {"expired": len(tokens.access)}

    def revoke(self, data: Json) -> Json:
        with self.world.lock:
            tokens = self.portal(data).tokens
            tokens.access.clear()
            tokens.refresh.clear()
            return {}

    def uninstall(self, data: Json) -> Json:
        with self.world.lock:
            oauth.uninstall(self.portal(data))
            return {}

    def authorize(self, data: Json) -> Json:
        """The next to say yes is this portal, but not to the scopes in `decline`; with `url`, it does at once."""
        with self.world.lock:
            self.world.consenting = self.portal(data).id
            self.world.declined = frozenset(data.get("decline", []))
            if "url" not in data:
                return {}
            reply = oauth.authorize(self.world, dict(parse_qsl(urlsplit(str(data["url"])).query)))
            if reply.status != 302:  # noqa: PLR2004
                raise ValueError(str(reply.body))
            location = reply.headers["Location"]
            return {"location": location, **dict(parse_qsl(urlsplit(location).query))}

    # ── Lists, rules, consent to mail ───────────────────────────────────────────────────────────────────────────

    def add_list(self, data: Json) -> Json:
        """A list, or with `id` other members of one that is there."""
        with self.world.lock:
            portal, now = self.portal(data), self.world.clock.now()
            number = int(data.get("id") or len(portal.lists) + 1)
            members = portal.lists.setdefault(number, Members(number, str(data.get("name", f"List {number}")), now))
            members.records = {int(n): members.records.get(int(n), now) for n in data.get("members", [])}
            return {"id": number, "createdAt": iso(members.created_at)}

    def add_rule(self, data: Json) -> Json:
        with self.world.lock:
            portal = self.portal(data)
            kind = self.kind(portal, str(data["type"]))
            name = str(data["property"])
            message = str(data.get("message", f"{name} breaks a rule of this account"))
            rule = Rule(kind.id, name, message, str(data.get("matches", "")), bool(data.get("required")))
            portal.rules.append(rule)
            return {"rules": len(portal.rules)}

    def clear_rules(self, data: Json) -> Json:
        with self.world.lock:
            self.portal(data).rules.clear()
            return {}

    def permit(self, data: Json) -> Json:
        with self.world.lock:
            self.portal(data).permissions[str(data["email"]).lower()] = str(data["status"])
            return {}
