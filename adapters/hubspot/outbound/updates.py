"""Updates: values written on up to a batch of records in one call, and what became of each.

Inputs bear a trace, so that HubSpot tells of each by itself. Written twice, values say the same: HubSpot notes no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from adapters.hubspot import MANIFEST
from adapters.hubspot.api import PATHS, VERSION, Client
from adapters.hubspot.api.answers import ABSENT_PROPERTY, refusals
from adapters.plain import rows, text_of
from connector.errors import NotDone, Refused, Unknown
from connector.ports.platform import Account

Values = Mapping[str, str]

#: A batch that is refused with one of these is refused for something in it.
_SPOILT = (400, 409)


def update(client: Client, account: Account, kind: str, values: Mapping[str, Values]) -> Iterator[tuple[str, str]]:
    """Write records by their ids; yields each with why it was refused, "" where it was written, as soon as that is known.

    What the answer does not speak of is written alone. Raises Refused where the call itself is refused, NotDone and
    Unknown for a call that came to nothing or got lost: what was yielded before stands.
    """
    if not values:
        return
    inputs = [{"id": each, "properties": dict(held), "objectWriteTraceId": each} for each, held in values.items()]
    path, body = f"/crm/objects/{VERSION}/{PATHS[kind]}/batch/update", {"inputs": inputs}
    try:
        answer = client.run(account, "POST", path, operation=f"write_{kind}", body=body, changes=True)
    except Refused as error:
        if error.status not in _SPOILT or _lacks_for_all(error, values):
            raise
        yield from _halves(client, account, kind, values, error)
        return
    if "results" not in answer:
        raise Unknown("a success without results", platform=MANIFEST.key, operation=f"write_{kind}")
    told = {text_of(row.get("id")): "" for row in rows(answer["results"])} | dict(refusals(answer))
    yield from ((each, told[each]) for each in values if each in told)
    for each in values:
        if each not in told:
            yield each, _alone(client, account, kind, each, values[each])


def _lacks_for_all(error: Refused, values: Mapping[str, Values]) -> bool:
    """Whether a property is not there that is written on all of them: no half would fare better."""
    return error.code == ABSENT_PROPERTY and len({frozenset(held) for held in values.values()}) == 1


def _halves(
    client: Client, account: Account, kind: str, values: Mapping[str, Values], error: Refused
) -> Iterator[tuple[str, str]]:
    """Something spoils the batch: halves of it are tried, down to the record that HubSpot has words about."""
    if len(values) == 1:
        yield from ((each, error.reason) for each in values)
        return
    each, middle = list(values.items()), len(values) // 2
    for half in (each[:middle], each[middle:]):
        yield from update(client, account, kind, dict(half))


def _alone(client: Client, account: Account, kind: str, external: str, values: Values) -> str:
    """Why one that was passed over is refused. Raises Unknown where it cannot be written now: it may have been before."""
    path, body, name = f"/crm/objects/{VERSION}/{PATHS[kind]}/{{id}}", {"properties": dict(values)}, f"write_{kind}"
    try:
        client.run(account, "PATCH", path, operation=name, body=body, filled={"id": external}, changes=True)
    except Refused as error:
        return error.reason
    except NotDone as error:
        words = f"HubSpot passed over a record, and then: {error.reason}"
        raise Unknown(words, platform=MANIFEST.key, operation=name, status=error.status) from error
    return ""
