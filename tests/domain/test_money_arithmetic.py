"""Money never appears, vanishes or changes its size on the way from a platform's text to a platform's text."""

from fractions import Fraction
from math import floor

import iso4217
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.domain.money import EXPONENTS, MAX_MINOR, WHOLE_BP, Money, exponent

#: The published list; units of account such as gold have no minor unit and no order is paid in them.
ISO = {currency.code: currency.exponent for currency in iso4217.Currency if currency.exponent is not None}

codes = st.sampled_from(sorted(ISO))
minors = st.integers(-MAX_MINOR, MAX_MINOR)
amounts = st.integers(0, MAX_MINOR)


def test_a_credit_has_the_size_the_published_list_gives_its_currency() -> None:
    wrong = {code: (exponent(code), places) for code, places in ISO.items() if exponent(code) != places}
    assert len(ISO) > 150
    assert wrong == {}


def test_the_table_holds_nothing_that_the_published_list_does_not() -> None:
    assert {code: ISO.get(code) for code in EXPONENTS} == EXPONENTS


@pytest.mark.parametrize("currency", sorted(ISO))
def test_an_amount_comes_back_from_the_platforms_notation_unchanged(currency: str) -> None:
    for minor in (0, 1, 9, 10, 99, 100, 12345, MAX_MINOR, -1, -12345, -MAX_MINOR):
        written = Money(minor, currency).decimal()
        assert Money.parse(written, currency) == Money(minor, currency)
        assert len(written.partition(".")[2]) == ISO[currency]


@given(minors, codes)
def test_any_amount_in_any_currency_survives_the_round_trip(minor: int, currency: str) -> None:
    assert Money.parse(Money(minor, currency).decimal(), currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency", "written"),
    [
        ("12.50", "EUR", "12.50"),
        ("12.5", "EUR", "12.50"),
        ("12", "EUR", "12.00"),
        (12, "EUR", "12.00"),
        (" 12.50 ", "EUR", "12.50"),
        ("1200", "JPY", "1200"),
        ("1200.0", "JPY", "1200"),
        ("1.234", "KWD", "1.234"),
        ("0", "KWD", "0.000"),
        ("0.005", "EUR", "0.01"),
        ("0.0049", "EUR", "0.00"),
        ("0.5", "JPY", "1"),
        ("-0.5", "JPY", "-1"),
        ("0007.10", "EUR", "7.10"),
    ],
)
def test_amounts_are_read_as_the_platforms_write_them(text: str | int, currency: str, written: str) -> None:
    assert Money.parse(text, currency).decimal() == written


def _half_up(value: Fraction) -> int:
    """The reference: exact, away from zero at the half."""
    size = floor(abs(value) + Fraction(1, 2))
    return size if value >= 0 else -size


@given(st.from_regex(r"-?[0-9]{1,9}\.[0-9]{1,18}", fullmatch=True), codes)
def test_more_digits_than_the_currency_has_are_rounded_half_up_and_once(text: str, currency: str) -> None:
    assert Money.parse(text, currency).minor == _half_up(Fraction(text) * 10 ** exponent(currency))


def test_an_amount_of_thirty_digits_is_rounded_once() -> None:
    assert Money.parse("1234567890.00499999999999999999", "EUR") == Money(123456789000, "EUR")


@pytest.mark.parametrize(
    "bad",
    [
        "NaN", "sNaN", "Infinity", "-inf", "1e400", "1E2", "1e-400", "1,000.00", "1.000,00", "10,00", "1_000", "12.", ".5",
        "--1", "+1", "- 1", "0x10", "", " ", "12 EUR", "€12", "１２", "٣", "1\n2", "1.2.3", "None",
        "9" * 21, "9" * 20, "0." + "0" * 21, "1" * 100_000,
        1.5, 1.0, float("nan"), float("inf"), 10**400, True, None, [], b"12",
    ],
)  # fmt: skip
def test_what_is_no_decimal_amount_is_refused_and_a_good_one_after_it_is_not(bad: object) -> None:
    with pytest.raises(ValueError):
        Money.parse(bad, "EUR")  # type: ignore[arg-type]
    assert Money.parse("12.50", "EUR") == Money(1250, "EUR")


@given(st.text())
def test_any_text_is_an_amount_or_a_clear_refusal(text: str) -> None:
    try:
        money = Money.parse(text, "EUR")
    except ValueError as refusal:
        assert "amount" in str(refusal)
    else:
        assert abs(Fraction(text.strip()) * 100 - money.minor) <= Fraction(1, 2)


@pytest.mark.parametrize("bad", ["eur", "EURO", "EU", "", "€", "EUR\n", "E R", "ЕUR"])
def test_what_is_no_currency_code_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, bad)


def test_an_amount_too_large_for_the_ledger_is_refused() -> None:
    assert Money(MAX_MINOR, "EUR").minor == MAX_MINOR
    for minor in (MAX_MINOR + 1, -MAX_MINOR - 1):
        with pytest.raises(ValueError, match="beyond"):
            Money(minor, "EUR")
    with pytest.raises(ValueError, match="beyond"):
        Money(MAX_MINOR, "EUR") + Money(1, "EUR")


def test_two_currencies_are_never_combined_without_a_rate() -> None:
    euro, dollar = Money(100, "EUR"), Money(100, "USD")
    assert euro + euro == Money(200, "EUR")
    for combine in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__, Money.at_most):
        with pytest.raises(ValueError, match="no rate"):
            combine(euro, dollar)
    assert euro != dollar


@given(amounts, st.integers(0, 10**9), st.integers(1, 10**9))
@example(1, 1, 2)
@example(100, 1, 3)
def test_a_share_is_never_off_by_more_than_half_a_minor_unit(minor: int, part: int, whole: int) -> None:
    share = Money(minor, "EUR").share(min(part, whole), whole).minor
    exact = Fraction(minor * min(part, whole), whole)
    assert share == floor(exact + Fraction(1, 2))
    assert 0 <= share <= minor


@given(amounts, st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
def test_all_shares_together_are_the_whole_but_for_half_a_unit_each(minor: int, parts: list[int]) -> None:
    shares = [Money(minor, "EUR").share(part, sum(parts)).minor for part in parts]
    assert 2 * abs(sum(shares) - minor) <= len(parts)


@given(amounts, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_larger_part_never_gets_less(minor: int, one: int, other: int) -> None:
    money, (small, large) = Money(minor, "JPY"), sorted((one, other))
    assert money.share(small, 10**6) <= money.share(large, 10**6)


@given(amounts, st.integers(0, WHOLE_BP))
def test_a_percent_and_its_rest_are_the_whole_but_for_one_unit(minor: int, basis_points: int) -> None:
    money = Money(minor, "KWD")
    both = money.percent(basis_points) + money.percent(WHOLE_BP - basis_points)
    assert 0 <= both.minor - minor <= 1
    assert (money.percent(WHOLE_BP), money.percent(0)) == (money, Money.zero("KWD"))


def test_a_share_of_an_order_of_nothing_is_nothing() -> None:
    assert [Money(100, "EUR").share(1, whole).minor for whole in (0, -5)] == [0, 0]


def test_limits_hold_at_their_edges() -> None:
    cap = Money(500, "EUR")
    assert [Money(m, "EUR").at_most(cap).minor for m in (499, 500, 501)] == [499, 500, 500]
    assert [Money(m, "EUR").at_least_zero().minor for m in (-1, 0, 1)] == [0, 0, 1]
    assert [bool(Money(m, "EUR")) for m in (-1, 0, 1)] == [True, False, True]
