"""The code base as the architecture tests see it: its files, its platforms, its syntax trees."""

import ast
import os
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def python_files(root: Path, *folders: str) -> list[Path]:
    """Every Python file below `folders`, those of sandboxes and migrations too."""
    return sorted(path for folder in folders for path in (root / folder).rglob("*.py") if path.is_file())


def product_files(root: Path) -> list[Path]:
    """All code but the sandboxes: they play the platforms, so they keep their own time and write out long answers."""
    return [
        path for path in python_files(root, "connector", "adapters") if "sandbox" not in path.relative_to(root).parts
    ]


def platforms(root: Path) -> list[str]:
    """The platforms' keys: a folder with code in `adapters/` is one."""
    return sorted(path.parent.name for path in (root / "adapters").glob("*/__init__.py"))


def nodes(path: Path) -> list[ast.expr | ast.stmt]:
    """Every expression and statement of a file, in the order of its lines."""
    module = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return sorted(
        (node for node in ast.walk(module) if isinstance(node, ast.expr | ast.stmt)), key=lambda node: node.lineno
    )


def at(root: Path, path: Path, line: int) -> str:
    """Where a finding stands, in the form that editors open."""
    return f"{path.relative_to(root)}:{line}"


def terminal_name(node: ast.expr) -> str:
    """The last name of an expression: `digest` for `a.digest`, `hexdigest` for `mac.hexdigest()`; else ""."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return terminal_name(function)
        case _:
            return ""


def shared_files(root: Path) -> list[Path]:
    """Every file that .gitignore does not keep back. Asks no git: a downloaded archive is held to the same."""
    lines = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    kept_back = [".git", *(line.strip("/") for line in lines if line and not line.startswith("#"))]

    def shared(name: str) -> bool:
        return not any(fnmatch(name, pattern) for pattern in kept_back)

    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = filter(shared, folders)
        found += [path for name in filter(shared, names) if (path := Path(folder, name)).is_file()]
    return sorted(found)


def plant(root: Path, name: str, source: str) -> Path:
    """Write a planted violation into a throw-away tree."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return path
