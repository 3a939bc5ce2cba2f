"""A merchant with a row in every table, for the tests of the store; and the proof that no table was forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from connector.domain import ledger
from connector.domain.asking import Moment, Prompt
from connector.domain.case import Plan, Stage
from connector.domain.facts import ObjectRef, OrderPaid
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.domain.touch import Source, Touch
from connector.lanes.lane import Claim, Lanes
from connector.ports.inbound import Item
from connector.ports.offers import Offered, OfferState
from connector.ports.platform import Capability, Direction, Effect, Seen, Truth
from connector.ports.receipts import Heard
from connector.ports.roster import Newcomer
from connector.ports.rows import Answer, Attempt, AttemptState, Movement, Referral, RewardState, connection_lane
from connector.store import keys, merchants
from connector.store.database import Database, Tx, engine
from connector.store.vault import Vault

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
TEN = Money(1000, "EUR")
MINUTE = timedelta(minutes=1)
PROGRAM = {"name": "Friends", "advocate": {"amount": "10.00 EUR"}}
HASH_KEY = b"the key of identifiers"


def opened(url: str, *secrets: str) -> Database:
    """The store as the product opens it."""
    return Database(engine(url), Vault(secrets or ("a secret that is long enough",)), HASH_KEY)


@dataclass(frozen=True)
class World:
    """One merchant whose friend Ben bought with Anna's code; Anna's reward is approved and not yet sent."""

    database: Database
    merchant: UUID
    connection: UUID
    anna: UUID
    ben: UUID
    advocate: UUID
    code: str
    referral: Referral
    reward: UUID

    def begin(self) -> AbstractContextManager[Tx]:
        return self.database.begin(self.merchant)

    def claim(self) -> Claim:
        claim = Lanes(self.database, MINUTE).claim(connection_lane(self.connection))
        assert claim is not None
        return claim

    def movement(self) -> Movement:
        with self.begin() as tx:
            (movement,) = tx.rewards.movable(self.connection, 10)
        return movement

    def attempt(
        self,
        claim: Claim,
        movement: Movement | None = None,
        owner: str = "customer/1",
        deadline: timedelta = MINUTE,
        quiet: timedelta = MINUTE,
    ) -> Attempt | None:
        movement = movement or self.movement()
        effect = Effect(
            id=uuid4(),
            capability=Capability.BALANCE,
            direction=Direction.DEBIT if movement.reversal else Direction.CREDIT,
            owner=owner,
            holder="",
            amount=movement.amount,
            marker="mark",
            since=NOW,
        )
        with self.begin() as tx:
            return tx.attempts.begin(movement, effect, claim, deadline, quiet)

    def settle(self, attempt: Attempt, claim: Claim, answer: Answer) -> bool:
        with self.begin() as tx:
            return tx.attempts.settle(attempt, claim, answer)

    def another_reward(self, beneficiary: UUID | None = None) -> UUID:
        """A second promise of the same referral, for the account of somebody else."""
        with self.begin() as tx:
            plan = Plan("friend", "balance", TEN, NOW, None)
            return tx.rewards.owe(
                self.referral, plan, beneficiary or self.ben, self.connection, RewardState.APPROVED, "promised"
            )


def person(tx: Tx, email: str) -> UUID:
    found = tx.people.resolve(None, [("email", email)])
    assert found is not None
    return found


def world(database: Database, name: str = "Anna's Tea House", shop: str = "anna.example.com") -> World:
    merchant = merchants.ensure(database, name)
    with database.begin(merchant) as tx:
        connection = tx.connections.install("shop", shop, "access", "refresh", None, "EUR", ["orders"])
        program = tx.programs.apply(PROGRAM)
        anna, ben = person(tx, "anna@example.com"), person(tx, "ben@example.com")
        enrolled = tx.roster.enrol(program.id, [Newcomer(anna)])[anna]
        advocate, code = enrolled.id, enrolled.code
        referral = Referral(
            id=uuid4(),
            program=program.id,
            version=program.version,
            advocate=advocate,
            advocate_person=anna,
            friend=ben,
            connection=connection,
            ref=ObjectRef("order", "1001"),
            captured_at=NOW,
            touch=Touch(Source.REDEEM_CODE, code, NOW),
            stage=Stage.CONVERTED,
        )
        tx.referrals.open(referral)
        plan = Plan("advocate", "balance", TEN, NOW, None)
        reward = tx.rewards.owe(referral, plan, anna, connection, RewardState.APPROVED, "promised")
    return World(database, merchant, connection, anna, ben, advocate, code, referral, reward)


ORDER = ObjectRef("order", "1001")


def order_truth(ref: ObjectRef = ORDER, as_of: datetime = NOW, net: int = 10_000) -> Truth:
    paid = OrderPaid(ref, as_of, NOW, NOW, Money(net, "EUR"), test=False, first_order=True)
    return Truth(ref, found=True, as_of=as_of, placed_at=NOW, facts=(paid,))


def furnish(world: World) -> None:
    """Give this merchant a row in every table that the plain story leaves empty."""
    merchants.add_user(world.database, world.merchant, "owner@example.com", "owner")
    merchants.join_code(world.database, world.merchant, timedelta(hours=1))
    keys.add(world.database, world.merchant, f"reports of {world.merchant}")
    ref = world.referral.ref
    with world.begin() as tx:
        tx.people.merge(world.ben, person(tx, "ben@work.example"), "he said so")
        tx.people.keep_email(world.anna, "anna@example.com")
        tx.roster.profiled(world.connection, {world.referral.advocate: "ANNA7"})
        tx.roster.invite(world.referral.program, [world.ben], "staff")
        tx.roster.add_groups([(world.anna, "testers")])
        tx.marks.add([(world.ben, (Seen("phone", "+49 30 1234"),))])
        tx.marks.join(world.anna, None, frozenset({"testers"}))
        tx.marks.guess("203.0.113.0/24")
        told = Heard(world.connection, ref, uuid4(), "orders", b"a hash of bytes", NOW)
        tx.receipts.hear([told])
        tx.programs.click(world.code, "email")
        tx.requests.keep("flow-1", b"a hash of what was asked")
        tx.asks.add(world.referral.program, world.anna, [Moment(Prompt.DELIVERY, "delivery/1", NOW)])
        tx.leftovers.leave(world.anna, [world.connection], ["anna@example.com"])
        tx.news.of_reward(NewsKind.ISSUED, "issued", world.reward, TEN)
        tx.hooks.queue("shop", 10)
        tx.deliveries.add(world.connection, "shop", [Item("anna.example.com", "orders", f"{world.merchant}", b"{}")])
        tx.truths.note(world.connection, ref, [world.referral.touch])
        tx.truths.save(world.connection, order_truth(), world.ben)
        tx.referrals.convert(world.referral)
        tx.ledger.post(ledger.decided("reward/decided", TEN), reward=world.reward)
        tx.tasks.mark(connection_lane(world.connection), "fetch", ["order:1001"])
        offered = Offered(world.referral.program, world.connection, OfferState.LIVE, "discount/1", 1)
        tx.offers.stand(offered)
        tx.offers.want_codes(offered)
        tx.backfills.start(world.connection, NOW)
        tx.people.ask(world.connection, "7", [b"a hash"], world.anna, NOW)
        tx.deliveries.forget([f"{world.merchant} somebody".encode()], tx.now(), [])
    claim = world.claim()
    first = _begun(world.attempt(claim))
    assert world.settle(first, claim, Answer(AttemptState.NOT_DONE))
    second = _begun(world.attempt(claim))
    assert world.settle(second, claim, Answer(AttemptState.DONE, "transaction/2", "account/1"))
    assert not world.settle(first, claim, Answer(AttemptState.DONE, "transaction/1", "account/1"))
    with world.begin() as tx:
        (reward,) = tx.rewards.of(world.referral.id)
        tx.rewards.reverse(replace(reward, amount=TEN), 1, Money(400, "EUR"))


def _begun(attempt: Attempt | None) -> Attempt:
    assert attempt is not None
    return attempt


def merchant_tables(database: Database) -> list[str]:
    """Every table with a merchant in it, from the catalogue, so that a new one is never forgotten."""
    with database.engine.connect() as session:
        return list(
            session.execute(
                text(
                    """SELECT table_name FROM information_schema.columns JOIN information_schema.tables
                       USING (table_schema, table_name)
                       WHERE table_schema = 'public' AND column_name = 'merchant_id' AND table_type = 'BASE TABLE'
                       ORDER BY table_name"""
                )
            ).scalars()
        )


@pytest.fixture
def furnished(database_url: str) -> Iterator[World]:
    database = opened(database_url)
    made = world(database)
    furnish(made)
    yield made
    database.engine.dispose()


def test_the_story_leaves_no_table_empty_so_that_nothing_passes_for_lack_of_rows(furnished: World) -> None:
    with furnished.begin() as tx:
        empty = [
            table
            for table in merchant_tables(furnished.database)
            if not tx.run(f"SELECT count(*) FROM {table} WHERE merchant_id = :merchant").scalar_one()
        ]
    assert empty == []
