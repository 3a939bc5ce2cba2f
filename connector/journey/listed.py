"""Listed: people on a merchant's list, or with a value in a field, become advocates; looked at anew once a day."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from connector.errors import Refused
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.enrol import enrol_seen
from connector.journey.tasks import LISTED, PROFILE
from connector.ports.lists import Members
from connector.ports.platform import Account
from connector.ports.rows import ProgramVersion, connection_lane
from connector.ports.store import Tx

#: A field rather than a list: `name` and `value` of what people must have.
_FIELD = "="


def mark_lists(tx: Tx, connection: UUID) -> None:
    """Have the lists of every program looked at on this connection."""
    subjects = [_subject(each, source, "") for each in tx.programs.current() for source in _sources(each)]
    if subjects:
        tx.tasks.mark(connection_lane(connection), LISTED, subjects)


def listed_due(desk: Desk, lane: Lane) -> int:
    """Let in one page of one list; returns how many tasks it took up."""
    name = connection_lane(lane.connection)
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(name, LISTED, 1)
        programs = {str(each.id): each for each in tx.programs.current()} if tasks else {}
    if not tasks:
        return 0
    program, place, source = _parts(tasks[0].subject)
    version = programs.get(program)
    if version is None or source not in _sources(version) or "list" not in version.program.enrolment.ways:
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.close(tasks)
        return 1
    try:
        found = _members(lane, open_account(desk, lane), source, place)
    except Refused as error:
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.park(tasks[0], f"{source}: {error.reason}")
        return 1
    with desk.store.begin(lane.merchant) as tx:
        enrol_seen(tx, version.id, lane.connection, found.people, source)
        tx.tasks.close(tasks)
        if found.place and found.place != place:
            tx.tasks.mark(name, LISTED, [_subject(version, source, found.place)])
        tx.tasks.mark(name, PROFILE, [program])
    return 1


def _members(lane: Lane, account: Account, source: str, place: str) -> Members:
    field, is_field, value = source.partition(_FIELD)
    lists = lane.platform.lists()
    return lists.bearing(account, field, value, place) if is_field else lists.members(account, source, place)


def _sources(version: ProgramVersion) -> Sequence[str]:
    rules = version.program.enrolment
    field = [f"{rules.property_name}{_FIELD}{rules.property_value}"] if rules.property_name else []
    return [*rules.lists, *field]


def _subject(version: ProgramVersion, source: str, place: str) -> str:
    return f"{version.id}/{place}/{source}"


def _parts(subject: str) -> tuple[str, str, str]:
    program, place, source = subject.split("/", 2)
    return program, place, source
