"""Answers queries: which records a query means to the app's user, and what of them it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters.salesforce.sandbox.answers import Json, Refusal, no_type
from adapters.salesforce.sandbox.fields import Field
from adapters.salesforce.sandbox.kinds import CHILDREN, Kind
from adapters.salesforce.sandbox.matching import folded, holds, wanted
from adapters.salesforce.sandbox.soql import Aggregate, Compare, Condition, Path, Query, malformed
from adapters.salesforce.sandbox.state import Org, Record
from adapters.salesforce.sandbox.values import shown

#: A path may lead over so many objects.
_MOST_STEPS = 5


@dataclass(frozen=True)
class Asker:
    """An org as its app's user queries it. version: as the path of the request names it. deleted: queryAll."""

    org: Org
    version: str
    deleted: bool = False

    def run(self, query: Query) -> tuple[int, list[Json]]:
        """How many records there are, and what is shown of each. Raises Refusal."""
        kind = self.org.seen(query.source)
        if kind is None:
            raise no_type(query.source)
        found = self._chosen(query, kind, self._all(kind))
        if [item.path for item in query.items if isinstance(item, Aggregate)] == [None] and len(query.items) == 1:
            return len(found), []
        if query.group or any(isinstance(item, Aggregate) for item in query.items):
            rows = self._grouped(query, kind, found)
            return len(rows), rows
        return len(found), self._shown(query, kind, found)

    def _all(self, kind: Kind) -> list[Record]:
        return [each for each in self.org.records(kind.name).values() if self.deleted or not each.deleted]

    def _chosen(self, query: Query, kind: Kind, records: Sequence[Record]) -> list[Record]:
        fits = self._condition(query.where, kind) if query.where else lambda _: True
        found = [record for record in records if fits(record)]
        if not query.group:
            for order in reversed(query.order):
                found = self._sorted(found, kind, order.path, down=order.down, last=order.nulls_last)
        return found[query.offset :][: query.limit]

    def _sorted(self, found: list[Record], kind: Kind, path: Path, *, down: bool, last: bool) -> list[Record]:
        steps = self.steps(kind, path)
        if not steps[-1].filterable:
            raise Refusal("INVALID_FIELD", f"field '{path}' can not be sorted in a query call")
        valued = [(self._value(record, steps), record) for record in found]
        empty = [record for value, record in valued if value is None]
        full = sorted(
            (pair for pair in valued if pair[0] is not None), key=lambda pair: folded(steps[-1], pair[0]), reverse=down
        )
        return [*[record for _, record in full], *empty] if last else [*empty, *[record for _, record in full]]

    # ── Fields ──────────────────────────────────────────────────────────────────────────────────────────────────

    def steps(self, kind: Kind, path: Path) -> list[Field]:
        """The references that a path leads over, and the field at its end. Raises Refusal for one that is not there."""
        names = list(path.names)
        if len(names) > 1 and names[0].lower() == kind.name.lower():
            names = names[1:]
        if len(names) > _MOST_STEPS + 1:
            raise malformed(f"too many relationships in {path}")
        found: list[Field] = []
        for name in names[:-1]:
            step = next((f for f in kind.fields.values() if (f.relationship or "").lower() == name.lower()), None)
            target = next((k for k in map(self.org.seen, step.to) if k), None) if step else None
            if step is None or target is None:
                words = (
                    f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
                    "relationship, be sure to append the '__r' after the custom relationship name. Please reference your "
                    "WSDL or the describe call for the appropriate names."
                )
                raise Refusal("INVALID_FIELD", words)
            found.append(step)
            kind = target
        last = kind.find(names[-1])
        if last is None:
            words = (
                f"No such column '{names[-1]}' on entity '{kind.name}'. If you are attempting to use a custom field, be "
                "sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call "
                "for the appropriate names."
            )
            raise Refusal("INVALID_FIELD", words)
        return [*found, last]

    def _value(self, record: Record | None, steps: Sequence[Field]) -> Any:
        for step in steps[:-1]:
            record = self._next(record, step)
        return record.values.get(steps[-1].name) if record else None

    def _next(self, record: Record | None, step: Field) -> Record | None:
        """What a reference leads to; nothing for what is deleted."""
        found = self.org.find(str(record.values.get(step.name) or "")) if record else None
        return found if found is not None and (self.deleted or not found.deleted) else None

    # ── Conditions ──────────────────────────────────────────────────────────────────────────────────────────────

    def _condition(self, where: Condition, kind: Kind) -> Callable[[Record], bool]:
        if isinstance(where, Compare):
            return self._comparison(where, kind)
        parts = [self._condition(part, kind) for part in where.parts]
        if where.word == "not":
            return lambda record: not parts[0](record)
        every = all if where.word == "and" else any
        return lambda record: every(part(record) for part in parts)

    def _comparison(self, where: Compare, kind: Kind) -> Callable[[Record], bool]:
        steps = self.steps(kind, where.path)
        field = steps[-1]
        if not field.filterable:
            raise Refusal("INVALID_FIELD", f"field '{where.path}' can not be filtered in a query call")
        against = [wanted(field, where, literal) for literal in where.values]
        return lambda record: holds(field, where.sign, self._value(record, steps), against)

    # ── What is shown ───────────────────────────────────────────────────────────────────────────────────────────

    def _shown(self, query: Query, kind: Kind, found: Sequence[Record]) -> list[Json]:
        paths = [self.steps(kind, item) for item in query.items if isinstance(item, Path)]
        names = [".".join(step.name for step in steps) for steps in paths]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise malformed(f"duplicate field selected: {twice}")
        inner = [(item, *self._children(kind, item)) for item in query.items if isinstance(item, Query)]
        rows = []
        for record in found:
            row = self.frame(record)
            for steps in paths:
                self._place(row, record, steps)
            for item, owner, field, name in inner:
                own = [r for r in self._all(owner) if r.values.get(field) == record.id]
                told = self._shown(item, owner, self._chosen(item, owner, own))
                row[name] = {"totalSize": len(told), "done": True, "records": told} if told else None
            rows.append(row)
        return rows

    def frame(self, record: Record) -> Json:
        url = f"/services/data/{self.version}/sobjects/{record.kind}/{record.id}"
        return {"attributes": {"type": record.kind, "url": url}}

    def _place(self, row: Json, record: Record, steps: Sequence[Field]) -> None:
        """A field's value in the row, or in the object that the path leads to; null where it leads to nothing."""
        step, *rest = steps
        if not rest:
            row[step.name] = shown(record.values.get(step.name))
            return
        name, target = str(step.relationship), self._next(record, step)
        if target is None:
            row[name] = None
        else:
            self._place(row.setdefault(name, self.frame(target)), target, rest)

    def _children(self, kind: Kind, item: Query) -> tuple[Kind, str, str]:
        """Whose records a subquery means, by which field they refer here, and what they are called."""
        for owner, field in self.org.referring(kind.name):
            name = children_of(owner, owner.fields[field])
            seen = self.org.seen(owner.name)
            if name.lower() == item.source.lower() and seen and field in seen.fields:
                return seen, field, name
        words = (
            f"Didn't understand relationship '{item.source}' in FROM part of query call. If you are attempting to use a "
            "custom relationship, be sure to append the '__r' after the custom relationship name."
        )
        raise Refusal("INVALID_TYPE", words)

    # ── Groups ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _grouped(self, query: Query, kind: Kind, found: Sequence[Record]) -> list[Json]:
        by = [self.steps(kind, path) for path in query.group]
        groups: dict[tuple[Any, ...], list[Record]] = {} if by else {(): list(found)}
        for record in found if by else ():
            groups.setdefault(tuple(folded(steps[-1], self._value(record, steps)) for steps in by), []).append(record)
        grouped = {str(path).lower() for path in query.group}
        rows = []
        for members in groups.values():
            row: Json = {"attributes": {"type": "AggregateResult"}}
            unnamed = 0
            for item in query.items:
                if isinstance(item, Query) or (isinstance(item, Path) and str(item).lower() not in grouped):
                    raise malformed(f"Field must be grouped or aggregated: {item if isinstance(item, Path) else ''}")
                if isinstance(item, Path):
                    value = self._value(members[0], self.steps(kind, item))
                    row[item.alias or item.names[-1]] = shown(value)
                    continue
                name = item.alias or f"expr{unnamed}"
                unnamed += not item.alias
                row[name] = self._aggregated(kind, item, members)
            rows.append(row)
        return rows

    def _aggregated(self, kind: Kind, item: Aggregate, members: Sequence[Record]) -> Any:
        if item.path is None:
            return len(members)
        steps = self.steps(kind, item.path)
        if item.function in {"sum", "avg"} and not steps[-1].number:
            words = f"field {item.path} does not support aggregate operator {item.function.upper()}"
            raise malformed(words)
        held = [value for value in (self._value(record, steps) for record in members) if value is not None]
        return shown(_combined(item.function, steps[-1], held))


def children_of(owner: Kind, field: Field) -> str:
    """What records of this kind are called, seen from what they refer to by this field."""
    return field.children or CHILDREN.get((owner.name, field.name), "")


def _combined(function: str, field: Field, held: Sequence[Any]) -> Any:
    match function:
        case "count":
            return len(held)
        case "count_distinct":
            return len({folded(field, value) for value in held})
        case "sum":
            return sum(held, Decimal(0)) if held else None
        case "avg":
            return sum(held, Decimal(0)) / len(held) if held else None
    return (min if function == "min" else max)(held, default=None)
