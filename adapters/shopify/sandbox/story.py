"""The demo's story on the stand-in: orders as a shop would have them, and the book read back over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from adapters.shopify.sandbox.client import Client
from adapters.stand_in_story import expected, moved, until
from connector.domain.money import Money
from connector.ports.story import Moved

_TOKEN = "shpat_demo"  # noqa: S105  (a stand-in's token opens nothing)
_BEARER = "bearer of a card"
_KINDS = {"credit": "credit", "debit": "debit", "gift_card_issue": "credit", "gift_card_debit": "debit"}
#: Each order is told more than once and out of order, as the platform does on a bad day.
_COPIES = 3


def open_story(sandbox: str) -> ShopStory:
    """The story on the stand-in at this address."""
    return ShopStory(Client(sandbox), yaml.safe_load((Path(__file__).parent / "story.yaml").read_text()))


@dataclass
class ShopStory:
    """The Story of `connector.ports.story` for an online shop."""

    client: Client
    data: Mapping[str, Any]
    people: dict[str, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return f"{self.client.url}/{{shop}}"

    @property
    def program(self) -> Mapping[str, Any]:
        return dict(self.data["program"])

    @property
    def advocates(self) -> Mapping[str, str]:
        return dict(self.data["advocates"])

    @property
    def _shop(self) -> str:
        return str(self.data["shop"]["domain"])

    def open_shop(self, webhooks: str, secret: str) -> tuple[str, str]:
        """Open the shop and its advocates' customer accounts."""
        self.client.control("shops", **self.data["shop"], token=_TOKEN, secret=secret, target=webhooks)
        for name, email in self.advocates.items():
            if name not in self.data["without_account"]:
                self._customer(name, email, earlier_orders=1)
        return self._shop, _TOKEN

    def _customer(self, name: str, email: str, **more: Any) -> str:
        made = self.client.control(
            "customers", shop=self._shop, email=email, first_name=name, last_name="Example", send=False, **more
        )
        self.people[name] = made["gid"]
        return str(made["id"])

    def play(self, codes: Mapping[str, str]) -> Iterator[str]:
        """Each friend orders; some orders are refunded or cancelled once their reward was paid."""
        until(lambda: set(codes.values()) <= self._redeemable())
        yield f"the friends' discount is in the shop, with a code for each of {len(codes)} advocates"
        orders = {}
        for friend in self.data["friends"]:
            email = self.advocates.get(friend["name"], f"{friend['name'].lower()}@example.org")
            customer = friend["name"] in self.people or self._customer(friend["name"], email)
            code = codes.get(friend.get("sent_by", ""), "")
            order = self.client.control(
                "orders",
                shop=self._shop,
                customer=self.people[friend["name"]] if customer else email,
                net=friend["net"],
                test=friend.get("test", False),
                send=False,
                **_evidence(friend["through"], code),
            )
            orders[friend["name"]] = order["id"]
            deliveries = [{"topic": topic, "order": order["id"]} for topic in ("orders/create", "orders/paid")]
            self.client.control("send", shop=self._shop, deliveries=deliveries, copies=_COPIES, shuffle=True)
            sender = f"sent by {friend['sent_by']} through {friend['through']}" if code else "sent by nobody"
            yield f"{friend['name']} orders for {friend['net']}, {sender}"
        yield from self._undo(orders)

    def _undo(self, orders: Mapping[str, int]) -> Iterator[str]:
        """Refunds and cancellations come after the reward was paid, so that it has to be taken back."""
        paid = [m for m in self.expected() if m.kind == "credit"]
        until(lambda: len([m for m in self.book() if m.kind == "credit"]) >= len(paid))
        yield f"{len(paid)} rewards are on the advocates' accounts and cards"
        for friend in self.data["friends"]:
            order = orders[friend["name"]]
            if "refund" in friend:
                self.client.control(f"orders/{order}/refund", amount=friend["refund"])
                yield f"{friend['name']} gets {friend['refund']} back"
            if friend.get("cancel"):
                self.client.control(f"orders/{order}/cancel", reason="customer")
                yield f"{friend['name']} cancels"
        self.client.control("drain", timeout_s=10)

    def _redeemable(self) -> set[str]:
        """Every code that a checkout of this shop would take."""
        (shop,) = self.client.control("state", verb="GET")["shops"]
        return {code for discount in shop["discounts"] for code in discount["codes"]}

    def expected(self) -> list[Moved]:
        """What the book must hold at the end, from story.yaml."""
        return expected(self.data["expect"], self.data["shop"]["currency"])

    def book(self) -> list[Moved]:
        """The stand-in's own book: every movement of store credit and gift cards."""
        names = {gid: name for name, gid in self.people.items()}
        return [
            moved(
                names.get(entry["customer"], _BEARER), _KINDS[entry["kind"]], Money(entry["minor"], entry["currency"])
            )
            for entry in self.client.book()["entries"]
            if entry["kind"] in _KINDS
        ]


def _evidence(through: str, code: str) -> dict[str, Any]:
    """How the advocate's code shows on the order."""
    query = urlencode({"ref": code, "utm_source": "referral", "utm_medium": "link", "utm_content": code})
    match through:
        case "link":
            return {"landing_site": f"/collections/tea?{query}"}
        case "discount":
            return {"discounts": [{"kind": "code", "name": code.lower(), "amount": "5.00"}]}
        case "manual":
            return {"discounts": [{"kind": "manual", "name": code, "amount": "5.00"}]}
        case "visit":
            return {"visits": [{"landing_page": f"/collections/tea?{query}", "source": "direct", "minutes_ago": 60}]}
        case _:
            return {}
