"""C40: these tests can fail. Each bug that has cost somebody money is put into a copy of the product, and the test that
stands for it turns red by what it asserts, not by waiting in vain.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journey.test_teeth import Guard, run_without

FAULTS, JOURNEY, ARCHITECTURE = "tests/faults", "tests/journey", "tests/architecture"
BUGS = {
    "no read-back": Guard(
        "connector/journey/issue.py",
        "finding = now.outbound.find(now.account, whole(desk, lane, attempt), claimed)",
        "finding = Absent()",
        f"{JOURNEY}/test_money_read_back.py::test_a_credit_that_landed_is_found_and_never_sent_again[cut_after]",
    ),
    "no lock on the account": Guard(
        "connector/store/migrations/0001.sql",
        "CREATE UNIQUE INDEX attempt_one_open ON",
        "CREATE INDEX attempt_one_open ON",
        f"{JOURNEY}/test_money_late_answers.py::test_an_account_never_has_two_open_attempts",
    ),
    "no unique key": Guard(
        "connector/store/inbox.py",
        '"key": item.key,',
        '"key": f"{item.key} {new_id()}",',
        f"{FAULTS}/test_faults_copies.py"
        "::test_a_thousand_events_told_up_to_five_times_in_mixed_batches_are_kept_once_each",
    ),
    "2xx before commit": Guard(
        "connector/web/webhooks.py",
        "    intake.receive(app.desk, platform, inbox)\n",
        "    import threading\n\n    threading.Timer(0.2, intake.receive, (app.desk, platform, inbox)).start()\n",
        f"{FAULTS}/test_faults_intake.py::test_what_was_acknowledged_is_stored_though_web_processes_are_killed",
    ),
    "wake before commit": Guard(
        "connector/journey/intake.py",
        "            stored = tx.deliveries.add(connection, platform, items, quarantined=reason)\n"
        "        if owner and stored:\n            desk.wake(merchant_lane(owner.merchant))\n",
        "            if owner:\n                desk.wake(merchant_lane(owner.merchant))\n"
        "            stored = tx.deliveries.add(connection, platform, items, quarantined=reason)\n",
        f"{FAULTS}/test_faults_wakes.py::test_a_worker_who_comes_at_once_finds_the_work",
    ),
    "a lease by the worker's own clock": Guard(
        "connector/lanes/lane.py",
        '"""WITH seen AS (\n                         SELECT id, (owner IS NULL OR expires_at < clock_timestamp())',
        'f"""WITH seen AS (\n                         SELECT id, (owner IS NULL OR expires_at < '
        "to_timestamp({__import__('connector.clock').clock.now().timestamp()}))",
        f"{FAULTS}/test_faults_clock.py::test_a_worker_whose_clock_is_wrong_takes_nobodys_lane[10]",
    ),
    "no row-level security": Guard(
        "connector/store/migrations/0001.sql",
        "        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);\n",
        "",
        f"{JOURNEY}/test_store_isolation.py::test_one_merchants_transaction_shows_rows_of_no_other",
    ),
    "== on a digest": Guard(
        "adapters/hubspot/inbound/signature.py",
        'hmac.compare_digest(mark, given.encode("utf-8", "replace"))',
        'mark == given.encode("utf-8", "replace")',
        f"{ARCHITECTURE}/test_habits.py::test_digests_are_compared_in_constant_time",
    ),
    "a call inside a transaction": Guard(
        "connector/journey/issue.py",
        "        done = now.outbound.issue(now.account, whole(now.desk, now.lane, attempt), lease.guard(attempt.deadline_at))",
        "        with now.desk.store.begin(now.lane.merchant):\n"
        "            done = now.outbound.issue(now.account, attempt.effect, lease.guard(attempt.deadline_at))",
        f"{JOURNEY}/test_issue_exact.py::test_nothing_is_open_in_the_database_while_the_platform_is_called",
    ),
    "a wake-up lost between the last look and the release": Guard(
        "connector/lanes/work.py",
        "if (worked.more or again) and worked.pause is None:",
        "if worked.more and worked.pause is None:",
        f"{FAULTS}/test_faults_wakes.py::test_what_comes_between_the_last_look_and_the_release_is_worked_right_after",
    ),
    "no deadline before the first byte": Guard(
        "adapters/http.py",
        "            self.guard.check()\n",
        "",
        f"{FAULTS}/test_faults_work.py::test_a_worker_that_slept_through_its_lease_sends_nothing_when_it_wakes",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_caught(bug: str, tmp_path: Path) -> None:
    told = run_without(BUGS[bug], tmp_path)
    assert "AssertionError" in told and "waited" not in told.partition("short test summary")[2]
