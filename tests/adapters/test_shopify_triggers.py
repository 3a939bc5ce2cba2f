"""The triggers that a merchant finds in Shopify Flow are those that the code starts, with the fields that it fills.

Flow refuses a payload with a key that the deployed file does not declare, so a slip here would silence a whole kind of
news. The files and the page are made by: python -m tests.adapters.test_shopify_triggers
"""

import tomllib
from pathlib import Path
from uuid import UUID

import pytest

from adapters.shopify.outbound.triggers import CUSTOMER, CUSTOMER_KEY, FIELDS, TEXTS, handle, payload, title
from connector.domain.news import MEANING, NewsKind
from tests.adapters.test_klaviyo_page import EXAMPLE, HEARD, properties

ROOT = Path(__file__).parents[2]
EXTENSIONS = ROOT / "adapters" / "shopify" / "app" / "extensions"
PAGE = ROOT / "docs" / "shopify.md"
BEGIN = "<!-- The next part is made from the code: python -m tests.adapters.test_shopify_triggers -->\n"
END = "<!-- Up to here. -->\n"


def path(kind):
    return EXTENSIONS / f"referral-flow-trigger-{kind.split()[-1]}" / "shopify.extension.toml"


def file(kind):
    """The extension's file, as Shopify CLI reads it."""
    head = {"name": title(kind), "type": "flow_trigger", "handle": handle(kind), "description": MEANING[kind]}
    customer = {"type": CUSTOMER, "description": "Who hears it: the advocate or the friend"}
    fields = [customer, *({"type": each.type, "key": each.key, "description": each.about} for each in FIELDS)]
    tables = [("[[extensions]]", head), ("[settings]", {}), *(("[[settings.fields]]", field) for field in fields)]
    return "\n".join(
        "".join([f"{name}\n", *(f'{key} = "{text}"\n' for key, text in rows.items())]) for name, rows in tables
    )


def part():
    """The part of the page that is made from the code."""
    rows = [f"| {title(kind)} | {MEANING[kind]} | {HEARD[kind]} | {filled(kind)} |\n" for kind in NewsKind]
    fields = [f"| {each.key} | {each.about} |\n" for each in FIELDS]
    head = "| trigger | when | who hears it | what it says beside News ID, Role and Program |\n|---|---|---|---|\n"
    return f"\n{head}{''.join(rows)}\n| field | what it is |\n|---|---|\n{''.join(fields)}\n"


def filled(kind):
    told = [TEXTS[name].key for name in properties(kind) if name in TEXTS and name != "program"]
    return ", ".join([*told, *(["Reward amount, Reward currency"] if "value" in properties(kind) else [])]) or "—"


def written():
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after


@pytest.mark.parametrize("kind", NewsKind)
def test_each_kind_of_news_has_a_trigger_that_declares_what_is_sent(kind):
    assert path(kind).read_text(encoding="utf-8") == file(kind), (
        "write it anew: python -m tests.adapters.test_shopify_triggers"
    )
    said = tomllib.loads(file(kind))
    keys = [field.get("key", CUSTOMER_KEY) for field in said["settings"]["fields"]]
    assert sorted(keys) == sorted(payload(EXAMPLE, "gid://shopify/Customer/7"))
    assert len(handle(kind)) <= 30


def test_there_is_no_other_trigger():
    assert sorted(EXTENSIONS.glob("referral-flow-trigger-*/*")) == sorted(path(kind) for kind in NewsKind)
    assert len({handle(kind) for kind in NewsKind}) == len(NewsKind)


def test_all_that_the_journey_says_has_a_field():
    said = {name for kind in NewsKind for name in properties(kind)}
    assert said - {"role", "value"} == set(TEXTS)


def test_those_that_merchants_may_have_built_on_keep_their_names():
    assert {handle(NewsKind.STARTED), handle(NewsKind.CONVERTED), handle(NewsKind.ISSUED), handle(NewsKind.REVERSED)} == {
        "referral-started", "referral-converted", "referral-reward-issued", "referral-reward-reversed"
    }  # fmt: skip


def test_a_payload_says_all_of_it():
    assert payload(EXAMPLE, "gid://shopify/Customer/7") == {
        "customer_id": 7,
        "News ID": str(UUID("0192f0c1-7c1e-7b9a-9d53-2f6f5f0a1b2c")),
        "Role": "advocate",
        "Program": "Tea friends",
        "Advocate code": "K7",
        "Link": "",
        "Referral ID": "0192efff-21aa-7c31-8a55-0c6f7c3c9d10",
        "Reward ID": "",
        "Reward kind": "",
        "Reward code": "",
        "Item": "",
        "Reason": "",
        "Join link": "",
        "Share text": "",
        "Reward amount": 12.5,
        "Reward currency": "EUR",
    }


def test_the_page_on_triggers_is_true():
    assert written()[1] == part(), "write it anew: python -m tests.adapters.test_shopify_triggers"


if __name__ == "__main__":
    for each in NewsKind:
        path(each).parent.mkdir(exist_ok=True)
        path(each).write_text(file(each), encoding="utf-8")
    start, _, end = written()
    PAGE.write_text(f"{start}{BEGIN}{part()}{END}{end}", encoding="utf-8")
