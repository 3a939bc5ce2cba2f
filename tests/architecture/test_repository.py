"""A stranger clones this: nothing in it may depend on one machine or one package host."""

import re
from pathlib import Path

from codebase import ROOT, at, plant, shared_files

#: Written in pieces, so that this file does not find itself.
HOSTS = [
    "pypi" + ".org", "python" + "hosted.org", "registry." + "npmjs", "registry." + "yarnpkg", "deb." + "debian.org",
    "archive." + "ubuntu.com", "proxy." + "golang.org",
]  # fmt: skip
PLACES = ["/ro" + "ot/", "/ho" + "me/", "/wo" + "rk/", "/tm" + "p/w/"]
INDEX_OPTIONS = ["index" + "-url", "find" + "-links", "trusted" + "-host"]
#: A path of a machine starts a word: `https://x/home/` and `net/work/` are none.
OF_ONE_MACHINE = re.compile(
    "|".join(map(re.escape, HOSTS + INDEX_OPTIONS))
    + "|"
    + r"(?<![\w./%{}-])(?:"
    + "|".join(map(re.escape, PLACES))
    + ")"
)


def ties_to_one_machine(root: Path) -> list[str]:
    """Lines of shared files that name a package host or a path of somebody's machine."""
    found = []
    for path in shared_files(root):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if seen := OF_ONE_MACHINE.search(line):
                found.append(f"{at(root, path, number)} names {seen[0]}")
    return found


def test_nothing_shared_depends_on_one_machine_or_package_host():
    assert ties_to_one_machine(ROOT) == []


def test_the_check_sees_a_host_and_a_path(tmp_path):
    plant(tmp_path, ".gitignore", ".venv/\n*.log\n")
    plant(tmp_path, "run.log", f"see {PLACES[0]}notes\n")
    plant(tmp_path, ".venv/pip.conf", f"see {PLACES[0]}notes\n")
    plant(tmp_path, "fine.md", f"https://example.com{PLACES[1]}page and /net{PLACES[2]}x\n")
    plant(tmp_path, "pip.conf", f"[global]\n{INDEX_OPTIONS[0]} = https://{HOSTS[0]}/simple\n")
    plant(tmp_path, "lock.json", f'{{"resolved": "https://{HOSTS[2]}.org/x.tgz"}}\n')
    plant(tmp_path, "run.sh", f"cd {PLACES[2]}tree\n")
    assert ties_to_one_machine(tmp_path) == [
        f"lock.json:1 names {HOSTS[2]}",
        f"pip.conf:2 names {INDEX_OPTIONS[0]}",
        f"run.sh:1 names {PLACES[2]}",
    ]
