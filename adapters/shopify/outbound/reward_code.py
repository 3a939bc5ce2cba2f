"""Single-use discount codes as rewards: the code is ours to choose, and what it is worth can be set outright."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.shopify import MANIFEST
from adapters.shopify.api import Client
from adapters.shopify.outbound.values import Json, instant, money, time
from connector.domain.money import Money
from connector.errors import Refused, Unknown
from connector.ports.platform import (
    Absent,
    Account,
    Direction,
    Done,
    Effect,
    Finding,
    Guard,
    Holding,
    Remains,
    Undecidable,
)


@dataclass(frozen=True)
class RewardCodes:
    """A discount of its own for each reward, good once, for the customer alone where there is one."""

    client: Client

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        if effect.direction is Direction.DEBIT:
            return self._take(account, effect, guard)
        try:
            made = self.client.run(account, "reward_code_create", {"discount": _discount(effect)}, effect=guard)
        except Refused as error:
            if error.code not in {"TAKEN", "DUPLICATE"} and "unique" not in error.reason:
                raise
            found = self._ours(account, effect)
            if found is None:  # it certainly exists, so it must not be paid in another way
                raise Unknown("the code exists and cannot be found yet", platform=MANIFEST.key) from error
            return found
        node = made["codeDiscountNode"]
        return Done(node["id"], node["id"])

    def _take(self, account: Account, effect: Effect, guard: Guard) -> Done:
        """Set what is left of it, or switch it off: doing it twice changes nothing."""
        if effect.leaves:
            worth = {"customerGets": {"value": _worth(effect.leaves)}}
            asked = {"id": effect.holder, "discount": worth}
            node = self.client.run(account, "reward_code_update", asked, effect=guard)["codeDiscountNode"]
        else:
            asked = {"id": effect.holder}
            node = self.client.run(account, "discount_deactivate", asked, effect=guard)["codeDiscountNode"]
        return _taken(node, effect)

    def find(self, account: Account, effect: Effect) -> Finding:
        if effect.direction is Direction.CREDIT:
            return self._ours(account, effect) or Absent()
        node = self._node(account, effect.holder)
        if node is None:
            return Undecidable("Shopify has no such discount any more: look in its timeline what became of it")
        wanted = effect.leaves or Money.zero(effect.amount.currency)
        return _taken(node, effect) if _value(node) == wanted else Absent()

    def balance(self, account: Account, holder: str, currency: str) -> Money:
        """What the code is worth: nothing once it was used, or switched off."""
        node = self._node(account, holder)
        if node is None:
            raise Refused("the discount is gone", code="INVALID")
        return Money.zero(currency) if _used(node) else _value(node)

    def remains(self, account: Account, holdings: Sequence[Holding]) -> list[Remains]:
        nodes = self.client.run(account, "reward_codes_left", {"ids": [holding.holder for holding in holdings]})
        known = {node["id"]: node for node in nodes if node}
        return [_remains(holding, known.get(holding.holder)) for holding in holdings]

    def _node(self, account: Account, holder: str) -> Json | None:
        found: Json | None = self.client.run(account, "reward_code", {"id": holder})
        return found

    def _ours(self, account: Account, effect: Effect) -> Done | None:
        """The discount under our code, which nobody else can have chosen."""
        node = self.client.run(account, "reward_code_by_code", {"code": effect.code})
        return Done(node["id"], node["id"]) if node else None


def _worth(amount: Money) -> Json:
    return {"discountAmount": {"amount": amount.decimal(), "appliesOnEachItem": False}}


def _discount(effect: Effect) -> Json:
    buyers: Json = {"all": "ALL"} if effect.guest else {"customers": {"add": [effect.owner]}}
    return {
        "title": f"Referral reward {effect.marker}",
        "code": effect.code,
        "startsAt": instant(effect.since),
        "endsAt": instant(effect.expires_at) if effect.expires_at else None,
        "usageLimit": 1,
        "context": buyers,
        "combinesWith": {"productDiscounts": True, "shippingDiscounts": True, "orderDiscounts": False},
        "customerGets": {"items": {"all": True}, "value": _worth(effect.amount)},
    }


def _used(node: Json) -> bool:
    return bool(node["codeDiscount"]["asyncUsageCount"])


def _value(node: Json) -> Money:
    """What a use of it takes off an order now; nothing once it ended."""
    worth = _worth_of(node)
    return Money.zero(worth.currency) if node["codeDiscount"]["status"] == "EXPIRED" else worth


def _worth_of(node: Json) -> Money:
    """The amount it is made out to. Raises Refused where staff made something else of it."""
    value = (node["codeDiscount"].get("customerGets") or {}).get("value") or {}
    if "amount" not in value:
        raise Refused("somebody made another kind of discount of this reward's code: settle it by hand", code="CHANGED")
    return money(value["amount"])


def _taken(node: Json, effect: Effect) -> Done:
    """A use that slipped in before the change took all of it: then nothing came back."""
    left = effect.leaves.minor if effect.leaves else 0
    transaction = f"{node['id']} set to {left}"  # Shopify gives a change no id of its own
    amount = Money.zero(effect.amount.currency) if _used(node) else effect.amount
    return Done(transaction, node["id"], amount=amount)


def _remains(holding: Holding, node: Json | None) -> Remains:
    """Both an end and a switch show as EXPIRED; a switch also sets the end to its own moment."""
    if node is None:
        return Remains(holding, None)
    try:
        discount, worth = node["codeDiscount"], _worth_of(node)
    except Refused:  # nobody can tell any more what it is worth: the last that was known stands
        return Remains(holding, None)
    left = Money.zero(worth.currency) if _used(node) else worth
    over = discount["status"] == "EXPIRED"
    planned = instant(holding.expires_at) if holding.expires_at else None
    ends = instant(time(discount["endsAt"])) if discount["endsAt"] else None
    return Remains(holding, left, ended=over and ends == planned, closed=over and ends != planned)
