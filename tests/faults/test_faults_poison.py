"""C25: one piece of work that always fails is left to a person after so many tries, and holds nobody up.

What a merchant would lose: all friends' rewards because of one, or that one for good because nothing takes it up again.
"""

from __future__ import annotations

from click.testing import CliRunner

from connector.cli import main
from connector.journey.each import TRIES
from tests.journey.money import drive, open_books, work_decisions, work_until
from tests.shop import Shop

FRIENDS = 10
PAID = [100 + 10 * number for number in range(FRIENDS)]


def test_a_decision_that_always_fails_is_parked_and_everybody_else_is_paid(shop: Shop) -> None:
    """A fact that this version does not know, as after a step back to an older one."""
    shop.order(net="80.00")
    work_until(shop, "SELECT id FROM fact WHERE data ->> 'is' = 'OrderPaid'")
    told_unknown(shop)
    for number in range(FRIENDS):
        shop.order(net=f"{10 + number}.00")
    assert tries_until_parked(shop) == TRIES + 1
    drive(shop)
    assert sorted(shop.credits()) == PAID, "everybody else is paid"
    [parked] = shop.rows("SELECT reason FROM task WHERE state = 'parked'")
    assert "'OrderEaten' is unknown to this version" in parked["reason"]


def test_what_was_parked_is_replayed_and_nothing_else_is_repeated(shop: Shop) -> None:
    shop.order(net="60.00")
    drive(shop)
    shop.order(net="80.00")
    work_until(shop, "SELECT external_id FROM fact WHERE data ->> 'net' = '8000'")
    told_unknown(shop)
    tries_until_parked(shop)
    drive(shop)
    assert shop.credits() == [600], "what is parked waits for a person"
    forget_unknown(shop)
    said = CliRunner(env=dict(shop.app.environ)).invoke(main, ["replay", "--all"])
    assert said.exit_code == 0 and "4 deliveries, 1 parked tasks" in said.output, said.output
    drive(shop)
    assert shop.credits() == [600, 800]
    assert open_books(shop) == {"cost": 1400, "issued": -1400}
    assert shop.rows("SELECT lane FROM task WHERE state = 'parked'") == []


def told_unknown(shop: Shop) -> None:
    """The newest payment is told once more, in a way that nobody here understands."""
    shop.rows(
        """INSERT INTO fact (id, merchant_id, connection_id, object_kind, external_id, key, as_of, data)
           SELECT gen_random_uuid(), merchant_id, connection_id, object_kind, external_id, key, as_of + interval '1 s',
               data || '{"is": "OrderEaten"}'
           FROM fact WHERE key LIKE 'paid:%' ORDER BY recorded_at DESC LIMIT 1 RETURNING id"""
    )


def forget_unknown(shop: Shop) -> None:
    """As if the version that understands it had come back; no fact is ever deleted, so this is done by force."""
    with shop.app.database.begin(shop.merchant) as tx:
        tx.run("ALTER TABLE fact DISABLE TRIGGER USER")
        tx.run("DELETE FROM fact WHERE data ->> 'is' = 'OrderEaten'")
        tx.run("ALTER TABLE fact ENABLE TRIGGER USER")


def tries_until_parked(shop: Shop) -> int:
    """Have it tried without its pauses until it is left to a person; how often that was, with those before."""
    failing = "what = 'decide' AND state = 'open' AND tries > 0"
    work_decisions(shop)
    while shop.rows(f"UPDATE task SET due_at = clock_timestamp() WHERE {failing} RETURNING tries"):
        work_decisions(shop)
    [parked] = shop.rows("SELECT tries FROM task WHERE state = 'parked'")
    return int(parked["tries"]) + 1  # the last one only parks it
