"""Watch: what is left of paid credits. Spent, ended and soon ending credit become facts, and the ledger follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from connector.domain import ledger
from connector.domain.facts import CreditExpiring, CreditLapsed, CreditRedeemed
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.domain.redemption import Lot, settle
from connector.journey import happened
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.issue import WATCH_EVERY
from connector.journey.tasks import WATCH
from connector.ports.platform import Holding, Remains
from connector.ports.rows import Credit, connection_lane
from connector.ports.store import Tx


def watch_due(desk: Desk, lane: Lane) -> int:
    """Look at the credits of some accounts; returns how many, and makes the next look due once all were seen."""
    name, size = connection_lane(lane.connection), lane.platform.manifest.watch_batch
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(name, WATCH, 1)
        credits_ = tx.holdings.due(lane.connection, size) if tasks else ()
    if not tasks:
        return 0
    if not credits_:
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.close(tasks)
            if tx.holdings.any(lane.connection):
                tx.tasks.mark(name, WATCH, [WATCH], after=WATCH_EVERY)
        return 1
    account, outbound = open_account(desk, lane), lane.platform.outbound()
    holdings = [credit.holding for credit in credits_]
    parts = [holdings[start : start + size] for start in range(0, len(holdings), size)]
    remains = {each.holding: each for part in parts for each in outbound.remains(account, part)}
    with desk.store.begin(lane.merchant) as tx:
        for _, group in groupby(credits_, key=lambda credit: credit.holding.holder):
            _see(tx, lane, list(group), remains)
    return len(credits_)


def _see(tx: Tx, lane: Lane, account: Sequence[Credit], remains: Mapping[Holding, Remains]) -> None:
    """All credits of one account at once: who spent what can only be told for the account as a whole."""
    now, lots = tx.now(), []
    for credit in account:
        found = remains.get(credit.holding)
        if found is None or found.left is None:
            # The platform forgot it, as with an erased customer: the last that was known stands.
            tx.holdings.saw(credit, credit.redeemed, credit.lapsed, None)
        else:
            counted = (credit.taken, credit.redeemed, credit.lapsed)
            lots.append((credit, Lot(credit.holding.amount, found.left, *counted, found.ended, found.closed)))
    for (credit, lot), (redeemed, lapsed) in zip(lots, settle([lot for _, lot in lots]), strict=True):
        _post(tx, lane, credit, redeemed, lapsed, now)
        over = lot.ended or lot.closed or not lot.left
        tx.holdings.saw(credit, redeemed, lapsed, None if over else WATCH_EVERY)
        if not over:
            _remind(tx, lane, credit, lot.left, now)


def _post(tx: Tx, lane: Lane, credit: Credit, redeemed: Money, lapsed: Money, now: datetime) -> None:
    """Facts and postings of what changed since the last look; each total is posted once, for ever."""
    reward = credit.reward
    if credit.redeemed < redeemed:
        tx.truths.tell(lane.connection, [CreditRedeemed(credit.ref, now, now, reward, redeemed)])
        batch = ledger.redeemed(f"{reward}/redeemed/{redeemed.minor}", redeemed - credit.redeemed)
        tx.ledger.post(batch, reward=reward)
        key = f"reward/{reward}/redeemed/{redeemed.minor}"
        happened.of_reward(tx, NewsKind.REDEEMED, key, reward, redeemed - credit.redeemed)
    if credit.lapsed < lapsed:
        tx.truths.tell(lane.connection, [CreditLapsed(credit.ref, now, now, reward, lapsed)])
        tx.ledger.post(ledger.expired(f"{reward}/expired/{lapsed.minor}", lapsed - credit.lapsed), reward=reward)


def _remind(tx: Tx, lane: Lane, credit: Credit, left: Money, now: datetime) -> None:
    """Say once, as long before its end as the program wants, that it ends soon."""
    if credit.reminded or credit.expires_at is None:
        return
    rule = tx.programs.pinned(credit.program, credit.version).rewards.get(credit.role)
    before = rule.remind_before if rule else timedelta(0)
    if before and credit.expires_at - before <= now:
        fact = CreditExpiring(credit.ref, now, now, credit.reward, left, credit.expires_at)
        tx.truths.tell(lane.connection, [fact])
        happened.of_reward(tx, NewsKind.EXPIRING, f"reward/{credit.reward}/expiring", credit.reward, left)
        tx.holdings.reminded(credit)
