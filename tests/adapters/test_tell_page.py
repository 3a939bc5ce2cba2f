"""docs/tell.md is true: for each kind of news and whatever a merchant has connected, one channel tells it, and how.

It is made from the code: python -m tests.adapters.test_tell_page
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from uuid import UUID

import pytest

from adapters.hubspot.outbound.telling import NEWS as PROPERTY
from adapters.klaviyo.outbound.names import DEFAULT, metric
from adapters.salesforce.outbound.telling import NEWS
from adapters.shopify.outbound.triggers import title
from connector.domain.news import MEANING, NewsKind
from connector.journey.tellers import ALL, order
from connector.mail.letters import letter
from connector.ports.platform import Capability
from connector.wiring import adapters
from tests.adapters.test_klaviyo_page import EXAMPLE, HEARD

PAGE = Path(__file__).parents[2] / "docs" / "tell.md"
MANIFESTS = {key: each.manifest for key, each in adapters().items()}
ABLE = sorted(
    (key for key, each in MANIFESTS.items() if Capability.EVENT in each.capabilities),
    key=lambda key: (MANIFESTS[key].tell_rank or 99, key),
)
#: What each channel does, in a word for the tables.
CHANNEL = {
    "klaviyo": "Klaviyo event",
    "mail": "mail from the connector",
    "hubspot": "HubSpot property",
    "salesforce": "Salesforce record",
    "shopify": "Shopify Flow trigger",
}
BEGIN = "<!-- The next part is made from the code: python -m tests.adapters.test_tell_page -->\n"
END = "<!-- Up to here. -->\n"


def sets() -> Iterator[tuple[str, ...]]:
    """Every set of accounts that a merchant may have."""
    for size in range(len(ABLE) + 1):
        yield from combinations(ABLE, size)


def channels(connected: tuple[str, ...], chosen: str, kind: NewsKind) -> list[str]:
    """Who tells it, and who is next where nobody was reached."""
    accounts = {UUID(int=place): MANIFESTS[key] for place, key in enumerate(ABLE) if key in connected}
    return [accounts[each].key for each in order(accounts, {ALL: chosen} if chosen else {}, kind)]


def owner(connected: tuple[str, ...], chosen: str) -> str:
    """The one channel that tells each kind, as a cell of the table; the same for all kinds, or the test says so."""
    (one,) = {tuple(channels(connected, chosen, kind)) for kind in NewsKind}
    return CHANNEL[one[0]] if one else "waits: connect Klaviyo or mail"


def forms(kind: NewsKind) -> list[str]:
    """How each channel says it."""
    mail = letter(replace(EXAMPLE, kind=kind, role=HEARD[kind].partition(",")[0], business="BUSINESS"), "a@example.com")
    assert mail is not None
    return [
        f"`{metric(DEFAULT, kind)}`",
        f"`{PROPERTY}` = `{kind.value}`",
        f"`{NEWS}`, Kind `{kind.value}`",
        f"{title(kind)}",
        f"“{mail['Subject']}”",
    ]


def part() -> str:
    head = "| what | when | Klaviyo | HubSpot | Salesforce | Shopify Flow | mail (subject) |\n|---|---|---|---|---|---|---|\n"
    rows = "".join(f"| {kind.value} | {MEANING[kind]} | {' | '.join(forms(kind))} |\n" for kind in NewsKind)
    chosen = ["", *ABLE]
    names = " | ".join(f"all={key}" if key else "nothing" for key in chosen)
    owners = f"| connected | {names} |\n|---|{'---|' * len(chosen)}\n"
    for connected in sets():
        cells = " | ".join(owner(connected, each) for each in chosen)
        owners += f"| {', '.join(connected) or 'none of them'} | {cells} |\n"
    return f"\n## How each channel says it\n\n{head}{rows}\n## Who tells it\n\nWhat is connected, and what was chosen:\n\n{owners}\n"


def written() -> tuple[str, str, str]:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after


def test_every_channel_has_a_name_for_people() -> None:
    assert set(ABLE) == set(CHANNEL)


@pytest.mark.parametrize("kind", NewsKind)
def test_each_kind_has_one_channel_whatever_is_connected_and_no_cell_is_empty(kind: NewsKind) -> None:
    for connected in sets():
        for chosen in ("", *ABLE):
            found = channels(connected, chosen, kind)
            assert len(found) == len(set(found))
            assert owner(connected, chosen)
            if {"klaviyo", "mail"} & set(connected) or chosen in connected:
                assert found, "somebody tells it"
            if chosen in connected:
                assert found[0] == chosen
    assert all(forms(kind))


def test_the_page_is_true() -> None:
    assert written()[1] == part(), "write it anew: python -m tests.adapters.test_tell_page"


if __name__ == "__main__":
    start, _, end = written()
    PAGE.write_text(f"{start}{BEGIN}{part()}{END}{end}", encoding="utf-8")
