"""docs/webhooks.md tells what the code sends: whoever builds on it reads nothing else.

`python -m tests.journey.test_hook_page` writes the part of the page that is made from the code.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from connector.cli.hook import hook as commands
from connector.domain.money import Money
from connector.domain.news import MEANING, NewsKind
from connector.domain.program import Share
from connector.hook.outbound import signed
from connector.journey.hook import SCHEDULE, body_of, type_of
from connector.ports.hooks import Outgoing
from connector.ports.news import Waiting
from tests.adapters.test_klaviyo_page import HEARD, OF_REWARDS, PERSONAL

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
BEGIN = "<!-- The next part is made from the code: python -m tests.journey.test_hook_page -->\n"
END = "<!-- Up to here. -->\n"
BASE = "https://connector.example.com"
ID = UUID("0192f0c1-7c1e-7b9a-9d53-2f6f5f0a1b2c")
EXAMPLE = Waiting(
    id=ID,
    kind=NewsKind.ISSUED,
    role="advocate",
    person=UUID("0192f0c1-5aa0-7d11-8f0e-6b1d2c3e4f50"),
    at=datetime(2026, 5, 20, 12, tzinfo=UTC),
    program="Tea friends",
    email="",
    code="K7MQ2R",
    referral=UUID("0192f0c1-6bb1-7e22-9a1f-7c2e3d4f5a61"),
    reward=UUID("0192f0c1-7cc2-7f33-ab20-8d3f4e5a6b72"),
    amount=Money(800, "EUR"),
    means="balance",
    reason="",
    item="",
    share=Share(),
    join="/join/annas-tea-house?program=tea-friends",
    business="Anna's Tea House",
    quiet=False,
    again=False,
)


def told(news: Waiting) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body_of(Outgoing(ID, 0, news), BASE))
    return found


def filled(kind: NewsKind) -> list[str]:
    """The fields that say something for such news, besides those that always do."""
    news = replace(
        EXAMPLE,
        kind=kind,
        code="" if kind is NewsKind.INVITED else EXAMPLE.code,
        referral=None if kind in PERSONAL else EXAMPLE.referral,
        reward=EXAMPLE.reward if kind in OF_REWARDS else None,
        amount=EXAMPLE.amount if kind in OF_REWARDS else None,
        means="balance" if kind in OF_REWARDS - {NewsKind.DUE, NewsKind.LATE, NewsKind.MILESTONE} else "",
        reason="So it is." if kind in {NewsKind.REJECTED, NewsKind.INVITED} else "",
    )
    return [name for name, value in told(news)["data"].items() if value is not None and name not in _ALWAYS]


_ALWAYS = {"id", "role", "person", "program"}


def rendered() -> str:
    rows = [
        f"| `{type_of(kind)}` | {MEANING[kind]} | {HEARD[kind]} | {' '.join(f'`{name}`' for name in filled(kind))} |"
        for kind in NewsKind
    ]
    lines = [
        "```json",
        json.dumps(told(EXAMPLE), indent=2),
        "```",
        "",
        "`data` always says `id`, `role`, `person` and `program`; what else it says depends on the type:",
        "",
        "| `type` | when | `role` | says also |",
        "|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def test_the_page_tells_what_the_code_sends() -> None:
    assert PAGE.read_text().split(BEGIN)[1].split(END)[0] == rendered()


def test_the_code_on_the_page_verifies_what_is_sent_and_nothing_else() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    page: dict[str, Any] = {}
    exec(code, page)  # noqa: S102 - the page's own text
    secret, body, now = "whsec_" + "A" * 32, body_of(Outgoing(ID, 0, EXAMPLE), BASE), int(datetime.now(UTC).timestamp())
    headers = signed(["whsec_" + "B" * 32, secret], str(ID), now, body)
    assert page["verified"](secret, headers, body)
    assert not page["verified"](secret, headers, body + b" ")
    assert not page["verified"]("whsec_" + "C" * 32, headers, body)
    assert not page["verified"](secret, signed([secret], str(ID), now - 301, body), body)


def test_the_page_names_every_command_and_every_pause() -> None:
    page = PAGE.read_text()
    assert [name for name in commands.commands if f"connector hook {name}" not in page] == []
    hours = [pause.total_seconds() / 3600 for pause in SCHEDULE[3:]]
    assert [pause.total_seconds() for pause in SCHEDULE[:3]] == [5, 300, 1800]
    assert "after 5 s, 5 min, 30 min, and 2, 5, 10, 14, 20 and 24 hours" in page and hours == [2, 5, 10, 14, 20, 24]


if __name__ == "__main__":
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + BEGIN + rendered() + END + rest.split(END)[1])
