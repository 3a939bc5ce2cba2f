"""Bills: an advocate's credit on a draft invoice, as a discount of HubSpot's own kind.

A line item cannot have a negative price, and credit memos have no API; a fixed discount on a draft is what HubSpot lets
an app write. The discount bears our mark in its label, and so does the line in the contact's history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from adapters.hubspot import MANIFEST
from adapters.hubspot.api import VERSION, Client, Json, shaped
from adapters.hubspot.outbound.values import held
from adapters.hubspot.outbound.wallet import Wallet
from adapters.plain import rows, text_of
from connector import clock
from connector.errors import Refused, Unknown
from connector.ports.bills import Deduction
from connector.ports.platform import Account, Capability, Direction, Effect, Guard

_DISCOUNT, _INVOICE = "0-84", "0-53"
_NAMES = ("hs_invoice_status", "hs_currency")


@dataclass(frozen=True)
class Bills:
    """Discounts on draft invoices."""

    client: Client

    def deduct(self, account: Account, deduction: Deduction, guard: Guard) -> None:
        """The discount first, then the balance: between the two nobody has lost anything."""
        wallet = Wallet(self.client)
        if not self._stands(account, deduction):
            self._check(account, deduction, wallet)
            self._discount(account, deduction, guard)
        wallet.issue(account, _debit(deduction), guard)

    @shaped
    def _stands(self, account: Account, deduction: Deduction) -> bool:
        """Whether a discount with our mark is on the invoice."""
        path = f"/crm/associations/{VERSION}/{_INVOICE}/{_DISCOUNT}/batch/read"
        body = {"inputs": [{"id": deduction.bill}]}
        told = self.client.run(account, "POST", path, operation="discounts_of_invoice", body=body)
        ids = [text_of(each["toObjectId"]) for row in rows(told["results"]) for each in rows(row["to"])]
        found = self.client.read(account, "discount", ids, ("hs_label",)).found.values() if ids else ()
        return any(deduction.marker in held(record, "hs_label") for record in found)

    @shaped
    def _check(self, account: Account, deduction: Deduction, wallet: Wallet) -> None:
        record = self.client.read(account, "invoice", [deduction.bill], _NAMES).found.get(deduction.bill)
        if record is None:
            raise _refused(f"there is no invoice {deduction.bill} in HubSpot")
        if held(record, "hs_invoice_status").casefold() != "draft":
            raise _refused("credit can be taken off a draft alone: this invoice was sent already")
        currency, amount = held(record, "hs_currency"), deduction.amount
        if currency != amount.currency:
            raise _refused(f"the invoice is in {currency}, and the credit in {amount.currency}")
        left = wallet.balance(account, Capability.BALANCE, deduction.holder, deduction.holder, amount.currency)
        if left < amount:
            raise _refused(f"{amount} cannot be applied: {left} is left")

    def _discount(self, account: Account, deduction: Deduction, guard: Guard) -> None:
        """Made, then put on the invoice; one that was made and not put there costs nobody anything."""
        properties = {
            "hs_label": f"Referral credit (mark:{deduction.marker})",
            "hs_type": "FIXED",
            "hs_value": deduction.amount.decimal(),
        }
        body: dict[str, Any] = {"properties": properties, "associations": []}
        path = f"/crm/objects/{VERSION}/discounts"
        made = self._made(account, path, body, guard)
        path = f"/crm/objects/{VERSION}/discounts/{{fromObjectId}}/associations/default/invoices/{{toObjectId}}"
        filled = {"fromObjectId": text_of(made.get("id")), "toObjectId": deduction.bill}
        self.client.run(account, "PUT", path, operation="discount_invoice", filled=filled, changes=True, effect=guard)

    def _made(self, account: Account, path: str, body: Json, guard: Guard) -> Json:
        made = self.client.run(account, "POST", path, operation="make_discount", body=body, changes=True, effect=guard)
        if not text_of(made.get("id")):
            raise Unknown("a success that names no discount", platform=MANIFEST.key, operation="make_discount")
        return made


def _debit(deduction: Deduction) -> Effect:
    """What the contact's history says of it."""
    return Effect(
        id=uuid4(),
        capability=Capability.BALANCE,
        direction=Direction.DEBIT,
        owner=deduction.holder,
        holder=deduction.holder,
        amount=deduction.amount,
        marker=deduction.marker,
        since=clock.now(),
    )


def _refused(words: str) -> Refused:
    return Refused(words, code="BILL", platform=MANIFEST.key, operation="deduct")
