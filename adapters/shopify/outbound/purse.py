"""The purse: every kind of credit, each with its own way to be paid, found again, taken back and looked after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from adapters.shopify import MANIFEST
from adapters.shopify.api import Client, shaped
from adapters.shopify.outbound.gift_card import GiftCards
from adapters.shopify.outbound.reward_code import RewardCodes
from adapters.shopify.outbound.store_credit import StoreCredit
from connector.domain.money import Money
from connector.errors import Unknown
from connector.ports.platform import Account, Capability, Done, Effect, Finding, Guard, Holding, Remains


@dataclass(frozen=True)
class Purse:
    """Money, by the kind of credit."""

    client: Client

    @cached_property
    def kinds(self) -> dict[Capability, StoreCredit | GiftCards | RewardCodes]:
        return {
            Capability.BALANCE: StoreCredit(self.client),
            Capability.GIFT_CARD: GiftCards(self.client),
            Capability.CODE: RewardCodes(self.client),
        }

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        """Move the money once. Raises NotDone, Unknown, Refused or Gone."""
        try:
            return self.kinds[effect.capability].issue(account, effect, guard)
        except (KeyError, TypeError, ValueError) as error:
            words = "a success that does not name what was done"
            raise Unknown(words, platform=MANIFEST.key, operation=str(effect.capability)) from error

    @shaped
    def find(self, account: Account, effect: Effect, claimed: Callable[[str], bool]) -> Finding:
        """Whether `effect` landed. A code is one of a kind; other movements may look like another's."""
        match self.kinds[effect.capability]:
            case StoreCredit() | GiftCards() as kind:
                return kind.find(account, effect, claimed)
            case RewardCodes() as codes:
                return codes.find(account, effect)

    @shaped
    def balance(self, account: Account, capability: Capability, owner: str, holder: str, currency: str) -> Money:
        """What is left to take back from. Raises Refused where the holder is gone or another's."""
        match self.kinds[capability]:
            case StoreCredit() as credit:
                return credit.balance(account, owner, holder, currency)
            case GiftCards() | RewardCodes() as bearer:
                return bearer.balance(account, holder, currency)

    @shaped
    def remains(self, account: Account, holdings: Sequence[Holding]) -> Sequence[Remains]:
        """What is left of each, in one call for each kind among them."""
        found: list[Remains] = []
        for capability, kind in self.kinds.items():
            mine = [holding for holding in holdings if holding.capability is capability]
            found += kind.remains(account, mine) if mine else []
        return found
