"""Each thing has one who tells it, whom the merchant may choose, and goes on only where nobody was reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_store_world import opened, world

from connector.domain.news import NewsKind
from connector.errors import ConfigError, Unknown
from connector.journey import tell, tellers
from connector.journey.desk import Desk
from connector.ports.news import Happened
from connector.ports.platform import Capability, Manifest
from tests.journey.till import MANIFEST, Counter

EVENT = MANIFEST.capabilities | {Capability.EVENT}
SHOP = replace(MANIFEST, capabilities=EVENT, tell_batch=3)
CRM = replace(SHOP, key="crm", label="Anna's CRM")
MAILER = replace(SHOP, key="mailer", label="Anna's mailer", tell_rank=1)
POST = replace(SHOP, key="post", label="Anna's post", tell_rank=2)
EVERY = (SHOP, CRM, MAILER, POST)


@dataclass
class House:
    """A merchant with four accounts that can tell."""

    counters: dict[str, Counter]

    @property
    def desk(self) -> Desk:
        return next(iter(self.counters.values())).desk

    def choose(self, **choices: str) -> None:
        with self["shop"].world.begin() as tx:
            tellers.choose(self.desk, tx, {kind.replace("_", " "): who for kind, who in choices.items()})

    def __getitem__(self, key: str) -> Counter:
        return self.counters[key]

    def happens(self, key: str, kind: NewsKind = NewsKind.ISSUED) -> None:
        home = self["shop"].world
        with home.begin() as tx:
            at = tx.now()
            tx.news.add([Happened(key, kind, "advocate", home.anna, home.referral.program, at, home.referral.id)])
            tellers.mark(tx)

    def work(self) -> None:
        done = 1
        while done:
            self["shop"].rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'tell' AND state = 'open'")
            done = tell.hand_out_due(self.desk, self["shop"].world.merchant)
            done += sum(tell.tell_due(self.desk, each.lane) for each in self.counters.values())

    def heard(self) -> dict[str, list[NewsKind]]:
        """By whom what was told."""
        every = {key: [news.kind for call in each.till.told for news in call] for key, each in self.counters.items()}
        return {key: kinds for key, kinds in every.items() if kinds}

    def states(self) -> dict[str, str]:
        return {row["key"]: row["state"] for row in self["shop"].rows("SELECT key, state FROM news ORDER BY key")}


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    database = opened(database_url)
    home = world(database)
    made = {manifest.key: Counter(home, manifest) for manifest in EVERY}
    made["shop"].rows("DELETE FROM news")
    with home.begin() as tx:
        tx.people.keep_email(home.anna, "anna@example.com")
        for key in ("crm", "mailer", "post"):
            connection = tx.connections.install(key, f"{key}-1", "access", "", None, "", [], {})
            made[key].lane = replace(made[key].lane, connection=connection)
    platforms = {key: each.lane.platform for key, each in made.items()}
    for each in made.values():
        each.desk = replace(each.desk, platforms=platforms)
    yield House(made)
    database.engine.dispose()


def test_who_tells_by_themselves_do_so_by_rank_and_the_others_stay_silent(house: House) -> None:
    house.happens("a")
    house.work()
    assert house.heard() == {"mailer": [NewsKind.ISSUED]}


def test_the_merchant_chooses_for_all_and_for_each_kind(house: House) -> None:
    house.choose(all="crm", reward_issued="shop")
    house.happens("a", NewsKind.ISSUED)
    house.happens("b", NewsKind.DUE)
    house.work()
    house.choose(all="", reward_issued="")
    house.happens("c", NewsKind.DUE)
    house.work()
    assert house.heard() == {"shop": [NewsKind.ISSUED], "crm": [NewsKind.DUE], "mailer": [NewsKind.DUE]}


def test_what_reached_nobody_goes_to_the_next_and_is_told_once(house: House) -> None:
    house.choose(all="crm")
    house["crm"].till.misses("no such contact")
    house["mailer"].till.misses("no such profile")
    house.happens("a")
    house.work()
    assert house["post"].till.told[0][0].email == "anna@example.com"
    assert house.states() == {"a": "told"}


def test_what_nobody_could_reach_is_refused_with_the_last_reason_and_never_again_tried(house: House) -> None:
    house["mailer"].till.misses("no such profile")
    house["post"].till.misses("no such box")
    house.happens("a")
    house.work()
    house.work()
    assert house.heard() == {"mailer": [NewsKind.ISSUED], "post": [NewsKind.ISSUED]}
    (row,) = house["shop"].rows("SELECT state, outcome FROM news")
    assert row == {"state": "refused", "outcome": "no such box"}


def test_a_choice_in_mid_story_doubles_and_loses_none(house: House) -> None:
    """What may have been told stays with who may have told it; all else goes to the chosen one."""
    house["mailer"].till.hears(Unknown("the answer was lost"))
    house.happens("a")
    tell.hand_out_due(house.desk, house["shop"].world.merchant)
    assert tell.tell_due(house.desk, house["mailer"].lane) == 1
    house.happens("b")
    tell.hand_out_due(house.desk, house["shop"].world.merchant)
    house.choose(all="shop")
    house.happens("c")
    house.work()
    mailer = [news for call in house["mailer"].till.told for news in call]
    assert [news.again for news in mailer] == [False, True] and len({news.id for news in mailer}) == 1
    assert len(house.heard()["shop"]) == 2
    assert set(house.states().values()) == {"told"}


def test_a_choice_that_cannot_be_is_told_with_all_that_is_wrong(house: House) -> None:
    with pytest.raises(ConfigError) as told:
        house.choose(all="fax", reward_paid="crm")
    assert "'fax' cannot tell" in str(told.value) and "'reward paid' is no kind of news" in str(told.value)
    house.happens("a")
    house.work()
    assert set(house.heard()) == {"mailer"}


MANIFESTS = st.dictionaries(st.builds(uuid4), st.sampled_from((*EVERY, MANIFEST)), max_size=6)
CHOSEN = st.dictionaries(
    st.sampled_from([tellers.ALL, *(kind.value for kind in NewsKind)]), st.sampled_from([m.key for m in EVERY])
)


@given(MANIFESTS, CHOSEN)
def test_whatever_is_chosen_each_kind_has_one_first_and_nobody_comes_twice(
    manifests: dict[UUID, Manifest], chosen: dict[str, str]
) -> None:
    for kind in NewsKind:
        order = tellers.order(manifests, chosen, kind)
        assert len(set(order)) == len(order)
        wanted = chosen.get(kind.value) or chosen.get(tellers.ALL)
        able = {each: manifest for each, manifest in manifests.items() if Capability.EVENT in manifest.capabilities}
        if any(manifest.key == wanted for manifest in able.values()):
            assert able[order[0]].key == wanted
        elif any(manifest.tell_rank for manifest in able.values()):
            assert able[order[0]].tell_rank == min(m.tell_rank for m in able.values() if m.tell_rank)
        else:
            assert order == [], "what only starts an automation tells nothing that nobody chose"
        silent = {each for each, manifest in able.items() if not manifest.tell_rank and manifest.key != wanted}
        assert not silent & set(order)
