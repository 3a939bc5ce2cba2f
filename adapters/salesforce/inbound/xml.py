"""XML that a stranger may have sent: no document types, so no entities of any kind, and never deeper or larger than ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

#: Elements of one message: 100 notifications with some dozens of fields each are far fewer.
MAX_NODES, MAX_DEPTH = 50_000, 20


@dataclass
class Node:
    """One element, by its name without a namespace."""

    name: str
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self) -> Iterator[Node]:
        """Itself and everything in it."""
        yield self
        for child in self.children:
            yield from child.all()

    def first(self, name: str) -> str:
        """The text of the first child of this name, "" for none."""
        return next((child.text for child in self.children if child.name == name), "")


class _Reader:
    def __init__(self) -> None:
        self.top = Node("")
        self.open, self.count = [self.top], 0

    def start(self, name: str, _attributes: object) -> None:
        self.count += 1
        if self.count > MAX_NODES or len(self.open) > MAX_DEPTH:
            raise ValueError("the XML is larger than any message of Salesforce's")
        node = Node(name.rpartition(" ")[2])
        self.open[-1].children.append(node)
        self.open.append(node)

    def end(self, _name: str) -> None:
        node = self.open.pop()
        node.text = node.text.strip()

    def data(self, text: str) -> None:
        self.open[-1].text += text

    def refuse(self, *_: object) -> NoReturn:
        raise ValueError("the XML declares a document type, which no message of Salesforce's does")


def read_xml(body: bytes) -> Node:
    """The root element. Raises ValueError for what is no XML, or none that Salesforce sends."""
    reader, parser = _Reader(), expat.ParserCreate("UTF-8", namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(body, True)  # noqa: FBT003 - the last of it
    except expat.ExpatError as error:
        raise ValueError(f"this is no XML: {error}") from error
    return reader.top.children[0]
