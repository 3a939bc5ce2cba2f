"""Control requests about shops and the app in them: installing, scopes, tokens, what Shopify signs."""

from __future__ import annotations

from typing import Any

from adapters.shopify.sandbox import oauth, render_more
from adapters.shopify.sandbox.cost import Bucket
from adapters.shopify.sandbox.desk import Desk, Json, Route
from adapters.shopify.sandbox.scopes import ASKED
from adapters.shopify.sandbox.state import PROTECTED, Shop, gid
from connector.domain.money import Money

_CHANGEABLE = ("name", "currency", "zone", "plan", "accounts_version", "host")


class ShopDesk(Desk):
    """Shops."""

    def routes(self) -> list[Route]:
        return [
            ("POST", r"shops", self.add),
            ("POST", r"shops/([^/]+)/(uninstall|install)", self.installed),
            ("POST", r"shops/([^/]+)/update", self.update),
            ("POST", r"shops/([^/]+)/scopes", self.scopes),
            ("POST", r"shops/([^/]+)/authorize", self.authorize),
            ("POST", r"shops/([^/]+)/session", self.session),
            ("POST", r"proxy", self.proxy),
        ]

    def add(self, data: Json) -> Json:
        currency = data.get("currency", "EUR")
        bucket = data.get("bucket") or {}
        limit = data.get("credit_limit")
        with self.world.lock:
            shop = Shop(
                id=self.world.next_id(),
                domain=data["domain"],
                name=data.get("name", data["domain"].partition(".")[0].title()),
                currency=currency,
                secret=data.get("secret", "shpss_00000000000000000000000000000000"),
                tokens=self.world.new_tokens(data.get("token", "shpat_sandbox"), lives=False),
                bucket=Bucket(float(bucket.get("maximum", 2000)), float(bucket.get("rate", 100))),
                created_at=self.world.clock.now(),
                target=data.get("target", ""),
                zone=data.get("zone", "Europe/Berlin"),
                plan=data.get("plan", "Basic"),
                accounts_version=data.get("accounts_version", "NEW_CUSTOMER_ACCOUNTS"),
                currencies=tuple(data.get("currencies") or ()),
                credit_limit=Money.parse(str(limit), currency) if limit else None,
                scopes=_scopes(data.get("scopes")),
                api_key=data.get("api_key", ""),
                protected=bool(data.get("protected", True)),
                withheld=_withheld(data.get("withheld")),
                taken_told=bool(data.get("taken_told", True)),
            )
            self.world.shops[shop.domain] = shop
            return {"id": shop.id, "domain": shop.domain, "refresh_token": shop.tokens.refresh}

    def installed(self, data: Json, domain: str, verb: str) -> Json:
        with self.world.lock:
            shop = self.shop(domain)
            shop.installed = verb == "install"
            if not shop.installed:
                self.tell(data, shop, ("app/uninstalled", render_more.shop_body(shop)))
            return {"domain": domain, "installed": shop.installed}

    def update(self, data: Json, domain: str) -> Json:
        with self.world.lock:
            shop = self.shop(domain)
            for name in _CHANGEABLE:
                setattr(shop, name, data.get(name, getattr(shop, name)))
            shop.protected = bool(data.get("protected", shop.protected))
            shop.withheld = _withheld(data["withheld"]) if "withheld" in data else shop.withheld
            shop.undeployed = frozenset(data.get("undeployed", shop.undeployed))
            self.tell(data, shop, ("shop/update", render_more.shop_body(shop)))
            return {"domain": domain, **{name: getattr(shop, name) for name in _CHANGEABLE}}

    def scopes(self, data: Json, domain: str) -> Json:
        with self.world.lock:
            shop = self.shop(domain)
            previous, shop.scopes = shop.scopes, _scopes(data["scopes"])
            now = self.world.clock.now()
            self.tell(data, shop, ("app/scopes_update", render_more.scopes_body(shop, previous, now)))
            return {"previous": list(previous), "current": list(shop.scopes)}

    # ── What Shopify signs ──────────────────────────────────────────────────────────────────────────────────────

    def authorize(self, data: Json, domain: str) -> Json:
        with self.world.lock:
            code, query = oauth.authorize(self.world, self.shop(domain), str(data.get("state", "")))
            return {"code": code, "query": query}

    def session(self, data: Json, domain: str) -> Json:
        extension = "customer" in data
        customer = _customer(data.get("customer"))
        life = int(data.get("life_s", oauth.SESSION_LIFE_S))
        with self.world.lock:
            shop = self.shop(domain)
            return {"token": oauth.session_token(shop, customer=customer, extension=extension, life_s=life)}

    def proxy(self, data: Json) -> Json:
        customer = str(data.get("logged_in_customer") or "").rsplit("/", 1)[-1]
        with self.world.lock:
            shop = self.shop(data["shop"])
            return {"query": oauth.proxied(shop, data.get("path", ""), data.get("query") or {}, customer)}


def _scopes(given: Any) -> tuple[str, ...]:
    return ASKED if given is None else tuple(str(name) for name in given)


def _withheld(given: Any) -> frozenset[str]:
    wanted = frozenset(str(name) for name in given or ())
    if unknown := wanted - PROTECTED:
        raise ValueError(f"withheld names some of {sorted(PROTECTED)}, not {sorted(unknown)}")
    return wanted


def _customer(given: Any) -> str | None:
    """A gid from a gid or a number; None for nobody."""
    return gid("Customer", int(str(given).rsplit("/", 1)[-1])) if given else None
