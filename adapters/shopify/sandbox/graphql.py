"""Parses and validates GraphQL as Shopify does, with Shopify's answers for what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from importlib import resources
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    build_schema,
    get_operation_ast,
    parse,
    validate,
)

from adapters.shopify.sandbox.clock import parse_time

Body = dict[str, Any]
_SCHEMA = ("schema.graphql", "schema_app.graphql", "schema_discounts.graphql", "schema_gift_cards.graphql")
#: graphql-core's words, and Shopify's code for the same mistake.
_CODES = (
    (re.compile(r"Cannot query field '(?P<fieldName>\w+)' on type '(?P<typeName>\w+)'"), "undefinedField"),
    (re.compile(r"Unknown argument '(?P<argumentName>\w+)' on field '(?P<name>[\w.]+)'"), "argumentNotAccepted"),
    (re.compile(r"argument '(?P<arguments>\w+)' of type .* is required"), "missingRequiredArguments"),
    (re.compile(r"must have a selection of subfields|must not have a selection"), "selectionMismatch"),
    (re.compile(r"Unknown type '(?P<typeName>\w+)'"), "undefinedType"),
    (re.compile(r"Unknown fragment '(?P<fragmentName>\w+)'"), "useAndDefineFragment"),
    (re.compile(r"Variable '\$(?P<variableName>\w+)' is not defined"), "variableNotDefined"),
    (re.compile(r"Variable '\$(?P<variableName>\w+)' is never used"), "variableNotUsed"),
    (re.compile(r"Variable '\$(?P<variableName>\w+)' of type .* used in position"), "variableMismatch"),
)


@dataclass(frozen=True)
class Prepared:
    """A valid document and the one operation of it that was asked for."""

    document: DocumentNode
    operation: OperationDefinitionNode
    fields: tuple[str, ...]

    @property
    def mutation(self) -> bool:
        return self.operation.operation is OperationType.MUTATION

    @property
    def name(self) -> str:
        """The operation as the book counts it: by its first root field."""
        return self.fields[0]


class Invalid(Exception):
    """A document that Shopify would refuse; `errors` is its answer."""

    def __init__(self, errors: list[Body]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """The subset of the Admin schema with its scalars checked."""
    folder = resources.files(__package__)
    built = build_schema("\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in _SCHEMA))
    for name, check in {"Date": _date, "Decimal": _decimal, "DateTime": _date_time}.items():
        scalar = built.type_map[name]
        if isinstance(scalar, GraphQLScalarType):
            scalar.coerce_input_value = check
            scalar.coerce_input_literal = _literal(check)
    return built


def _decimal(value: Any) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise GraphQLError(f"invalid decimal '{value}'") from error
    if isinstance(value, bool) or not number.is_finite():
        raise GraphQLError(f"invalid decimal '{value}'")
    return f"{number:f}"


def _date_time(value: Any) -> str:
    try:
        parse_time(str(value))
    except ValueError as error:
        raise GraphQLError(f"invalid DateTime '{value}'") from error
    return str(value)


def _date(value: Any) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError as error:
        raise GraphQLError(f"invalid date '{value}'") from error


def _literal(check: Any) -> Any:
    def coerce(node: Node) -> str:
        if isinstance(node, StringValueNode) or hasattr(node, "value"):
            return str(check(getattr(node, "value", "")))
        raise GraphQLError("a scalar is expected here", node)

    return coerce


@lru_cache(maxsize=512)
def _document(text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, (error,)
    return document, tuple(validate(schema(), document))


def prepare(text: str, operation_name: str | None) -> Prepared:
    """The operation to run. Raises Invalid with Shopify's errors."""
    document, errors = _document(text)
    if document is None or errors:
        raise Invalid([_shape(error, document) for error in errors])
    operation = get_operation_ast(document, operation_name)
    if operation is None:
        raise Invalid([{"message": f'No operation named "{operation_name}"' if operation_name else "No operation"}])
    fields = tuple(s.name.value for s in operation.selection_set.selections if isinstance(s, FieldNode))
    return Prepared(document, operation, fields or ("query",))


def _shape(error: GraphQLError, document: DocumentNode | None) -> Body:
    """A validation error as Shopify writes it: where it stands by path, and what it is by code."""
    body: Body = {"message": error.message, "locations": error.formatted.get("locations", [])}
    if document is None:
        return body
    code, details = "invalidDocument", {}
    for pattern, name in _CODES:
        if found := pattern.search(error.message):
            code, details = name, found.groupdict()
            break
    if code == "undefinedField":
        body["message"] = f"Field '{details['fieldName']}' doesn't exist on type '{details['typeName']}'"
    return body | {"path": _path(error, document), "extensions": {"code": code, **details}}


def _path(error: GraphQLError, document: DocumentNode) -> list[str]:
    """["query Name", "shop", "field"] of the node that is wrong."""
    wanted = error.nodes[0] if error.nodes else None

    def walk(node: Node, above: list[str]) -> list[str] | None:
        here = [*above, node.name.value] if isinstance(node, FieldNode) else above
        if node is wanted:
            return here
        for key in node.keys:
            inner = getattr(node, key, None)
            for child in inner if isinstance(inner, list | tuple) else (inner,):
                if isinstance(child, Node) and (found := walk(child, here)) is not None:
                    return found
        return None

    for definition in document.definitions:
        kind = definition.operation.value if isinstance(definition, OperationDefinitionNode) else "fragment"
        name = getattr(definition, "name", None)
        found = walk(definition, [f"{kind} {name.value}" if name else kind])
        if found:
            return found
    return []
