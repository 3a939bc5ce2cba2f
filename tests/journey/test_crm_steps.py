"""A step of ours in the merchant's own workflow: it waits, the reward is released, and the workflow goes on once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import MakeApp
from tests.hub import PROGRAM, Hub


@pytest.fixture
def hub(make_app: MakeApp) -> Iterator[Hub]:
    """Rewards are held for a month, so that whatever is paid here was released."""
    with Hub(make_app) as opened:
        opened.program = opened.apply({**PROGRAM, "hold_days": 30})
        yield opened


def won(hub: Hub, code: str) -> tuple[str, str]:
    friend = hub.form("friend@example.org", ref=code)
    deal = hub.deal(friend)
    hub.win(deal)
    hub.work()
    assert hub.stages() == ["qualified"]
    return friend, deal


def run(hub: Hub, kind: str, number: str, **more: str) -> str:
    """The workflow reaches our step for this record, and waits; returns the callback."""
    told = hub.client.control("action", object={"type": kind, "id": int(number)}, **more)
    assert told["status"] == 200
    assert told["answer"]["outputFields"]["hs_execution_state"] == "BLOCK"
    return str(told["callback_id"])


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize("kind", ["deals", "contacts"])
def test_a_step_releases_the_reward_and_ends_when_the_credit_stands_there(hub: Hub, kind: str, version: str) -> None:
    """What comes after the step in the workflow, such as a mail of thanks, may speak of the credit."""
    anna, code = hub.advocate()
    friend, deal = won(hub, code)
    assert hub.wallet(anna) == ("", "")
    callback = run(hub, kind, deal if kind == "deals" else friend, version=version)
    assert hub.client.control("callbacks", verb="GET")[callback] == [], "it waits"
    hub.work()
    assert hub.wallet(anna) == ("100.00", "100.00")
    assert hub.stages() == ["rewarded"]
    [ended] = hub.client.control("callbacks", verb="GET")[callback]
    assert ended["hs_execution_state"] == "SUCCESS"
    assert (ended["referral_state"], ended["referral_reward"]) == ("rewarded", "100.00 EUR")


@pytest.mark.parametrize("kind", ["deals", "contacts"])
def test_a_record_that_nobody_referred_lets_the_workflow_go_on_with_the_reason(hub: Hub, kind: str) -> None:
    stranger = hub.contact("stranger@example.org")
    deal = hub.deal(stranger)
    hub.work()
    callback = run(hub, kind, deal if kind == "deals" else stranger)
    hub.work()
    [ended] = hub.client.control("callbacks", verb="GET")[callback]
    assert ended["hs_execution_state"] == "FAIL_CONTINUE"
    assert "nobody referred" in ended["referral_reward"]


def test_the_same_run_told_twice_is_ended_once_and_pays_once(hub: Hub) -> None:
    anna, code = hub.advocate()
    _, deal = won(hub, code)
    callback = run(hub, "deals", deal)
    assert run(hub, "deals", deal, callback_id=callback) == callback
    hub.work()
    assert run(hub, "deals", deal, callback_id=callback) == callback
    hub.work()
    assert len(hub.client.control("callbacks", verb="GET")[callback]) == 1
    assert hub.wallet(anna) == ("100.00", "100.00")
    assert len(hub.moved()) == 1


def test_a_second_run_for_a_paid_reward_ends_well_and_pays_nothing_more(hub: Hub) -> None:
    _, code = hub.advocate()
    _, deal = won(hub, code)
    for _ in range(2):
        callback = run(hub, "deals", deal)
        hub.work()
        [ended] = hub.client.control("callbacks", verb="GET")[callback]
        assert ended["hs_execution_state"] == "SUCCESS"
    assert len(hub.moved()) == 1


def test_a_step_signed_with_another_secret_releases_nothing(hub: Hub) -> None:
    anna, code = hub.advocate()
    _, deal = won(hub, code)
    told = hub.client.control("action", object={"type": "deals", "id": int(deal)}, secret="somebody else's")
    assert told["status"] in (401, 403)
    hub.work()
    assert hub.stages() == ["qualified"] and hub.wallet(anna) == ("", "")
