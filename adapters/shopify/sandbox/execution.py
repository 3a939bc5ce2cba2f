"""Prices and executes a valid operation, with Shopify's answers where it is throttled, too large or denied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import FragmentDefinitionNode, GraphQLError, execute_sync

from adapters.shopify.sandbox.cost import MAX_COST, Price, actual
from adapters.shopify.sandbox.graphql import Body, Prepared, schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adapters.shopify.sandbox.resolvers import Call

_LIMITS = "https://shopify.dev/api/usage/rate-limits"
#: No list in an input may be longer.
MAX_INPUT = 250


def execute(call: Call, prepared: Prepared, variables: Mapping[str, Any]) -> tuple[Body, str]:
    """Shopify's answer and its outcome in a word: ok, refused, denied, throttled, too_expensive or invalid."""
    if long := _too_long(prepared, variables):
        return {"errors": [long]}, "invalid"
    bucket = call.shop.bucket
    fragments = {d.name.value: d for d in prepared.document.definitions if isinstance(d, FragmentDefinitionNode)}
    requested = Price(schema(), fragments, variables).of(prepared.operation)
    if requested > MAX_COST:
        return _too_expensive(call, requested), "too_expensive"
    if not bucket.take(requested):
        return throttled(call, requested), "throttled"
    result = execute_sync(
        schema(),
        prepared.document,
        root_value=call.root(),
        variable_values=dict(variables),
        operation_name=prepared.operation.name.value if prepared.operation.name else None,
    )
    spent = actual(result.data, mutation=prepared.mutation)
    bucket.give_back(requested - spent)
    body: Body = {"data": result.data} if result.data is not None else {}
    if result.errors:
        body["errors"] = [_runtime(error) for error in result.errors]
    cost = {"requestedQueryCost": requested, "actualQueryCost": spent, "throttleStatus": bucket.status()}
    # A field that the app is not approved for is no more than null; without a scope the call did not do its work.
    denied = any("requiredAccess" in (error.extensions or {}) for error in result.errors or ())
    return body | {"extensions": {"cost": cost}}, "denied" if denied else _outcome(result.data, prepared)


def _too_long(prepared: Prepared, variables: Mapping[str, Any]) -> Body | None:
    """The error for a list that is too long; nothing is executed then."""
    name = next((key for key, value in variables.items() if isinstance(value, list) and len(value) > MAX_INPUT), None)
    if name is None:
        return None
    message = f"The input array size of {len(variables[name])} is greater than the maximum allowed of {MAX_INPUT}."
    return {
        "message": message,
        "locations": [{"line": 1, "column": 1}],
        "path": [prepared.name, name],
        "extensions": {"code": "MAX_INPUT_SIZE_EXCEEDED"},
    }


def _outcome(data: Body | None, prepared: Prepared) -> str:
    if data is None:
        return "invalid"
    return "refused" if prepared.mutation and any(v and v.get("userErrors") for v in data.values()) else "ok"


def _runtime(error: GraphQLError) -> Body:
    body: Body = dict(error.formatted)
    if error.message.startswith("Variable '$"):
        body["extensions"] = {"code": "INVALID_VARIABLE", "problems": [{"path": [], "explanation": error.message}]}
    return body


def throttled(call: Call, requested: int) -> Body:
    """HTTP 200, nothing executed."""
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": _LIMITS}}
    return {"errors": [error], **_unpaid(call, requested)}


def _too_expensive(call: Call, requested: int) -> Body:
    message = f"Query cost is {requested}, which exceeds the single query max cost limit ({MAX_COST})."
    details = {"code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": MAX_COST, "documentation": _LIMITS}
    return {"errors": [{"message": message, "extensions": details}], **_unpaid(call, requested)}


def _unpaid(call: Call, requested: int) -> Body:
    """The cost of a call that was not executed."""
    status = call.shop.bucket.status()
    cost = {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": status}
    return {"extensions": {"cost": cost}}
