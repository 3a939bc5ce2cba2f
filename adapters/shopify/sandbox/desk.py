"""What the parts of the control API have in common: finding a shop or an order, and sending the webhooks of a change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from adapters.shopify.sandbox import webhooks

if TYPE_CHECKING:
    from adapters.shopify.sandbox.book import Book
    from adapters.shopify.sandbox.faults import Fault
    from adapters.shopify.sandbox.orders import Order
    from adapters.shopify.sandbox.state import Customer, Shop, World
    from adapters.stand_in_faults import Faults

Json = dict[str, Any]
#: Verb, pattern below /_control/, and what is done with the body and the pattern's groups.
Route = tuple[str, str, Callable[..., Json | list[Json]]]


class MissingError(LookupError):
    """What was named does not exist; answered with 404."""


@dataclass
class Desk:
    """Carries out control requests on the world."""

    world: World
    book: Book
    faults: Faults[Fault]
    sender: webhooks.Sender

    def shop(self, domain: str) -> Shop:
        found = self.world.shops.get(domain)
        if found is None:
            raise MissingError(f"there is no shop {domain}; POST /_control/shops makes one")
        return found

    def order(self, number: int) -> tuple[Shop, Order]:
        for shop in self.world.shops.values():
            if number in shop.orders:
                return shop, shop.orders[number]
        raise MissingError(f"there is no order {number}")

    def customer(self, number: int) -> tuple[Shop, Customer]:
        for shop in self.world.shops.values():
            if number in shop.customers:
                return shop, shop.customers[number]
        raise MissingError(f"there is no customer {number}")

    def tell(self, data: Json, shop: Shop, *items: tuple[str, Json]) -> None:
        """Send the webhooks of one change in the background, all with one event id, unless `send` is false."""
        if not data.get("send", True):
            return
        event, at = str(uuid4()), self.world.clock.now()
        for topic, body in items:
            self.sender.later(webhooks.build(shop, topic, body, at, event=event))
