"""Every row of the golden table earns its place: no other row shows the same, or it alone catches a slip in the rules.

A slip is one small mistake that somebody could make in connector/domain. The rules are loaded with it, the whole table is
run, and the rows that turn red have caught it.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

import pytest

from tests.domain.test_golden_table import DOMAIN, STORY, TABLE, wrong

#: What somebody got wrong, the file, the text as it is, and as they would have written it.
SLIPS: list[tuple[str, str, str, str]] = [
    # ── when ──
    ("the window ends a second early", "stages", "case.now >= deadline:", "case.now + program.window / 10**6 >= deadline:"),
    ("the window never ends", "stages", "case.now >= deadline:", "False:"),
    ("a refund makes a payment", "stages", "if not docket.deeds.payments:", "if not (docket.deeds.payments or docket.deeds.refunds):"),
    ("unfulfilled counts", "deeds", "if isinstance(fact, OrderFulfilled)}", "if isinstance(fact, OrderFulfilled)} or {d.ref: d.happened_at for d in found}"),
    ("any fulfilled order will do", "deeds", "if deed.ref in handed", "if handed"),
    ("the hold counts from the payment", "deeds", "happened_at=max(deed.happened_at, handed[deed.ref])", "happened_at=deed.happened_at"),
    ("of two at once the first by number earns", "deeds", "deed.first_order is False, ", ""),
    ("any deed will do", "deeds", "type(fact) is not EVENTS[program.event]", "False"),
    ("any stage will do", "deeds", "stage.casefold() == program.stage.casefold()", "True"),
    ("stages are compared to the letter", "deeds", "stage.casefold() == program.stage.casefold()", "stage == program.stage"),
    ("any value will do", "deeds", "(name.casefold(), value.casefold()) == asked", "True"),
    ("values are compared to the letter", "deeds", "(program.property_name.casefold(), program.property_value.casefold())", "(program.property_name, program.property_value)"),
    ("jobs have no words of their own", "stages", '"job_done": "The job is not done yet.",', ""),
    ("deals have no words of their own", "stages", '"deal_won": "No deal is won yet.",', ""),
    ("invoices have no words of their own", "stages", '"invoice_paid": "No invoice is paid yet.",', ""),
    ("a deal need not stay won", "deeds", "if found and program.stays:", "if False:"),
    ("a deal that stayed won is held from its first day", "owed", "deed.happened_at + program.stays + program.hold", "deed.happened_at + program.hold"),
    ("a reopened deal is one that never was", "deeds", "isinstance(fact, DealWon) for fact in every", "False for fact in every"),
    ("the oldest news stands", "facts", "sorted(facts, key=_age)", "sorted(facts, key=_age, reverse=True)"),
    ("the nth payment is the one after", "deeds", "found[program.payments - 1 : program.payments]", "found[program.payments : program.payments + 1]"),
    ("each payment earns, without end", "deeds", "found[: program.payments]", "found"),
    ("deals end what orders began", "deeds", 'program.event == "deal_won" and any(', "any("),
    ("a small second payment refuses the first", "stages", "if broken[0] is not None:\n        return _refused(broken[0])", "if any(broken):\n        return _refused(next(filter(None, broken)))"),
    ("an early release is not told", "stages", 'f"{share} Released early by {first}." if first else share,', "share,"),
    ("any release is an early one", "stages", " if fact.happened_at < plan.release_at", ""),
    ("a release is of all payments", "stages", "if fact.ref in paid_for or fact.ref.kind == REFERRAL", "if True"),
    ("what staff release stays held", "stages", " or fact.ref.kind == REFERRAL", ""),
    ("each payment must be the first", "stages", "deed, worth, docket.deeds.opening)", "deed, worth, deed)"),
    ("the first that earns is the first of all", "deeds", "opening = found[0] if found else None", "opening = next(iter(_earning(program, found)), None)"),
    ("a won deal cannot be thought of as won", "stages", "forget=frozenset({DealReopened.__name__})", "forget=frozenset()"),
    ("nothing can be thought away", "remedies", "if type(fact).__name__ not in remedy.forget", "if True"),
    # ── who ──
    ("a paid duplicate counts", "rules", "    _duplicate,\n", ""),
    ("an unpaid duplicate counts", "stages", "if case.duplicate:", "if False:"),
    ("all may test in a test", "rules", "look.program.mode is Mode.TEST and TESTERS in look.case.groups", "look.program.mode is Mode.TEST"),
    ("testers cannot test", "rules", "TESTERS in look.case.groups):", "False):"),
    ("testers test for ever", "rules", "(look.program.mode is Mode.TEST and TESTERS in look.case.groups):", "TESTERS in look.case.groups:"),
    ("being left out does not win", "worth", "return named and not bounds.no_products & item.labels", "return named if bounds.products else not bounds.no_products & item.labels"),
    ("things without a name are free", "rules", "or worth.whole or not look.deed.net:", "or worth.whole or not look.deed.net or not any(item.labels for item in look.deed.items or ()):"),
    ("who is not new is told of the rest first", "rules", "    _not_new,\n    _products,\n    _countries,\n    _currencies,\n    _below_minimum,\n", "    _products,\n    _countries,\n    _currencies,\n    _below_minimum,\n    _not_new,\n"),
    ("no country is left out", "rules", "and country not in bounds.no_countries:", "and True:"),
    ("nowhere is everywhere", "rules", "bounds.countries and country not in", "bounds.countries and country and country not in"),
    ("the minimum itself is too little", "rules", "not worth.counted < minimum:", "not worth.counted <= minimum:"),
    ("the minimum looks at the whole order", "rules", "not worth.counted < minimum:", "not (look.deed.net if look.program.bounds.by_product and look.deed.net else worth.counted) < minimum:"),
    ("the friend's money is the shop's", "rules", "look.deed.paid_in or (", "("),
    ("thanks are given by who only watches", "stages", '    if outside is not None:\n        words = f"{outside.reason}: nothing', '    if False:\n        words = f"{outside.reason}: nothing'),
    ("the last place of a pilot is not given", "rules", "case.standing.piloted >= program.pilot.cap", "case.standing.piloted + 1 >= program.pilot.cap"),
    ("who leaves a group loses what was promised", "rules", "if case.standing.pinned:", "if False:"),
    ("a place in a pilot alone is kept", "rules", "if case.standing.pinned:", "if case.standing.pinned and program.pilot:"),
    ("a pilot by percentage is for nobody", "rules", "in_share(advocate, pilot.percent_bp, slug.encode())", "False"),
    ("a pilot by percentage is for all", "rules", "in_share(advocate, pilot.percent_bp, slug.encode())", "True"),
    ("a duplicate can be overruled", "rules", 'case={"duplicate": False}),\n    appealable=False', 'case={"duplicate": False}),\n    appealable=True'),
    ("what is free does not count", "rules", "or worth.whole or not look.deed.net:", "or worth.whole:"),
    ("a gift is what was bought", "rules", "if item.net and item.labels)", ")"),
    ("a rate is asked for twice", "stages", "currency != into and currency not in program.rates", "currency != into"),
    ("that two are one can be overruled", "rules", 'the same person.", remedy, appealable=False', 'the same person.", remedy'),
    ("a duplicate is told of what came before", "rules", "    _duplicate,\n    _self_referral,\n    _test_order,\n", "    _self_referral,\n    _test_order,\n    _duplicate,\n"),
    ("a test order can be overruled", "rules", 'test orders never pay.", remedy, appealable=False', 'test orders never pay.", remedy'),
    # ── money ──
    ("a percentage has no cap", "program", "amount.at_most(self.cap) if self.cap else amount", "amount.at_most(self.cap) if self.cap and self.fixed else amount"),
    ("a fixed amount has no cap", "program", "amount.at_most(self.cap) if self.cap else amount", "amount.at_most(self.cap) if self.cap and not self.fixed else amount"),
    ("the tax of the whole is forgotten", "worth", "Item(frozenset(), net, tax),", "Item(frozenset(), net, Money.zero(net.currency)),"),
    ("the tax of the whole comes off a part", "worth", "sum((_tax(part) for part in parts), zero)", "_tax(Item(frozenset(), net, tax))"),
    ("a rate is forgotten", "worth", "return rate.convert(money) if rate else money", "return money"),
    ("a minimum in another currency is met", "rules", "if minimum is None or worth is None or", "if minimum is None or worth is None or minimum.currency != worth.counted.currency or"),
    ("a refund in another currency is dropped", "worth", "and fact.ref == deed.ref", "and fact.ref == deed.ref and fact.amount.currency == deed.net.currency"),
    ("any refund is this order's", "worth", "and fact.ref == deed.ref", ""),
    ("what has no price has another currency", "owed", "if worth is None and rule.percent_bp:", "if False:"),
    ("what is left is not told", "stages", "rules.outside(program, case), _share(payments)", 'rules.outside(program, case), ""'),
    ("what is borne is taken", "stages", "return docket.program.clawback\n", "return Clawback.TAKE if docket.program.clawback is Clawback.ABSORB else docket.program.clawback\n"),
    ("what a person should decide on is taken", "stages", "return docket.program.clawback\n", "return Clawback.TAKE if docket.program.clawback is Clawback.REVIEW else docket.program.clawback\n"),
    ("what a person took is not taken", "stages", "Clawback.ABSORB if docket.approved else Clawback.TAKE", "Clawback.ABSORB"),
    ("what a person left is taken", "stages", "Clawback.ABSORB if docket.approved else Clawback.TAKE", "Clawback.TAKE"),
    ("what never counted goes back in proportion", "worth", "if refund.items is None]", "if refund.items is None or not any(matches(bounds, item) for item in refund.items)]"),
    ("a return is worth its price", "worth", ".at_most(refund.amount.at_least_zero()) for", " for"),
    ("who approves, lets everything be", "stages", "docket.program.clawback is not Clawback.REVIEW or docket.ruling is None", "docket.ruling is None"),
    ("one part back is all of it back", "worth", "(whole - sum((part.net for part in parts if matches(bounds, part)), zero))", "(zero if any(matches(bounds, part) for part in parts) else whole)"),
    ("a sum back is of what counts", "worth", "left - left.share(rest.minor, order_left.minor)", "left - rest"),
    ("each sum is rounded by itself", "worth", "left - left.share(rest.minor, order_left.minor)", "left - sum((left.share(r.amount.minor, order_left.minor) for r in refunds if r.items is None), zero)"),
    ("a sum is of all that was bought", "worth", "left - left.share(rest.minor, order_left.minor)", "left - whole.share(rest.minor, net.minor)"),
    ("more tax than net is owed back", "worth", "for part in parts), zero)).at_least_zero()\n    refunds", "for part in parts), zero))\n    refunds"),
    ("half a cent is lost", "money", '{"half_up": whole, "down": 0,', '{"half_up": 0, "down": 0,'),
    # ── limits ──
    ("a step begins one friend late", "program", "if place >= step.start:", "if place > step.start:"),
    ("a step begins one friend early", "owed", "standing.friends + 1", "standing.friends + 2"),
    ("a milestone is passed", "owed", "each.at == standing.ever + 1", "each.at <= standing.ever + 1"),
    ("a milestone is reached by each payment", "owed", "if place == 0:", "if True:"),
    ("half a mug", "owed", "amount = full if amount else Money.zero(full.currency)", "pass"),
    ("the cap leaves one friend less", "owed", "standing.rewards >= caps.rewards", "standing.rewards >= caps.rewards - 1"),
    ("the advocate's cap is the friend's", "owed", "return others, _capped(", "return [], _capped("),
    ("a budget is left below zero", "owed", "(budget.amount - spent).at_least_zero()", "(budget.amount - spent)"),
    ("a cap without a period is told with one", "owed", '"" if period == "ever" else ', ""),
    ("the budget stops at its last coin", "owed", "if after <= budget.amount:", "if after < budget.amount:"),
    ("a promise is broken for want of a budget", "owed", "budget is None or standing.pinned or", "budget is None or"),
    ("thanks do not wait for a deal to stay won", "stages", "payments[0].happened_at + program.stays + program.hold", "payments[0].happened_at + program.hold"),
    ("thanks need a budget", "owed", "standing.pinned or not plans:", "standing.pinned:"),
    ("thanks beside a reward are nothing", "stages", "if rule is not None and rule.kind != THANKS:", "if any(each.kind != THANKS for each in program.every_reward):"),
    ("thanks cannot be released", "stages", "case.now < release_at and not _releases(docket)", "case.now < release_at"),
    # ── people ──
    ("nobody knows, so it is new", "stages", "opening and opening.first_order is None", "False"),
    ("nobody knows of what earns", "stages", "opening = docket.deeds.opening\n", "opening = docket.deeds.payments[0]\n"),
    ("a phone number is worth little", "fraud", 'Rule("same_phone", 60', 'Rule("same_phone", 45'),
    ("an address is worth a look", "fraud", 'Rule("same_address", 40', 'Rule("same_address", 50'),
    ("a network is worth nothing", "fraud", 'Rule("same_network", 10', 'Rule("same_network", 0'),
    ("an employee is anybody", "fraud", 'Rule("employee", 50', 'Rule("employee", 5'),
    ("what is flagged is always looked at", "stages", "program.review.when is When.FLAGGED and", ""),
    ("no rule can be overruled", "rules", "if not (approved and found.appealable)", "if True"),
    ("every rule can be overruled", "rules", "if not (approved and found.appealable)", "if not approved"),
    ("a decline is for good", "stages", " and self.appeal is None", ""),
    ("an appeal is never answered", "stages", "if ruling is None or fact.as_of > ruling.as_of)", "if True)"),
    ("an appeal is heard where nothing was said", "stages", "if ruling is None or fact.as_of > ruling.as_of)", "if ruling is None)"),
    ("an appeal against a rejection is not heard", "stages", "in (Stage.REJECTED, Stage.EXPIRED)", "in (Stage.EXPIRED,)"),
    ("an appeal against the window is not heard", "stages", "in (Stage.REJECTED, Stage.EXPIRED)", "in (Stage.REJECTED,)"),
    ("a decline of nothing but a payment does not count", "stages", "    if docket.declined:\n        return _declined(docket)\n    looks", "    if docket.declined and len(docket.deeds.standing) > 2:\n        return _declined(docket)\n    looks"),
    ("a decline of what is not paid is for good", "stages", "    if docket.declined:\n        return _declined(docket)\n    if deeds.undone", "    if docket.ruling is not None and not docket.ruling.approved:\n        return _declined(docket)\n    if deeds.undone"),
    ("an approval alone answers an appeal", "stages", "if ruling is None or fact.as_of > ruling.as_of)", "if ruling is None or not ruling.approved or fact.as_of > ruling.as_of)"),
    ("a decline counts after a payment alone", "stages", "    if docket.declined:\n        return _declined(docket)\n    if deeds.undone", "    if deeds.undone"),
    ("a block comes after the money", "stages", "    if docket.case.settled or docket.approved:\n        return None", "    if docket.approved:\n        return None"),
    ("what waits for a person is ready", "stages", "replace(plan, ready=False) for plan in plans", "replace(plan, ready=True) for plan in plans"),
]  # fmt: skip


class _Slipped(SourceFileLoader):
    """Loads one file with the slip in it."""

    def __init__(self, name: str, path: str, was: str, slip: str) -> None:
        super().__init__(name, path)
        self.was, self.slip = was, slip

    def get_code(self, fullname: str) -> CodeType:
        text = self.get_data(self.path).decode()
        assert text.count(self.was) == 1, f"{fullname} has no {self.was!r}, or several"
        return compile(text.replace(self.was, self.slip), self.path, "exec")


class _Finder:
    """Finds that file in the place of the true one; all others are found as usual."""

    def __init__(self, file: str, was: str, slip: str) -> None:
        self.name, self.path, self.texts = f"connector.domain.{file}", str(DOMAIN / f"{file}.py"), (was, slip)

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=_Slipped(name, self.path, *self.texts))


def _built_on(file: str) -> set[str]:
    """The names of the modules that must be loaded anew when this file changes."""
    texts = {f"connector.domain.{path.stem}": path.read_text("utf-8") for path in DOMAIN.glob("*.py")}
    texts[STORY] = (DOMAIN.parents[1] / "tests/domain/story.py").read_text("utf-8")
    found: set[str] = set()
    new = {f"connector.domain.{file}"}
    while new:
        found |= new
        words = "|".join(name.rpartition(".")[2] for name in new)
        uses = re.compile(rf"from connector\.domain(\.({words}) import|  *import .*\b({words})\b)")
        new = {name for name, text in texts.items() if uses.search(text)} - found
    return found


@contextmanager
def rules_with(file: str, was: str, slip: str) -> Iterator[None]:
    """Within it, rules that are loaded are those with the slip; nothing of it stays."""
    with pytest.MonkeyPatch.context() as patch:
        names = _built_on(file)
        for name in names:
            importlib.import_module(name)
        for name in names:
            parent, _, last = name.rpartition(".")
            patch.delattr(sys.modules[parent], last)
            patch.delitem(sys.modules, name)
        patch.setattr(sys, "meta_path", [_Finder(file, was, slip), *sys.meta_path])
        yield


def is_red(row: dict[str, object]) -> bool:
    """Whether the row's test would fail; rules that stop at it fail too."""
    try:
        return bool(wrong(row))
    except Exception:  # noqa: BLE001 any error at all would be seen
        return True


def test_every_slip_is_caught_and_every_row_earns_its_place() -> None:
    caught: dict[str, list[str]] = {}
    for what, *slip in SLIPS:
        with rules_with(*slip):
            caught[what] = [row["what"] for row in TABLE if is_red(row)]
    assert [what for what, red in caught.items() if not red] == []
    assert [row["what"] for row in TABLE if is_red(row)] == []
    alone = {red[0] for red in caught.values() if len(red) == 1}
    same: dict[str, list[str]] = defaultdict(list)
    for row in TABLE:
        same[f"{row['then']} {row.get('owed', [])}"].append(row["what"])
    idle = {what: group for group in same.values() for what in group[1:] if what not in alone}
    assert idle == {}


def test_each_row_has_a_name_of_its_own() -> None:
    names = [row["what"] for row in TABLE]
    assert sorted(names) == sorted({*names})
