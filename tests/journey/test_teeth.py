"""Each guard of money is taken out once, and the test that stands for it must turn red: a test that never fails
proves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.seeded import copy_with

BOUND_S = 150


@dataclass(frozen=True)
class Guard:
    """A guard in the text of one file, what stands there once it is gone, and the test that must notice."""

    path: str
    text: str
    gone: str
    test: str


JOURNEY = "tests/journey"
GUARDS = {
    "a dry-run cannot write": Guard(
        "connector/store/database.py",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        f"{JOURNEY}/test_dry_run.py::test_nothing_is_written_and_nothing_could_be",
    ),
    "a program that only watches sets nothing up": Guard(
        "connector/journey/check.py",
        "    if watching:\n",
        "    if False:\n",
        f"{JOURNEY}/test_shadow.py::test_a_whole_story_is_seen_and_nothing_in_the_shop_is_touched",
    ),
    "the friend's first purchase decides": Guard(
        "connector/journey/attribute.py",
        "return this < that",
        "return False",
        f"{JOURNEY}/test_one_purchase_many_platforms.py"
        "::test_the_friends_first_order_decides_though_the_second_was_told_of_before_it",
    ),
    "the same purchase elsewhere is evidence alone": Guard(
        "connector/journey/decide.py",
        'return not isinstance(fact, Deed) or program.source in ("", platform)',
        "return True",
        f"{JOURNEY}/test_rules_kept.py::test_a_deal_on_another_platform_than_the_programs_never_pays",
    ),
    "what was promised keeps its figures": Guard(
        "connector/store/limits.py",
        "WHERE merchant_id = :merchant AND id = :id AND standing IS NULL",
        "WHERE merchant_id = :merchant AND id = :id AND FALSE",
        f"{JOURNEY}/test_rules_kept.py::test_a_lower_budget_takes_nothing_back_that_was_promised",
    ),
    "another kind only after a certain refusal": Guard(
        "connector/journey/issue.py",
        "if answer.state is AttemptState.REFUSED and attempt.effect.direction",
        "if answer.state in (AttemptState.REFUSED, AttemptState.UNKNOWN) and attempt.effect.direction",
        f"{JOURNEY}/test_every_credit.py"
        "::test_a_lost_answer_to_a_card_or_code_never_pays_it_again_in_another_kind[gift_card]",
    ),
    "a card under our code is ours": Guard(
        "adapters/shopify/outbound/gift_card.py",
        'if error.code != "TAKEN" and "taken" not in error.reason:',
        "if True:",
        "tests/adapters/test_conformance_money.py::test_sent_twice_it_has_one_effect[shopify-gift_card-credit-A]",
    ),
    "what ended unspent is not asked back": Guard(
        "connector/journey/owing.py",
        "target = target.at_most(unlapsed).at_least_zero()",
        "target = target.at_least_zero()",
        f"{JOURNEY}/test_every_credit.py::test_credit_that_ends_unspent_leaves_the_debt_and_is_not_asked_back",
    ),
    "our own debits are no purchases": Guard(
        "connector/domain/redemption.py",
        "spent = _lay(sum(gone, zero) - taken,",
        "spent = _lay(sum(gone, zero),",
        f"{JOURNEY}/test_every_credit.py::test_a_debit_that_eats_another_credit_is_not_taken_for_a_purchase",
    ),
    "one referral per purchase": Guard(
        "connector/store/referrals.py",
        "return bool(owner == referral.id)",
        "return bool(owner)",
        f"{JOURNEY}/test_same_order.py::test_a_purchase_that_converted_one_referral_converts_no_other",
    ),
    "one reward per referral and side": Guard(
        "connector/store/migrations/0001.sql",
        "    UNIQUE (referral_id, role, kind, ordinal),\n",
        "",
        f"{JOURNEY}/test_money_late_answers.py::test_a_reward_cannot_be_promised_twice",
    ),
    "the deadline before the first byte": Guard(
        "adapters/http.py",
        "self.guard.check()",
        "self.guard.check",
        f"{JOURNEY}/test_money_late_answers.py::test_bytes_of_a_credit_do_not_leave_after_its_deadline",
    ),
    "settling only the newest attempt": Guard(
        "connector/store/attempts.py",
        """AND attempt_id = :attempt
                      AND state IN ('sending', 'unknown')
                      AND EXISTS (SELECT FROM attempt WHERE id = :attempt AND state IN ('open', 'unknown'))
                      AND {allowed}""",
        "AND (true OR {allowed})",
        f"{JOURNEY}/test_money_late_answers.py"
        "::test_a_certain_failure_told_after_a_successor_paid_changes_nothing_but_its_own_attempt",
    ),
    "deliveries that name a forgotten person are emptied": Guard(
        "connector/store/inbox.py",
        """self._empty("people && CAST(:digests AS bytea[])", digests=""",
        "dict(digests=",
        f"{JOURNEY}/test_people_data.py"
        "::test_after_an_erasure_no_byte_anywhere_names_the_friend_and_a_late_refund_is_taken_back_once",
    ),
    "late word about a forgotten person's order is emptied": Guard(
        "connector/store/inbox.py",
        "AND erasure.until >= coalesce(about.triggered_at, about.received_at)",
        "AND false",
        f"{JOURNEY}/test_people_data.py"
        "::test_after_an_erasure_no_byte_anywhere_names_the_friend_and_a_late_refund_is_taken_back_once",
    ),
    "a read brings nobody back": Guard(
        "connector/journey/fetch.py",
        "buyer = () if truth.ref in nameless else truth.buyer",
        "buyer = truth.buyer",
        f"{JOURNEY}/test_people_data.py::test_an_erasure_that_overtakes_the_order_leaves_nobody_behind",
    ),
    "a note in the cart counts only with our signature": Guard(
        "connector/journey/evidence.py",
        "elif code := tokens.read(key, merchant, touch.code, touch.at, within):",
        "elif code := touch.code.partition('.')[0]:",
        f"{JOURNEY}/test_flow_and_cart.py::test_a_note_that_we_signed_for_this_shop_pays_and_any_other_does_not",
    ),
}


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
def test_a_missing_guard_turns_its_test_red(guard: Guard, tmp_path: Path) -> None:
    run_without(guard, tmp_path)


def run_without(guard: Guard, tmp_path: Path) -> str:
    """Run its test in a copy of the product that lacks this guard, and see it fail; returns what pytest said."""
    copy_with(tmp_path, (guard.path, guard.text, guard.gone))
    command = [sys.executable, "-m", "pytest", guard.test, "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    environ.pop("PYTEST_ADDOPTS", None)
    told = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=BOUND_S, check=False
    )
    assert told.returncode == pytest.ExitCode.TESTS_FAILED, told.stdout[-3000:] + told.stderr[-2000:]
    assert "1 failed" in told.stdout, told.stdout[-3000:]
    return told.stdout
