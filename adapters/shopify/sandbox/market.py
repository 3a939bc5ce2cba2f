"""The proof's shop on the stand-in: any number of buyers whom advocates sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from adapters.shopify.sandbox.client import Client
from connector.domain.money import Money
from connector.ports.market import NO_SUSPICION

#: Calls that move money.
_PAYING = ("storeCreditAccountCredit", "giftCardCreate", "giftCardDebit")
_DOMAIN, _TOKEN, _CURRENCY = "annas-tea.myshopify.com", "shpat_proof", "EUR"


def open_market(sandbox: str) -> Shop:
    """The shop on the stand-in at this address."""
    return Shop(Client(sandbox))


@dataclass
class Shop:
    """The Market of `connector.ports.market`. Every other advocate never bought here, so they get gift cards.

    customers: of those who did, by e-mail. carded: sales whose reward is a card.
    """

    client: Client
    customers: dict[str, str] = field(default_factory=dict)
    carded: set[str] = field(default_factory=set)

    @property
    def base_url(self) -> str:
        return f"{self.client.url}/{{shop}}"

    @property
    def program(self) -> Mapping[str, Any]:
        reward = {"kind": "balance", "fallback": ["gift_card"], "percent": 10, "expires_days": 180}
        return {
            "name": "Tea friends",
            "hold_days": 0,
            "fraud": NO_SUSPICION,
            "advocate": reward,
            "links": {"hosts": [_DOMAIN]},
        }

    @property
    def faults(self) -> Sequence[Mapping[str, Any]]:
        kinds = ("throttled", "5xx_before", "5xx_after", "cut_after", "html_200")
        paying = [{"fault": kind, "operation": call, "probability": 0.04} for call in _PAYING for kind in kinds]
        return [*paying, {"fault": "throttled", "probability": 0.01}]

    def open(self, webhooks: str, secret: str, advocates: Sequence[str]) -> tuple[str, str]:
        told: dict[str, Any] = {
            "domain": _DOMAIN,
            "currency": _CURRENCY,
            "token": _TOKEN,
            "secret": secret,
            "target": webhooks,
        }
        self.client.control("shops", **told)
        for email in advocates[::2]:
            self.customers[email] = self._customer(email, earlier_orders=1)
        return _DOMAIN, _TOKEN

    def owner(self, advocate: str) -> str:
        return self.customers.get(advocate, "")

    def sell(self, number: int, advocate: str, code: str, minor: int) -> str:
        query = urlencode({"ref": code, "utm_source": "referral", "utm_medium": "link", "utm_content": code})
        buyer, net = self._customer(f"friend{number}@example.org"), Money(minor, _CURRENCY).decimal()
        order = self.client.control("orders", shop=_DOMAIN, customer=buyer, net=net, landing_site=f"/tea?{query}")
        if advocate not in self.customers:
            self.carded.add(str(order["id"]))
        return str(order["id"])

    def undo(self, sale: str, minor: int) -> int:
        """Half of it. A debit of store credit bears no mark before API 2027-01, so that only cards are debited here."""
        if sale not in self.carded:
            return 0
        self.client.control(f"orders/{sale}/refund", amount=Money(minor // 2, _CURRENCY).decimal())
        return minor // 2

    def _customer(self, email: str, **more: Any) -> str:
        return str(self.client.control("customers", shop=_DOMAIN, email=email, send=False, **more)["gid"])
