"""Salesforce's published types of its metadata (@salesforce/types), and what in the package is not among them."""

import re

from tests.adapters.salesforce_app.parts import parsed


class Published:
    """The types and lists of values that a `metadata.d.ts` declares."""

    def __init__(self, declared):
        lists = re.finditer(r"^export type (\w+) = ('[^;]*);", declared, re.MULTILINE)
        self.values = {found[1]: set(re.findall(r"'([^']*)'", found[2])) for found in lists}
        shapes = re.finditer(r"^export type (\w+) = (?:(\w+) & )?\{\n(.*?)^\};", declared, re.MULTILINE | re.DOTALL)
        self.types = {
            found[1]: (found[2], dict(re.findall(r"^    (\w+)\??: ([^;]+);", found[3], re.MULTILINE)))
            for found in shapes
        }

    def elements(self, name):
        """What may stand in a type, {element: its type}, with what it inherits."""
        base, own = self.types[name]
        return {**(self.elements(base) if base in self.types else {}), **own}

    def strange(self, name, node):
        """What below a node of this type Salesforce has not published, as sentences."""
        if name not in self.types:
            yield f"<{name}> is no kind of part"
            return
        known = self.elements(name)
        for child in node:
            if child.tag not in known:
                yield f"<{child.tag}> is no element of {name}"
                continue
            kind, text = known[child.tag].removesuffix("[]"), (child.text or "").strip()
            if kind in self.types:
                yield from self.strange(kind, child)
            elif kind in self.values and text not in self.values[kind]:
                yield f"<{child.tag}>: {text!r} is no {kind}"
            elif kind == "boolean" and text not in ("true", "false"):
                yield f"<{child.tag}>: {text!r} is neither true nor false"
            elif kind == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", text):
                yield f"<{child.tag}>: {text!r} is no number"


def unpublished(app, published):
    for path in sorted(app.glob("force-app/**/*-meta.xml")):
        root = parsed(path)
        yield from (f"{path.name}: {finding}" for finding in published.strange(root.tag, root))
