"""Profile: an advocate's own code and link, and how far they have come, on the record that people look at."""

from __future__ import annotations

from uuid import UUID

from connector.domain.program import Mode
from connector.journey.desk import Desk, Lane
from connector.journey.record import person_write, send
from connector.journey.tasks import ADVOCATE, PROFILE
from connector.mapping import Mapping, render
from connector.ports.records import RecordResult, RecordWrite
from connector.ports.rows import Advocate, ProgramVersion, connection_lane
from connector.ports.store import Tx
from connector.values import FIGURES, Values


def profile_due(desk: Desk, lane: Lane) -> int:
    """Write the codes of one batch of a program's advocates; returns how many, and closes the task after the last."""
    name, size, mapping = connection_lane(lane.connection), lane.platform.manifest.write_batch, lane.platform.mapping
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(name, PROFILE, 1)
        if not tasks:
            return 0
        program = next((each for each in tx.programs.current() if str(each.id) == tasks[0].subject), None)
        if mapping is None or ADVOCATE not in mapping.records or program is None or program.program.mode is Mode.SHADOW:
            tx.tasks.close(tasks)
            return 1
        open_ = tx.roster.unprofiled(lane.connection, program.id, size)
        wanted = {each: _write(desk, tx, lane, mapping, program, each) for each in open_}
        if not open_:
            tx.tasks.close(tasks)
            return 1
    results = send(desk, lane, [write for write in wanted.values() if write])
    written: dict[UUID, str] = {}
    found: dict[Advocate, RecordResult] = {}
    for advocate, write in wanted.items():
        told = results.get((write.ref, "" if write.ref.id else write.email)) if write else None
        written[advocate.id] = advocate.code if told and told.written and not told.refused else ""
        if told and write and told.ref != write.ref:
            found[advocate] = told  # by their address: from now on they are known by their record
    with desk.store.begin(lane.merchant) as tx:
        for advocate, told in found.items():
            tx.people.link(advocate.person, lane.connection, told.ref)
        tx.roster.profiled(lane.connection, written)
    return len(open_)


def shows_figures(mapping: Mapping) -> bool:
    """Whether advocates' records bear what changes with each of their news."""
    return any(row.source in FIGURES for row in mapping.records.get(ADVOCATE, ()))


def _write(
    desk: Desk, tx: Tx, lane: Lane, mapping: Mapping, program: ProgramVersion, advocate: Advocate
) -> RecordWrite | None:
    figures = tx.roster.figures(advocate.id) if shows_figures(mapping) else None
    values = Values(
        advocate_friends=figures.friends if figures else None,
        advocate_balance=figures.balance if figures else None,
        advocate_id=str(advocate.id),
        advocate_code=advocate.code,
        advocate_link=f"{desk.public_url}/r/{advocate.code}",
        program_name=program.program.name,
    )
    return next(person_write(tx, lane, advocate.person, render(mapping, ADVOCATE, values)), None)
