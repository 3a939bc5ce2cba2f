"""What may be changed in a file, one small change at a time, so that a test should notice: the mutants of `mutants.py`.

Texts with a space in them are words for people and stay as they are, and so do docstrings and annotations. So does
`strict=True` of a zip: it is a tripwire for our own mistakes that no correct program reaches.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
_OPPOSITES = {"min": "max", "any": "all", "upper": "lower", "partition": "rpartition", "startswith": "endswith"}
_OPPOSITE = {**_OPPOSITES, **{there: here for here, there in _OPPOSITES.items()}}


@dataclass(frozen=True)
class Mutant:
    """One change of a file. source: the whole file with it."""

    line: int
    was: str
    now: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of this source, in the order of its lines; two that read the same are one."""
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    places = sorted(_places(tree), key=lambda place: (place.line, place.column))
    for place in places:
        for node in place.changes:
            was = _text(place.node)
            place.put(node)
            changed = ast.unparse(ast.fix_missing_locations(tree))
            place.put(place.node)
            if changed not in seen:
                seen.add(changed)
                yield Mutant(place.line, was, _text(node), changed)


def _text(node: ast.AST) -> str:
    """The first line of it, for a report."""
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).partition("\n")[0]


@dataclass(frozen=True)
class _Place:
    """A node, what may stand there instead, and how to put it there."""

    node: ast.AST
    line: int
    column: int
    changes: list[ast.AST]
    put: Callable[[ast.AST], None]


def _places(tree: ast.Module) -> Iterator[_Place]:
    for owner, node, put in _below(tree):
        if changes := list(_changes(owner, node)):
            shown = next(part for part in ast.walk(node) if isinstance(part, ast.expr | ast.stmt | ast.keyword))
            yield _Place(node, shown.lineno, shown.col_offset, changes, put)


def _below(owner: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, Callable[[ast.AST], None]]]:
    """Every node with its owner and a way to replace it; not what only people and type checkers read."""
    for name, value in ast.iter_fields(owner):
        if name in {"annotation", "returns", "args"} and isinstance(owner, ast.arg | ast.FunctionDef | ast.AnnAssign):
            if isinstance(value, ast.arguments):
                yield from _below(value)  # their defaults count
            continue
        if isinstance(value, ast.AST):
            yield owner, value, partial(setattr, owner, name)
            yield from _below(value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST) and not _docstring(item):
                    yield owner, item, partial(value.__setitem__, index)
                    yield from _below(item)


def _docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _changes(owner: ast.AST, node: ast.AST) -> Iterator[ast.AST]:
    """What may stand at the place of this node."""
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp() | ast.BinOp() | ast.IfExp():
            yield from _operators(owner, node)
        case ast.Constant():
            yield from _constants(owner, node)
        case ast.Call():
            yield from _calls(node)
        case ast.If() | ast.While() | ast.comprehension() | ast.match_case():
            yield from _conditions(node)
        case _:
            yield from _statements(owner, node)


def _operators(owner: ast.AST, node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left=left, ops=operators, comparators=comparators):
            for index, operator in enumerate(operators):
                for other in _COMPARISONS[type(operator)]:
                    yield ast.Compare(left, [*operators[:index], other(), *operators[index + 1 :]], comparators)
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
            for index in range(len(values)):
                yield _rest(operator, [*values[:index], *values[index + 1 :]])
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.BinOp(op=ast.BitOr(), right=right) if _is_a_type(right):
            types = _alternatives(node) if isinstance(owner, ast.Call) else []
            for index in range(len(types)):
                yield ast.Tuple([*types[:index], *types[index + 1 :]], ast.Load())
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
            yield ast.BinOp(left, _ARITHMETIC[type(operator)](), right)
        case ast.IfExp(body=body, orelse=orelse):
            yield from (body, orelse)


def _is_a_type(node: ast.AST) -> bool:
    """Whether it is the last of `A | B`: those are questions about a kind of thing, no sums of bits."""
    return isinstance(node, ast.Name) and node.id[0].isupper() and not node.id.isupper()


def _alternatives(node: ast.expr) -> list[ast.expr]:
    return [*_alternatives(node.left), node.right] if isinstance(node, ast.BinOp) else [node]


def _rest(operator: ast.boolop, values: list[ast.expr]) -> ast.expr:
    return values[0] if len(values) == 1 else ast.BoolOp(operator, values)


def _constants(owner: ast.AST, node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool() as value:
            if not (isinstance(owner, ast.keyword) and owner.arg == "strict"):
                yield ast.Constant(not value)
        case int() as value:
            yield ast.Constant(value + 1)
        case bytes() as value:
            yield ast.Constant(value + b"x")
        case str() as value if not any(c.isspace() for c in value) and not isinstance(owner, ast.FormattedValue):
            yield ast.Constant(value + "x")


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    match node.func:
        case ast.Name(id=name) if name in _OPPOSITE:
            yield ast.Call(ast.Name(_OPPOSITE[name], ast.Load()), node.args, node.keywords)
        case ast.Attribute(value=value, attr=name) if name in _OPPOSITE:
            yield ast.Call(ast.Attribute(value, _OPPOSITE[name], ast.Load()), node.args, node.keywords)
        case ast.Attribute(value=value, attr="strip" | "casefold" | "rstrip" | "at_least_zero"):
            yield value
    for index, keyword in enumerate(node.keywords):
        # A yes or no is turned round at its own place, which says the same as leaving it out.
        if keyword.arg is not None and not _is_a_yes_or_no(keyword.value):
            yield ast.Call(node.func, node.args, [*node.keywords[:index], *node.keywords[index + 1 :]])


def _conditions(node: ast.AST) -> Iterator[ast.AST]:
    """The opposite of a plain condition; one that compares or combines is changed at its operator."""
    plain = ast.Name | ast.Attribute | ast.Call | ast.NamedExpr | ast.Subscript
    match node:
        case ast.If(test=test) | ast.While(test=test) if isinstance(test, plain):
            changed = copy.copy(node)
            changed.test = ast.UnaryOp(ast.Not(), test)
            yield changed
        case ast.comprehension(ifs=ifs) if ifs:
            yield ast.comprehension(node.target, node.iter, [], node.is_async)
            if len(ifs) == 1 and isinstance(ifs[0], plain):
                yield ast.comprehension(node.target, node.iter, [ast.UnaryOp(ast.Not(), ifs[0])], node.is_async)
        case ast.match_case(pattern=pattern, guard=guard, body=body) if guard is not None:
            yield ast.match_case(pattern, None, body)


def _statements(owner: ast.AST, node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.AugAssign(target=target, op=operator, value=value):
            if type(operator) in _ARITHMETIC:
                yield ast.AugAssign(target, _ARITHMETIC[type(operator)](), value)
            yield ast.Pass()
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Expr() | ast.Raise() | ast.Continue() | ast.Break() | ast.Return(value=None):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Name(id=name)]) if _stored(owner)[name] > 1:
            yield ast.Pass()


def _is_a_yes_or_no(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _stored(owner: ast.AST) -> Counter[str]:
    """How often each name is set below this node: only a name that is set elsewhere too can lose one setting."""
    return Counter(n.id for n in ast.walk(owner) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
