"""What we ask of a shop: the truth about orders, store credit, and notes on its records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.shopify import MANIFEST
from adapters.shopify.api import Client, shaped
from adapters.shopify.inbound import cart_touch, code_touch, visit_touches
from connector.domain.facts import Fact, ObjectRef, OrderPaid, OrderRefunded
from connector.domain.money import Money
from connector.domain.person import EMAIL, normal
from connector.domain.touch import Touch
from connector.errors import Refused, Unavailable, Unknown
from connector.mapping import may_write
from connector.ports.platform import (
    Absent,
    Account,
    Direction,
    Done,
    Effect,
    FieldValue,
    Finding,
    Glance,
    Guard,
    Kit,
    RecordResult,
    RecordWrite,
    Seen,
    Truth,
    Undecidable,
)

Json = Mapping[str, Any]

#: Shopify works the visits of an order out after it was placed; mostly within minutes.
LOOK_AGAIN = timedelta(minutes=5)
#: Our clock and Shopify's may differ by this much.
SKEW = timedelta(minutes=2)
#: 50 credits a page: no account gets more than this within one attempt, so a longer answer is an endless one.
MAX_PAGES = 40
#: As many refunds as refunds.graphql asks for.
REFUNDS_READ = 15
#: metafieldsSet takes no more in one call (2026-10).
MAX_METAFIELDS = 25
_PAID = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})


@dataclass(frozen=True)
class ShopifyOutbound:
    """All calls to shops."""

    client: Client

    def fetch(self, account: Account, refs: Sequence[ObjectRef]) -> Sequence[Truth]:
        """The present truth of up to `read_batch` orders or customers: one call, and one for each refunded order."""
        nodes = self.client.run(account, "orders", {"ids": [ref.id for ref in refs]})
        known = {node["id"]: node for node in nodes if node}
        return [self._truth(account, ref, known.get(ref.id)) for ref in refs]

    def _truth(self, account: Account, ref: ObjectRef, node: Json | None) -> Truth:
        if node is None:
            return Truth(ref, found=False)
        if ref.kind != "order":
            return Truth(ref, found=True, as_of=_time(node["updatedAt"]), buyer=tuple(_buyer(node, None)))
        try:
            paid = _paid(ref, node)
            refunds = self.client.run(account, "refunds", {"id": ref.id}) if paid and _reduced(node) else None
            facts: tuple[Fact, ...] = (paid, *_refunded(paid, node, refunds or {})) if paid else ()
            return _order(ref, node, facts)
        except (ValueError, KeyError, TypeError) as error:
            # One order that cannot be read must not hold up the others that came with it.
            return Truth(ref, found=True, note=f"unreadable: {error}"[:200])

    @shaped
    def glance(self, account: Account, refs: Sequence[ObjectRef]) -> Sequence[Glance]:
        """The visits before orders that show no other sign of a referral, up to `look_batch` in one call."""
        nodes = self.client.run(account, "glance", {"ids": [ref.id for ref in refs]})
        known = {node["id"]: node for node in nodes if node}
        return [_glance(ref, known.get(ref.id)) for ref in refs]

    @shaped
    def find_person(self, account: Account, email: str) -> ObjectRef | None:
        """The customer with exactly this e-mail."""
        found = self.client.run(account, "person", {"email": email.strip()})
        same = found and _email(found) == normal(EMAIL, email)
        return ObjectRef(MANIFEST.person_kind, found["id"]) if same else None

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        """Credit or debit store credit once. Raises NotDone, Unknown, Refused or Gone."""
        amount = {"amount": effect.amount.decimal(), "currencyCode": effect.amount.currency}
        if effect.direction is Direction.CREDIT:
            name, target = "credit", effect.owner
            expires = {"expiresAt": _instant(effect.expires_at)} if effect.expires_at else {}
            given = {"creditInput": {"creditAmount": amount, "notify": False, **expires}}
        else:
            name, target = "debit", effect.holder or effect.owner
            given = {"debitInput": {"debitAmount": amount}}
        payload = self.client.run(account, name, {"id": target, **given}, effect=guard)
        try:
            moved = payload["storeCreditAccountTransaction"]
            return Done(moved["id"], moved["account"]["id"], _time(moved["createdAt"]))
        except (KeyError, TypeError, ValueError) as error:
            words = "a success that does not name its transaction"
            raise Unknown(words, platform=MANIFEST.key, operation=name) from error

    @shaped
    def find(self, account: Account, effect: Effect, claimed: Callable[[str], bool]) -> Finding:
        """Whether `effect` landed on its pinned owner, told by its exact amount and expiry."""
        if effect.direction is not Direction.CREDIT or effect.expires_at is None:
            return Undecidable("Shopify keeps no mark of ours on it: compare the customer's store credit by hand")
        owner, currency = effect.owner, effect.amount.currency
        customer = self._accounts(account, owner, currency)
        if customer is None:
            return Undecidable("the customer is gone or was merged: look where their store credit went")
        held = _held_in(customer, currency)
        if effect.holder and (held is None or held["id"] != effect.holder):
            return Undecidable("the customer's store credit account is another one now: they may have been merged")
        if held is None:
            return Absent()
        credits_since = self._credits(account, held["id"], effect.since - SKEW)
        if credits_since is None:
            return Undecidable("the store credit account disappeared while it was read")
        ours = [c for c in credits_since if _is_ours(c, effect) and not claimed(c["id"])]
        if len(ours) > 1:
            return Undecidable(f"{len(ours)} credits look exactly like this one")
        return Done(ours[0]["id"], held["id"], _time(ours[0]["createdAt"])) if ours else Absent()

    @shaped
    def balance(self, account: Account, owner: str, holder: str, currency: str) -> Money:
        """What the owner holds in this currency; zero before the first credit. Raises Refused for a changed account."""
        customer = self._accounts(account, owner, currency)
        held = _held_in(customer, currency) if customer else None
        if customer is None or (holder and (held is None or held["id"] != holder)):
            raise Refused("the store credit account is gone or belongs to somebody else now", code="ACCOUNT_NOT_FOUND")
        return _money(held["balance"]) if held else Money.zero(currency)

    def _accounts(self, account: Account, owner: str, currency: str) -> Json | None:
        asked = {"owner": owner, "filter": f"currency_code:{currency}"}
        found: Json | None = self.client.run(account, "credit_accounts", asked)
        return found

    def _credits(self, account: Account, holder: str, since: datetime) -> list[Json] | None:
        """Every credit since then, or None where the account is gone. Raises Unavailable rather than stop half-way."""
        found: list[Json] = []
        after = None
        for _ in range(MAX_PAGES):
            asked = {"account": holder, "after": after}
            held = self.client.run(account, "credit_transactions", asked)
            if held is None:
                return None
            page, rows = held["transactions"]["pageInfo"], held["transactions"]["nodes"]
            recent = [row for row in rows if _time(row["createdAt"]) >= since]
            found += [row for row in recent if row.get("id")]
            if len(recent) < len(rows) or not page["hasNextPage"]:
                return found
            after = page["endCursor"]
        raise Unavailable("the credits of this account could not be read to their end", platform=MANIFEST.key)

    @shaped
    def write_records(self, account: Account, writes: Sequence[RecordWrite]) -> Sequence[RecordResult]:
        """Write up to `write_batch` records; what a person changed between our read and our write is left alone."""
        held = self._metafields(account, writes)
        plans = [_plan(write, held) for write in writes]
        refused = {plan.ref: plan.refused for plan in plans if plan.refused}
        for batch in _batches(plan for plan in plans if plan.inputs):
            refused |= self._set(account, batch)
        return [
            RecordResult(p.ref, refused=refused[p.ref]) if p.ref in refused else RecordResult(p.ref, p.names, p.kept)
            for p in plans
        ]

    def _metafields(self, account: Account, writes: Sequence[RecordWrite]) -> Json:
        """What stands in the fields now: by record, then by field; a record that is gone is missing."""
        held: dict[str, dict[str, Json]] = {}
        for space in sorted({name.rpartition(".")[0] for write in writes for name in write.fields}):
            asked = {"ids": sorted({write.ref.id for write in writes}), "namespace": space}
            for node in self.client.run(account, "metafields", asked):
                if node:
                    rows = node["metafields"]["nodes"]
                    held.setdefault(node["id"], {}).update({f"{space}.{row['key']}": row for row in rows})
        return held

    def _set(self, account: Account, batch: Sequence[_Plan]) -> dict[ObjectRef, str]:
        """Write a batch, all or none. Where one record spoils it, each is written alone. Returns refusals."""
        try:
            self.client.run(account, "set_metafields", {"metafields": [row for plan in batch for row in plan.inputs]})
        except Refused as error:
            if len(batch) == 1:
                return {batch[0].ref: error.reason}
            return {ref: reason for plan in batch for ref, reason in self._set(account, [plan]).items()}
        return {}


def build(kit: Kit) -> ShopifyOutbound:
    return ShopifyOutbound(Client(kit))


def _order(ref: ObjectRef, node: Json, facts: tuple[Fact, ...]) -> Truth:
    wait = _wait(node["customerJourneySummary"])
    buyer = tuple(_buyer(node["customer"], node["email"]))
    return Truth(
        ref,
        found=True,
        as_of=_time(node["updatedAt"]),
        placed_at=_placed(node),
        buyer=buyer,
        touches=tuple(_touches(node)),
        facts=facts,
        complete=not wait,
        again_after=wait,
        note="test_order" if node["test"] else "" if buyer else "no_buyer",
    )


def _glance(ref: ObjectRef, node: Json | None) -> Glance:
    if node is None:
        return Glance(ref, found=False)
    journey = node.get("customerJourneySummary")
    hints = dict.fromkeys([*node.get("discountCodes", ()), *(touch.code for touch in visit_touches(journey))])
    at, wait = _time(node["updatedAt"]), _wait(journey)
    return Glance(ref, found=True, as_of=at, hints=tuple(hints), complete=not wait, again_after=wait)


def _wait(journey: Json | None) -> timedelta | None:
    """How long until the visits are known; None when they are, or, as for orders typed by staff, never will be."""
    return None if journey is None or journey["ready"] else LOOK_AGAIN


def _placed(node: Json) -> datetime:
    return _time(node["processedAt"] or node["createdAt"])


def _buyer(customer: Json | None, order_email: str | None) -> Iterator[Seen]:
    if customer:
        yield Seen(MANIFEST.person_kind, customer["id"])
    email = (_email(customer) if customer else "") or normal(EMAIL, order_email or "")
    if email:
        yield Seen(EMAIL, email)


def _email(customer: Json) -> str:
    return normal(EMAIL, (customer.get("defaultEmailAddress") or {}).get("emailAddress") or "")


def _touches(node: Json) -> Iterator[Touch]:
    at = _placed(node)
    # Order.discountCodes also holds titles that staff typed; an application of this type was entered as a code.
    found = [code_touch(row.get("code"), at) for row in node["discountApplications"]["nodes"]]
    found += visit_touches(node["customerJourneySummary"])
    found += [cart_touch(row["key"], row["value"], at) for row in node["customAttributes"]]
    return (touch for touch in found if touch)


def _paid(ref: ObjectRef, node: Json) -> OrderPaid | None:
    """The fact of a captured payment, or None while nothing, or only a part, was paid."""
    if node["displayFinancialStatus"] not in _PAID or not node["subtotalPriceSet"]:
        return None
    captures = [
        _time(row["processedAt"] or row["createdAt"])
        for row in node["transactions"]
        if row["kind"] in {"SALE", "CAPTURE"} and row["status"] == "SUCCESS"
    ]
    return OrderPaid(
        ref,
        as_of=_time(node["updatedAt"]),
        happened_at=max(captures, default=_placed(node)),
        placed_at=_placed(node),
        net=_money(node["subtotalPriceSet"]["shopMoney"]),
        test=node["test"],
        first_order=_first_order(node),
    )


def _first_order(node: Json) -> bool | None:
    """By the order's place in the customer's history; else by how many orders they have.

    The schema does not say where places start to count. Shops see 1 for a first order, so 0 can be nothing later.
    """
    place = (node["customerJourneySummary"] or {}).get("customerOrderIndex")
    if place is not None:
        return bool(place <= 1)
    return str(node["customer"]["numberOfOrders"]) == "1" if node["customer"] else None


def _reduced(node: Json) -> bool:
    """Whether money or goods went back. Goods can go back without money, and money without goods."""
    whole, now = _money(node["subtotalPriceSet"]["shopMoney"]), _money(node["currentSubtotalPriceSet"]["shopMoney"])
    return bool(_money(node["totalRefundedSet"]["shopMoney"])) or now < whole


def _refunded(paid: OrderPaid, node: Json, order: Json) -> Iterator[OrderRefunded]:
    """What each refund, and then a cancellation, took back from the order's net; never more than there was."""
    left, seen = paid.net, Money.zero(paid.net.currency)
    for refund in order.get("refunds", ()):
        amount = _taken(paid.net, refund, order).at_most(left)
        left, seen = left - amount, seen + _money(refund["totalRefundedSet"]["shopMoney"])
        at = _time(refund["processedAt"] or refund["createdAt"])
        yield OrderRefunded(paid.ref, paid.as_of, at, refund["id"], amount)
    unread = _money(node["totalRefundedSet"]["shopMoney"]) - seen
    if len(order.get("refunds", ())) == REFUNDS_READ and Money.zero(unread.currency) < unread:
        amount = _share(paid.net, unread, order).at_most(left)
        left -= amount
        yield OrderRefunded(paid.ref, paid.as_of, paid.as_of, "further", amount)
    if node["cancelledAt"] and left:
        yield OrderRefunded(paid.ref, paid.as_of, _time(node["cancelledAt"]), "cancelled", left)


def _taken(net: Money, refund: Json, order: Json) -> Money:
    """The refund's part of the net: its lines where it has them all, else the net's share of the money."""
    lines = refund["refundLineItems"]
    if not lines["nodes"] or lines["pageInfo"]["hasNextPage"]:
        return _share(net, _money(refund["totalRefundedSet"]["shopMoney"]), order)
    amounts = [_money(line["subtotalSet"]["shopMoney"]) for line in lines["nodes"]]
    return sum(amounts, Money.zero(net.currency))


def _share(net: Money, money: Money, order: Json) -> Money:
    """The net's part of money that went back for anything: goods, shipping, tax."""
    return net.share(money.minor, _money(order["totalPriceSet"]["shopMoney"]).minor)


def _held_in(customer: Json, currency: str) -> Json | None:
    rows: list[Json] = customer["storeCreditAccounts"]["nodes"]
    return next((row for row in rows if row["balance"]["currencyCode"] == currency), None)


def _is_ours(credit: Json, effect: Effect) -> bool:
    """Whether a credit is exactly as we asked for it. An order's refund to store credit is none of ours."""
    return (
        effect.expires_at is not None
        and credit["expiresAt"] is not None
        and _instant(_time(credit["expiresAt"])) == _instant(effect.expires_at)
        and _money(credit["amount"]) == effect.amount
        and credit["event"] in {None, "ADJUSTMENT"}
    )


@dataclass(frozen=True)
class _Plan:
    """What is to be written to one record, what is kept, or why there is nothing to write to."""

    ref: ObjectRef
    names: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    inputs: tuple[Json, ...] = ()
    refused: str = ""


def _plan(write: RecordWrite, held: Json) -> _Plan:
    if write.ref.id not in held:
        return _Plan(write.ref, refused="Shopify has no such record any more")
    rows = held[write.ref.id]
    current = {name: rows.get(name, {}).get("value") for name in write.fields}
    names = tuple(name for name, new in write.fields.items() if may_write(new.policy, current[name], new.value))
    changed = [name for name in names if current[name] != write.fields[name].value]
    inputs = tuple(_input(write.ref, name, write.fields[name], rows.get(name)) for name in changed)
    return _Plan(write.ref, names, tuple(name for name in write.fields if name not in names), inputs)


def _input(ref: ObjectRef, name: str, new: FieldValue, row: Json | None) -> Json:
    """One metafield to set, only if it still is as we read it. A digest of null says: only if there is still none."""
    space, _, key = name.rpartition(".")  # `$app:referral.stage` is the key `stage`
    return {
        "ownerId": ref.id,
        "namespace": space,
        "key": key,
        "type": new.type,
        "value": new.value,
        "compareDigest": row["compareDigest"] if row else None,
    }


def _batches(plans: Iterable[_Plan]) -> Iterator[list[_Plan]]:
    """Whole records, as many as fit into one call."""
    batch: list[_Plan] = []
    for plan in plans:
        if sum(len(p.inputs) for p in (*batch, plan)) > MAX_METAFIELDS and batch:
            yield batch
            batch = []
        batch.append(plan)
    if batch:
        yield batch


def _money(value: Json) -> Money:
    return Money.parse(value["amount"], value["currencyCode"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _instant(moment: datetime) -> str:
    """Whole seconds, which is all that Shopify keeps."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
