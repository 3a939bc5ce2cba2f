"""What each answer of Salesforce's means for what may be done next.

It is told by Salesforce's own word, `errorCode` in an answer and `statusCode` in an item of one, not by the HTTP status:
a row that is locked comes as 400 and as 500, and 403 is said of a used-up day and of a missing permission alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from adapters.answers import Answered, Json, asked_wait, parse
from adapters.http import Reply
from adapters.plain import part, rows, text_of
from adapters.salesforce import MANIFEST
from connector.errors import Gone, PlatformError, Refused, Throttled, TokenExpired

_BAD, _UNAUTHORIZED, _SERVER_ERROR = 400, 401, 500
#: A day's calls come back one by one through 24 hours; nobody says when ("API Request Limits and Allocations").
DAY_WAIT_S = 900.0
#: Too many long requests at once, or a row that somebody else is saving: over in moments.
SOON_S = 5.0
_EXPIRED = frozenset({"INVALID_SESSION_ID", "INVALID_AUTH_HEADER"})
#: Nothing was done, and another try may do better.
_AGAIN = frozenset({"UNABLE_TO_LOCK_ROW", "REQUEST_RUNNING_TOO_LONG", "QUERY_TIMEOUT"})
#: Whose fields or rights changed, so that what is known of the org's fields is to be read anew.
SETUP = frozenset({"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_TYPE", "NOT_FOUND"})
#: The remedy that an admin needs beside Salesforce's own words.
_REMEDIES = {
    "INVALID_FIELD_FOR_INSERT_UPDATE": "give our integration user's permission set edit rights on these fields",
    "INVALID_FIELD": "give our integration user's permission set rights on this field, or create it",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "a validation rule of the org refused the record: except our user from it",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "a flow of the org failed on the record: its owner must mend it",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "a trigger or flow of the org failed on the record: its owner must mend it",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "add the value to the picklist, or map another one",
    "DUPLICATES_DETECTED": "a duplicate rule of the org blocks the record: let our user pass, or merge the duplicates",
    "REQUIRED_FIELD_MISSING": "the org requires these fields on the record: fill them in there",
    "STRING_TOO_LONG": "lengthen the field, or add `max_length` to its row in the mapping",
    "INSUFFICIENT_ACCESS_OR_READONLY": "share the record with our integration user",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "share the record and those it points to with our integration user",
    "CANNOT_UPDATE_CONVERTED_LEAD": "the lead was converted meanwhile; its contact is written instead",
}


@dataclass(frozen=True)
class Told(Answered):
    """One answer of Salesforce's."""

    platform = MANIFEST.key

    @property
    def request_id(self) -> str:
        return self.reply.headers.get("x-sfdc-request-id", "")


@dataclass(frozen=True)
class Problem:
    """One error: Salesforce's word for it, its text, and the fields it names. found: records that are duplicates of it."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    found: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Salesforce's own words, the fields it names, and what an admin does about it."""
        named = [name for name in self.fields if name not in self.message]
        text = self.message[:300].rstrip(". ") + (f" ({', '.join(named)})" if named else "")
        remedy = _REMEDIES.get(self.code, "")
        return f"{text}: {remedy}" if text and remedy else text or remedy or self.code


def problem(row: Json) -> Problem:
    """One error of an answer or of an item. Salesforce misspells `duplicateResult` in some versions."""
    fields = row.get("fields")
    told = part(row.get("duplicateResult") or row.get("duplicateResut"))
    matches = [match for result in rows(told.get("matchResults")) for match in rows(result.get("matchRecords"))]
    found = [text_of(part(match.get("record")).get("Id")) for match in matches]
    return Problem(
        text_of(row.get("errorCode")) or text_of(row.get("statusCode")),
        str(row.get("message") or ""),
        tuple(text_of(name) for name in fields) if isinstance(fields, list) else (),
        tuple(filter(None, found)),
    )


def problems(reply: Reply) -> list[Problem]:
    """The errors that an answer names: a list, in some cases one object, and of an action those of each of its items."""
    told = _any(reply)
    every = rows(told) or ([told] if isinstance(told, dict) else [])
    return [problem(error) for row in every for error in (rows(row.get("errors")) or [row])]


def _any(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return None


def classify(told: Told, *, empty: bool = False) -> Any:
    """What a success says: an object or a list; every other answer raises. empty: 204 is the success."""
    if not 200 <= told.reply.status < 300:  # noqa: PLR2004
        raise failure(told)
    if told.reply.status == 204:  # noqa: PLR2004
        if empty:
            return {}
        raise told.uncertain("a success that says nothing")
    answer = _any(told.reply)
    if not isinstance(answer, dict | list):
        raise told.uncertain("a success that cannot be read")
    return answer


def failure(told: Told) -> PlatformError:
    """What an answer that is no success means, by its first error."""
    first = next((each for each in problems(told.reply) if each.code), Problem("", ""))
    found = by_code(first, told)
    if found is not None:
        return found
    status = told.reply.status
    if status == 429:  # noqa: PLR2004 - no word of Salesforce's own, but of what may stand before it
        return Throttled("too many requests", wait_s=asked_wait(told.reply, SOON_S), **told.facts)
    if status == _UNAUTHORIZED:
        return TokenExpired("Salesforce no longer honours the token", **told.facts)
    if status >= _SERVER_ERROR or status == 408 or status < _BAD:  # noqa: PLR2004 - request timeout
        return told.uncertain(f"Salesforce answered {status} {first.code}".strip())
    return Refused(first.words or f"Salesforce answered {status}", code=first.code or str(status), **told.facts)


def by_code(told: Problem, answer: Told) -> PlatformError | None:
    """What Salesforce's word means where it means the same with any status; None where the status decides."""
    if told.code in _EXPIRED:
        return TokenExpired("Salesforce no longer honours the token", **answer.facts)
    if told.code == "REQUEST_LIMIT_EXCEEDED":
        wait = SOON_S if "concurrent" in told.message.casefold() else DAY_WAIT_S
        return Throttled(told.words or "the org's calls of the day are used up", wait_s=wait, **answer.facts)
    if told.code in _AGAIN:
        return Throttled(told.words, wait_s=SOON_S, **answer.facts)
    return None


def token_refused(told: Told) -> PlatformError:
    """What a refused request about tokens means. Gone: the grant is no longer honoured, and the admin connects again."""
    answer = parse(told.reply) or {}
    error, words = text_of(answer.get("error")), text_of(answer.get("error_description"))
    if told.reply.status == _BAD and error in ("invalid_grant", "inactive_user", "inactive_org"):
        return Gone(f"Salesforce no longer honours the connection ({words or error}): connect it again", **told.facts)
    if told.reply.status >= _SERVER_ERROR or not error:
        return failure(told)
    return Refused(f"{error}: {words}" if words else error, code=error, **told.facts)
