"""Ask: for whom something just went well is asked for a referral, if the program wants it and nothing speaks against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from connector.domain.asking import BECAUSE, Answer, Asking, Score, Verdict, judge, moments, score
from connector.journey import happened
from connector.journey.desk import Desk
from connector.journey.each import BATCH
from connector.journey.tasks import ASK
from connector.ports.asking import Ask, Known
from connector.ports.rows import ProgramVersion, SavedTruth, Task, merchant_lane
from connector.ports.store import Tx

_DAY = timedelta(days=1)


def consider(tx: Tx, programs: Iterable[ProgramVersion], connection: UUID, saved: SavedTruth) -> None:
    """Keep what in this purchase or record is an occasion to ask its owner later."""
    asking = [(each, rules) for each in programs if (rules := each.program.asking) is not None]
    if not asking or saved.person is None or saved.truth.note or tx.people.is_erased(saved.person):
        return
    facts = tx.truths.facts(connection, saved.truth.ref)
    for version, rules in asking:
        for ask, at in tx.asks.add(version.id, saved.person, moments(rules, facts)):
            tx.tasks.mark_at(merchant_lane(tx.merchant), ASK, str(ask), at + rules.wait)


def ask_due(desk: Desk, merchant: UUID) -> int:
    """Decide a batch of moments whose wait is over, the likeliest advocates first."""
    with desk.store.begin(merchant) as tx:
        tasks = {UUID(task.subject): task for task in tx.tasks.due(merchant_lane(merchant), ASK, BATCH)}
        asks = tx.asks.waiting(tasks) if tasks else ()
        tx.tasks.close([tasks[gone] for gone in tasks.keys() - {each.id for each in asks}])
        programs = {each.id: each for each in tx.programs.current()} if asks else {}
        known = {each.person: each for each in tx.asks.known({each.person for each in asks})}
        now = tx.now()
        scores = {person: score(each.facts, each.past, now) for person, each in known.items()}
        for each in sorted(asks, key=lambda ask: -scores[ask.person].points):
            verdict = _judged(tx, programs.get(each.program), each, known[each.person], now)
            _settle(tx, each, tasks[each.id], verdict, scores[each.person], now)
            if verdict.answer is Answer.ASK:  # another moment of theirs in this batch knows it
                past = known[each.person].past
                asked = replace(past, asked=(*past.asked, now))
                known[each.person] = replace(known[each.person], past=asked)
    return len(tasks)


def _judged(tx: Tx, version: ProgramVersion | None, ask: Ask, known: Known, now: datetime) -> Verdict:
    rules = version.program.asking if version else None
    if version is None or rules is None or ask.prompt not in rules.prompts:
        return Verdict(Answer.NO, "the program asks nobody after this any more")
    if not happened.heard(version.program, ask.person, frozenset()):
        return Verdict(Answer.NO, "the program does not speak to them yet")
    verdict = judge(rules, version.program.slug, ask.person, ask.at, known.facts, known.past, now)
    return _within_the_day(tx, rules, ask, verdict, now)


def _settle(tx: Tx, ask: Ask, task: Task, verdict: Verdict, points: Score, now: datetime) -> None:
    tx.asks.decide(ask.id, verdict.answer, verdict.why, points.points)
    if verdict.answer is Answer.LATER and verdict.at is not None:
        tx.tasks.later(task, verdict.at - now, verdict.why)
        return
    tx.tasks.close([task])
    if verdict.answer is Answer.ASK:
        happened.asked(tx, ask.program, ask.person, ask.id, f"We ask because {BECAUSE[ask.prompt]}.")


def _within_the_day(tx: Tx, rules: Asking, ask: Ask, verdict: Verdict, now: datetime) -> Verdict:
    """Only so many are asked in a day; whoever is likelier to bring friends was asked before."""
    if verdict.answer is not Answer.ASK or rules.per_day is None:
        return verdict
    if tx.asks.asked_since(ask.program, now - _DAY) < rules.per_day:
        return verdict
    return Verdict(Answer.LATER, f"{rules.per_day} were asked within a day already", now + _DAY)


def ranked(tx: Tx, program: UUID, limit: int) -> Sequence[tuple[Score, Known]]:
    """Those who are known, the likeliest advocates first, each with the reasons."""
    now = tx.now()
    found = [(score(each.facts, each.past, now), each) for each in tx.asks.known(tx.asks.people(program, limit))]
    return sorted(found, key=lambda pair: (-pair[0].points, pair[1].person))
