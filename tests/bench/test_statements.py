"""R1: how much the database and Redis are asked for one webhook, and for one reward from its webhooks to its end.

Its end is: the credit settled, the friend's and the order's records written, and every step told. A database far away
answers each question a millisecond or more later, so this is what a merchant's customer waits for. What only opens a
transaction (`set_config`, BEGIN, COMMIT) is counted apart.
"""

from __future__ import annotations

from collections import Counter

import pytest
from redis import Redis

from connector.lanes import due
from tests.bench.report import Report, most
from tests.shop import DOMAIN, Shop
from tests.statements import statements

WEBHOOKS, REWARDS = 50, 40
#: Parts of the store that ask less often for a reward are not listed.
OFTEN = 0.5
#: Around commands on RQ's keys; nothing of ours is sent in a transaction.
_AROUND_RQS = ("MULTI", "EXEC")
#: What this test asks in order to know what is due, and when all is done.
_ASKED_HERE = ("elsewhere", "due.lanes")
ALONE, TOGETHER = "alone", f"{REWARDS} at once"


def test_statements_for_a_webhook(shop: Shop, report: Report) -> None:
    friend = shop.customer("stranger@example.org")
    made = [
        shop.client.control("orders", shop=DOMAIN, customer=friend, net="9.00", send=False) for _ in range(WEBHOOKS)
    ]
    with statements(shop.app) as taken:
        for order in made:
            shop.deliver(order["id"], "orders/create")
    with statements(shop.app) as read:
        shop.app.workshop.work(f"m:{shop.merchant}")
    more = f"{taken.total() / WEBHOOKS:.2f} until it is acknowledged, {read.total() / WEBHOOKS:.2f} to read it"
    each = (taken.total() + read.total()) / WEBHOOKS
    report.add(most("R1 SQL statements per webhook", 5, each, more, counted=True))


@pytest.mark.parametrize("manner", [ALONE, TOGETHER])
def test_statements_for_a_reward(shop: Shop, report: Report, manner: str) -> None:
    number = 1 if manner == ALONE else REWARDS
    links = _advocates(shop, number + 1)
    _referred(shop, links[:1])  # what is looked up once and kept is not counted
    with statements(shop.app) as asked:
        _referred(shop, links[1:])
    assert shop.credits() == [800] * (number + 1) and set(shop.stages()) == {"rewarded"}
    steps, begun = asked.by_step(), asked.transactions
    for each in _ASKED_HERE:
        del steps[each], begun[each]
    opens = f"and {begun.total() / number:.2f} transactions"
    report.add(most(f"R1 SQL statements per reward, {manner}", 12, steps.total() / number, opens, counted=True))
    rows = [(s, f"{steps[s] / number:.2f}", f"{begun[s] / number:.2f}") for s in sorted(begun, key=lambda s: -steps[s])]
    report.explain(f"Statements per reward, {manner}, by step", ("step", "statements", "transactions"), rows)
    if manner == TOGETHER:
        calls = Counter((each.step, each.call) for each in asked.own if each.step not in _ASKED_HERE)
        often = [(*who, f"{count / number:.2f}") for who, count in calls.most_common() if count >= OFTEN * number]
        report.explain(f"Statements per reward, {manner}, by part of the store", ("step", "part", "statements"), often)


def test_redis_commands_for_a_reward(shop: Shop, redis_url: str, report: Report) -> None:
    """As the server sees them. Keys of RQ's own are RQ's; what a script does within the server is one command."""
    if not redis_url:
        pytest.skip("there is no Redis program here")
    shop.app = shop.another_app(REDIS_URL=redis_url)
    links = _advocates(shop, REWARDS + 1)
    _referred(shop, links[:1])
    with Redis.from_url(redis_url) as redis, redis.monitor() as watched:
        _referred(shop, links[1:])
        with Redis.from_url(redis_url) as other:
            other.echo("the end")
        seen = []
        while (said := watched.next_command())["command"] != "ECHO the end":
            name = said["command"].split()[0]
            if said["client_type"] != "lua" and "rq:" not in said["command"] and name not in _AROUND_RQS:
                seen.append(name)
    assert seen, "the meter asks Redis before every call"
    told = ", ".join(f"{seen.count(name) / REWARDS:.2f} {name}" for name in sorted(set(seen)))
    report.add(most("R1 Redis commands per reward, without RQ's", 4, len(seen) / REWARDS, told, counted=True))


def _advocates(shop: Shop, number: int) -> list[str]:
    """The landing pages of so many advocates' links."""
    emails = [f"advocate{each}@example.com" for each in range(number)]
    for email in emails:
        shop.customer(email, earlier_orders=1)
    links = [shop.landing(shop.enrol(email)) for email in emails]
    shop.work()
    return links


def _referred(shop: Shop, links: list[str]) -> None:
    """One friend of each buys, and all that follows is done. Only what the product asks itself is asked here."""
    for link in links:
        shop.order(net="80.00", landing_site=link)
    while lanes := due.lanes(shop.app.database):
        for lane in lanes:
            shop.app.workshop.work(lane.id)
    shop.work()
