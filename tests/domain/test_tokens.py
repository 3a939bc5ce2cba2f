"""A signed code in the cart counts for the merchant and the time it was made for: nobody can make one, or change one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import codes, tokens

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
MERCHANT, OTHER = UUID(int=1), UUID(int=2)
AT = datetime(2026, 11, 22, 12, 0, 0, 700_000, UTC)
MONTH = timedelta(days=30)
TOKEN = tokens.make(KEY, MERCHANT, "TEA42", AT)


def test_what_we_signed_is_read_until_its_time_is_over():
    code, when, signature = TOKEN.split(".")
    assert (code, when, len(signature)) == ("TEA42", str(int(AT.timestamp())), 22)
    assert tokens.read(KEY, MERCHANT, TOKEN, AT, MONTH) == "TEA42"
    assert tokens.read(KEY, MERCHANT, TOKEN, AT.replace(microsecond=0) + MONTH, MONTH) == "TEA42"
    assert tokens.read(KEY, MERCHANT, TOKEN, AT + MONTH, MONTH) is None


def test_it_is_good_for_one_merchant_and_one_key():
    assert tokens.read(KEY, OTHER, TOKEN, AT, MONTH) is None
    assert tokens.read(OTHER_KEY, MERCHANT, TOKEN, AT, MONTH) is None


def test_no_part_of_it_can_be_exchanged():
    code, when, signature = TOKEN.split(".")
    later = tokens.make(KEY, MERCHANT, "TEA42", AT + MONTH).split(".")
    for forged in (
        f"TEA43.{when}.{signature}", f"{code}.{later[1]}.{signature}", f"{code}.{when}.{later[2]}", f"{code}.{when}.",
        f"{code}.{when}", code, f"{TOKEN}.", f"{TOKEN}=", TOKEN[:-1], f" {TOKEN}", TOKEN.lower(), f"{code}..{signature}",
        f".{when}.{signature}", f"{code}.-{when}.{signature}", f"{code}.{when}0.{signature}", f"{code}.١٢.{signature}",
    ):  # fmt: skip
        assert tokens.read(KEY, MERCHANT, forged, AT, MONTH) is None, forged


@given(st.text(max_size=200))
def test_whatever_a_buyer_writes_there_breaks_nothing(text: str):
    assert tokens.read(KEY, MERCHANT, text, AT, MONTH) is None
    code, when, _ = TOKEN.split(".")
    assert tokens.read(KEY, MERCHANT, f"{code}.{when}.{text}", AT, MONTH) is None


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_every_letter_of_it_counts(place: int):
    changed = "A" if TOKEN[place] != "A" else "B"
    assert tokens.read(KEY, MERCHANT, TOKEN[:place] + changed + TOKEN[place + 1 :], AT, MONTH) is None


@given(st.integers(0, 2**35))
def test_any_code_and_time_come_back(seconds: int):
    at, code = datetime.fromtimestamp(seconds, UTC), codes.mint()
    assert tokens.read(KEY, MERCHANT, tokens.make(KEY, MERCHANT, code, at), at, timedelta(0)) == code
