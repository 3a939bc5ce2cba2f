"""Each guard of enrolling is taken out once, and the test that stands for it must turn red."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journey import test_teeth
from tests.journey.test_teeth import Guard

ENROLMENT, LISTS = "tests/journey/test_enrolment.py", "tests/journey/test_import_export.py"
GUARDS = {
    "one human is one advocate": Guard(
        "connector/store/roster.py",
        'self._rows("canonical_id", human.values())',
        'self._rows("id", people)',
        f"{ENROLMENT}::test_two_rows_of_one_human_are_one_advocate",
    ),
    "who is enrolled at the same moment is enrolled once": Guard(
        "connector/store/roster.py",
        "ON CONFLICT (program_id, person_id) DO NOTHING RETURNING",
        "RETURNING",
        f"{ENROLMENT}::test_lists_of_the_same_people_in_another_order_do_not_wait_for_each_other_for_ever",
    ),
    "an order that would not qualify enrols nobody": Guard(
        "connector/journey/enrol.py",
        "if refused is None and (worth is None or worth.left):",
        "if True:",
        f"{ENROLMENT}::test_an_order_that_would_not_qualify_enrols_nobody[changes2-order2]",
    ),
    "a code that belongs to somebody is told": Guard(
        "connector/store/roster.py",
        "if owners[each] != advocate}",
        "if False}",
        f"{LISTS}::test_a_code_of_somebody_else_is_told_and_never_moved",
    ),
    "no cell is a formula": Guard(
        "connector/files/lines.py",
        """[f"'{cell}" if _FORMULA.match(cell) else cell for cell in cells]""",
        "list(cells)",
        f"{LISTS}::test_no_cell_of_an_export_is_a_formula_in_a_spreadsheet",
    ),
    "a stranger never sees the token": Guard(
        "connector/web/join.py",
        "code=made.code, link=link",
        "code=made.code, link=link + made.token",
        "tests/web/test_join.py::test_the_token_of_the_advocates_own_pages_is_never_shown_to_who_typed_an_address",
    ),
}


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
def test_a_missing_guard_turns_its_test_red(guard: Guard, tmp_path: Path) -> None:
    test_teeth.test_a_missing_guard_turns_its_test_red(guard, tmp_path)
