"""docs/klaviyo.md tells what the code sends: a flow that is built on a wrong name never starts.

`python -m tests.adapters.test_klaviyo_page` writes the part of the page that is made from the code.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from adapters.klaviyo import MANIFEST
from adapters.klaviyo.outbound.events import single
from adapters.klaviyo.outbound.names import DEFAULT, metric, profile_property
from connector.domain.money import Money
from connector.domain.news import MEANING, NewsKind
from connector.domain.program import Share
from connector.journey.said import said
from connector.mapping import load_all
from connector.ports.news import News, Waiting

PAGE = Path(__file__).parents[2] / "docs" / "klaviyo.md"
BEGIN = "<!-- The next part is made from the code: python -m tests.adapters.test_klaviyo_page -->\n"
END = "<!-- Up to here. -->\n"
#: As whom somebody hears it.
HEARD = {
    **dict.fromkeys(NewsKind, "advocate"),
    NewsKind.VISITED: "friend",
    NewsKind.STARTED: "friend, advocate",
    **dict.fromkeys(
        (NewsKind.DUE, NewsKind.ISSUED, NewsKind.EXPIRING, NewsKind.REDEEMED, NewsKind.REVERSED, NewsKind.LATE),
        "whose it is",
    ),
}
#: About somebody alone, and about a reward; all others are about a referral.
PERSONAL = {NewsKind.INVITED, NewsKind.ENROLLED, NewsKind.SHARED}
OF_REWARDS = {kind for kind in NewsKind if HEARD[kind] == "whose it is"} | {NewsKind.MILESTONE}


def properties(kind):
    """What a flow may rely on, by what the journey says of such news; `value` stands for the amount and its currency."""
    full = Waiting(
        id=EXAMPLE.id,
        kind=kind,
        role="friend" if HEARD[kind] == "friend" else "advocate",
        person=EXAMPLE.id,
        at=EXAMPLE.at,
        program="Tea friends",
        email=EXAMPLE.email,
        code="" if kind is NewsKind.INVITED else "K7",
        referral=None if kind in PERSONAL else EXAMPLE.id,
        reward=EXAMPLE.id if kind in OF_REWARDS else None,
        amount=EXAMPLE.amount if kind in OF_REWARDS else None,
        means="code" if kind in OF_REWARDS - {NewsKind.DUE, NewsKind.LATE, NewsKind.MILESTONE} else "",
        reason="So it is." if kind in {NewsKind.REJECTED, NewsKind.INVITED} else "",
        item="a mug" if kind in {NewsKind.DUE, NewsKind.ISSUED, NewsKind.LATE, NewsKind.MILESTONE} else "",
        share=Share(),
        join="/join/annas-tea-house?program=tea-friends",
        business="Anna's Tea House",
        quiet=False,
        again=False,
    )
    return ["role", *said(full, "https://connector.example.com", b"key"), *(["value"] if full.amount else [])]


EXAMPLE = News(
    UUID("0192f0c1-7c1e-7b9a-9d53-2f6f5f0a1b2c"),
    NewsKind.ISSUED,
    "advocate",
    datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
    "anna@example.com",
    values={"program": "Tea friends", "code": "K7", "referral_id": "0192efff-21aa-7c31-8a55-0c6f7c3c9d10"},
    amount=Money(1250, "EUR"),
)


def part():
    """The part of the page that is made from the code."""
    rows = [
        f"| {metric(DEFAULT, kind)} | {MEANING[kind]} | {HEARD[kind]} | "
        f"{', '.join(f'`{name}`' for name in properties(kind))} |\n"
        for kind in NewsKind
    ]
    head = "| metric | when | who hears it | what it says |\n|---|---|---|---|\n"
    more = (
        "\n`value` is Klaviyo's own value of an event, positive and in units of its currency, which stands beside it in\n"
        "`value_currency` and among the properties as `currency`. Money that is taken back has a metric of its own.\n"
        "`reward_code` is there where the reward is a code or a gift card: its owner must get it from you.\n"
        "\nOne of them, as it is sent:\n"
    )
    sent = json.dumps(single(DEFAULT, EXAMPLE), indent=2)
    return f"\n{head}{''.join(rows)}{more}\n```json\n{sent}\n```\n\n"


def written():
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after


def test_the_page_on_events_is_true():
    assert written()[1] == part(), "write it anew: python -m tests.adapters.test_klaviyo_page"


def test_each_kind_of_news_stands_there():
    assert set(HEARD) == set(NewsKind) == set(MEANING)


def test_each_property_and_each_scope_stands_there():
    page = PAGE.read_text(encoding="utf-8")
    rows = [row for record in load_all()["klaviyo"].records.values() for row in record]
    assert [row.field for row in rows if f"| {profile_property(DEFAULT, row.field)} |" not in page] == []
    assert [scope.name for scope in MANIFEST.scopes if f"| `{scope.name}` | {scope.why} |" not in page] == []


def test_each_metric_that_a_flow_is_built_on_is_one_of_ours():
    flows = PAGE.read_text(encoding="utf-8").partition("## Four flows")[2].partition("## What is never done")[0]
    named = {each for each in flows.split("*") if each.startswith(DEFAULT)}
    assert len(named) >= 4
    assert named <= {metric(DEFAULT, kind) for kind in NewsKind}


if __name__ == "__main__":
    start, _, end = written()
    PAGE.write_text(f"{start}{BEGIN}{part()}{END}{end}", encoding="utf-8")
