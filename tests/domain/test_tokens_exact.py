"""A note that an earlier release signed is still good, and nothing that looks like one breaks the reading."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from connector.domain import tokens

KEY, MERCHANT = b"k" * 32, UUID(int=1)
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


def signed(code: str, when: str) -> str:
    """What only the holder of the key can write, whatever stands in it."""
    return f"{code}.{when}.{tokens._signature(KEY, MERCHANT, code, when)}"


def read(text: str, at: datetime = AT, within: timedelta = MONTH) -> str | None:
    return tokens.read(KEY, MERCHANT, text, at, within)


def test_a_note_that_lies_in_a_cart_outlives_a_new_release() -> None:
    token = "TEA42.1795348800.oReLD_dwj42QnWc0ZD6j3A"
    assert tokens.make(KEY, MERCHANT, "TEA42", AT) == token
    assert read(token) == "TEA42"


@pytest.mark.parametrize("when", ["", "0" * 13, "9" * 13, "-1", "1e9", "soon", "²", "١٢", " 1"], ids=repr)
def test_what_is_no_time_is_no_note_even_under_our_signature(when: str) -> None:
    assert read(signed("TEA42", str(int(AT.timestamp())))) == "TEA42"
    assert read(signed("TEA42", when), within=timedelta(days=400 * 365)) is None


def test_a_note_without_a_code_names_nobody() -> None:
    assert read(tokens.make(KEY, MERCHANT, "", AT)) is None


def test_a_note_of_the_last_day_of_all_is_a_time_too() -> None:
    last = datetime(9999, 12, 31, tzinfo=UTC)
    assert len(str(int(last.timestamp()))) == 12
    assert read(tokens.make(KEY, MERCHANT, "TEA42", last), at=last) == "TEA42"


def test_a_note_is_as_long_as_a_cart_may_hold_and_no_longer() -> None:
    rest = len(tokens.make(KEY, MERCHANT, "", AT))
    for length, good in ((127, True), (128, True), (129, False), (10_000, False)):
        code = "C" * (length - rest)
        token = tokens.make(KEY, MERCHANT, code, AT)
        assert len(token) == length
        assert read(token) == (code if good else None)


def test_half_a_letter_in_a_note_is_a_wrong_note_and_no_failure() -> None:
    token = tokens.make(KEY, MERCHANT, "TEA42", AT)
    code, when, signature = token.split(".")
    assert read(f"\ud800{token}") is None
    assert read(f"{code}.{when}.\ud800{signature}") is None
    assert read(f"{code}.{when}.{signature[:-1]}\ud800") is None
    assert read(token) == code
