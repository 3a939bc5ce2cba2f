"""Bulk operations: a query run over everything at once, its answer a JSONL file that the stand-in serves itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import GraphQLObjectType, execute_sync, get_named_type

from adapters.shopify.sandbox.clock import graphql_time
from adapters.shopify.sandbox.credit import parse_gid
from adapters.shopify.sandbox.export import LIFE, Export
from adapters.shopify.sandbox.graphql import Invalid, prepare, schema
from adapters.shopify.sandbox.paging import whole_lists
from adapters.shopify.sandbox.part import Part, Stores, View, user_error
from adapters.shopify.sandbox.state import gid


class Bulk(Part):
    """Bulk operations of one shop."""

    def stores(self) -> Stores:
        return {"BulkOperation": (self.shop.exports.runs, self._view)}

    def query_bulkOperation(self, _: Any, id: str) -> View | None:  # noqa: A002, N802 - the schema's name
        kind, number = parse_gid(id) or ("", 0)
        found = self.shop.exports.runs.get(number) if kind == "BulkOperation" else None
        return self._view(found) if found else None

    def change_bulkOperationRunQuery(self, info: Any, query: str, groupObjects: bool) -> View:  # noqa: ARG002, FBT001, N802, N803
        """Objects are written parent first, each followed by its own, whether asked to be grouped or not."""
        held, now = self.shop.exports, self.world.clock.now()
        busy = next((run for run in held.runs.values() if run.running(now)), None)
        if busy:
            message = f"A bulk query operation for this app and shop is already in progress: {_gid(busy)}."
            return _refused("OPERATION_IN_PROGRESS", None, message)
        try:
            lines, roots, error = _run(query, info.root_value)
        except Invalid as invalid:
            return _refused("INVALID", ["query"], f"Invalid bulk query: {invalid}")
        run = Export(self.world.next_id(), query, now, lines, roots, held.looks, error or held.error)
        held.runs[run.id], held.error = run, None
        return {"bulkOperation": self._view(run), "userErrors": []}

    def _view(self, run: Export) -> View:
        now = self.world.clock.now()
        status = run.look(now)
        ready = run.ended_at is not None and bool(run.text) and now - run.ended_at <= LIFE
        url = f"{self.world.url}/_files/bulk-{run.id}.jsonl" if ready else None
        done = status == "COMPLETED"
        return {
            "__typename": "BulkOperation",
            "id": _gid(run),
            "status": status,
            "type": "QUERY",
            "query": run.query,
            "createdAt": graphql_time(run.created_at),
            "completedAt": graphql_time(run.ended_at) if run.ended_at and done else None,
            "errorCode": run.error if status == "FAILED" else None,
            "objectCount": str(run.counted(len(run.lines))),
            "rootObjectCount": str(run.counted(run.roots)),
            "fileSize": str(len(run.text.encode())) if url and done else None,
            "url": url if done else None,
            "partialDataUrl": None if done else url,
        }


def _gid(run: Export) -> str:
    return gid("BulkOperation", run.id)


def _refused(code: str, place: list[str] | None, message: str) -> View:
    return {"bulkOperation": None, "userErrors": [user_error(code, place, message)]}


def _run(query: str, root: Any) -> tuple[list[str], int, str | None]:
    """Lines, root objects and error of a query, run by the stand-in's own executor. Raises Invalid."""
    prepared = prepare(query, None)
    kind = schema().query_type
    assert isinstance(kind, GraphQLObjectType)  # noqa: S101 - the schema has queries
    (name, *others) = prepared.fields
    if prepared.mutation or others or not get_named_type(kind.fields[name].type).name.endswith("Connection"):
        raise Invalid([{"message": "the query must hold one top-level field, and it must be a connection."}])
    with whole_lists():
        result = execute_sync(schema(), prepared.document, root_value=root)
    errors = [error.extensions or {} for error in result.errors or ()]
    if fatal := [told for told in errors if told.get("code") != "ACCESS_DENIED" or "requiredAccess" in told]:
        return [], 0, "ACCESS_DENIED" if fatal[0].get("code") == "ACCESS_DENIED" else "INTERNAL_SERVER_ERROR"
    (found,) = (result.data or {}).values()
    rows = list(_objects(found, None))
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    return lines, sum("__parentId" not in row for row in rows), None


def _objects(found: Mapping[str, Any], parent: str | None) -> Iterator[View]:
    """Every node as an object of its own; what hung below a node names it as `__parentId`."""
    for node in _nodes(found):
        own, below = _split(node)
        yield {**own, "__parentId": parent} if parent else own
        for inner in below:
            yield from _objects(inner, node.get("id"))


def _nodes(found: Mapping[str, Any]) -> list[View]:
    return list(found["nodes"]) if "nodes" in found else [edge["node"] for edge in found.get("edges", ())]


def _split(node: Mapping[str, Any]) -> tuple[View, list[View]]:
    """An object without its connections, and those connections."""
    own: View = {}
    below: list[View] = []
    for key, value in node.items():
        if isinstance(value, dict) and ("nodes" in value or "edges" in value):
            below.append(value)
        elif isinstance(value, dict):
            own[key], inner = _split(value)
            below += inner
        else:
            own[key] = value
    return own, below
