"""What the API answers with, and its refusals in the shapes that were recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; `cut` closes the connection with a reset instead, `half` ends the body in the middle."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    page: bytes | None = None
    cut: bool = False
    half: bool = False


class Refusal(Exception):
    """The request is answered with one error. more: members besides the usual ones, such as meta."""

    def __init__(self, status: int, code: str, title: str, detail: str = "", *, source: Json | None = None) -> None:
        super().__init__(detail or title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail or title
        self.source = source or {"pointer": "/data/"}
        self.more: Json = {}
        self.headers: dict[str, str] = {}

    def also(self, *, links: Json | None = None, meta: Json | None = None, headers: Json | None = None) -> Refusal:
        """The newer kinds of errors carry links and meta, even where these are empty."""
        self.more = {"links": links or {}, "meta": meta or {}}
        self.headers = headers or {}
        return self

    def brief(self) -> Json:
        """As a job keeps it."""
        told = {"code": self.code, "title": self.title, "detail": self.detail, "source": self.source}
        return {"id": str(uuid4()), **told}

    def reply(self) -> Reply:
        error = {"id": str(uuid4()), "status": self.status, **self.brief(), **self.more}
        return Reply(self.status, {"errors": [error]}, self.headers)


def invalid(detail: str, pointer: str = "/data") -> Refusal:
    """400: something in the body."""
    return Refusal(400, "invalid", "Invalid input.", detail, source={"pointer": pointer}).also()


def invalid_parameter(detail: str, name: str) -> Refusal:
    """400: something in the query or a header."""
    return Refusal(400, "invalid", "Invalid input.", detail, source={"parameter": name}).also()


def not_found(kind: str, number: str) -> Refusal:
    """404, in the recorded words."""
    article = "An" if kind[0] in "aeiou" else "A"
    return Refusal(404, "not_found", "Not found.", f"{article} {kind} with id {number} does not exist.")


def conflict(detail: str, pointer: str) -> Refusal:
    return Refusal(409, "duplicate", "Conflict.", detail, source={"pointer": pointer}).also()


def duplicate_profile(number: str) -> Refusal:
    """409: somebody else has one of these identifiers; who, stands in meta."""
    words = "A profile already exists with one of these identifiers."
    refusal = Refusal(409, "duplicate_profile", "Conflict.", words, source={"pointer": "/data/attributes"})
    return refusal.also(meta={"duplicate_profile_id": number})


def unauthorised(*, given: bool) -> Refusal:
    if not given:
        return Refusal(401, "not_authenticated", "Authentication credentials were not provided.")
    return Refusal(401, "authentication_failed", "Incorrect authentication credentials.")


def throttled(wait_s: int) -> Refusal:
    """429, with Retry-After and no other header about limits."""
    words = f"Request was throttled. Expected available in {wait_s} second{'' if wait_s == 1 else 's'}."
    refusal = Refusal(429, "throttled", "Request was throttled.", words, source={"pointer": "/data"})
    page = "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits"
    return refusal.also(links={"type": page}, headers={"Retry-After": str(wait_s)})
