"""Records: metafields on orders and customers, never over a value that a person wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from adapters.shopify.api import Client, shaped
from adapters.shopify.outbound.values import Json
from connector.domain.facts import ObjectRef
from connector.errors import Refused
from connector.mapping import may_write
from connector.ports.platform import Account
from connector.ports.records import FieldValue, RecordResult, RecordWrite

#: metafieldsSet takes no more in one call (2026-10).
MAX_METAFIELDS = 25


@dataclass(frozen=True)
class Records:
    """What sales and support read in the shop's own records."""

    client: Client

    @shaped
    def write_records(self, account: Account, writes: Sequence[RecordWrite]) -> Sequence[RecordResult]:
        """Write up to `write_batch` records; what a person changed between our read and our write is left alone."""
        held = self._metafields(account, writes)
        plans = [_plan(write, held) for write in writes]
        refused = {plan.ref: plan.refused for plan in plans if plan.refused}
        for batch in _batches(plan for plan in plans if plan.inputs):
            refused |= self._set(account, batch)
        return [
            RecordResult(p.ref, refused=refused[p.ref]) if p.ref in refused else RecordResult(p.ref, p.names, p.kept)
            for p in plans
        ]

    def _metafields(self, account: Account, writes: Sequence[RecordWrite]) -> Json:
        """What stands in the fields now: by record, then by field; a record that is gone is missing."""
        held: dict[str, dict[str, Json]] = {}
        for space in sorted({name.rpartition(".")[0] for write in writes for name in write.fields}):
            asked = {"ids": sorted({write.ref.id for write in writes}), "namespace": space}
            for node in self.client.run(account, "metafields", asked):
                if node:
                    rows = node["metafields"]["nodes"]
                    held.setdefault(node["id"], {}).update({f"{space}.{row['key']}": row for row in rows})
        return held

    def _set(self, account: Account, batch: Sequence[_Plan]) -> dict[ObjectRef, str]:
        """Write a batch, all or none. Where one record spoils it, each is written alone. Returns refusals."""
        try:
            self.client.run(account, "set_metafields", {"metafields": [row for plan in batch for row in plan.inputs]})
        except Refused as error:
            if len(batch) == 1:
                return {batch[0].ref: error.reason}
            return {ref: reason for plan in batch for ref, reason in self._set(account, [plan]).items()}
        return {}


@dataclass(frozen=True)
class _Plan:
    """What is to be written to one record, what is kept, or why there is nothing to write to."""

    ref: ObjectRef
    names: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    inputs: tuple[Json, ...] = ()
    refused: str = ""


def _plan(write: RecordWrite, held: Json) -> _Plan:
    if write.ref.id not in held:
        return _Plan(write.ref, refused="Shopify has no such record any more")
    rows = held[write.ref.id]
    current = {name: rows.get(name, {}).get("value") for name in write.fields}
    names = tuple(name for name, new in write.fields.items() if may_write(new.policy, current[name], new.value))
    changed = [name for name in names if current[name] != write.fields[name].value]
    inputs = tuple(_input(write.ref, name, write.fields[name], rows.get(name)) for name in changed)
    return _Plan(write.ref, names, tuple(name for name in write.fields if name not in names), inputs)


def _input(ref: ObjectRef, name: str, new: FieldValue, row: Json | None) -> Json:
    """One metafield to set, only if it still is as we read it. A digest of null says: only if there is still none."""
    space, _, key = name.rpartition(".")  # `$app.referral_stage` is the key `referral_stage`
    return {
        "ownerId": ref.id,
        "namespace": space,
        "key": key,
        "type": new.type,
        "value": new.value,
        "compareDigest": row["compareDigest"] if row else None,
    }


def _batches(plans: Iterable[_Plan]) -> Iterator[list[_Plan]]:
    """Whole records, as many as fit into one call."""
    batch: list[_Plan] = []
    for plan in plans:
        if sum(len(p.inputs) for p in (*batch, plan)) > MAX_METAFIELDS and batch:
            yield batch
            batch = []
        batch.append(plan)
    if batch:
        yield batch
