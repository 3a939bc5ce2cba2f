"""What of several credits was spent, was taken back, and ended, one beside the other, in whole cents."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from connector.domain.money import Money
from connector.domain.redemption import Lot, settle


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def lot(amount: int, left: int, taken: int = 0, spent: int = 0, lapsed: int = 0, **more: bool) -> Lot:
    return Lot(eur(amount), eur(left), eur(taken), eur(spent), eur(lapsed), **more)


def told(*lots: Lot) -> list[tuple[int, int]]:
    return [(spent.minor, lapsed.minor) for spent, lapsed in settle(lots)]


def test_a_credit_is_alive_unless_the_platform_says_otherwise() -> None:
    assert told(Lot(eur(800), eur(500), eur(0), eur(0), eur(0))) == [(300, 0)]


def test_a_card_that_somebody_filled_up_does_not_hide_what_was_spent_of_another() -> None:
    assert told(lot(800, 1000), lot(500, 100)) == [(0, 0), (400, 0)]


def test_what_we_took_back_did_not_end() -> None:
    assert told(lot(800, 300, taken=300, ended=True)) == [(200, 300)]
    assert told(lot(800, 500, taken=300, ended=True), lot(400, 400)) == [(0, 500), (0, 0)]


def test_what_was_spent_did_not_end() -> None:
    assert told(lot(800, 300, ended=True), lot(400, 0, ended=True)) == [(500, 300), (400, 0)]


def test_only_what_can_no_longer_be_spent_ended() -> None:
    assert told(lot(800, 500, ended=True), lot(300, 300, closed=True), lot(400, 400)) == [(300, 500), (0, 300), (0, 0)]


def test_a_debit_that_ate_a_living_credit_is_that_credits_loss() -> None:
    """Our debit for the one that ended was taken from the other: of the account, what is alive is owed, and no more."""
    assert told(lot(400, 400, taken=400, ended=True), lot(800, 400)) == [(0, 0), (0, 400)]


def test_a_purchase_that_was_refunded_counts_against_what_ended() -> None:
    """What was told as spent stays told: the account never owes less than what is alive."""
    assert told(lot(800, 200, spent=600, ended=True), lot(400, 400, spent=100)) == [(600, 100), (100, 0)]


def test_what_was_told_before_leaves_room_only_for_the_rest() -> None:
    assert told(lot(800, 200, spent=300), lot(500, 300)) == [(600, 0), (200, 0)]
    assert told(lot(800, 200, spent=500), lot(500, 0)) == [(600, 0), (500, 0)]


def test_a_credit_as_it_was_seen_is_a_witness_nobody_changes() -> None:
    seen = lot(800, 800)
    with pytest.raises(FrozenInstanceError):
        seen.left = eur(0)  # type: ignore[misc]
