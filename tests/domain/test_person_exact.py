"""An identifier that was kept by an earlier release still finds its person."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from uuid import UUID

import pytest

from connector.domain import person
from connector.domain.person import (
    ADDRESS,
    EMAIL,
    MAIL_DOMAIN,
    MAILBOX,
    NAME,
    NETWORK,
    PHONE,
    Merge,
    fingerprint,
    mail_marks,
    normal,
)

KEY, MERCHANT = b"key", UUID(int=100)


def test_kinds_are_kept_under_the_words_they_always_had() -> None:
    assert (EMAIL, PHONE, ADDRESS, NETWORK) == ("email", "phone", "address", "network")
    assert (MAILBOX, MAIL_DOMAIN, NAME) == ("mailbox", "mail_domain", "name")
    assert {PHONE, ADDRESS, NETWORK, MAILBOX, MAIL_DOMAIN, NAME} == person.WEAK


@pytest.mark.parametrize(
    ("kind", "value", "scope", "expected"),
    [
        ("email", " Anna@Example.com", "", "a7566ed3123657952fb9f27cb6c72c43a9a29a4d15a1d355717611655a85b8cb"),
        ("phone", "+49 (30) 123-45", "", "1899c925094742b5bd3be045cec7be0976650abcaba181e00d529e645bf68972"),
        ("customer", "gid://7", "shop one", "0bdacdb2c5e523f4893930085dfc610c414694ba76f581087945e85ce90d3978"),
    ],
)
def test_what_was_hashed_once_is_found_for_ever(kind: str, value: str, scope: str, expected: str) -> None:
    assert fingerprint(KEY, MERCHANT, kind, value, scope).hex() == expected
    if not scope:
        assert fingerprint(KEY, MERCHANT, kind, value).hex() == expected


def test_where_one_part_ends_and_the_next_begins_counts() -> None:
    assert fingerprint(KEY, MERCHANT, "a", "1", "b") != fingerprint(KEY, MERCHANT, "a", "b1", "")
    assert fingerprint(KEY, MERCHANT, "ab", "1", "") != fingerprint(KEY, MERCHANT, "a", "1", "b")


def test_spellings_that_mean_the_same_are_the_same_and_a_platforms_own_id_is_taken_as_it_is() -> None:
    text = " Ab-C 1+ "
    assert {kind: normal(kind, text) for kind in (EMAIL, PHONE, ADDRESS, NAME, MAILBOX, MAIL_DOMAIN, "customer")} == {
        "email": "ab-c 1+",
        "phone": "1+",
        "address": "abc1",
        "name": "abc1",
        "mailbox": "ab-c 1+",
        "mail_domain": "ab-c 1+",
        "customer": "Ab-C 1+",
    }


@pytest.mark.parametrize(
    ("email", "mailbox", "domain"),
    [
        ("Anna@Example.com", "anna@example.com", "example.com"),
        ("anna+tea@example.com", "anna@example.com", "example.com"),
        ("anna+tea+two@example.com", "anna@example.com", "example.com"),
        ("a.n.n.a@example.com", "a.n.n.a@example.com", "example.com"),
        ("a.n.n.a+x@gmail.com", "anna@gmail.com", "gmail.com"),
        ("a.nna@googlemail.com", "anna@gmail.com", "gmail.com"),
        ("+tea@example.com", "+tea@example.com", "example.com"),
        ('"a@b"@example.com', '"a@b"@example.com', "example.com"),
    ],
)
def test_an_address_with_additions_is_the_same_mailbox(email: str, mailbox: str, domain: str) -> None:
    assert mail_marks(email) == ((MAILBOX, mailbox), (MAIL_DOMAIN, domain))


@pytest.mark.parametrize("text", ["", "anna", "@example.com", "anna.example.com"])
def test_what_is_no_address_has_no_mailbox(text: str) -> None:
    assert mail_marks(text) == ()


def test_a_join_is_history_and_cannot_be_rewritten() -> None:
    join = Merge(UUID(int=1), UUID(int=2), datetime(2026, 5, 1, tzinfo=UTC), "same e-mail")
    assert join.undone_at is None
    with pytest.raises(FrozenInstanceError):
        join.kept = UUID(int=3)  # type: ignore[misc]
