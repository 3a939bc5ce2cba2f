"""What we ask of a shop, one idea a file: reads, records, the purse, offers, history, the pixel, news, codes."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.shopify.api import Client
from adapters.shopify.outbound.history import History
from adapters.shopify.outbound.offers import Offers
from adapters.shopify.outbound.pixel import Pixel
from adapters.shopify.outbound.purse import Purse
from adapters.shopify.outbound.reads import Reads
from adapters.shopify.outbound.records import Records
from adapters.shopify.outbound.shelf import Shelf
from adapters.shopify.outbound.telling import Telling
from connector.ports.platform import Kit


@dataclass(frozen=True)
class ShopifyOutbound(Reads, Records, Purse, Offers, History, Pixel, Telling, Shelf):
    """All calls to shops."""


def build(kit: Kit) -> ShopifyOutbound:
    return ShopifyOutbound(Client(kit))
