"""Each guard of what stands in a CRM is taken out once, and the test that stands for it must turn red."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journey import test_teeth
from tests.journey.test_teeth import Guard

GUARDS = {
    "what a person saved while we wrote is put back": Guard(
        "adapters/hubspot/outbound/records.py",
        "raced, stuck = self._put_back(account, kind, [p for p in plans if p.filled and p.id not in refused])",
        "raced, stuck = {}, {}",
        "tests/adapters/test_hubspot_records.py::test_a_value_that_was_put_back_is_told_as_kept",
    ),
    "our own changes are known": Guard(
        "adapters/hubspot/inbound/reading.py",
        'return event.get("changeSource") == "INTEGRATION" and',
        "return False and",
        "tests/journey/test_crm_events.py::test_our_own_changes_come_back_and_cause_no_call",
    ),
    "a run is told apart by its callback": Guard(
        "adapters/hubspot/inbound/door.py",
        "return Item(account, STEP, callback, body,",
        "return Item(account, STEP, str(id(run)), body,",
        "tests/journey/test_crm_steps.py::test_the_same_run_told_twice_is_ended_once_and_pays_once",
    ),
    "a window is counted": Guard(
        "connector/lanes/limits.py",
        "        kept.calls.append(now)\n",
        "",
        "tests/lanes/test_windows.py::test_under_pressure_no_call_is_refused_and_hardly_one_is_wasted",
    ),
}


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
def test_a_missing_guard_turns_its_test_red(guard: Guard, tmp_path: Path) -> None:
    test_teeth.test_a_missing_guard_turns_its_test_red(guard, tmp_path)
