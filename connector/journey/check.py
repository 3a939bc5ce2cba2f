"""Check: once a day, that a connection is well: what its account says of itself, and that its token does not lie idle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.domain.program import Mode
from connector.errors import Refused
from connector.journey import happened
from connector.journey.accounts import open_account, refresh
from connector.journey.desk import Desk, Lane, Platform
from connector.journey.listed import mark_lists
from connector.journey.tasks import ADDRESSES, ADVOCATE, CHECK, DECIDE, FETCH, FORGETS, POLL, PROFILE, PROFILES, subject
from connector.mapping import Row
from connector.ports.platform import CANNOT, Account, Capability, Manifest, Outbound, Scope
from connector.ports.records import FieldPlan, Setup
from connector.ports.rows import Connection, Standing, connection_lane, merchant_lane
from connector.ports.store import Tx
from connector.values import CHOSEN

CHECK_EVERY = timedelta(days=1)
#: What an account says of itself that sends no deliveries.
POLLED = "polled"
#: A token is renewed when it has lain unused for this part of the time after which its platform forgets it.
IDLE_PARTS = 3
#: The path at which an account may tell us sooner that something changed.
NUDGES = "nudges"
_TRAITS = ("name", "zone", "host", POLLED, NUDGES)


def check_due(desk: Desk, lane: Lane) -> int:
    """Check the connection if it is time to; an account that does not answer is asked again when its lane has rested."""
    name = connection_lane(lane.connection)
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(name, CHECK, 1)
        connection, now = tx.connections.get(lane.connection), tx.now()
        if connection.state != "active":
            tx.tasks.close(tasks)  # a new installation marks its own
    if not tasks or connection.state != "active":
        return len(tasks)
    if _lies_idle(lane.platform.manifest, connection, now):
        account = refresh(desk, lane, connection)
    else:
        account = open_account(desk, lane)
    try:
        told = lane.platform.auth().probe(account)
    except Refused as error:
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.later(tasks[0], CHECK_EVERY, error.reason)
        return 1
    outbound = lane.platform.outbound()
    changed_there, lacking = outbound.unheard(account), _provision(desk, lane, outbound, account)
    with desk.store.begin(lane.merchant) as tx:
        _look_at(tx, lane, changed_there)
        scopes = told.get("scopes", "").split() or sorted(connection.scopes)
        currency, traits = told.get("currency") or connection.currency, {**traits_of(told, lane.platform), **lacking}
        changed = learn(tx, lane.connection, currency, scopes, traits)
        _have_people_looked_for(tx, lane)
        happened.late(tx)
        tx.tasks.close(tasks)  # unless it was marked meanwhile: then what we read may be old already
        tx.tasks.mark(name, CHECK, [CHECK], after=CHECK_EVERY)
    if changed:
        desk.wake(merchant_lane(lane.merchant))
    return 1


def make_fields(desk: Desk, lane: Lane) -> Mapping[str, str]:
    """Have the account hold all that we write, as far as we may make it; what is still lacking, with its remedy."""
    lacking = _set_up(desk, lane, lane.platform.outbound(), open_account(desk, lane), make=True)
    name = connection_lane(lane.connection)
    with desk.store.begin(lane.merchant) as tx:
        tx.tasks.mark(name, CHECK, [CHECK])  # what other processes know of its fields is old now
    desk.wake(name)
    return lacking


def _provision(desk: Desk, lane: Lane, outbound: Outbound, account: Account) -> Mapping[str, str]:
    """Set up there what the product needs, once a program does more than watch."""
    with desk.store.begin(lane.merchant) as tx:
        watching = all(each.program.mode is Mode.SHADOW for each in tx.programs.current())
    if watching:
        return {}
    return _set_up(desk, lane, outbound, account)


def _set_up(desk: Desk, lane: Lane, outbound: Outbound, account: Account, *, make: bool = False) -> Mapping[str, str]:
    records = lane.platform.mapping.records if lane.platform.mapping is not None else {}
    fields = {kind: tuple(_plans(rows, account.choices)) for kind, rows in records.items()}
    return outbound.provision(account, Setup(desk.public_url, fields, make=make))


def _plans(rows: Iterable[Row], chosen: Mapping[str, str]) -> Iterator[FieldPlan]:
    """The fields of one kind of record; one for what the merchant did not choose is not needed."""
    for row in rows:
        if not row.source.startswith(CHOSEN):
            yield FieldPlan(row.field, row.type, row.help, row.choices)
        elif word := chosen.get(row.source.removeprefix(CHOSEN)):
            yield FieldPlan(row.field, row.type, row.help, (word,))


def _have_people_looked_for(tx: Tx, lane: Lane) -> None:
    """Whoever came to stand on a list since, and advocates whose record was not there so far."""
    if Capability.LISTS in lane.platform.manifest.capabilities:
        mark_lists(tx, lane.connection)
    if POLLED in tx.connections.get(lane.connection).traits:
        tx.tasks.mark(connection_lane(lane.connection), POLL, [POLL])
    if PROFILES in traits_of({}, lane.platform):
        tx.roster.seek_again(lane.connection)
        tx.tasks.mark(connection_lane(lane.connection), PROFILE, [str(each.id) for each in tx.programs.current()])


def _look_at(tx: Tx, lane: Lane, refs: Sequence[ObjectRef]) -> None:
    """Have those among them read again that belong to a referral."""
    standing = tx.truths.standing({(lane.connection, ref) for ref in refs}) if refs else {}
    known = [subject(ref) for (_, ref), is_ in standing.items() if is_ is Standing.REFERRED]
    if known:
        tx.tasks.mark(connection_lane(lane.connection), FETCH, known)


def _lies_idle(manifest: Manifest, connection: Connection, now: datetime) -> bool:
    if manifest.token_idle is None or connection.refreshed_at is None or not connection.refresh:
        return False
    return connection.refreshed_at + manifest.token_idle / IDLE_PARTS <= now


def learn(tx: Tx, connection: UUID, currency: str, scopes: Sequence[str], traits: Mapping[str, str]) -> bool:
    """Keep what the account says of itself. Where that is new, all that was held or refused may go now."""
    changed = tx.connections.learn(connection, currency, scopes, traits)
    if changed:
        decide_held(tx)
        for program in tx.programs.current():
            tx.offers.mark(program.id, refused=True)
    return changed


def decide_held(tx: Tx) -> None:
    tx.tasks.mark(merchant_lane(tx.merchant), DECIDE, tx.rewards.held())


def traits_of(told: Mapping[str, str], platform: Platform) -> dict[str, str]:
    """What is kept of a probe: the account's name, time zone and own host, and what is of no use there.

    Beside that, whether advocates have a record there that we write.
    """
    kept = {name: text for name, text in told.items() if name in _TRAITS or name.startswith(CANNOT)}
    has_records = platform.mapping is not None and ADVOCATE in platform.mapping.records
    if has_records:
        kept |= {PROFILES: "advocates' records bear their code"}
    if has_records or platform.manifest.mails:
        kept |= {ADDRESSES: "people are known there by their address"}
    if Capability.FORGET in platform.manifest.capabilities:
        kept |= {FORGETS: "what is ours is taken off the records of whoever is forgotten"}
    return kept


def missing(manifest: Manifest, connection: Connection) -> tuple[Scope, ...]:
    """The permissions that the merchant has not given."""
    return tuple(scope for scope in manifest.scopes if not connection.grants(scope.name))


def useless(connection: Connection) -> dict[str, str]:
    """Why a kind of credit is of no use on this account, by kind."""
    return {
        name.removeprefix(CANNOT): why for name, why in sorted(connection.traits.items()) if name.startswith(CANNOT)
    }
