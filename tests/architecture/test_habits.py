"""Small habits whose loss costs money or trust: constant-time comparison, one clock, no floats in the rules."""

import ast
import re
from pathlib import Path

from codebase import ROOT, at, nodes, plant, product_files, python_files, terminal_name

#: The only file that may ask the machine for the time of day.
CLOCK = "connector/clock.py"
SECRET_COMPARISON = re.compile(r"hmac|digest|signature", re.IGNORECASE)
TIME_OF_DAY = {
    "datetime": {"now", "utcnow", "today", "utcfromtimestamp"},
    "date": {"today"},
    "time": {"time", "time_ns"},
}


def leaky_comparisons(root: Path) -> list[str]:
    """`==` on a digest tells an attacker by its time how much of a guess is right."""
    found = []
    for path in product_files(root):
        for node in nodes(path):
            if not (isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)):
                continue
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) for side in sides):
                continue
            found += [
                f"{at(root, path, node.lineno)} compares {terminal_name(side)} with == or !=; use hmac.compare_digest"
                for side in sides
                if SECRET_COMPARISON.search(terminal_name(side))
            ]
    return found


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
        "if request.signature != wanted: pass\n",
    )
    assert [line.split()[0] for line in leaky_comparisons(tmp_path)] == [
        "adapters/acme/inbound.py:4",
        "adapters/acme/inbound.py:5",
    ]


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
