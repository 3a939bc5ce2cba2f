"""Actions: what a merchant's own automations may ask for. Each may be asked for again under the same name.

Nothing is decided here: a code that is named becomes evidence, a release and a reversal are somebody's word, and the
program's rules go on from there.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import astuple, dataclass
from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.errors import ConfigError, NotFound
from connector.journey import judge, spoken
from connector.journey.desk import Desk
from connector.journey.explain import Explained, explain
from connector.journey.whose import behind
from connector.ports.store import Tx

_BY = "an automation of yours"


@dataclass(frozen=True)
class Asked:
    """One action. key: the asker's own name of it, "" for what changes nothing. what: look_up, attribute, issue, reverse.

    record: as their CRM names it, on `platform`; or the referral itself. code: an advocate's, for attribute. reason: for
    reverse.
    """

    what: str
    key: str = ""
    platform: str = ""
    record: str = ""
    referral: str = ""
    code: str = ""
    reason: str = ""

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(repr(astuple(self)).encode()).digest()


class AnotherRequest(ConfigError):
    """The same name was used for something else."""


def act(desk: Desk, merchant: UUID, asked: Asked) -> Explained | None:
    """Do it, unless it was done before; the referral as it stands then, None where there is none yet.

    Raises ConfigError for what cannot be used, AnotherRequest, NotFound.
    """
    do = _ACTIONS[asked.what]
    with desk.store.begin(merchant) as tx:
        known = tx.requests.digest(asked.key) if asked.key else None
    if known is not None and not hmac.compare_digest(known, asked.digest):
        raise AnotherRequest([f"requestKey {asked.key[:60]!r} was used for another request: give each its own"])
    if known is None:
        do(desk, merchant, asked)
        if asked.key:
            with desk.store.begin(merchant) as tx:
                tx.requests.keep(asked.key, asked.digest)
    found = _referral(desk, merchant, asked)
    return explain(desk, merchant, found) if found else None


def _look_up(desk: Desk, merchant: UUID, asked: Asked) -> None:
    """Changes nothing."""


def _attribute(desk: Desk, merchant: UUID, asked: Asked) -> None:
    """The code becomes evidence on the record, as if staff had named it."""
    with desk.store.begin(merchant) as tx:
        place = _place(desk, tx, asked)
        advocates = tx.programs.advocates([asked.code])
        programs = {each.id: each.program.slug for each in tx.programs.current()}
    slug = next((programs[each.program] for each in advocates.values() if each.program in programs), None)
    if slug is None:
        raise NotFound(f"no advocate shares the code {asked.code[:60]!r}")
    evidence = f"the record {asked.record} came through the code {asked.code}"
    spoken.say(desk, merchant, slug, spoken.Word(_BY, evidence, code=asked.code, order=place))


def _issue(desk: Desk, merchant: UUID, asked: Asked) -> None:
    judge.release(desk, merchant, _needed(desk, merchant, asked), _BY)


def _reverse(desk: Desk, merchant: UUID, asked: Asked) -> None:
    judge.judge(desk, merchant, [_needed(desk, merchant, asked)], _BY, asked.reason, approved=False)


_ACTIONS: dict[str, Callable[[Desk, UUID, Asked], None]] = {
    "look_up": _look_up,
    "attribute": _attribute,
    "issue": _issue,
    "reverse": _reverse,
}


def _needed(desk: Desk, merchant: UUID, asked: Asked) -> UUID:
    found = _referral(desk, merchant, asked)
    if found is None:
        raise NotFound(f"nobody referred the record {asked.record[:60]!r}, as far as we know; look it up first")
    return found


def _referral(desk: Desk, merchant: UUID, asked: Asked) -> UUID | None:
    """The one that is named, or the first behind the record; None where there is none."""
    with desk.store.begin(merchant) as tx:
        if asked.referral:
            try:
                return judge.find(tx, UUID(asked.referral)).id
            except ValueError as error:
                raise NotFound(f"{asked.referral[:60]!r} is no referral's id") from error
        return next(iter(behind(tx, *_place(desk, tx, asked))), None)


def _place(desk: Desk, tx: Tx, asked: Asked) -> tuple[UUID, ObjectRef]:
    """The record that is meant, on the one account of its CRM."""
    if not asked.record:
        raise ConfigError(["say which record or referral: recordId or referralId"])
    there = {c: name for c, name in tx.connections.platforms().items() if asked.platform in ("", name)}
    fits = {}
    for connection, name in there.items():
        try:
            fits[connection] = desk.platforms[name].inbound.purchase(asked.record)
        except ValueError:
            continue
    if len(fits) != 1:
        names = ", ".join(sorted(set(there.values()))) or "nothing"
        raise ConfigError(
            [f"recordId {asked.record[:60]!r} names no one record: say `platform`; connected are {names}"]
        )
    return next(iter(fits.items()))
