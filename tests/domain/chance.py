"""Chance: random programs and random stories, with several things wrong at once; the same ones for the same seed."""

from __future__ import annotations

from random import Random
from typing import Any

from connector.domain.case import Case
from tests.domain.story import case


def a_program(chance: Random, wild: float) -> dict[str, Any]:
    """A program with many rules that may be broken. wild: how much of all that it may have it has, 0 to 1."""

    def maybe(likely: float, *choices: Any) -> Any:
        return chance.choice(choices) if chance.random() < likely * wild else None

    data: dict[str, Any] = {
        "name": "Friends",
        "event": maybe(0.5, "order_paid", "order_fulfilled", "invoice_paid", "deal_won", "job_done"),
        "mode": chance.choice(["test", "shadow", "pilot", "live", "live", "live"]),
        "window_days": maybe(0.5, 1, 10, 30),
        "minimum_net": maybe(0.4, "50.00 EUR", "0.50 EUR", "1000.00 EUR"),
        "new_customers_only": maybe(0.5, True, False),
        "advocate": chance.choice([{"percent": 10}, {"amount": "9.00 EUR"}, {"percent": 50, "cap": "8.00 EUR"}, {"kind": "thanks"}, None]),
        "friend": maybe(0.3, {"kind": "code", "amount": "4.00 EUR"}),
        "rates": maybe(0.2, {"USD": "0.92 EUR"}, {"JPY": "0.0061 EUR"}),
        "caps": maybe(0.3, {"rewards": 2}, {"amount": "20.00 EUR", "period": "month"}, {"rewards": 3, "amount": "30.00 EUR"}),
        "budget": maybe(0.3, {"amount": "100.00 EUR"}, {"amount": "12.00 EUR", "period": "year"}),
        "review": maybe(0.4, {"when": "always"}, {"when": "always", "decline_after_days": 5}, {"when": "never"}),
        "milestones": maybe(0.2, [{"at": 1, "amount": "25.00 EUR"}]),
        "tiers": maybe(0.2, {"steps": [{"from": 2, "percent": 20}, {"from": 4, "amount": "30.00 EUR"}]}),
        "qualify": maybe(0.2, {"payment": "each", "payments": 2}, {"payment": "nth", "payments": 2}),
        "clawback": maybe(0.3, {"after_issue": "review"}, {"after_issue": "absorb"}),
        "orders": {
            "products": maybe(0.3, ["tea"], ["tea", "cup"]),
            "except_products": maybe(0.2, ["sale"], ["mug"]),
            "countries": maybe(0.3, ["DE"], ["DE", "AT"]),
            "except_countries": maybe(0.2, ["CH"], ["FR", "CH"]),
            "currencies": maybe(0.3, ["EUR"], ["CHF"]),
            "tax": maybe(0.3, "excluded", "included"),
        },
    }  # fmt: skip
    if data["mode"] == "pilot":
        data["pilot"] = chance.choice([{"group": "vip"}, {"percent": 0.01}, {"group": "vip", "cap": 1}])
    if not data["advocate"]:
        data["tiers"] = None
    if not (data["advocate"] or data["friend"]):
        data["offer"] = {"kind": "shipping"}
    return {name: kept for name, value in data.items() if (kept := _said(value)) not in (None, {})}


def _said(value: Any) -> Any:
    return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


def _deed(chance: Random, event: str, wild: float) -> list[str]:
    """What the friend did, and what spoils it."""

    def spoilt(usual: str, *choices: str) -> str:
        return chance.choice(choices) if chance.random() < wild / 2 else usual

    verb = {"invoice_paid": "invoice", "deal_won": "won", "job_done": "job"}.get(event, "order")
    currency = spoilt("EUR", "USD", "JPY")
    minor = int(spoilt("10000", "0", "40", "2500"))
    whole = f"{minor}" if currency == "JPY" else f"{minor / 100:.2f}"
    words = [f"d0 {verb} {whole} {currency} first={spoilt('yes', 'no', 'unknown')} kind={spoilt('real', 'test')}"]
    words += [f"in={spoilt('EUR', 'GBP', 'CHF')}"] if chance.random() < 0.5 else []
    words += [f"to={spoilt('DE', 'CH', 'FR')}"] if chance.random() < 0.7 else []
    words += ["tax=0"] if chance.random() < 0.6 else []
    if chance.random() < 0.7:
        words.append(f"items={spoilt('tea', 'mug', 'tea,sale', 'cup,mug')}:{whole}{spoilt('/0', '')}")
    told = [" ".join(words)]
    if chance.random() < wild / 4:
        told.append(f"d1 refund {whole} {currency} of={'deal' if verb == 'won' else verb}")
    if chance.random() < 0.3:
        told.append(" ".join([*words, "id=B"]).replace("d0", "d2").replace("first=yes", "first=no"))
    if event == "order_fulfilled" and chance.random() < 0.9:
        told.append("d0 fulfilled")
    if event == "deal_won" and chance.random() < 0.3:
        told.append("d2 reopened")
    return told


def a_story(chance: Random, data: dict[str, Any], wild: float) -> Case:
    """What people did, with several things wrong at once."""
    told = _deed(chance, data.get("event", "order_paid"), wild) if chance.random() < 0.95 else []
    said = chance.random() / wild
    told += ["d3 declined Eva a reseller"] if said < 0.15 else ["d3 appealed Anna please look"] if said < 0.25 else []
    told += ["d2 released Eva"] if chance.random() < 0.2 else []
    about: dict[str, Any] = {
        "settled": chance.random() < 0.1,
        "duplicate": chance.random() < wild / 8,
        "self": chance.random() < wild / 8,
        "groups": chance.choice([["testers"], ["vip"], []]),
        "standing": chance.choice(
            [
                {},
                {"rewards": 2, "earned": "19.00 EUR", "spent": "90.00 EUR", "piloted": 1},
                {"rewards": 3, "earned": "30.00 EUR", "spent": "150.00 EUR", "friends": 3, "ever": 3},
            ]
        ),
        "evidence": chance.choice([{}, {"shared": ["phone"]}, {"shared": ["mailbox"]}, {"guesses": 50, "by_advocate": 99}]),
    }  # fmt: skip
    return case(told, now=chance.choice(["d4", "d14", "d40", "d400"]), **about)
