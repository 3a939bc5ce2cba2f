"""Evidence that is stored keeps its meaning, and counts for as much as it always did."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from connector.domain.touch import Source, Touch

AT = datetime(2026, 5, 20, 12, tzinfo=UTC)


def test_sources_are_stored_under_these_words_and_rank_in_this_order() -> None:
    assert [str(source) for source in Source] == [
        "redeem_code",
        "cart_attribute",
        "landing_site",
        "last_visit",
        "first_visit",
        "cart_hint",
        "click",
        "crm_field",
        "form",
        "staff",
        "claim",
    ]


def test_a_touch_counts_unless_a_voucher_is_missing_and_says_no_more_than_was_seen() -> None:
    touch = Touch(Source.CLICK, "TEA42", AT)
    assert touch.confirmed
    assert (touch.medium, touch.campaign, touch.evidence, touch.referrer) == ("", "", "", "")


def test_evidence_cannot_be_changed_after_the_fact() -> None:
    touch = Touch(Source.CLICK, "TEA42", AT)
    with pytest.raises(FrozenInstanceError):
        touch.code = "MINE"  # type: ignore[misc]
