"""Who is who does not depend on the order in which we learned it, and can be put right."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.person import ADDRESS, EMAIL, PHONE, WEAK, Merge, fingerprint, groups, normal

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PEOPLE = [UUID(int=n) for n in range(1, 9)]
KEY, MERCHANT, OTHER = b"key", UUID(int=100), UUID(int=101)

pairs = st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)), max_size=12)


def _merge(pair: tuple[UUID, UUID], *, undone: bool = False) -> Merge:
    return Merge(*pair, NOW, "same e-mail", NOW if undone else None)


def _who(merges: list[Merge]) -> list[UUID]:
    found = groups(merges)
    return [found.get(person, person) for person in PEOPLE]


def _reference(edges: list[tuple[UUID, UUID]]) -> list[UUID]:
    """Spread the smallest id along the edges until nothing changes."""
    least = {person: person for person in PEOPLE}
    for _ in PEOPLE:
        for one, other in edges:
            least[one] = least[other] = min(least[one], least[other])
    return [least[person] for person in PEOPLE]


@given(pairs, st.randoms(use_true_random=False))
def test_any_order_of_joining_gives_the_same_people(edges: list[tuple[UUID, UUID]], chance: object) -> None:
    shuffled = list(edges)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    turned = [pair[::-1] for pair in shuffled]
    expected = _reference(edges)
    for order in (edges, shuffled, turned, edges + shuffled):
        assert _who([_merge((pair[0], pair[1])) for pair in order]) == expected


@given(pairs, st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.data())
def test_undoing_a_join_brings_back_the_people_from_before(
    edges: list[tuple[UUID, UUID]], one: UUID, other: UUID, data: st.DataObject
) -> None:
    before = [_merge(pair) for pair in edges]
    place = data.draw(st.integers(0, len(before)))
    after = [*before[:place], _merge((one, other), undone=True), *before[place:]]
    assert _who(after) == _who(before)


def test_a_chain_of_people_has_the_oldest_as_its_name_and_breaks_where_it_is_undone() -> None:
    first, second, third, fourth = PEOPLE[:4]
    chain = [_merge((second, third)), _merge((third, fourth)), _merge((first, second))]
    assert set(_who(chain)[:4]) == {first}
    broken = [_merge((second, third), undone=True), *chain[1:]]
    assert _who(broken)[:4] == [first, first, third, third]


@pytest.mark.parametrize(
    "text",
    [
        "anna@example.com",
        "Anna@Example.COM",
        " anna@example.com\n",
        "ａｎｎａ@ｅｘａｍｐｌｅ.ｃｏｍ",
        "ANNA＠EXAMPLE.COM",
    ],
)
def test_an_address_in_another_case_or_width_is_the_same_address(text: str) -> None:
    assert normal(EMAIL, text) == "anna@example.com"
    assert fingerprint(KEY, MERCHANT, EMAIL, text) == fingerprint(KEY, MERCHANT, EMAIL, "anna@example.com")


@given(st.text())
def test_the_spelling_we_compare_is_its_own_spelling(text: str) -> None:
    assert normal(PHONE, normal(PHONE, text)) == normal(PHONE, text)
    assert normal("customer", normal("customer", text)) == normal("customer", text)


def test_people_match_only_within_one_merchant_kind_connection_and_key() -> None:
    mine = fingerprint(KEY, MERCHANT, "customer", "7", "shop one")
    assert mine == fingerprint(KEY, MERCHANT, "customer", " 7 ", "shop one")
    others = {
        fingerprint(b"another key", MERCHANT, "customer", "7", "shop one"),
        fingerprint(KEY, OTHER, "customer", "7", "shop one"),
        fingerprint(KEY, MERCHANT, "contact", "7", "shop one"),
        fingerprint(KEY, MERCHANT, "customer", "7", "shop two"),
        fingerprint(KEY, MERCHANT, "customer", "8", "shop one"),
    }
    assert len(others | {mine}) == 6
    assert b"7" not in mine and len(mine) == 32


def test_a_phone_is_compared_by_its_digits_and_never_strong() -> None:
    assert normal(PHONE, "+49 (30) 123-45") == "+493012345"
    assert {PHONE, ADDRESS} <= WEAK and EMAIL not in WEAK
