"""Small habits whose loss costs money or trust: constant-time comparison, one clock, no floats in the rules."""

import ast
import re
from pathlib import Path

from codebase import ROOT, at, nodes, plant, product_files, python_files, terminal_name

#: The only file that may ask the machine for the time of day.
CLOCK = "connector/clock.py"
SECRET_COMPARISON = re.compile(r"hmac|digest|signature", re.IGNORECASE)
#: What makes a digest: `hmac.new(...)` and the two ways to its value.
DIGESTS = {"new", "digest", "hexdigest"}
TIME_OF_DAY = {
    "datetime": {"now", "utcnow", "today", "utcfromtimestamp"},
    "date": {"today"},
    "time": {"time", "time_ns"},
}


def leaky_comparisons(root: Path) -> list[str]:
    """`==` on a digest tells an attacker by its time how much of a guess is right."""
    found = []
    for path in product_files(root):
        statements = nodes(path)
        made = names_of_digests(statements)
        for node in statements:
            if not (isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)):
                continue
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) for side in sides):
                continue
            found += [
                f"{at(root, path, node.lineno)} compares {ast.unparse(side)} with == or !=; use hmac.compare_digest"
                for side in sides
                if SECRET_COMPARISON.search(terminal_name(side)) or bears_digest(side, made)
            ]
    return found


def names_of_digests(statements: list[ast.expr | ast.stmt]) -> set[str]:
    """What a file calls the digests that it makes: the name of one, of a list of them, and of each in that list."""
    made: set[str] = set()
    for node in statements:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if bears_digest(value, made):
                made.add(name)
            case ast.GeneratorExp(generators=loops) | ast.ListComp(generators=loops):
                made |= {
                    loop.target.id
                    for loop in loops
                    if isinstance(loop.target, ast.Name) and bears_digest(loop.iter, made)
                }
    return made


def bears_digest(node: ast.expr, made: set[str]) -> bool:
    """Whether this is a digest or says one in another way, such as in base64; the length of one is no secret."""
    match node:
        case ast.Name(id=name):
            return name in made
        case ast.Call(func=ast.Attribute(value=owner, attr=name)):
            ours = name in DIGESTS and (name != "new" or terminal_name(owner) == "hmac")
            return ours or bears_digest(owner, made) or any(bears_digest(each, made) for each in node.args)
        case ast.ListComp(elt=each):
            return bears_digest(each, made)
        case _:
            return False


def own_clocks(root: Path) -> list[str]:
    """Code that reads the time of day past the Clock, so that no test can set it."""
    found = []
    for path in product_files(root):
        if path == root / CLOCK:
            continue
        for node in nodes(path):
            match node:
                case ast.Attribute(value=owner, attr=name) if name in TIME_OF_DAY.get(terminal_name(owner), ()):
                    found.append(f"{at(root, path, node.lineno)} calls {terminal_name(owner)}.{name}; ask the Clock")
                case ast.ImportFrom(module="time", names=names):
                    taken = {name.name for name in names} & TIME_OF_DAY["time"]
                    found += [
                        f"{at(root, path, node.lineno)} imports {name} from time; ask the Clock" for name in taken
                    ]
    return found


def floats_in_the_rules(root: Path) -> list[str]:
    """Floats in the domain, and `/`, which makes them. Asking `isinstance(x, float)` in order to refuse is fine."""
    found = []
    for path in python_files(root, "connector/domain"):
        statements = nodes(path)
        asked = {
            id(part)
            for node in statements
            if isinstance(node, ast.Call) and terminal_name(node.func) == "isinstance"
            for part in ast.walk(node)
        }
        for node in statements:
            match node:
                case ast.Name(id="float") if id(node) not in asked:
                    found.append(f"{at(root, path, node.lineno)} uses float")
                case ast.Constant(value=float() as value):
                    found.append(f"{at(root, path, node.lineno)} writes {value}")
                case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                    found.append(f"{at(root, path, node.lineno)} divides by /")
    return found


def test_digests_are_compared_in_constant_time():
    assert leaky_comparisons(ROOT) == []


def test_the_time_of_day_comes_from_the_clock():
    assert own_clocks(ROOT) == []


def test_no_rule_about_money_uses_floats():
    assert floats_in_the_rules(ROOT) == []


def test_the_digest_check_sees_a_leaky_comparison(tmp_path):
    plant(
        tmp_path,
        "adapters/acme/inbound.py",
        "if hmac.compare_digest(signature, wanted): pass\n"
        "if signature == '': pass\n"
        "if len(digest) == size: pass\n"
        "if given == hmac.new(key, body).hexdigest(): pass\n"
        "if request.signature != wanted: pass\n"
        "marks = [base64.b64encode(hmac.new(key, body).digest()) for key in keys]\n"
        "if any(mark == given for mark in marks): pass\n"
        "if len(marks) == len(keys): pass\n"
        "short = hashlib.sha256(body).hexdigest()[:8]\n"
        "if given == base64.b64encode(hmac.new(key, body).digest()): pass\n",
    )
    assert [line.split()[0].rpartition(":")[2] for line in leaky_comparisons(tmp_path)] == ["4", "5", "7", "10"]


def test_the_clock_check_sees_a_private_clock(tmp_path):
    plant(tmp_path, "adapters/acme/sandbox/server.py", "at = datetime.now(UTC)\n")
    plant(tmp_path, CLOCK, "from datetime import datetime\nnow = datetime.now\n")
    plant(
        tmp_path,
        "connector/journey/issue.py",
        "at = clock.now()\nwait = time.monotonic()\nat = datetime.now(UTC)\nat = dt.datetime.utcnow()\n"
        "at = time.time()\nfrom time import time_ns\nday = date.today()\n",
    )
    assert [line.split()[0].rpartition(":")[2] for line in own_clocks(tmp_path)] == ["3", "4", "5", "6", "7"]


def test_the_float_check_sees_a_float(tmp_path):
    plant(
        tmp_path,
        "connector/domain/money.py",
        "half = minor // 2\nif isinstance(x, str | float): refuse()\nrate = 0.5\nhalf = minor / 2\ndef f(x: float): ...\n",
    )
    assert [line.split()[0].rpartition(":")[2] for line in floats_in_the_rules(tmp_path)] == ["3", "4", "5"]
