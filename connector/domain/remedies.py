"""Remedies: what would have made it another decision. A remedy is tried before it is named, so what is named works."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connector.domain.case import Case, Decision, Remedy, Stage
from connector.domain.facts import REFERRAL, Deed, Fact, Judged, ObjectRef
from connector.domain.program_data import parse
from connector.domain.stages import decide
from connector.errors import ConfigError

#: Where a referral ends without a reward.
REFUSED = frozenset({Stage.REJECTED, Stage.EXPIRED, Stage.REVERSED})
#: More rules than these never stand behind each other.
_MOST = 30
_TRIAL = "somebody who tries it out"


def is_refused(decision: Decision) -> bool:
    """Whether nothing is owed as things stand, by a rule or for want of something."""
    return decision.stage in REFUSED or bool(decision.hold or decision.review) or decision.remedy is not None


def remedies(data: Mapping[str, Any], case: Case) -> tuple[Remedy, ...]:
    """All that would have to change, in this order, for the referral to earn; () where it earns, or nothing helps.

    data: of the program. Rules stand behind each other, so that a second may come to light when the first is met.
    """
    found: list[Remedy] = []
    for _ in range(_MOST):
        decision = decide(parse(data), case)
        if not is_refused(decision):
            return tuple(found)
        if decision.remedy is None or decision.remedy in found:
            return ()
        found.append(decision.remedy)
        try:
            data, case = applied(data, case, decision.remedy)
        except ConfigError:  # the program would contradict itself: a person has to think
            return ()
    return ()


def applied(data: Mapping[str, Any], case: Case, remedy: Remedy) -> tuple[Mapping[str, Any], Case]:
    """The program's data and the case as they would be. Raises ConfigError where the program would be none."""
    for key, value in remedy.settings:
        data = with_setting(data, key, value)
    parse(data)
    kept = (fact for fact in case.facts if fact.key not in remedy.without)
    facts = tuple(_changed(fact, remedy) for fact in kept if type(fact).__name__ not in remedy.forget)
    if remedy.ruling:
        facts += (_approval(facts, case.now),)
    return data, replace(case, facts=facts, **remedy.case)


def with_setting(data: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The data with one dotted key set, or taken out with an empty section of it where the value is None."""
    changed = deepcopy(dict(data))
    section, _, name = key.rpartition(".")
    place = changed.setdefault(section, {}) if section else changed
    place[name] = value
    if value is None:
        del place[name]
    if section and not place:
        del changed[section]
    return changed


def _changed(fact: Fact, remedy: Remedy) -> Fact:
    return replace(fact, **remedy.deed) if remedy.deed and isinstance(fact, Deed) else fact


def _approval(facts: tuple[Fact, ...], now: datetime) -> Judged:
    """An approval that replaces whatever was said before."""
    before = [fact for fact in facts if isinstance(fact, Judged)]
    ref = before[0].ref if before else ObjectRef(REFERRAL, "")
    as_of = max([now, *(fact.as_of for fact in facts)]) + timedelta(microseconds=1)
    return Judged(ref, as_of, now, _TRIAL, approved=True, reason="to see what would be")
