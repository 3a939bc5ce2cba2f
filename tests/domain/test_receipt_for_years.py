"""A receipt of today must hold in ten years, here and in anybody's own program: its spelling, hashes and seal are fixed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from connector.domain import receipt

MERCHANT, REWARD = UUID(int=7), UUID(int=8)
MADE = datetime(2026, 6, 4, 12, tzinfo=UTC)
NAMES = ["reward", "heard", "facts", "touch", "program", "decision", "postings", "attempts", "reversals"]
EMPTY: dict[str, Any] = {name: {} for name in NAMES}


def test_data_has_one_spelling() -> None:
    data = {"b": [1, "ä", None], "a": True}
    assert receipt.canonical(data) == b'{"a":true,"b":[1,"\\u00e4",null]}'
    assert receipt.fingerprint(data) == sha256(b'{"a":true,"b":[1,"\\u00e4",null]}').hexdigest()
    with pytest.raises(ValueError, match="Out of range"):
        receipt.canonical(float("nan"))


def test_what_the_product_keeps_is_spelled_as_plain_data() -> None:
    told = {1: MERCHANT, "at": MADE, "is": b"\x01", "of": memoryview(b"\xff"), "in": {"b", "a"}, "as": (1, [2])}
    assert receipt.plain(told) == {
        "1": str(MERCHANT), "at": "2026-06-04T12:00:00+00:00", "is": "01", "of": "ff", "in": ["a", "b"], "as": [1, [2]],
    }  # fmt: skip


def test_a_receipt_has_the_parts_and_the_seal_that_it_always_had() -> None:
    document = receipt.made(MERCHANT, REWARD, MADE, EMPTY, b"key")
    head = {"receipt": 1, "merchant": str(MERCHANT), "reward": str(REWARD), "made_at": "2026-06-04T12:00:00+00:00"}
    assert {name: value for name, value in document.items() if name not in {"sections", "seal"}} == head
    before = sha256(json.dumps(head, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    for section, name in zip(document["sections"], NAMES, strict=True):
        spelled = f'{{"after":"{before}","data":{{}},"name":"{name}"}}'
        before = sha256(spelled.encode()).hexdigest()
        assert section == {"name": name, "after": json.loads(spelled)["after"], "data": {}, "hash": before}
    assert before == "8b8bff75d180404fc21c9627763215a318888963e9156f59081b54241e453a23"
    assert document["seal"] == "6b67aa4d98362531a998662265bbb92bf2a8475dbd1dbf9a2dc9d2ea7cd89a86"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda paper: paper.update(more=1), "the document has other parts than a receipt has"),
        (lambda paper: paper.pop("seal"), "the document has other parts than a receipt has"),
        (lambda paper: paper["sections"].pop(), f"the sections must be {', '.join(NAMES)}, in this order"),
        (lambda paper: paper.update(made_at="today"), "the section reward is not bound to what stands before it"),
        (lambda paper: paper["sections"][3].update(more=1), "the section touch is not bound to what stands before it"),
        (
            lambda paper: paper["sections"][3].update(after=""),
            "the section touch is not bound to what stands before it",
        ),
        (lambda paper: paper["sections"][3].update(data=[]), "the section touch was changed"),
        (lambda paper: paper["sections"][8].update(hash=""), "the section reversals was changed"),
        (lambda paper: paper.update(seal=None), "the seal is no text"),
        (lambda paper: paper, ""),
    ],
)
def test_what_was_changed_is_named(change: Any, wrong: str) -> None:
    document = json.loads(json.dumps(receipt.made(MERCHANT, REWARD, MADE, EMPTY, b"key")))
    change(document)
    assert receipt.links(document) == wrong


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"receipt": 1, "receipt": 1}', "a name stands twice in one place"),
        ('{"receipt": 2}', 'it is no receipt: it must be a JSON object with "receipt": 1'),
        ('[{"receipt": 1}]', 'it is no receipt: it must be a JSON object with "receipt": 1'),
        ('{"receipt": ' + "[" * 100_000, "it is nested too deeply to be a receipt"),
    ],
)
def test_what_is_no_receipt_is_told_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("[", r"\[")) as refused:
        receipt.read(text)
    assert str(refused.value) == why
    assert receipt.read('{"receipt": 1}') == {"receipt": 1}
