"""What the API answers with, and its refusals in the shapes that were recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.hubspot.sandbox.clock import iso

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; `cut` closes the connection with a reset instead."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    page: bytes | None = None
    cut: bool = False


class Refusal(Exception):
    """The request is answered with an error. `more` is added to HubSpot's usual body.

    problems: values that cannot be written, so that those of a whole batch can be told together. existing: the id of
    the record that stands in the way, told in a batch's item alone.
    """

    def __init__(self, status: int, message: str, category: str = "", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.more = more
        self.problems: list[Json] = []
        self.existing = ""

    def body(self, correlation: str) -> Json:
        """The body of an answer that refuses the whole request."""
        given = {"status": "error", "message": self.message, "correlationId": correlation, **self.more}
        return {**given, "category": self.category} if self.category else given

    def item(self, trace: str | None) -> Json:
        """The same as one of a batch's errors, which carry no correlation id and no details."""
        kept = {key: value for key, value in self.more.items() if key in {"context", "subCategory"}}
        existing = {"existingId": [self.existing]} if self.existing else {}
        traced = {"objectWriteTraceId": [trace]} if trace is not None else {}
        context = {**traced, **kept.pop("context", {}), **existing}
        return {
            "status": "error",
            "category": self.category,
            **kept,
            "message": self.message,
            "context": context,
        }


def invalid(message: str, **more: Any) -> Refusal:
    """400 VALIDATION_ERROR."""
    return Refusal(400, message, "VALIDATION_ERROR", **more)


def not_found(number: str) -> Refusal:
    """404 for one record."""
    return Refusal(
        404,
        "Object not found.  objectId are usually numeric.",
        "OBJECT_NOT_FOUND",
        subCategory="crm.objects.OBJECT_NOT_FOUND",
        context={"id": [number]},
    )


def refused_values(problems: Sequence[Json]) -> Refusal:
    """Property values that cannot be written; the message embeds them as JSON, as recorded."""
    told = json.dumps(list(problems), separators=(",", ":"))
    errors = [{"message": p["message"], "code": p["error"], "context": {"propertyName": [p["name"]]}} for p in problems]
    refusal = invalid(f"Property values were not valid: {told}", errors=errors)
    refusal.problems = list(problems)
    return refusal


def conflict(existing: int) -> Refusal:
    """409: another contact has this address."""
    refusal = Refusal(409, f"Contact already exists. Existing ID: {existing}", "CONFLICT")
    refusal.existing = str(existing)
    return refusal


def whole(refusals: Sequence[Refusal]) -> Refusal:
    """The one refusal of a batch whose inputs carry no trace ids."""
    problems = [problem for refusal in refusals for problem in refusal.problems]
    if problems:
        return refused_values(problems)
    first = refusals[0]
    return Refusal(409, "Contact already exists", "CONFLICT") if first.existing else first


def batch(started: datetime, ended: datetime, results: Sequence[Json], errors: Sequence[Json], status: int) -> Reply:
    """A batch's answer: `status`, or 207 with errors beside the results."""
    body: Json = {
        "completedAt": iso(ended),
        "status": "COMPLETE",
        "startedAt": iso(started),
        "results": list(results),
    }
    if not errors:
        return Reply(status, body)
    return Reply(207, {**body, "errors": list(errors), "numErrors": len(errors)})
