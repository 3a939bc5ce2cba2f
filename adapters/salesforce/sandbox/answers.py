"""What the API answers with, and its refusals in the shapes that were recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; `cut` closes the connection with a reset instead."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    page: bytes | None = None
    cut: bool = False


@dataclass(frozen=True)
class Problem:
    """One error. fields: None where the whole request is at fault, for then Salesforce leaves the key out."""

    code: str
    message: str
    fields: tuple[str, ...] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def error(self) -> Json:
        """As the body of an answer holds it."""
        told = {} if self.fields is None else {"fields": list(self.fields)}
        return {**self.more, "message": self.message, "errorCode": self.code, **told}

    def item(self) -> Json:
        """As one record of a collection holds it: the code under another name."""
        return {**self.more, "statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}


class Refusal(Exception):
    """The request, or one record of a collection, is refused."""

    def __init__(
        self, code: str, message: str, *fields: str, status: int = 400, dml: bool = False, more: Json | None = None
    ) -> None:
        """dml: a write was refused, which is told with the fields at fault, even where there are none."""
        super().__init__(message)
        self.status = status
        self.problem = Problem(code, message, fields if fields or dml else None, more or {})

    def reply(self) -> Reply:
        return Reply(self.status, [self.problem.error()])


def not_found() -> Refusal:
    return Refusal("NOT_FOUND", "The requested resource does not exist", status=404)


def no_column(field_name: str, kind: str) -> Refusal:
    return Refusal("INVALID_FIELD", f"No such column '{field_name}' on sobject of type {kind}")


def no_type(kind: str) -> Refusal:
    words = (
        f"sObject type '{kind}' is not supported. If you are attempting to use a custom object, be sure to append the "
        "'__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
    )
    return Refusal("INVALID_TYPE", words)
