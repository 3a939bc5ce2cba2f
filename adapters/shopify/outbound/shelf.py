"""Shelf: which codes the shop redeems, before they are given to anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.shopify.api import Client, shaped
from connector.ports.platform import Account


@dataclass(frozen=True)
class Shelf:
    """The codes of the shop's discounts, whoever made them."""

    client: Client

    @shaped
    def known_codes(self, account: Account, codes: Sequence[str]) -> set[str]:
        """Those that a discount has, in one call."""
        found = self.client.each(account, [("code_known", {"code": code}) for code in codes])
        return {code for code, node in zip(codes, found, strict=True) if node}
