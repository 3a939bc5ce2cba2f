"""Replay: stored purchases pass in the order of time, and open the referrals that another program would have opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from connector.domain.attribution import Candidate, attribute
from connector.domain.facts import Fact
from connector.domain.program import Payment, Program
from connector.domain.touch import Source, Touch
from connector.journey.attribute import may_count
from connector.journey.decide import counts, has_deed
from connector.journey.evidence import opened
from connector.ports.past import Place, Purchase, StoodReferral
from connector.ports.rows import Advocate, ProgramVersion
from connector.ports.store import Tx


@dataclass(frozen=True)
class Giver:
    """Who gets a referral. person: the row that stands for them. source: of the evidence that named them."""

    advocate: UUID
    person: UUID
    code: str
    source: Source


@dataclass
class Found:
    """A referral as it would be. places: its purchases; converted: one of them did so for ever."""

    friend: UUID
    giver: Giver
    captured_at: datetime
    places: list[Place]
    converted: bool = False


@dataclass
class Replay:
    """Purchases in the order of time.

    stood: what stands, the first of each friend. found: what would, by friend. bought: friends who bought since then.
    """

    tx: Tx
    key: bytes
    version: ProgramVersion
    since: datetime
    stood: Mapping[UUID, StoodReferral]
    found: dict[UUID, Found] = field(default_factory=dict)
    bought: set[UUID] = field(default_factory=set)
    _told: dict[Place, Sequence[tuple[str, Fact]]] = field(default_factory=dict)
    _known: set[Place] = field(default_factory=set)

    @property
    def program(self) -> Program:
        return self.version.program

    def begin(self) -> None:
        """Take up the referrals that no purchase since then opened, as far as this program trusts their evidence."""
        self._known.update(place for each in self.stood.values() for place in each.places)
        for each in self.stood.values():
            if each.captured_at >= self.since and each.placed_at is not None:
                continue  # the purchase that opened it will pass by
            # One that waited for a better purchase has the evidence of that one, and the time of the first.
            at = max(each.captured_at, each.touch.at)
            if attribute(self.program, [Candidate(each.touch, each.advocate)], at) is None:
                continue
            giver = Giver(each.advocate, each.advocate_person, each.touch.code, each.touch.source)
            # The purchase that it waits for, or was converted by, may still pass by and bring evidence of its own.
            comes = each.placed_at is not None and each.placed_at >= self.since
            places, converted = ([], False) if comes else (list(each.places), each.converted)
            self.found[each.friend] = Found(each.friend, giver, each.captured_at, places, converted)

    def pass_by(self, page: Sequence[Purchase]) -> None:
        """The next purchases; one that is older than the last may not come."""
        counting = [each for each in page if self._passes(each)]
        touches = {each.place: self._opened(each) for each in counting}
        advocates = self.tx.programs.advocates({touch.code for seen in touches.values() for touch in seen})
        mine = {text: advocate for text, advocate in advocates.items() if advocate.program == self.version.id}
        signed = {each.friend for each in counting if any(touch.code in mine for touch in touches[each.place])}
        theirs = [each.place for each in counting if each.friend in signed or each.friend in self.found]
        self._told.update(self.tx.past.facts(theirs))
        for each in counting:
            self.bought.add(each.friend)
            self._take_in(each, self._giver(each, touches[each.place], mine))

    def same(self, found: Found) -> StoodReferral | None:
        """The referral that stands of the same two people."""
        stood = self.stood.get(found.friend)
        return stood if stood is not None and stood.advocate == found.giver.advocate else None

    def facts_of(self, found: Iterable[Found]) -> Mapping[UUID, tuple[Fact, ...]]:
        """All that is known of each friend's referral and counts for the program, oldest first."""
        each_found = list(found)
        places = {each.friend: [*each.places, *self._said(each.friend)] for each in each_found}
        unread = [place for all_of_it in places.values() for place in all_of_it if place not in self._told]
        self._told.update(self.tx.past.facts(unread))
        return {friend: self._counting(all_of_it) for friend, all_of_it in places.items()}

    def _said(self, friend: UUID) -> Sequence[Place]:
        """Where people's words about the referral are kept that stands."""
        stood = self.stood.get(friend)
        return [stood.own] if stood is not None else []

    def _counting(self, places: Iterable[Place]) -> tuple[Fact, ...]:
        """All facts of these objects that count for the program, oldest first."""
        told = [each for place in places for each in self._told.get(place, ())]
        counting = (fact for platform, fact in told if counts(self.program, platform, fact))
        return tuple(sorted(counting, key=lambda fact: fact.as_of))

    def _passes(self, purchase: Purchase) -> bool:
        """What opens nothing may still be the purchase of a referral that stands."""
        return purchase.place in self._known or may_count(self.program, purchase.truth.note)

    def _opened(self, purchase: Purchase) -> tuple[Touch, ...]:
        return opened(self.key, self.tx.merchant, purchase.touches, self.program.window, purchase.placed_at)

    def _giver(self, purchase: Purchase, touches: Iterable[Touch], mine: Mapping[str, Advocate]) -> Giver | None:
        candidates = [Candidate(touch, mine[touch.code].id) for touch in touches if touch.code in mine]
        won = attribute(self.program, candidates, purchase.placed_at)
        if won is None:
            return None
        advocate = mine[won.touch.code]
        return Giver(advocate.id, advocate.person, advocate.code, won.touch.source)

    def _take_in(self, purchase: Purchase, giver: Giver | None) -> None:
        """The purchase opens a referral, takes the place of one that still waits, or is a later payment."""
        found = self.found.get(purchase.friend)
        if found is None:
            if giver is not None:
                opened_by = Found(purchase.friend, giver, purchase.placed_at, [purchase.place])
                self.found[purchase.friend] = opened_by
            return
        if purchase.place in found.places or self.program.source not in ("", purchase.platform):
            return
        if not found.converted and not self._paid_before(found, purchase.placed_at):
            found.giver, found.places = giver or found.giver, [purchase.place]
        elif self.program.payment is not Payment.FIRST:
            found.places.append(purchase.place)

    def _paid_before(self, found: Found, at: datetime) -> bool:
        """Whether it was converted by then, so that no later purchase takes its place."""
        found.converted = has_deed(
            self.program, (fact for fact in self._counting(found.places) if fact.happened_at <= at)
        )
        return found.converted
