"""A merchant with a shop at a stand-in that runs elsewhere: what buyers do there, and what came of it here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from adapters.shopify.sandbox.client import Client
from connector.cli.account import install
from connector.journey import enrol
from connector.store import merchants, reports
from connector.wiring import App

SECRET = "the app's own secret that webhooks are signed with"
#: The stand-in only signs webhooks for a shop that has a target; tests post them themselves.
NOWHERE = "http://127.0.0.1:9/"
Webhook = tuple[dict[str, str], bytes]


def key_of(webhook: Webhook) -> str:
    """What a delivery is known by, for ever."""
    return next(value for name, value in webhook[0].items() if name.lower().endswith("event-id"))


class Storefront:
    """One merchant, one shop, one program that pays `percent` of an order to whoever sent the buyer."""

    def __init__(self, app: App, client: Client, domain: str, percent: int) -> None:
        self.app, self.client, self.domain = app, client, domain
        token = f"shpat_{domain}"
        made = client.control("shops", domain=domain, currency="EUR", token=token, secret=SECRET, target=NOWHERE)
        self.refresh_token: str = made["refresh_token"]
        self.merchant = merchants.ensure(app.database, domain)
        self.connection = install(app, "shopify", domain, token, lambda: self.merchant)
        program = {
            "name": "Tea friends",
            "hold_days": 0,
            "advocate": {"kind": "balance", "percent": percent, "expires_days": 180},
            "links": {"hosts": [domain]},
        }
        with app.database.begin(self.merchant) as tx:
            self.program = tx.programs.apply(program).id
        self.friends = 0

    def enrol(self, email: str) -> str:
        """A customer who sends friends; returns the code to share."""
        self.client.control("customers", shop=self.domain, email=email, send=False, earlier_orders=1)
        with self.app.database.begin(self.merchant) as tx:
            return enrol.enrol(tx, self.program, email).code

    def order(self, code: str, *, net: str = "80.00", tracked: bool = False) -> list[Webhook]:
        """A new friend buys through the link with this code; the signed webhooks that tell of it, not yet sent.

        tracked: the platform keeps the visit too, so that the order shows whose it is when it is read later.
        """
        self.friends += 1
        friend = self.client.control(
            "customers", shop=self.domain, email=f"friend{self.friends}@example.org", send=False
        )
        landing = "/tea?" + urlencode({"ref": code, "utm_source": "referral", "utm_medium": "link"})
        evidence: dict[str, Any] = {"landing_site": landing}
        if tracked:
            evidence["visits"] = [{"landing_page": landing, "minutes_ago": 5}]
        made = self.client.control("orders", shop=self.domain, customer=friend["gid"], net=net, send=False, **evidence)
        wanted = [{"topic": topic, "order": made["id"]} for topic in ("orders/create", "orders/paid")]
        rendered = self.client.control("render", shop=self.domain, deliveries=wanted)
        return [(each["headers"], each["body"].encode()) for each in rendered]

    def news(self, count: int) -> list[Webhook]:
        """As many different deliveries, all about one order that nobody was referred to."""
        order = self.client.control("orders", shop=self.domain, email="stranger@example.org", net="5.00", send=False)
        wanted = [{"topic": "orders/paid", "order": order["id"]}] * count
        rendered = self.client.control("render", shop=self.domain, deliveries=wanted)
        return [(each["headers"], each["body"].encode()) for each in rendered]

    def fault(self, fault: str, operation: str = "storeCreditAccountCredit", **more: Any) -> None:
        """Calls of an operation fail like this; see the stand-in's control API."""
        self.client.control("faults", fault=fault, shop=self.domain, operation=operation, **more)

    def entries(self) -> list[dict[str, Any]]:
        """Every credit that really took place here, as the stand-in wrote it down."""
        found = self.client.book()["entries"]
        return [entry for entry in found if entry["shop"] == self.domain and entry["kind"] == "credit"]

    def credits(self) -> list[int]:
        """Their minor units."""
        return [entry["minor"] for entry in self.entries()]

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of this merchant by plain SQL; `:merchant` is bound."""
        with self.app.database.begin(self.merchant) as tx:
            return [dict(row) for row in tx.run(sql, **values).mappings()]

    def lane(self) -> dict[str, Any]:
        """The lane of the connection's calls; `held` says whether somebody's lease on it still runs."""
        held = "owner IS NOT NULL AND expires_at >= clock_timestamp() AS held"
        sql = f"SELECT id, platform, again, epoch, {held} FROM lane WHERE merchant_id = :merchant"
        return next(row for row in self.rows(sql) if row["platform"])

    def stored(self) -> set[str]:
        """The key of every delivery that is kept."""
        return {row["key"] for row in self.rows("SELECT key FROM delivery WHERE merchant_id = :merchant")}

    def deliveries(self, state: str) -> int:
        return int(self.totals()["deliveries"].get(state, 0))

    def totals(self) -> dict[str, Any]:
        return reports.totals(self.app.database, self.merchant)

    def ledger(self) -> dict[str, int]:
        """Balance of each book."""
        return {line["book"]: int(line["amount"]) for line in self.totals()["ledger"]}
