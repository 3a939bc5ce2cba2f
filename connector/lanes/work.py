"""Work one slice of one lane: the very same function for an RQ job and for the pool that stands in without Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from connector import telemetry
from connector.errors import Gone, NotDone, PlatformError, TokenExpired, Unavailable, Unknown
from connector.journey import (
    apply,
    ask,
    attribute,
    backfill,
    check,
    decide,
    digest,
    fetch,
    hook,
    issue,
    listed,
    offer,
    profile,
    record,
    step,
    take_off,
    tasks,
    tell,
    watch,
)
from connector.journey.accounts import token_expired
from connector.journey.desk import Desk, Lane
from connector.lanes import due
from connector.lanes.lane import Claim, Lanes

#: Pauses after slices in a row that found the platform away.
BACK_OFF = tuple(timedelta(seconds=s) for s in (1, 5, 15, 60, 300))


@dataclass(frozen=True)
class Pause:
    """Why a lane rests, and for how long."""

    length: timedelta
    failed: bool = False


#: A slice that broke on a bug of ours: the lane rests, so that it cannot spin, and is tried again.
CRASHED = Pause(timedelta(seconds=1), failed=True)
#: While a platform is down, how long all its lanes but one rest.
PROBE_EVERY = timedelta(seconds=5)
#: Work that leaves as soon as it fills a call, though none of it is due.
_GATHERED = (tasks.LOOK, tasks.RECORD)

#: What must be due for it, and what is done then; returns how much that was.
Steps = list[tuple[str, Callable[[], int]]]


@dataclass(frozen=True)
class Slice:
    """What became of a slice. steps: how many found something to do; more: it was used up before all was done."""

    steps: int
    pause: Pause | None = None
    more: bool = False

    @property
    def ended(self) -> str:
        """In a word, for the log."""
        if self.pause is CRASHED:
            return "crashed"
        return "paused" if self.pause else "used up" if self.more else "done"


@dataclass(frozen=True)
class Workshop:
    """What working lanes takes. slots: how many workers share the lanes."""

    desk: Desk
    lanes: Lanes
    slots: int

    def work(self, lane: str) -> None:
        """Claim the lane, work it for one slice, release it, and wake it again if it has more to do."""
        claim = self.lanes.claim(lane)
        if claim is None:
            return
        if self._refused(claim):
            return
        started, worked = time.monotonic(), Slice(0, CRASHED)
        try:
            worked = self._slice(claim)
        finally:
            again = self._release(claim, worked)
            telemetry.log(
                "slice",
                lane="connection" if claim.platform else "merchant",
                platform=claim.platform,
                steps=worked.steps,
                ms=round((time.monotonic() - started) * 1000, 1),
                ended=worked.ended,
            )
        if (worked.more or again) and worked.pause is None:
            self.desk.wake(lane)

    def _refused(self, claim: Claim) -> bool:
        """Give a lane back at once when its platform is down, or holds its half of the workers while others wait."""
        if not claim.platform:
            return False
        standing = due.standing(self.lanes.database, claim.platform)
        if standing.down and standing.held > 1:
            self.lanes.release(claim, rest=PROBE_EVERY, failures=claim.failures)  # one lane probes for all
            return True
        if standing.held > max(1, self.slots // 2) and due.others(self.lanes.database, claim.platform):
            self.lanes.release(claim, failures=claim.failures)
            self.desk.wake(claim.lane)  # its turn comes after theirs
            time.sleep(0.05)
            return True
        return False

    def _release(self, claim: Claim, worked: Slice) -> bool:
        pause = worked.pause
        if pause is None:
            return self.lanes.release(claim)
        before = 0 if worked.steps else claim.failures  # where something was done, the platform is not away
        back_off = BACK_OFF[min(before, len(BACK_OFF) - 1)] if pause.failed else timedelta(0)
        failures = before + 1 if pause.failed else 0
        return self.lanes.release(claim, rest=max(pause.length, back_off), failures=failures)

    def _slice(self, claim: Claim) -> Slice:
        """Work steps in order until nothing is due or the slice is used up."""
        steps = self._connection_steps(claim) if claim.platform else self._merchant_steps(claim)
        until = time.monotonic() + self.desk.timing.slice.total_seconds()
        done = 0
        try:
            while self._step(claim, steps):
                done += 1
                if time.monotonic() >= until:
                    return Slice(done, more=True)
        except Gone as error:
            telemetry.warn("connection_gone", lane=claim.lane, reason=error.reason)
            return Slice(done, Pause(timedelta(minutes=5)))
        except NotDone as error:
            telemetry.log("lane_paused", lane=claim.lane, reason=error.reason, wait_s=error.wait_s)
            return Slice(done, Pause(timedelta(seconds=error.wait_s or 0), failed=isinstance(error, Unavailable)))
        except Unknown as error:  # what was sent may still land, so nothing of the kind is sent before it is quiet
            telemetry.log("lane_in_doubt", lane=claim.lane, reason=error.reason)
            return Slice(done, Pause(self.desk.quiet(claim.platform), failed=True))
        except PlatformError as error:
            telemetry.warn("lane_refused", lane=claim.lane, reason=error.reason)
            return Slice(done, Pause(timedelta(minutes=1), failed=True))
        return Slice(done)

    def _step(self, claim: Claim, steps: Steps) -> bool:
        """The first step that has something to do; a token that ended is renewed and counts as something done."""
        waiting = due.on(self.lanes.database, claim.lane, _GATHERED)
        try:
            return any(step() for what, step in steps if what in waiting)
        except TokenExpired as error:
            token_expired(self.desk, self._lane(claim), error, claim.claimed_at)
            return True

    def _lane(self, claim: Claim) -> Lane:
        return Lane(claim.merchant, UUID(claim.lane[2:]), self.desk.platforms[claim.platform])

    def _merchant_steps(self, claim: Claim) -> Steps:
        desk, merchant = self.desk, claim.merchant
        return [
            (due.DELIVERY, lambda: digest.digest(desk, merchant)),
            (tasks.ATTRIBUTE, lambda: attribute.attribute_due(desk, merchant)),
            (tasks.DECIDE, lambda: decide.decide_due(desk, merchant)),
            (tasks.ASK, lambda: ask.ask_due(desk, merchant)),
            (tasks.TELL, lambda: tell.hand_out_due(desk, merchant)),
        ]

    def _connection_steps(self, claim: Claim) -> Steps:
        """In order of what must not wait: doubts, money, reads; then what is set up, records, offers; history comes last."""
        desk, lane = self.desk, self._lane(claim)
        return [
            (due.DOUBT, lambda: issue.settle_overdue(desk, lane, claim)),
            (due.MONEY, lambda: issue.move_money(desk, lane, claim)),
            (tasks.FETCH, lambda: fetch.fetch_due(desk, lane)),
            (tasks.LOOK, lambda: fetch.look_due(desk, lane)),
            (tasks.CHECK, lambda: check.check_due(desk, lane)),
            (tasks.RECORD, lambda: record.write_due(desk, lane)),
            (tasks.TELL, lambda: tell.tell_due(desk, lane)),
            (tasks.TAKE_OFF, lambda: take_off.take_off_due(desk, lane)),
            (tasks.HOOK, lambda: hook.deliver_due(desk, lane)),
            (tasks.STEP, lambda: step.step_due(desk, lane)),
            (tasks.APPLY, lambda: apply.apply_due(desk, lane, claim)),
            (tasks.LISTED, lambda: listed.listed_due(desk, lane)),
            (tasks.PROFILE, lambda: profile.profile_due(desk, lane)),
            (tasks.OFFER, lambda: offer.offer_due(desk, lane)),
            (tasks.WATCH, lambda: watch.watch_due(desk, lane)),
            (tasks.POLL, lambda: backfill.poll_due(desk, lane)),
            (tasks.BACKFILL, lambda: backfill.backfill_due(desk, lane)),
        ]
