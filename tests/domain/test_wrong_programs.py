"""A merchant's program file with a mistake in it: each mistake is told with its line, its setting and what to do.

Each wrong file differs from one right file in this mistake alone, and the right one is taken: no rule is so strict that
it refuses what is right.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from connector.domain.program import Program
from connector.domain.program_data import parse
from connector.errors import ConfigError
from connector.files.program import read, write

#: A right program of many settings, one to a line, so that a mistake in any of them has a line of its own.
RIGHT = """\
name: Tea for Two
slug: tea
mode: live
event: order_paid
window_days: 60
hold_days: 14
late_days: 2
minimum_net: 50.00 EUR
new_customers_only: true
attribution:
  touch: last
  prefer: code
advocate:
  kind: balance
  percent: 12.5
  cap: 40.00 EUR
  expires_days: 365
  remind_days: 7
  rounding: half_up
  fallback: [gift_card]
friend:
  kind: code
  amount: 5.00 EUR
links:
  hosts: [anna.example.com]
  path: /collections/all
offer:
  kind: percent
  percent: 10
  minimum: 30.00 EUR
rates:
  USD: 0.92 EUR
qualify:
  payment: each
  payments: 3
orders:
  products: [tea]
  except_products: [sale]
  countries: [DE, AT]
  except_countries: [CH]
  currencies: [EUR, USD]
  tax: included
tiers:
  period: quarter
  steps:
    - from: 3
      percent: 15
    - from: 10
      amount: 20.00 EUR
milestones:
  - at: 5
    amount: 50.00 EUR
caps:
  period: month
  rewards: 10
  amount: 200.00 EUR
budget:
  period: year
  amount: 5000.00 EUR
  warn_percent: 80
review:
  when: flagged
  within_days: 7
  decline_after_days: 30
fraud:
  flag: 50
  block: 100
  velocity: 20
  employees: [tea.example.com]
  coupon_sites: [spar.example.com]
  points:
    same_phone: 60
clawback:
  after_issue: review
  shortfall: net
enrol:
  ways: [staff, order]
  after_order: true
  vanity_by: advocates
"""
#: What stands in RIGHT, what somebody wrote in its place, the setting that is told, and words of the remedy.
WRONG: list[tuple[str, str, str, str]] = [
    ("name: Tea for Two", "name: ''", "name", "write a text"),
    ("slug: tea", "slug: 2026-05-01", "slug", "write a text"),
    ("mode: live", "mode: life", "mode", "'life' is none of shadow, test, pilot, live"),
    ("mode: live", "mode: pilot", "pilot", "say who takes part: a section `pilot`"),
    ("event: order_paid", "event: order_payed", "event", "'order_payed' is none of order_paid, order_fulfilled"),
    ("event: order_paid", "event: lead_created", "event", "promise an `amount` and no `percent`"),
    ("window_days: 60", "window_days: 60 days", "window_days", "must be a whole number of days, 0 to 3650"),
    ("window_days: 60", "window_days: 2026-07-01", "window_days", "must be a whole number of days"),
    ("hold_days: 14", "hold_days: -14", "hold_days", "-14 must be a whole number of days"),
    ("hold_days: 14", "hold_days: 1.5", "hold_days", "1.5 must be a whole number of days"),
    ("hold_days: 14", "hold_day: 14", "hold_day", "no such setting; did you mean hold_days?"),
    ("late_days: 2", "late_dasy: 2", "late_dasy", "no such setting; did you mean late_days?"),
    ("minimum_net: 50.00 EUR", "minimum_net: 50", "minimum_net", 'such as "10.00 EUR"'),
    ("minimum_net: 50.00 EUR", "minimum_net: 50,00 EUR", "minimum_net", 'such as "10.00 EUR"'),
    ("minimum_net: 50.00 EUR", "minimum_net: EUR 50.00", "minimum_net", 'such as "10.00 EUR"'),
    ("minimum_net: 50.00 EUR", "minimum_net: 50.00 eur", "minimum_net", 'such as "10.00 EUR"'),
    ("minimum_net: 50.00 EUR", "minimum_net: 50.00 USD", "minimum_net", "amounts in EUR, USD; use one currency"),
    ("new_customers_only: true", "new_customers_only: maybe", "new_customers_only", "'maybe' must be true or false"),
    ("new_customers_only: true", "new_customer_only: true", "new_customer_only", "did you mean new_customers_only?"),
    ("  touch: last", "  touch: latest", "attribution.touch", "'latest' is none of first, last"),
    ("  touch: last", "  tuoch: last", "attribution.tuoch", "did you mean touch?"),
    ("  prefer: code", "  prefer: coupon", "attribution.prefer", "'coupon' is none of code, link"),
    ("  prefer: code", "  precedence: [clicks]", "attribution.precedence", "name each of redeem_code,"),
    ("  prefer: code", "  prefer: code\n  precedence: [click]", "attribution.prefer", "leave it out where"),
    ("  kind: balance", "  kind: cash", "advocate.kind", "'cash' is none of balance, code, gift_card, points, native, item, thanks"),
    ("  percent: 12.5", "  percent: 12.5%", "advocate.percent", "'12.5%' must be more than 0 and at most 100"),
    ("  percent: 12.5", "  percent: 120", "advocate.percent", "120 must be more than 0 and at most 100"),
    ("  percent: 12.5", "  percent: 12.5\n  amount: 5.00 EUR", "advocate", "not both, not neither"),
    ("  percent: 12.5", "  percnt: 12.5", "advocate.percnt", "did you mean percent?"),
    ("  cap: 40.00 EUR", "  cap: 40.00 €", "advocate.cap", 'such as "10.00 EUR"'),
    ("  expires_days: 365", "  expires_days: 0", "advocate.expires_days", "must be at least 1, or left out"),
    ("  rounding: half_up", "  rounding: nearest", "advocate.rounding", "'nearest' is none of half_up, down, up"),
    ("  fallback: [gift_card]", "  fallback: gift_card", "advocate.fallback", "write a list of texts"),
    ("  fallback: [gift_card]", "  fallback: [item]", "advocate.fallback", "name other kinds than balance, each once"),
    ("friend:\n  kind: code", "friend:\n  kind: thanks", "friend", "thanks cost nothing: take `amount`"),
    ("friend:\n  kind: code", "friend:\n  kind: item", "friend", 'an item needs `item: "a mug"`'),
    ("friend:\n  kind: code", "friend:\n  kind: code\n  item: mug", "friend.item", "goes with `kind: item` only"),
    ("friend:\n  kind: code", "friend:\n  kind: item\n  item: mug\n  fallback: [code]", "friend.fallback", "is paid by no platform"),
    ("  hosts: [anna.example.com]", "  hosts: [https://anna.example.com]", "links.hosts", "is no host name"),
    ("  path: /collections/all", "  path: //evil.example", "links.path", "must be a path on the shop"),
    ("offer:\n  kind: percent", "offer:\n  kind: shipping", "offer.percent", "does not belong to a shipping offer"),
    ("offer:\n  kind: percent", "offer:\n  kind: gift", "offer.product", "is missing"),
    ("  USD: 0.92 EUR", "  USD: 0.92", "rates.USD", 'write what one USD is worth, such as "0.92 EUR"'),
    ("  USD: 0.92 EUR", "  USD: 0.92 CHF", "rates.USD", "turn it into EUR, the currency of the program's amounts"),
    ("  USD: 0.92 EUR", "  EUR: 0.92 EUR", "rates.EUR", "write what one EUR is worth"),
    ("  USD: 0.92 EUR", "  dollar: 0.92 EUR", "rates.dollar", "write what one dollar is worth"),
    ("  payments: 3", "  payments: 1", "qualify.payments", "both need it: 2 or more"),
    ("  payments: 3", "  payments: 3\n  stage: Demo", "qualify.stage", "goes with `event: stage_reached` only"),
    ("  payments: 3", "  payments: 3\n  stays_days: 3", "qualify.stays_days", "goes with `event: deal_won` only"),
    ("  products: [tea]", "  products: tea", "orders.products", "write a list of texts"),
    ("  except_products: [sale]", "  except_products: [Tea]", "orders.except_products", "tea is also among orders.products"),
    ("  countries: [DE, AT]", "  countries: [Germany]", "orders.countries", "germany: write countries as two letters, such as DE"),
    ("  countries: [DE, AT]", "  countries: [SE, NO]", "orders.countries", "write a list of texts"),
    ("  except_countries: [CH]", "  except_countries: [de]", "orders.except_countries", "de is also among orders.countries"),
    ("  currencies: [EUR, USD]", "  currencies: [euro]", "orders.currencies", "EURO: write currencies as three letters"),
    ("  tax: included", "  tax: 19", "orders.tax", "19 is none of included, excluded"),
    ("  period: quarter", "  period: week", "tiers.period", "'week' is none of month, quarter, year, ever"),
    ("    - from: 3", "    - from: 12", "tiers.steps", "each with a higher `from` than the one before"),
    ("    - from: 3", "    - form: 3", "tiers.steps.1.form", "did you mean from?"),
    ("    - from: 10", "    - from: 1", "tiers.steps.2.from", "1 must be a whole number, 2 to"),
    ("      amount: 20.00 EUR", "      amount: 20.00", "tiers.steps.2.amount", 'such as "10.00 EUR"'),
    ("  - at: 5", "  - at: five", "milestones.1.at", "'five' must be a whole number, 1 to"),
    ("  - at: 5", "  - at: 5\n    percent: 5\n  - at: 5", "milestones", "two of them are at the same number"),
    ("  - at: 5\n", "  -\n", "milestones.1.at", "say how many friends it takes, 1 or more"),
    ("  rewards: 10", "  rewards: 0", "caps.rewards", "0 must be a whole number, 1 to"),
    ("  rewards: 10\n  amount: 200.00 EUR\n", "", "caps", "say how much: `rewards: 10`"),
    ("  amount: 5000.00 EUR\n", "", "budget.amount", 'such as "5000.00 EUR"'),
    ("  warn_percent: 80", "  warn_percent: 101", "budget.warn_percent", "101 must be a whole number, 1 to 100"),
    ("  when: flagged", "  when: sometimes", "review.when", "'sometimes' is none of never, flagged, always"),
    ("  block: 100", "  block: 40", "fraud.block", "40 is below fraud.flag of 50"),
    ("  employees: [tea.example.com]", "  employees: [anna@tea.example.com]", "fraud.employees", "write host names, such as"),
    ("  employees: [tea.example.com]", "  employees: []", "fraud.employees", "name at least one domain, or leave it out"),
    ("    same_phone: 60", "    same_fone: 60", "fraud.points.same_fone", "no such rule; there are same_mailbox,"),
    ("    same_phone: 60", "    same_phone: many", "fraud.points.same_phone", "'many' must be a whole number, 0 to 1000"),
    ("  points:\n    same_phone: 60", "  points: [same_phone]", "fraud.points", "write it as a section of `name: value` lines"),
    ("  after_issue: review", "  after_issue: keep", "clawback.after_issue", "'keep' is none of take, review, absorb"),
    ("  ways: [staff, order]", "  ways: [fax]", "enrol.ways", "name some of staff, file, order, deal, list, join"),
    ("clawback:\n  after_issue: review\n  shortfall: net", "clawback: review", "clawback", "write it as a section"),
    ("milestones:\n  - at: 5\n    amount: 50.00 EUR", "milestones: 5", "milestones", "write a list of `- setting: value` sections"),
    ("hold_days: 14", "hold_days: 14\ncolour: green", "colour", "no such setting; take it out"),
    ("  rewards: 10", "  rewards: 10\n  rewards: 20", "caps.rewards", "written twice; keep one of them"),
    ("hold_days: 14", "hold_days: 14\nslug: tee", "slug", "written twice; keep one of them"),
]  # fmt: skip
#: Mistakes in files that are no settings at all, and words of what is told.
BROKEN: list[tuple[str, str]] = [
    ("name: Tea\nadvocate:\n\tpercent: 10\n", "p.yaml line 3, column 1: this is no YAML"),
    ("name: Tea\nadvocate: {percent: 10\n", "p.yaml line 3, column 1: this is no YAML"),
    ("name: Tea: for two\n", "p.yaml line 1, column 10: this is no YAML"),
    ("name: Tea\n   hold_days: 3\n", "p.yaml line 2, column 13: this is no YAML"),
    ("name: *nobody\n", "p.yaml line 1, column 7: this is no YAML"),
    ("name: Tea\n---\nname: Coffee\n", "p.yaml line 2, column 1: this is no YAML"),
    ("name: !secret x\n", "p.yaml line 1, column 7: this is no YAML"),
    ("? [a, b]\n: c\n", "p.yaml line 1, column 3: this is no YAML"),
    ("name: \x07\n", "p.yaml: this is no YAML"),
    ("- name: Tea\n- percent: 10\n", "p.yaml line 1: a program is a list of `setting: value` lines"),
    ("Tea for two\n", "p.yaml line 1: a program is a list of `setting: value` lines"),
    ("", "p.yaml line 1: a program is a list of `setting: value` lines"),
]
#: Files over which the reader itself stumbles, or might.
ODD: list[tuple[str, str]] = [
    ("a day that the calendar does not have", "name: Tea\nwindow_days: 2026-13-45\n"),
    ("a number without digits", "name: Tea\nwindow_days: 0x_\n"),
    ("lists within lists without end", f"name: {'[' * 500}\n"),
    ("a list within itself", "name: Tea\nadvocate: &a [*a]\n"),
    ("a number that fills a page", f"name: Tea\nwindow_days: 0x{'f' * 6000}\n"),
]


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(text, "p.yaml")
    return refused.value.problems


@pytest.mark.parametrize(("was", "wrong", "key", "remedy"), WRONG, ids=[f"{w[1]!r}" for w in WRONG])
def test_a_mistake_is_told_with_its_line_its_setting_and_its_remedy(
    was: str, wrong: str, key: str, remedy: str
) -> None:
    assert RIGHT.count(was) == 1
    text = RIGHT.replace(was, wrong)
    told = [problem for problem in problems(text) if f", {key}: " in problem and remedy in problem]
    assert len(told) == 1
    assert told[0].startswith(f"p.yaml line {_line(text, key)}, {key}: ")


def _line(text: str, key: str) -> int:
    """Where a person would look: the line of the setting, the last where it stands twice, else that of its section."""
    places: dict[str, int] = {}
    path: list[tuple[int, str]] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.lstrip()
        indent = len(line) - len(bare)
        if bare.startswith("-"):
            path = [each for each in path if each[0] < indent]
            under = ".".join(name for _, name in path)
            counts[under] = counts.get(under, 0) + 1
            path.append((indent, str(counts[under])))
            bare, indent = bare.removeprefix("-").lstrip(), indent + 2
        if ":" in bare and not bare.startswith("{"):
            path = [*(each for each in path if each[0] < indent), (indent, bare.partition(":")[0])]
            places[".".join(name for _, name in path)] = number
    while key and key not in places:
        key = key.rpartition(".")[0]
    return places.get(key, 1)


@pytest.mark.parametrize(("text", "told"), BROKEN, ids=[told for _, told in BROKEN])
def test_what_is_no_list_of_settings_is_told_where_it_breaks(text: str, told: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(told)


@pytest.mark.parametrize("text", [text for _, text in ODD], ids=[what for what, _ in ODD])
def test_what_yaml_itself_stumbles_over_is_told_too(text: str) -> None:
    assert problems(text)


def test_every_mistake_of_a_file_is_told_at_once_each_at_its_own_line() -> None:
    told = problems("name: Tea\nmode: life\nhold_days: two\nadvocate:\n  percent: 200\n  percent: 300\ncolour: green\n")
    assert sorted(problem.split(":")[0] for problem in told) == [
        "p.yaml line 2, mode",
        "p.yaml line 3, hold_days",
        "p.yaml line 6, advocate.percent",
        "p.yaml line 6, advocate.percent",
        "p.yaml line 7, colour",
    ]


def test_a_setting_with_a_space_in_its_name_is_told_at_its_line() -> None:
    told = problems("name: Tea\nadvocate:\n  percent: 10\nhold days: 14\n")
    assert [problem for problem in told if problem.startswith("p.yaml line 4, hold days: no such setting")]


GOOD: list[tuple[str, str]] = [
    ("the smallest there is", "name: Tea\nadvocate: {percent: 10}\n"),
    ("an offer to the friend alone", "name: Tea\noffer: {kind: gift, product: p1, collection: c1}\n"),
    ("a reward to the friend alone", "name: Tea\nfriend: {amount: 500 JPY}\n"),
    ("milestones alone", "name: Tea\nmilestones:\n- {at: 1, kind: item, item: a mug, amount: 8.00 EUR}\n"),
    ("a cap on a fixed amount", "name: Tea\nadvocate: {amount: 10.00 EUR, cap: 5.00 EUR}\n"),
    ("thanks", "name: Tea\nadvocate: {kind: thanks}\n"),
    ("a pilot", "name: Tea\nmode: pilot\npilot: {percent: 10, cap: 5}\nadvocate: {percent: 10}\n"),
    ("a stage", "name: Tea\nevent: stage_reached\nqualify: {stage: Demo}\nadvocate: {amount: 5.00 EUR}\n"),
    ("a deal that stays", "name: Tea\nevent: deal_won\nqualify: {stays_days: 7}\nadvocate: {percent: 5}\n"),
    ("links first", "name: Tea\nattribution: {prefer: link}\nadvocate: {percent: '7.5'}\n"),
    ("numbers that are names", "name: Tea\norders: {products: [4711]}\nadvocate: {percent: 10}\n"),
    ("JSON", '{"name": "Tea", "advocate": {"amount": "1.500 KWD"}}'),
    ("lines used twice", "name: Tea\nadvocate: &both {percent: 10}\nfriend: *both\n"),
    ("all there is", RIGHT),
]


@pytest.mark.parametrize("text", [text for _, text in GOOD], ids=[what for what, _ in GOOD])
def test_a_right_program_is_taken_and_is_the_same_when_it_is_written_and_read_again(text: str) -> None:
    program, data = read(text, "p.yaml")
    assert isinstance(program, Program)
    assert read(write(data), "again.yaml") == (program, data)


SILENT: list[tuple[str, str]] = [
    ("an answer in the place of a product", "name: Tea\nadvocate: {percent: 10}\norders: {products: [NO]}\n"),
    ("a stage without a name", "name: Tea\nevent: stage_reached\nqualify: {stage: ''}\nadvocate: {amount: 5.00 EUR}\n"),
    ("a pilot for nobody", "name: Tea\nmode: pilot\npilot: {group: ''}\nadvocate: {percent: 10}\n"),
    ("no way to enrol", "name: Tea\nadvocate: {percent: 10}\nenrol: {ways: []}\n"),
    ("a coin that does not exist", "name: Tea\nadvocate: {amount: 10.005 EUR}\n"),
    ("a finer percentage than is kept", "name: Tea\nadvocate: {percent: 12.345}\n"),
]


@pytest.mark.parametrize("text", [text for _, text in SILENT], ids=[what for what, _ in SILENT])
def test_what_cannot_be_meant_is_told(text: str) -> None:
    assert problems(text)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
    | st.sampled_from(["10.00 EUR", "0.92 EUR", "percent", "item", "thanks", "pilot", "each", "tea"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
DATA: dict[str, Any] = yaml.safe_load(RIGHT)
PLACES = sorted({*DATA, "pilot", "source"})
INNER = sorted({key for value in DATA.values() if isinstance(value, dict) for key in value})
sections = st.dictionaries(st.sampled_from(INNER), plain, max_size=4) | plain


@given(st.dictionaries(st.sampled_from(PLACES) | st.text(max_size=5) | st.integers(), sections, max_size=8))
@example({"name": "Tea", "rates": {None: None}, "advocate": {"percent": 10}})
@example({"name": "Tea", "tiers": {"steps": [{}]}, "milestones": [{1: 2}]})
def test_no_data_at_all_stops_the_reading_of_a_program(data: dict[Any, Any]) -> None:
    try:
        program = parse(data)
    except ConfigError as refused:
        assert refused.problems
        assert all(": " in problem for problem in refused.problems)
    else:
        assert program.every_reward or program.offer


@given(st.sampled_from(sorted(DATA)), plain)
def test_one_wrong_value_in_a_right_program_is_told_and_never_stops_it(key: str, value: Any) -> None:
    try:
        parse({**DATA, key: value})
    except ConfigError as refused:
        assert refused.problems


@given(st.text(max_size=60) | st.lists(st.sampled_from(RIGHT.splitlines()), max_size=8).map("\n".join))
def test_no_text_without_the_known_stumbling_blocks_stops_the_reading_of_a_file(text: str) -> None:
    try:
        read(text, "p.yaml")
    except ConfigError as refused:
        assert all(problem.startswith("p.yaml") for problem in refused.problems)
