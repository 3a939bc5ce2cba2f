"""What a merchant and a platform are shown of an amount, to the last digit."""

from dataclasses import FrozenInstanceError

import pytest

from connector.domain.money import MAX_MINOR, Money, Rate

EUR = Money(1250, "EUR")


def test_an_amount_is_written_with_its_currency() -> None:
    assert [str(Money(*each)) for each in ((1250, "EUR"), (12, "JPY"), (-5, "KWD"))] == [
        "12.50 EUR",
        "12 JPY",
        "-0.005 KWD",
    ]


def test_what_is_taken_is_missing_and_what_is_given_is_there() -> None:
    assert EUR - Money(250, "EUR") == Money(1000, "EUR")
    assert EUR + Money(250, "EUR") == Money(1500, "EUR")
    assert EUR - Money(1300, "EUR") == Money(-50, "EUR")


def test_amounts_are_compared_by_their_size() -> None:
    less, more = Money(1249, "EUR"), Money(1251, "EUR")
    assert [each < EUR for each in (less, EUR, more)] == [True, False, False]
    assert [each <= EUR for each in (less, EUR, more)] == [True, True, False]
    assert sorted([more, less, EUR]) == [less, EUR, more]


def test_ten_percent_is_a_tenth() -> None:
    assert Money(10**10, "EUR").percent(1000) == Money(10**9, "EUR")
    assert Money(8_000, "EUR").percent(1250) == Money(1_000, "EUR")


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [("half_up", [0, 3, 4, 4, 4]), ("down", [0, 3, 3, 3, 4]), ("up", [0, 4, 4, 4, 4])],
)
def test_a_merchant_chooses_who_gets_the_part_of_a_cent(rounding: str, expected: list[int]) -> None:
    """3.33, 3.5, 3.67 and exactly 4 cents."""
    parts = [(0, 3), (10, 3), (7, 2), (11, 3), (4, 1)]
    assert [Money(1, "EUR").share(part, whole, rounding).minor for part, whole in parts] == expected
    assert [Money(part, "EUR").share(1, whole, rounding).minor for part, whole in parts] == expected


def test_a_percent_is_rounded_as_the_merchant_wrote() -> None:
    assert [Money(105, "EUR").percent(1000, rounding).minor for rounding in ("down", "half_up", "up")] == [10, 11, 11]
    assert Money(105, "EUR").percent(1000) == Money(105, "EUR").percent(1000, "half_up")
    assert Money(105, "EUR").share(1, 10) == Money(105, "EUR").share(1, 10, "half_up")


@pytest.mark.parametrize("rounding", ["half_up", "down", "up"])
def test_a_share_of_nothing_is_nothing_however_it_is_rounded(rounding: str) -> None:
    assert [Money(100, "EUR").share(1, whole, rounding).minor for whole in (-1, 0, 1)] == [0, 0, 100]


@pytest.mark.parametrize(
    ("money", "rate", "worth"),
    [
        (Money(1000, "USD"), Rate("USD", "EUR", "0.915"), Money(915, "EUR")),
        (Money(1, "USD"), Rate("USD", "EUR", "0.5"), Money(1, "EUR")),
        (Money(1, "USD"), Rate("USD", "EUR", "0.49"), Money(0, "EUR")),
        (Money(1000, "USD"), Rate("USD", "JPY", "150"), Money(1500, "JPY")),
        (Money(1500, "JPY"), Rate("JPY", "USD", "0.0067"), Money(1005, "USD")),
        (Money(1000, "USD"), Rate("USD", "KWD", "0.3075"), Money(3075, "KWD")),
    ],
    ids=str,
)
def test_a_rate_that_the_merchant_wrote_down_converts_to_the_last_digit(money: Money, rate: Rate, worth: Money) -> None:
    assert rate.convert(money) == worth


@pytest.mark.parametrize("value", ["0", "0.00", "-1", "", "1,5", "1e3", "NaN", "two"])
def test_what_is_no_rate_is_refused_in_words(value: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal rate above zero"):
        Rate("USD", "EUR", value)
    assert Rate("USD", "EUR", "0.01").value == "0.01"


def test_a_rate_is_for_one_currency_and_never_changes() -> None:
    rate = Rate("USD", "EUR", "0.9")
    with pytest.raises(ValueError, match="a rate for USD does not tell the worth of GBP"):
        rate.convert(Money(100, "GBP"))
    with pytest.raises(FrozenInstanceError):
        rate.value = "2"  # type: ignore[misc]


def test_the_largest_amount_is_ten_trillion_in_a_currency_with_cents() -> None:
    assert MAX_MINOR == 10**15
    assert Money.parse("10000000000000.00", "EUR").minor == MAX_MINOR
    with pytest.raises(ValueError, match="beyond what is accepted"):
        Money.parse("10000000000000.01", "EUR")


def test_an_amount_never_changes_under_whoever_holds_it() -> None:
    with pytest.raises(FrozenInstanceError):
        EUR.minor = 1  # type: ignore[misc]
    assert {EUR: "credit"}[Money(1250, "EUR")] == "credit"
