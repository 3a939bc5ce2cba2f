"""What a query costs, and the leaky bucket it is paid from.

Objects cost 1, connections 2 and their `first` or `last` times what one node costs, mutations 10, scalars nothing
(shopify.dev graphql-admin/rate-limits, read 2026-11-21). Shopify keeps some exceptions to itself, so the sums are
close, not equal; lists that are no connections are counted by their `first` or the number of ids asked for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A query that asks for more in one go is refused, however full the bucket is.
MAX_COST = 1000
MUTATION = 10
CONNECTION = 2
DEFAULT_PAGE = 10


@dataclass
class Bucket:
    """Points of one app in one shop; refills steadily up to `maximum`."""

    maximum: float = 2000.0
    rate: float = 100.0
    level: float = field(default=-1.0)
    at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.level < 0:
            self.level = self.maximum

    def available(self) -> float:
        now = time.monotonic()
        self.level = min(self.maximum, self.level + (now - self.at) * self.rate)
        self.at = now
        return self.level

    def take(self, points: float) -> bool:
        """Pay `points`, or pay nothing and say no."""
        if self.available() < points:
            return False
        self.level -= points
        return True

    def give_back(self, points: float) -> None:
        self.level = min(self.maximum, self.level + max(0.0, points))

    def status(self) -> dict[str, float]:
        return {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": float(int(self.available())),
            "restoreRate": self.rate,
        }


@dataclass(frozen=True)
class Price:
    """Works out the requested cost of one operation; `variables` resolve page sizes."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def of(self, operation: OperationDefinitionNode) -> int:
        root = self.schema.get_root_type(operation.operation)
        assert root is not None  # noqa: S101 - validation has already refused an operation without a root
        return self._selection(operation.selection_set, root)

    def _selection(self, selection: SelectionSetNode | None, parent: GraphQLNamedType) -> int:
        if selection is None:
            return 0
        total, branches = 0, [0]
        for node in selection.selections:
            match node:
                case FieldNode():
                    total += self._field(node, parent)
                case InlineFragmentNode():
                    name = node.type_condition.name.value if node.type_condition else parent.name
                    branches.append(self._selection(node.selection_set, self.schema.type_map[name]))
                case FragmentSpreadNode():
                    fragment = self.fragments[node.name.value]
                    on = self.schema.type_map[fragment.type_condition.name.value]
                    branches.append(self._selection(fragment.selection_set, on))
        # Branches on an interface or union exclude one another; on an object they add up.
        abstract = isinstance(parent, GraphQLInterfaceType | GraphQLUnionType)
        return total + (max(branches) if abstract else sum(branches))

    def _field(self, node: FieldNode, parent: GraphQLNamedType) -> int:
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) or node.name.value.startswith("__"):
            return 0
        kind = parent.fields[node.name.value].type
        named = get_named_type(kind)
        if parent is self.schema.mutation_type:
            return MUTATION
        if named.name == "PageInfo" or not node.selection_set:
            return 0
        if named.name.endswith("Connection"):
            return CONNECTION + self._page(node) * self._nodes(node.selection_set, named)
        return self._times(node, kind) * (1 + self._selection(node.selection_set, named))

    def _nodes(self, selection: SelectionSetNode, connection: GraphQLNamedType) -> int:
        """What one node costs, whether asked for by `nodes` or by `edges { node }`."""
        assert isinstance(connection, GraphQLObjectType)  # noqa: S101 - connections are objects in this schema
        cost = 0
        for node in selection.selections:
            if not isinstance(node, FieldNode) or node.name.value not in {"nodes", "edges"}:
                continue
            named = get_named_type(connection.fields[node.name.value].type)
            inner = self._selection(node.selection_set, named)
            cost = max(cost, inner + 1 if node.name.value == "nodes" else inner)
        return cost

    def _times(self, node: FieldNode, kind: GraphQLOutputType) -> int:
        return self._page(node) if isinstance(get_nullable_type(kind), GraphQLList) else 1

    def _page(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value not in {"first", "last", "ids"}:
                continue
            value = argument.value
            if isinstance(value, IntValueNode):
                return int(value.value)
            if isinstance(value, ListValueNode):
                return len(value.values)
            if isinstance(value, VariableNode):
                given = self.variables.get(value.name.value)
                return len(given) if isinstance(given, list) else int(given or DEFAULT_PAGE)
        return DEFAULT_PAGE


def actual(data: Any, *, mutation: bool) -> int:
    """What an answer really cost: its objects, connections by 2, and 10 for each mutation."""
    if not isinstance(data, dict):
        return 0
    if mutation:
        return MUTATION * len(data)
    return sum(_count(value) for value in data.values())


def _count(value: Any) -> int:
    if isinstance(value, list):
        return sum(_count(item) for item in value)
    if not isinstance(value, dict):
        return 0
    own = CONNECTION if "nodes" in value or "edges" in value else int("node" not in value)
    return own + sum(_count(item) for key, item in value.items() if key != "pageInfo")
