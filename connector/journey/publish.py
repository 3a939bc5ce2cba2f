"""Publish: a program becomes the merchant's promise, once somebody can keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from connector.domain.program import OWN_EVENTS, PAID_KINDS, Mode, Payment, Program, RewardRule
from connector.domain.program_data import parse
from connector.errors import ConfigError
from connector.journey.desk import Desk
from connector.journey.tasks import CHECK, DECIDE
from connector.ports.platform import EffectClass, Manifest
from connector.ports.rows import ProgramVersion, connection_lane, merchant_lane
from connector.ports.store import Tx

#: What a referral may wait for that a new version can bring.
_HOLDS = ("budget",)
_NATIVE = "native"


def publish(
    desk: Desk, merchant: UUID, data: Mapping[str, Any], *, unrehearsed: bool = False
) -> tuple[ProgramVersion, list[str]]:
    """Save a program's next version; returns it with what the merchant should know. Raises ConfigError.

    unrehearsed: go live although nobody was ever paid a reward of it in test.
    """
    program = parse(data)
    with desk.store.begin(merchant) as tx:
        notes = check(desk, tx, program)
        notes += _rehearsed(tx, program, unrehearsed=unrehearsed)
        saved = tx.programs.apply(data)
        waiting = [referral for hold in _HOLDS for referral in tx.referrals.held_by(hold)]
        tx.tasks.mark(merchant_lane(merchant), DECIDE, waiting)
        for connection in tx.connections.platforms():
            tx.tasks.mark(connection_lane(connection), CHECK, [CHECK])
    desk.wake(merchant_lane(merchant))
    return saved, notes


def check(desk: Desk, tx: Tx, program: Program) -> list[str]:
    """What the merchant should know before relying on a program; raises ConfigError if nobody could ever keep it.

    Judged by the platforms they have connected; before the first one is, by all there are.
    """
    connected = set(tx.connections.platforms().values()) or set(desk.platforms)
    manifests = [desk.platforms[key].manifest for key in sorted(connected)]
    problems = [*_source(manifests, program), *_native(program)]
    notes = []
    for rule in program.every_reward:
        if rule.kind in PAID_KINDS:
            able = [manifest for manifest in manifests if any(manifest.pays(kind) for kind in rule.kinds)]
            if not able:
                problems.append(f"advocate.kind: no connected platform can pay a {rule.kind!r}; choose another kind")
            notes += [note for manifest in able if (note := _doubtful(manifest, rule))]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return list(dict.fromkeys(notes))


def _native(program: Program) -> list[str]:
    """What a platform rewards by its own rules is told of once, and it is told who referred."""
    side = program.friend_reward
    found = (
        ["friend.kind: a platform's own program rewards who referred; choose another kind"]
        if side and _NATIVE in side.kinds
        else []
    )
    if program.payment is not Payment.FIRST and any(_NATIVE in rule.kinds for rule in program.every_reward):
        found.append("qualify.payment: a platform's own program is told of the first purchase alone; write `first`")
    return found


def _source(manifests: list[Manifest], program: Program) -> list[str]:
    """One platform tells of the event, and it is clear which."""
    if program.event in OWN_EVENTS:
        return [f"source: {program.event} is recorded here by staff; take `source` out"] if program.source else []
    tell = [manifest.key for manifest in manifests if program.event in manifest.qualifying]
    if not tell:
        others = sorted({event for manifest in manifests for event in manifest.qualifying} | OWN_EVENTS)
        return [f"event: no connected platform tells of {program.event!r}; choose one of {', '.join(others)}"]
    if program.source and program.source not in tell:
        return [f"source: {program.source!r} does not tell of {program.event!r}; choose one of {', '.join(tell)}"]
    if not program.source and len(tell) > 1:
        return [f"source: {' and '.join(tell)} both tell of {program.event!r}; say which one counts"]
    return []


def _doubtful(manifest: Manifest, rule: RewardRule) -> str:
    """Where a lost answer would need a person."""
    operation = manifest.pays(rule.kind)
    if operation is None:
        return ""
    effect = operation.effect if rule.expires_after is None else operation.effect_with_expiry or operation.effect
    if effect is not EffectClass.D:
        return ""
    return (
        f"{manifest.label} keeps no mark on such a reward, so after a lost answer a person must look"
        " whether it landed. Set advocate.expires_days, and the connector can tell by itself."
    )


def _rehearsed(tx: Tx, program: Program, *, unrehearsed: bool) -> list[str]:
    """Before a program leaves the test, one reward of it was really delivered; one that was never in test is warned of."""
    if program.mode not in (Mode.LIVE, Mode.PILOT):
        return []
    before = next((each for each in tx.programs.current() if each.program.slug == program.slug), None)
    paid = any(rule.kind in PAID_KINDS for rule in program.every_reward)
    if not paid or (before is not None and tx.programs.was_paid(before.id)):
        return []
    words = (
        "no reward of this program was ever delivered: enrol yourself with `connector advocate add YOU --tester`,"
        " set `mode: test`, place a test order with your code, and see the reward arrive"
    )
    if before is not None and before.program.mode is Mode.TEST and not unrehearsed:
        raise ConfigError([f"mode: {words}. Or go live with --unrehearsed"])
    return [f"{words[0].upper()}{words[1:]}."]
