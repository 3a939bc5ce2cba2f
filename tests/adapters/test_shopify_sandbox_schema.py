"""The stand-in's GraphQL schema is Shopify's own, as far as it goes.

Were a field, argument or nullability invented here, the connector would pass against the stand-in and be refused by
the first real shop.
"""

import gzip
import json
import os
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    build_client_schema,
    build_schema,
    print_ast,
)

from adapters.shopify.sandbox.graphql import schema

CONTRACTS = os.environ.get("CONTRACTS_DIR", "")


@pytest.mark.contracts
@pytest.mark.skipif(not CONTRACTS, reason="CONTRACTS_DIR is not set: Shopify's published schema is not here")
def test_all_that_the_schema_subset_contains_equals_shopifys_own():
    packed = Path(CONTRACTS, "shopify", "admin-graphql", "admin_2026-10.introspection.json.gz").read_bytes()
    published = build_client_schema(json.loads(gzip.decompress(packed))["data"], assume_valid=True).type_map
    mine = {name: kind for name, kind in schema().type_map.items() if not name.startswith("__")}
    assert len(mine) > 200
    assert {"giftCardCreate", "discountCodeBasicCreate", "bulkOperationRunQuery"} <= set(mine["Mutation"].fields)
    assert [p for name, kind in mine.items() for p in differences(name, kind, published.get(name))] == []


def differences(name, mine, published):
    """What of one type is not as published, in words."""
    if type(mine) is not type(published):
        return [f"{name} is not published as this kind of type"]
    if isinstance(mine, GraphQLObjectType | GraphQLInterfaceType):
        extra = {i.name for i in mine.interfaces} - {i.name for i in published.interfaces}
        found = [f"{name} does not implement {e}" for e in extra]
        for field, own in mine.fields.items():
            found += field_differences(f"{name}.{field}", own, published.fields.get(field))
        return found
    if isinstance(mine, GraphQLInputObjectType):
        required = {f for f, v in published.fields.items() if isinstance(v.type, GraphQLNonNull) and not v.default}
        found = [f"{name} lacks the required {f}" for f in required - set(mine.fields)]
        return found + input_differences(name, mine.fields, published.fields)
    if isinstance(mine, GraphQLEnumType):
        return [f"{name} has no value {v}" for v in set(mine.values) - set(published.values)]
    if isinstance(mine, GraphQLUnionType):
        return [f"{name} has no {t}" for t in {t.name for t in mine.types} - {t.name for t in published.types}]
    return []


def field_differences(name, mine, published):
    if published is None:
        return [f"{name} is not published"]
    found = [] if str(mine.type) == str(published.type) else [f"{name}: {mine.type} is published as {published.type}"]
    return found + input_differences(name, mine.args, published.args)


def input_differences(name, mine, published):
    """Arguments or input fields: name, type and default."""
    found = []
    for key, own in mine.items():
        theirs = published.get(key)
        if theirs is None:
            found.append(f"{name}({key}) is not published")
        elif (str(own.type), default(own)) != (str(theirs.type), default(theirs)):
            found.append(
                f"{name}({key}): {own.type} = {default(own)} is published as {theirs.type} = {default(theirs)}"
            )
    return found


def default(value):
    return print_ast(value.default.literal) if value.default else None


def test_the_comparison_sees_each_kind_of_drift():
    ours = "type Query { a(x: Int = 1): String! b: E c: String } enum E { ONE TWO } union U = Query"
    theirs = "type Query { a(x: Int = 2): String b: E } enum E { ONE } type V { a: E } union U = V"
    mine, published = build_schema(ours).type_map, build_schema(theirs).type_map
    found = [p for name in ("Query", "E", "U") for p in differences(name, mine[name], published[name])]
    assert found == [
        "Query.a: String! is published as String",
        "Query.a(x): Int = 1 is published as Int = 2",
        "Query.c is not published",
        "E has no value TWO",
        "U has no Query",
    ]
