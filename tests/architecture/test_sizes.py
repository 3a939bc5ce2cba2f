"""A reader must be able to hold one file, and one function, in the head."""

import ast
from pathlib import Path

from codebase import ROOT, at, nodes, plant, product_files, python_files

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def long_files(root: Path) -> list[str]:
    sizes = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(root, "connector", "adapters")
    }
    return [f"{at(root, path, lines)} has {lines} lines" for path, lines in sizes.items() if lines > MAX_FILE_LINES]


def long_functions(root: Path) -> list[str]:
    found = []
    for path in product_files(root):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    found.append(f"{at(root, path, node.lineno)} {node.name} has {lines} lines")
    return found


def test_no_file_is_longer_than_a_reader_can_hold():
    assert long_files(ROOT) == []


def test_every_function_fits_a_screen():
    assert long_functions(ROOT) == []


def test_the_size_checks_see_what_is_too_long(tmp_path):
    plant(tmp_path, "connector/just_fits.py", "x = 1\n" * MAX_FILE_LINES)
    plant(tmp_path, "adapters/a/sandbox/server.py", "x = 1\n" * (MAX_FILE_LINES + 1))
    plant(tmp_path, "adapters/a/sandbox/answers.py", "def recorded():\n" + "    x = 1\n" * MAX_FUNCTION_LINES)
    plant(tmp_path, "connector/fits.py", "def fits():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES - 1))
    plant(tmp_path, "connector/long.py", "async def rambles():\n" + "    x = 1\n" * MAX_FUNCTION_LINES)
    assert long_files(tmp_path) == ["adapters/a/sandbox/server.py:401 has 401 lines"]
    assert long_functions(tmp_path) == ["connector/long.py:1 rambles has 51 lines"]
