"""A friend who types a code by hand reaches the right advocate or nobody, never somebody else."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import codes
from connector.domain.codes import ALPHABET, RANDOM_LETTERS, fold, mint, parse_minted, spellings, vanity

LENGTH = RANDOM_LETTERS + 1


def _checked(letters: str) -> str:
    """These letters with the one check letter that makes them a code."""
    (code,) = (letters + check for check in ALPHABET if parse_minted(letters + check))
    return code


minted = st.text(ALPHABET, min_size=RANDOM_LETTERS, max_size=RANDOM_LETTERS).map(_checked)


def _slips(code: str) -> set[str]:
    """Every single wrong letter and every swap of neighbours."""
    wrong = {code[:i] + letter + code[i + 1 :] for i in range(LENGTH) for letter in ALPHABET}
    swapped = {code[:i] + b + a + code[i + 2 :] for i, (a, b) in enumerate(pairwise(code))}
    return (wrong | swapped) - {code}


def test_every_slip_on_a_minted_code_is_noticed() -> None:
    code = mint()
    slips = _slips(code)
    assert len(slips) >= LENGTH * (len(ALPHABET) - 1)
    assert {slip for slip in slips if parse_minted(slip)} == set()
    assert parse_minted(code) == code


@given(minted)
def test_every_slip_on_any_code_is_noticed(code: str) -> None:
    assert {slip for slip in _slips(code) if parse_minted(slip)} == set()


def test_minted_codes_are_all_different_and_of_letters_that_cannot_be_confused() -> None:
    many = {mint() for _ in range(2_000)}
    assert len(many) == 2_000  # 35 random bits: a repeat here has a chance of 1 in 17,000
    assert set("".join(many)) <= set(ALPHABET)
    assert not set("OILU") & set(ALPHABET)


@given(minted, st.data())
def test_look_alikes_case_width_dashes_and_spaces_reach_the_same_advocate(code: str, data: st.DataObject) -> None:
    typed = "".join(data.draw(st.sampled_from({"0": "0Oo", "1": "1IiLl"}.get(c, c + c.lower()))) for c in code)
    cut = data.draw(st.integers(1, LENGTH - 1))
    for text in (typed, f" {typed[:cut]}-{typed[cut:]} ", f"{typed[:cut]} {typed[cut:]}"):
        assert parse_minted(text) == code
    wide = "".join(chr(ord(c) + 0xFEE0) for c in code)
    assert parse_minted(wide) == code


@pytest.mark.parametrize("bad", ["", "-", "ABC", "0" * 7, "0" * 9, "0000000U", "0000000!", "SPRING-SALE", "🎁" * 8])
def test_what_is_no_minted_code_is_nobodys(bad: str) -> None:
    assert parse_minted("00000000") == "00000000"
    assert parse_minted(bad) is None


@given(st.text())
def test_no_text_at_a_checkout_breaks_the_reading_of_codes(text: str) -> None:
    found = parse_minted(text)
    assert found is None or (len(found) == LENGTH and parse_minted(found) == found)
    assert spellings(text)[0] == fold(text)


def test_a_text_is_looked_up_as_typed_and_as_the_code_it_was_meant_to_be() -> None:
    code = _checked("1000000")
    assert spellings(code) == (code,)
    assert spellings(code.lower()) == (code,)
    assert spellings("I" + code[1:]) == ("I" + code[1:], code)
    assert spellings("anna-10") == ("ANNA-10",)


@pytest.mark.parametrize("text", ["anna", " Anna ", "ANNA", "ａｎｎａ"])
def test_one_vanity_code_has_one_spelling(text: str) -> None:
    assert vanity(text) == "anna"
    assert fold(vanity(text)) == fold(text) == "ANNA"


@pytest.mark.parametrize("text", ["a1b", "anna-smith", "a" * 40, "007"])
def test_a_good_vanity_code_is_taken_as_it_is(text: str) -> None:
    assert vanity(text) == text


@pytest.mark.parametrize(
    "bad", ["", "ab", "a" * 41, "-anna", "anna-", "anna smith", "anna/x", "änna", "anna?", "a\nb", "../x", "anna\u200b"]
)
def test_a_bad_vanity_code_is_refused_with_what_is_allowed(bad: str) -> None:
    with pytest.raises(ValueError, match="3 to 40 letters"):
        vanity(bad)


def test_the_alphabet_and_the_field_have_the_same_size() -> None:
    assert len(set(ALPHABET)) == 32 == 1 << (codes._FIELD.bit_length() - 1)
