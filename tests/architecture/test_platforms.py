"""A fifth platform must cost one folder and one mapping file, and nobody should need to search inside a folder."""

import re
from pathlib import Path

from codebase import ROOT, at, plant, platforms

ROOMS = {"__init__.py", "auth.py", "inbound.py", "api.py", "outbound.py", "sandbox.py", "app"}
#: GraphQL documents stand beside api.py where a platform speaks GraphQL.
OPTIONAL = {"queries.py"}
READ_AS_CODE = {".py", ".sql", ".mako"}


def named_platforms(root: Path) -> list[str]:
    """Lines of the product's own code that name a platform."""
    keys = platforms(root)
    if not keys:
        return []
    name = re.compile("|".join(map(re.escape, keys)), re.IGNORECASE)
    found = []
    for path in sorted((root / "connector").rglob("*")):
        if path.suffix in READ_AS_CODE and path.is_file():
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if seen := name.search(line):
                    found.append(f"{at(root, path, number)} names {seen[0]}")
    return found


def uneven_folders(root: Path) -> list[str]:
    """Platform folders that lack a room, or have one that the others do not."""
    found = []
    for key in platforms(root):
        folder = root / "adapters" / key
        rooms = {path.name for path in folder.iterdir() if path.name != "__pycache__"}
        # A room that holds more than one file can is a folder of the same name.
        rooms = {f"{room}.py" if (folder / room / "__init__.py").exists() else room for room in rooms}
        found += [f"adapters/{key} lacks {room}" for room in sorted(ROOMS - rooms)]
        found += [
            f"adapters/{key} has {room}, which no other platform needs" for room in sorted(rooms - ROOMS - OPTIONAL)
        ]
    return found


def test_the_product_never_names_a_platform():
    assert named_platforms(ROOT) == []


def test_every_platform_folder_has_the_same_rooms():
    assert uneven_folders(ROOT) == []


def test_every_platform_has_its_mapping_file_and_no_mapping_is_an_orphan():
    assert [path.stem for path in sorted((ROOT / "mappings").glob("*.yaml"))] == platforms(ROOT)


def test_the_platform_checks_see_a_name_and_a_missing_room(tmp_path):
    for room in [*sorted(ROOMS - {"auth.py", "app"}), "helpers.py"]:
        plant(tmp_path, f"adapters/acme/{room}" if "." in room else f"adapters/acme/{room}/server.py", "")
    plant(tmp_path, "adapters/http.py", "shared = 'no platform'\n")
    plant(tmp_path, "connector/domain/money.py", "x = 1\nif platform == 'ACME': pass\n")
    plant(tmp_path, "connector/web/page.html", "<p>Acme</p>\n")
    assert named_platforms(tmp_path) == ["connector/domain/money.py:2 names ACME"]
    assert uneven_folders(tmp_path) == [
        "adapters/acme lacks app",
        "adapters/acme lacks auth.py",
        "adapters/acme has helpers.py, which no other platform needs",
    ]
