"""A pilot's exit report: figures of what really happened to those who took part, and of nobody else."""

import json
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner

from connector.cli import main
from connector.domain.facts import Appealed, CareRaised, ObjectRef
from connector.domain.pilot_report import Counted, ExitReport, Verdict
from connector.errors import ConfigError, NotFound
from connector.journey.exit_report import exit_report
from tests.journey.money import drive, other_advocate
from tests.shop import DOMAIN, PROGRAM, Shop

PILOT = {**PROGRAM, "mode": "pilot", "pilot": {"group": "vip", "cap": 20}}


@pytest.fixture
def pilot(shop: Shop) -> Shop:
    """A pilot for one group, in which Anna is and Bea is not."""
    shop.apply(PILOT)
    with shop.app.database.begin(shop.merchant) as tx:
        (person,) = tx.run("SELECT person_id FROM advocate WHERE merchant_id = :merchant").scalars().all()
        tx.marks.join(person, None, frozenset({"vip"}))
    return shop


def report(shop: Shop) -> ExitReport:
    return exit_report(shop.app.desk, shop.merchant, "tea-friends")


def answers(shop: Shop) -> dict[str, Counted]:
    return {answer.question.name: answer.counted for answer in report(shop).answers}


def referral(shop: Shop, order: str) -> UUID:
    rows = shop.rows("SELECT id FROM referral WHERE external_id LIKE '%' || :order", order=order)
    return UUID(str(rows[0]["id"]))


def say(shop: Shop, kind: Any, about: UUID, *words: Any) -> None:
    """Somebody says something of a referral."""
    with shop.app.database.begin(shop.merchant) as tx:
        now = tx.now()
        tx.truths.tell(shop.connection, [kind(ObjectRef("referral", str(about)), now, now, *words)])


def bought(shop: Shop, number: int) -> list[str]:
    orders = [shop.order(net="80.00") for _ in range(number)]
    drive(shop)
    return orders


def test_five_friends_who_were_paid_without_a_word_end_the_pilot_well(pilot: Shop) -> None:
    bea = other_advocate(pilot)
    bought(pilot, 5)
    pilot.order(net="80.00", landing_site=pilot.landing(bea))
    drive(pilot)
    found = report(pilot)
    assert (found.audience, found.advocates, found.active, found.rewarded, found.cap) == (1, 2, 1, 5, 20)
    assert [(answer.counted.sample, answer.verdict) for answer in found.answers] == [(5, Verdict.YES)] * 4


def test_an_appeal_a_ticket_and_the_advocates_own_word_are_no_understanding(pilot: Shop) -> None:
    first, second, third, _ = (referral(pilot, order) for order in bought(pilot, 4))
    say(pilot, Appealed, first, "Anna", "where is it")
    say(pilot, CareRaised, second, "ticket", False, "how does it work")
    with pilot.app.database.begin(pilot.merchant) as tx:
        tx.run("""UPDATE referral SET touch = touch || '{"source": "claim"}' WHERE id = :id""", id=third)
    understood = answers(pilot)["understood"]
    assert (understood.sample, understood.right) == (4, 1)
    assert understood.wrong[str(first)] == "Anna asked for another look: where is it"
    assert understood.wrong[str(second)] == "a support ticket: how does it work"


def test_a_record_that_was_refused_has_not_landed_and_one_that_waits_is_not_counted(pilot: Shop) -> None:
    first, second, _ = (referral(pilot, order) for order in bought(pilot, 3))
    with pilot.app.database.begin(pilot.merchant) as tx:
        tx.tasks.mark(f"c:{pilot.connection}", "record", [str(first), str(second)])
        refused = [task for task in tx.tasks.due(f"c:{pilot.connection}", "record", 9) if task.subject == str(first)]
        tx.tasks.park(refused[0], "no such field")
    landed = answers(pilot)["landed"]
    assert (landed.sample, landed.wrong) == (2, {str(first): "its record could not be written: no such field"})


def test_another_kind_of_record_than_the_program_asks_for_has_not_landed(pilot: Shop) -> None:
    bought(pilot, 1)
    pilot.apply({**PILOT, "source": "shopify"})
    assert answers(pilot)["landed"].wrong == {}
    pilot.apply({**PILOT, "event": "order_paid", "source": "elsewhere"})
    (words,) = answers(pilot)["landed"].wrong.values()
    assert words == "the program asks for order_paid, and it is OrderPaid on shopify"


def test_a_refund_is_a_sign_of_trouble_until_somebody_says_that_all_is_well(pilot: Shop) -> None:
    order, other = bought(pilot, 2)
    pilot.change(order, "refund", amount="20.00")
    drive(pilot)
    about, neighbour = referral(pilot, order), referral(pilot, other)
    assert answers(pilot)["treated"].wrong == {str(about): "the purchase was refunded"}
    say(pilot, CareRaised, about, "refund", False)
    say(pilot, CareRaised, neighbour, "stalled", True, "no answer for a week")
    assert answers(pilot)["treated"].wrong == {str(neighbour): "stalled: no answer for a week"}


def test_late_lost_refused_and_uncovered_rewards_are_disputes(pilot: Shop) -> None:
    bought(pilot, 6)
    for place, change in enumerate(
        (
            "issued_at = due_at + interval '3 days'",
            "state = 'unknown', issued_at = NULL, reason = 'no answer'",
            "state = 'refused', issued_at = NULL, reason = 'account closed'",
            "state = 'held', issued_at = NULL, due_at = due_at - interval '2 days', reason = 'no account'",
            "state = 'due', issued_at = NULL, due_at = now() + interval '2 days'",
        )
    ):
        pilot.rows(
            f"UPDATE reward SET {change} WHERE id = (SELECT id FROM reward ORDER BY id OFFSET {place} LIMIT 1) RETURNING 1"
        )
    paid = answers(pilot)["paid"]
    assert paid.sample == 5, "one is not due yet"
    said = [words.partition(":")[2] or words for _, words in sorted(paid.wrong.items())]
    assert said == ["delivered 3 days after it was due", " no answer", " account closed", " no account"]


def test_a_debit_that_found_nothing_is_a_dispute(pilot: Shop) -> None:
    (order,) = bought(pilot, 1)
    pilot.client.control("orders", shop=DOMAIN, customer=pilot.advocate, net="8.00", store_credit="8.00", send=False)
    pilot.change(order, "refund")
    drive(pilot)
    (words,) = answers(pilot)["paid"].wrong.values()
    assert words == "8.00 EUR of what was to be taken back was gone"


def test_what_never_was_a_pilot_has_no_exit(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="never was a pilot"):
        report(shop)
    with pytest.raises(NotFound):
        exit_report(shop.app.desk, shop.merchant, "coffee")


def test_the_command_tells_people_and_machines(pilot: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    bought(pilot, 1)
    with monkeypatch.context() as patch:
        for name, value in pilot.app.environ.items():
            patch.setenv(name, value)
        said = CliRunner().invoke(main, ["program", "pilot", "tea-friends"])
        plain = CliRunner().invoke(main, ["program", "pilot", "tea-friends", "--json"])
    assert (said.exit_code, plain.exit_code) == (0, 0), said.output + plain.output
    assert "Do rewards go out without disputes? too early: 1 of 1." in said.stdout
    assert json.loads(plain.stdout)["answers"]["paid"]["verdict"] == "too early"
