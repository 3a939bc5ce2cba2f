"""The root fields of code discounts: making, changing and stopping them, and adding redeem codes to one."""

from __future__ import annotations

from typing import Any

from adapters.shopify.sandbox.clock import graphql_time
from adapters.shopify.sandbox.credit import parse_gid
from adapters.shopify.sandbox.discount import BulkCreation, Discount, terms_of
from adapters.shopify.sandbox.discount_rules import code_problem, problems
from adapters.shopify.sandbox.discount_views import bulk_view, discount_view
from adapters.shopify.sandbox.paging import connection
from adapters.shopify.sandbox.part import Part, Stores, View, user_error
from adapters.shopify.sandbox.search import matcher
from adapters.shopify.sandbox.state import gid

_NODES = frozenset({"DiscountCodeNode", "DiscountNode"})
_TWICE = "Codes must be unique within BulkDiscountCodeCreation"
_INPUTS = {
    "DiscountCodeBasic": "basicCodeDiscount",
    "DiscountCodeFreeShipping": "freeShippingCodeDiscount",
    "DiscountCodeBxgy": "bxgyCodeDiscount",
}


class Discounts(Part):
    """Code discounts of one shop."""

    def stores(self) -> Stores:
        held = self.shop.discounts
        return {
            "DiscountNode": (held, lambda d: discount_view(self.world, self.shop, d, typename="DiscountNode")),
            "DiscountCodeNode": (held, self._view),
            "DiscountRedeemCodeBulkCreation": (self.shop.bulk, lambda b: bulk_view(self.world, self.shop, b)),
        }

    def _view(self, discount: Discount) -> View:
        return discount_view(self.world, self.shop, discount, typename="DiscountCodeNode")

    # ── Queries ─────────────────────────────────────────────────────────────────────────────────────────────────

    def query_discountNodes(self, _: Any, **args: Any) -> View:  # noqa: N802 - the schema's name
        now = self.world.clock.now()
        fields = {
            "id": lambda d: d.id,
            "title": lambda d: d.title,
            "status": lambda d: d.status(now),
            "created_at": lambda d: d.created_at,
            "updated_at": lambda d: d.updated_at,
        }
        keep = matcher(args.get("query"), fields)
        rows = [d for d in self.shop.discounts.values() if keep(d)]
        return connection(rows, args, key=lambda d: d.id, view=self.stores()["DiscountNode"][1])

    def query_codeDiscountNode(self, _: Any, id: str) -> View | None:  # noqa: A002, N802
        found = self._find(id)
        return self._view(found) if found else None

    def query_codeDiscountNodeByCode(self, _: Any, code: str) -> View | None:  # noqa: N802
        found = self.shop.find_code(code)
        return self._view(found) if found else None

    def query_discountRedeemCodeBulkCreation(self, _: Any, id: str) -> View | None:  # noqa: A002, N802
        kind, number = parse_gid(id) or ("", 0)
        found = self.shop.bulk.get(number) if kind == "DiscountRedeemCodeBulkCreation" else None
        return bulk_view(self.world, self.shop, found) if found else None

    def _find(self, text: str) -> Discount | None:
        kind, number = parse_gid(text) or ("", 0)
        return self.shop.discounts.get(number) if kind in _NODES else None

    # ── Making and changing ─────────────────────────────────────────────────────────────────────────────────────

    def change_discountCodeBasicCreate(self, _: Any, basicCodeDiscount: View) -> View:  # noqa: N802, N803
        return self._create("DiscountCodeBasic", basicCodeDiscount)

    def change_discountCodeFreeShippingCreate(self, _: Any, freeShippingCodeDiscount: View) -> View:  # noqa: N802, N803
        return self._create("DiscountCodeFreeShipping", freeShippingCodeDiscount)

    def change_discountCodeBxgyCreate(self, _: Any, bxgyCodeDiscount: View) -> View:  # noqa: N802, N803
        return self._create("DiscountCodeBxgy", bxgyCodeDiscount)

    def change_discountCodeBasicUpdate(self, _: Any, id: str, basicCodeDiscount: View) -> View:  # noqa: A002, N802, N803
        return self._update("DiscountCodeBasic", id, basicCodeDiscount)

    def change_discountCodeFreeShippingUpdate(  # noqa: N802
        self,
        _: Any,
        id: str,  # noqa: A002
        freeShippingCodeDiscount: View,  # noqa: N803
    ) -> View:
        return self._update("DiscountCodeFreeShipping", id, freeShippingCodeDiscount)

    def change_discountCodeBxgyUpdate(self, _: Any, id: str, bxgyCodeDiscount: View) -> View:  # noqa: A002, N802, N803
        return self._update("DiscountCodeBxgy", id, bxgyCodeDiscount)

    def change_discountCodeDeactivate(self, _: Any, id: str) -> View:  # noqa: A002, N802
        discount = self._find(id)
        if discount is None:
            return _refused(user_error("INVALID", ["id"], "Code discount does not exist."))
        discount.stop(self.world.clock.now())
        self._written("discount_deactivate", discount, "")
        return self._done(discount)

    def _create(self, kind: str, given: View) -> View:
        found = problems(self.shop, kind, given, None)
        if found:
            return _refused(*(user_error(code, [_INPUTS[kind], *path], words) for code, path, words in found))
        now = self.world.clock.now()
        discount = Discount(self.world.next_id(), kind, terms_of(given, {}), now, now)
        discount.codes[given["code"]] = self.world.next_id()
        self.shop.discounts[discount.id] = discount
        self._written("discount_create", discount, given["code"])
        return self._done(discount)

    def _update(self, kind: str, text: str, given: View) -> View:
        discount = self._find(text)
        if discount is None:
            return _refused(user_error("INVALID", ["id"], "Discount does not exist"))
        found = problems(self.shop, kind, given, discount)
        if given.get("code") and len(discount.codes) > 1:
            found.append(("INVALID", ["code"], "Cannot update the code of a bulk discount."))
        if found:
            return _refused(*(user_error(code, [_INPUTS[kind], *path], words) for code, path, words in found))
        discount.kind, discount.terms = kind, terms_of(given, discount.terms)
        discount.updated_at = self.world.clock.now()
        if given.get("code"):
            (held,) = discount.codes
            discount.codes = {given["code"]: discount.codes[held]}
            discount.uses = [(given["code"], customer) for _, customer in discount.uses]
        self._written("discount_update", discount, given.get("code") or "")
        return self._done(discount)

    def _done(self, discount: Discount) -> View:
        return {"codeDiscountNode": self._view(discount), "userErrors": []}

    def _written(self, kind: str, discount: Discount, code: str) -> None:
        self.note(kind, id=gid("DiscountCodeNode", discount.id), owner="", key=discount.title, value=code)

    # ── Redeem codes ────────────────────────────────────────────────────────────────────────────────────────────

    def change_discountRedeemCodeBulkAdd(self, _: Any, codes: list[View], discountId: str) -> View:  # noqa: N802, N803
        """Each code has its own result: one that a discount, or this very call, already has is refused alone."""
        discount = self._find(discountId)
        if discount is None:
            return {
                "bulkCreation": None,
                "userErrors": [user_error("INVALID", ["discountId"], "Code discount does not exist.")],
            }
        if not codes:
            return {"bulkCreation": None, "userErrors": [user_error("BLANK", ["codes"], "Codes can't be blank")]}
        bulk = BulkCreation(self.world.next_id(), discount.id, self.world.clock.now())
        seen: set[str] = set()
        for given in codes:
            code = given["code"]
            again = code.lower() in seen
            seen.add(code.lower())
            bulk.results.append((code, None, _TWICE) if again else self._add(discount, code))
        self.shop.bulk[bulk.id] = bulk
        return {"bulkCreation": bulk_view(self.world, self.shop, bulk), "userErrors": []}

    def _add(self, discount: Discount, code: str) -> tuple[str, int | None, str]:
        if problem := code_problem(self.shop, code):
            return code, None, problem[1]
        number = self.world.next_id()
        discount.codes[code] = number
        discount.updated_at = self.world.clock.now()
        self.note(
            "redeem_code",
            id=gid("DiscountRedeemCode", number),
            owner=gid("DiscountCodeNode", discount.id),
            key=discount.title,
            value=code,
        )
        return code, number, ""


def _refused(*errors: View) -> View:
    return {"codeDiscountNode": None, "userErrors": list(errors)}


def plain_terms(title: str, now: Any, **more: Any) -> View:
    """What the control API's discount is: ten percent off everything, for everybody, from now on."""
    gets = {"items": {"all": True}, "value": {"percentage": 0.1}}
    return {"title": title, "startsAt": graphql_time(now), "context": {"all": "ALL"}, "customerGets": gets, **more}
