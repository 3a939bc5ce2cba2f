"""Receipts: one document that proves one reward, in sections of which each is bound to all before it.

A section's hash covers its name, its data and the hash of the section before; the first is bound to the head. So whoever
holds the document can tell whether any part of it was changed. The seal at the end is made with a key that only this
installation has: it tells whether the document came from here at all.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

#: Of the shape of the document.
VERSION = 1
#: In the order of the chain: from what was heard to what the platform did.
SECTIONS = ("reward", "heard", "facts", "touch", "program", "decision", "postings", "attempts", "reversals")
HEAD = ("receipt", "merchant", "reward", "made_at")


def canonical(value: Any) -> bytes:
    """The one spelling of JSON data: names in order, nothing between, plain ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def fingerprint(value: Any) -> str:
    """SHA-256 of the canonical spelling, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def plain(value: Any) -> Any:
    """Any value of the product as JSON data: times in ISO 8601, bytes in hex, sets in order."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(each) for each in value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return value.hex() if isinstance(value, bytes | memoryview) else value


def made(merchant: UUID, reward: UUID, at: datetime, sections: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """The document. sections: data by name, all of SECTIONS. key: of this installation."""
    head = {"receipt": VERSION, "merchant": str(merchant), "reward": str(reward), "made_at": at.isoformat()}
    before, chained = fingerprint(head), []
    for name in SECTIONS:
        section = {"name": name, "after": before, "data": plain(sections[name])}
        before = fingerprint(section)
        chained.append({**section, "hash": before})
    return {**head, "sections": chained, "seal": seal(key, merchant, before)}


def seal(key: bytes, merchant: UUID, last: str) -> str:
    """What only this installation can write under a chain that ends in `last`, and for this merchant alone."""
    own = hmac.new(key, merchant.bytes, hashlib.sha256).digest()
    return hmac.new(own, last.encode(), hashlib.sha256).hexdigest()


def is_ours(document: Mapping[str, Any], key: bytes) -> bool:
    """Whether this installation sealed a document whose chain holds."""
    try:
        expected = seal(key, UUID(document["merchant"]), document["sections"][-1]["hash"])
        return hmac.compare_digest(expected.encode(), document["seal"].encode())
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return False


def read(text: str | bytes) -> Mapping[str, Any]:
    """The document in a file. Raises ValueError for what is none, also where a name stands twice in one place."""
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError("it is nested too deeply to be a receipt") from error
    if not isinstance(found, dict) or found.get("receipt") != VERSION:
        raise ValueError(f'it is no receipt: it must be a JSON object with "receipt": {VERSION}')
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may each believe another one of two values under one name."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one place")
    return found


def links(document: Mapping[str, Any]) -> str:
    """What is wrong with the chain, or "" where every link holds."""
    if set(document) != {*HEAD, "sections", "seal"}:
        return "the document has other parts than a receipt has"
    names = tuple(section["name"] for section in document["sections"])
    if names != SECTIONS:
        return f"the sections must be {', '.join(SECTIONS)}, in this order"
    before = fingerprint({name: document[name] for name in HEAD})
    for section in document["sections"]:
        if set(section) != {"name", "after", "data", "hash"} or section["after"] != before:
            return f"the section {section['name']} is not bound to what stands before it"
        before = fingerprint({name: section[name] for name in ("name", "after", "data")})
        if section["hash"] != before:
            return f"the section {section['name']} was changed"
    return "" if isinstance(document["seal"], str) else "the seal is no text"
