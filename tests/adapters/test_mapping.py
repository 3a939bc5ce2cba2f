"""A merchant's CRM must get exactly what its mapping says, and a wrong mapping must say where and how to mend it."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.case import Stage
from connector.domain.money import Money
from connector.errors import ConfigError, InvariantBroken
from connector.mapping import TRANSFORMS, Row, Step, load, load_all, may_write, render
from connector.ports.records import FieldValue
from connector.values import VOCABULARY, Values

ROOT = Path(__file__).parents[2]
WHEN = datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
KNOWN = Values(
    referral_id="r-1",
    referral_code=" anna\n7 ",
    referral_stage=Stage.CONVERTED,
    referral_channel="referral",
    referral_source="referral",
    referral_medium="whatsapp",
    referral_campaign="spring",
    referral_explanation="The order used ANNA7.",
    referral_touched_at=WHEN,
    referral_converted_at=WHEN,
    account_lead_source="Referral",
    advocate_code="ANNA7",
    advocate_link="https://connector.example.com/r/ANNA7",
    advocate_balance=Money(700, "EUR"),
    advocate_friends=3,
    friend_permission="came_themselves",
    friend_permission_words="Came by themselves.",
    reward_id="r1",
    advocate_id="a-1",
    program_name="Friends",
    reward_amount=Money(1250, "EUR"),
    reward_state="due",
    reward_issued_at=WHEN,
)
GOOD = """\
version: 1
platform: crm
records:
  contact:
    - field: Referred_By__c
      type: Text
      from: referral.code
      transform: [one_line, upper, max_length: 5]
      write: if_empty
      help: Who sent them.
    - field: status
      type: Picklist
      from: referral.stage
      transform:
        - map: {pending: Open, qualified: Open, converted: Won, rewarded: Won, rejected: null, expired: null, reversed: Lost}
      write: never_downgrade
      order: [Lost, Open, Working, Won]
      help: Where they stand.
"""


@pytest.fixture
def write(tmp_path):
    def file(text: str, name: str = "crm") -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return file


def problems(path: Path) -> list[str]:
    """What is wrong with the file, each as "line: words"."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    prefix = f"{path}:"
    assert all(problem.startswith(prefix) for problem in caught.value.problems)
    return [problem.removeprefix(prefix) for problem in caught.value.problems]


def one_row(**changes: object) -> str:
    """A file with one row, its keys changed, or left out where the change is None."""
    row = {"field": "f", "type": "t", "from": "referral.code", "write": "if_empty", "help": "h"} | changes
    kept = {key: value for key, value in row.items() if value is not None}
    return yaml.safe_dump({"version": 1, "platform": "crm", "records": {"contact": [kept]}}, sort_keys=False)


# ── What is written ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_good_file_says_what_each_field_gets(write):
    mapping = load(write(GOOD))

    steps = (Step("one_line"), Step("upper"), Step("max_length", 5))
    assert mapping.platform == "crm"
    assert mapping.records["contact"][0] == Row(
        "Referred_By__c", "Text", "referral.code", steps, "if_empty", "Who sent them."
    )
    assert render(mapping, "contact", KNOWN) == {
        "Referred_By__c": FieldValue("ANNA ", "if_empty", "Text"),
        "status": FieldValue("Won", "never_downgrade: Lost < Open < Working < Won", "Picklist"),
    }


def test_unknown_and_empty_values_leave_the_field_alone(write):
    mapping = load(write(GOOD))

    assert render(mapping, "deal", KNOWN) == {}
    assert render(mapping, "contact", Values()) == {}
    assert render(mapping, "contact", Values(referral_code=" \n ", referral_stage=Stage.REJECTED)) == {}
    assert list(render(mapping, "contact", Values(referral_stage=Stage.PENDING))) == ["status"]


@pytest.mark.parametrize(
    ("source", "transform", "value"),
    [
        ("reward.amount", "decimal", "12.50"),
        ("reward.amount", "minor", "1250"),
        ("reward.currency", "lower", "eur"),
        ("reward.state", "upper", "DUE"),
        ("referral.touched_at", "date", "2026-02-28"),  # the day in UTC, where two hours east it is March already
        ("referral.touched_at", "iso", "2026-02-28T22:30:00Z"),
        ("referral.code", "trim", "anna\n7"),
        ("referral.code", "one_line", "anna 7"),
        ("referral.code", {"max_length": 3}, " an"),
    ],
)
def test_a_transform_gives_what_its_name_says(write, source, transform, value):
    mapping = load(write(one_row(**{"from": source, "transform": [transform]})))

    assert render(mapping, "contact", KNOWN) == {"f": FieldValue(value, "if_empty", "t")}


@pytest.mark.parametrize(
    ("minor", "currency", "value"), [(1250, "JPY", "1250"), (1250, "KWD", "1.250"), (0, "EUR", "0.00")]
)
def test_money_keeps_the_digits_of_its_currency(write, minor, currency, value):
    text = one_row(**{"from": "reward.amount", "transform": ["decimal"]})
    beside = one_row(**{"from": "reward.currency"})
    values = Values(reward_amount=Money(minor, currency))

    assert render(load(write(text)), "contact", values)["f"].value == value
    assert render(load(write(beside)), "contact", values)["f"].value == currency


@pytest.mark.parametrize("name", [name for name, transform in TRANSFORMS.items() if "text" in transform.takes])
@given(text=st.text(), length=st.integers(1, 50))
def test_no_text_of_a_visitor_breaks_a_transform(name, text, length):
    step = Step(name, length if TRANSFORMS[name].parametric else None)

    once = step(text)

    assert isinstance(once, str)
    assert once == step(text)
    assert name != "max_length" or (len(once) <= length and text.startswith(once))
    assert name not in {"trim", "one_line"} or once == once.strip()
    assert name != "one_line" or len(once.splitlines()) <= 1


def test_every_path_of_the_vocabulary_can_be_written(write):
    for path, shape in VOCABULARY.items():
        transform = {"money": ["decimal"], "timestamp": ["iso"]}.get(shape.kind)
        mapping = load(write(one_row(**{"from": path, "transform": transform})))
        assert render(mapping, "contact", KNOWN)["f"].value, path


def test_values_that_cannot_be_true_are_refused_before_anything_is_rendered():
    with pytest.raises(InvariantBroken, match=r"reward\.state is 'paid'"):
        Values(reward_state="paid")
    with pytest.raises(InvariantBroken, match="no time zone"):
        Values(referral_touched_at=datetime(2026, 3, 1))
    assert Values(reward_state="issued", referral_touched_at=WHEN).at("reward.state") == "issued"


# ── Who may overwrite whom ───────────────────────────────────────────────────────────────────────────────────────

RANKED = "never_downgrade: Lost < Open < Won"


@pytest.mark.parametrize(
    ("policy", "current", "new", "allowed"),
    [
        ("if_empty", None, "A", True),
        ("if_empty", "", "A", True),
        ("if_empty", "  ", "A", True),
        ("if_empty", "B", "A", False),
        ("if_empty", "0", "A", False),
        ("always", None, "A", True),
        ("always", "B", "A", True),
        (RANKED, None, "Lost", True),
        (RANKED, "", "Lost", True),
        (RANKED, "Lost", "Won", True),
        (RANKED, "Open", "Open", True),
        (RANKED, "Won", "Open", False),
        (RANKED, "Customer for life", "Won", False),
        (RANKED, "Open", "Unheard of", False),
    ],
)
def test_a_persons_value_is_overwritten_only_where_the_policy_says_so(policy, current, new, allowed):
    assert may_write(policy, current, new) is allowed


@pytest.mark.parametrize("current", [None, "B"])
def test_an_unknown_policy_never_writes(current):
    with pytest.raises(InvariantBroken, match="no write policy"):
        may_write("if_empty_or_so", current, "A")


@given(st.lists(st.sampled_from(["Lost", "Open", "Won"]), min_size=1))
def test_a_ranked_field_never_goes_down_whatever_the_order_of_arrival(news):
    held = None
    for new in news:
        if may_write(RANKED, held, new):
            held = new
    assert held == max(news, key=["Lost", "Open", "Won"].index)


# ── A wrong file says where and how to mend it ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"from": "referral.cod"}, "7: `from: referral.cod` is no known path; did you mean `referral.code`?"),
        ({"from": "zzz"}, "7: `from: zzz` is no known path; known are: referral.id, "),
        ({"transform": ["uper"]}, "11: `uper` is no known transform; did you mean `upper`?"),
        ({"transform": ["max_length"]}, "11: `max_length` stands with an argument: `max_length: …`"),
        ({"transform": [{"upper": 3}]}, "11: `upper` stands alone"),
        ({"transform": ["upper", "iso"]}, "12: `iso` cannot take the text that reaches it; use upper or lower or "),
        ({"transform": [{"max_length": 5}, "upper"]}, "11: `max_length` must stand last"),
        ({"transform": [{"max_length": 0}]}, "11: `0` does not fit; write the greatest number of characters"),
        ({"transform": [{"map": {}}]}, "11: `map` cannot take the text that reaches it; use upper or "),
        ({"from": "reward.amount"}, "5: this money cannot be written as it is; add `transform:` with decimal or minor"),
        ({"from": "reward.issued_at"}, "5: this timestamp cannot be written as it is; add `transform:` with date or"),
        ({"from": "reward.amount", "transform": ["minor", "trim"]}, "12: `trim` cannot take the integer that reaches"),
        (
            {"from": "reward.state", "transform": [{"map": {"du": "x"}}]},
            "11: `map` names `du`, which never reaches it;",
        ),
        ({"from": "reward.state", "transform": [{"map": {"due": "x"}}]}, "11: `map` lacks approved, sending, "),
        ({"write": "never"}, "8: `never` does not fit; write if_empty, always or never_downgrade"),
        ({"write": "never_downgrade"}, "5: `never_downgrade` ranks choices, and this is a text; write if_empty or"),
        ({"write": "never_downgrade", "from": "reward.state"}, "5: `order:` lacks due, approved, "),
        ({"order": ["a", "b"]}, "5: `order:` belongs to `write: never_downgrade`; remove it, or change `write:`"),
        ({"order": ["a < b", "c"]}, "11: `a < b` does not fit; write a value of the field as a text without `<`"),
        ({"order": ["a", "a"]}, '10: `["a", "a"]` does not fit; list the field\'s values from lowest to highest'),
        ({"help": None}, "5: `help:` is missing; say in a sentence what the field tells"),
        ({"fild": "x"}, "10: `fild:` is no known key; did you mean `field`?"),
        (
            {"field": "two  spaces"},
            "5: `two spaces` does not fit; write the field's name as the platform's API spells it",
        ),
        ({"type": 5}, "6: `5` does not fit; write the field's type in the platform's own word"),
        ({"type": date(2026, 1, 1)}, "6: YAML does not read `2026-01-01` as a text; put it in quotes: '2026-01-01'"),
        ({"type": True}, "6: YAML does not read `true` as a text; put it in quotes: 'true'"),
    ],
)
def test_a_wrong_row_is_told_with_its_line_and_remedy(write, changes, problem):
    found = problems(write(one_row(**changes)))

    assert len(found) == 1, found
    assert found[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: `null` does not fit; write `version`, `platform` and `records`"),
        ("- a", '1: `["a"]` does not fit; write `version`, `platform` and `records`'),
        ("version: 1\nrecords: [a", "2: is not YAML: expected ',' or ']', but got '<stream end>'; check indents"),
        ("version: 1\n\tplatform: x", "2: is not YAML: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2", "2: is not YAML: but found another document"),
        ("[" * 9000, "1: is not YAML: maximum recursion depth"),
        (GOOD.replace("version: 1", "version: 2"), "1: `2` does not fit; write `version: 1`"),
        (GOOD.replace(": crm", ": erp"), "2: `platform: erp` is not the name of this file; write `platform: crm` or "),
        (GOOD.replace(": crm", ": &x crm") + "    - *x", "2: an alias (`*name`) repeats this value; write it out in"),
        (GOOD.replace("contact:", "Contact:"), "4: `Contact:` does not fit; write a kind of record in lower case"),
        (GOOD.replace("  contact:", "  ? [a]\n  : b\n  contact:"), "4: a key must be a plain word"),
        (GOOD.replace(": Text", ": Text\n      type: Blob"), "7: `type:` stands here again after line 6; keep one"),
        (
            GOOD.replace(": status", ": referred_by__C"),
            "11: `field: referred_by__C` has a row already on line 5; keep ",
        ),
        ("version: 1\nplatform: crm\nrecords: {}\n", "3: `{}` does not fit; list, for each kind of record"),
        ("version: 1\nplatform: crm\n", "1: `records:` is missing; list, for each kind of record"),
    ],
)
def test_a_wrong_file_is_told_with_its_line_and_remedy(write, text, problem):
    found = problems(write(text))

    assert len(found) == 1, found
    assert found[0].startswith(problem)
    assert load(write(GOOD)).records


def test_all_problems_are_told_at_once_in_the_order_of_the_file(write):
    text = GOOD.replace("version: 1", "version: 2").replace("referral.code", "x").replace("Lost, Open, ", "Lost, ")

    assert [problem.split(":")[0] for problem in problems(write(text))] == ["1", "7", "11"]


def test_an_unreadable_file_is_told(tmp_path):
    (tmp_path / "latin.yaml").write_bytes("platform: é".encode("latin-1"))

    assert problems(tmp_path / "missing.yaml")[0].startswith("1: cannot be read (")
    assert problems(tmp_path / "latin.yaml")[0].endswith("is UTF-8 text")


DAMAGE = st.text(max_size=8) | st.sampled_from(["[", "{", ": ", "- ", "\n", "&a ", "*a", "!!set ", "<<: ", "~", "yes"])


@given(st.integers(0, len(GOOD)), st.integers(0, 30), DAMAGE)
def test_a_damaged_file_is_loaded_or_refused_with_a_line_and_never_crashes(tmp_path_factory, at, length, new):
    path = tmp_path_factory.getbasetemp() / "crm.yaml"
    path.write_text(GOOD[:at] + new + GOOD[at + length :], encoding="utf-8")
    try:
        render(load(path), "contact", KNOWN)
        told = ["1: loaded"]
    except ConfigError as error:
        told = [problem.removeprefix(f"{path}:") for problem in error.problems]
    assert told
    assert all(re.match(r"\d+: \S", words) for words in told)


def test_a_folder_tells_the_problems_of_all_its_files(write, tmp_path):
    with pytest.raises(ConfigError, match="put one per platform into it"):
        load_all(tmp_path)
    write(GOOD)
    assert list(load_all(tmp_path)) == ["crm"]
    write("version: 1\n", "first")
    write("", "second")
    with pytest.raises(ConfigError) as caught:
        load_all(tmp_path)
    assert {Path(problem.split(":")[0]).name for problem in caught.value.problems} == {"first.yaml", "second.yaml"}


# ── What comes with the product ──────────────────────────────────────────────────────────────────────────────────


def test_the_shipped_mappings_load_and_each_row_writes_something():
    mappings = load_all()

    assert "shopify" in mappings
    for mapping in mappings.values():
        for kind, rows in mapping.records.items():
            assert set(render(mapping, kind, KNOWN)) == {row.field for row in rows}


def test_the_shop_gets_the_source_of_an_order_once_and_its_stage_always():
    writes = render(load_all()["shopify"], "order", KNOWN)

    assert writes["$app.referral_advocate_code"] == FieldValue("ANNA 7", "if_empty", "single_line_text_field")
    assert writes["$app.referral_stage"] == FieldValue("converted", "always", "single_line_text_field")
    assert writes["$app.referral_reward_amount"].value == "12.50"


def test_a_link_with_line_breaks_gives_no_line_break_in_a_field_of_one_line():
    mapping = load_all()["shopify"]
    hostile = "a\nb\r\nc\u2028d" * 100
    values = Values(referral_code=hostile, referral_source=hostile, referral_medium=hostile, referral_campaign=hostile)
    for kind, rows in mapping.records.items():
        single = {row.field for row in rows if row.type == "single_line_text_field"}
        writes = render(mapping, kind, values)
        assert single & set(writes)
        for field in single & set(writes):
            assert len(writes[field].value.splitlines()) == 1 and len(writes[field].value) <= 255, field


def test_the_page_for_admins_names_all_words_and_its_example_loads(write):
    page = (ROOT / "docs" / "mappings.md").read_text(encoding="utf-8")

    missing = [word for word in [*VOCABULARY, *TRANSFORMS] if f"`{word}`" not in page and f"`{word}: " not in page]
    assert not missing
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert load(write(example, "acme")).records


def test_the_web_process_does_not_pay_for_the_schema_library():
    code = "import sys, connector.mapping; sys.exit('jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode == 0


@pytest.mark.contracts
def test_the_shop_fields_fit_the_published_schema():
    folder = os.environ.get("CONTRACTS_DIR")
    if not folder:
        pytest.skip("CONTRACTS_DIR is not set: the platforms' published schemas are not here")
    with gzip.open(Path(folder) / "shopify/admin-graphql/admin_2026-10.introspection.json.gz") as file:
        published = json.load(file)
    types = {kind["name"]: kind for kind in (published.get("data") or published)["__schema"]["types"]}
    shapes = {entry["name"] for entry in types["MetafieldsSetInput"]["inputFields"]}
    owners = {value["name"] for value in types["MetafieldOwnerType"]["enumValues"]}

    assert {"namespace", "key", "value", "type", "ownerId", "compareDigest"} <= shapes
    for kind, rows in load_all()["shopify"].records.items():
        assert kind.upper() in owners
        assert len(rows) <= 25  # metafieldsSet takes so many at once
        for row in rows:
            namespace, _, key = row.field.rpartition(".")
            assert namespace == "$app" and re.fullmatch("referral_[a-z_]{3,55}", key)
