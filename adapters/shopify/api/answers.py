"""What each answer of Shopify's means for what may be done next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from adapters.answers import Answered, Json
from adapters.http import Reply
from adapters.shopify import MANIFEST
from adapters.shopify.queries import Document, Together
from connector.errors import (
    Gone,
    NotDone,
    Refused,
    Throttled,
    TokenExpired,
    Unavailable,
)

DEFAULT_WAIT_S, MIN_WAIT_S, MAX_WAIT_S = 2.0, 1.0, 60.0
#: Errors of which Shopify says, or the GraphQL standard does, that nothing was carried out; `None` is a syntax error.
_REFUSALS = frozenset({"ACCESS_DENIED", "MAX_COST_EXCEEDED", "INVALID_VARIABLE", "RESOURCE_NOT_FOUND"})
#: Errors that leave open what was carried out, even where no data came with them.
_OPEN = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT"})
#: Nothing was done, and another try may do better: the record or balance moved between our read and our call.
_MOVED = frozenset({"INSUFFICIENT_FUNDS", "STALE_OBJECT"})
_STATUS_WORDS = {402: "the shop is frozen until it pays its plan", 423: "the shop is locked"}
_OK, _SERVER_ERROR = 200, 500


@dataclass(frozen=True)
class Told(Answered):
    """One answer of Shopify's."""

    platform = MANIFEST.key


def dated(reply: Reply) -> datetime:
    """When the platform answered, by its own clock. Raises Unavailable."""
    try:
        at = parsedate_to_datetime(reply.headers["date"])
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (KeyError, ValueError, TypeError) as error:
        raise Unavailable("Shopify's answer does not say when", platform=MANIFEST.key) from error


def classify(reply: Reply, answer: Json | None, asked: Document) -> Any:
    """What a success holds in the field asked for; every other answer raises what may be done next.

    Status first, then errors, then userErrors. Whatever is not clearly one or the other is uncertain.
    """
    told = Told(reply, asked.name, asked.mutation)
    (held,) = _held(told, answer, [asked.root])
    if asked.mutation:
        _by_user_errors(told, held)
    return held


def classify_each(reply: Reply, answer: Json | None, asked: Together) -> Sequence[Any]:
    """What a success holds in each of the fields asked for; why one of several mutations is refused stands in its own.

    Raises as `classify` does for what is wrong with the call.
    """
    told = Told(reply, asked.name, asked.mutation)
    held = _held(told, answer, asked.roots)
    if asked.mutation:
        for payload in held:
            _user_errors(told, payload)
    return held


def _held(told: Told, answer: Json | None, roots: Sequence[str]) -> Sequence[Any]:
    by_status(told)
    if answer is None:
        raise told.uncertain("a success that cannot be read")
    data = answer.get("data")
    if answer.get("errors"):
        _by_errors(told, answer)
    if not isinstance(data, dict) or any(root not in data for root in roots):
        raise told.uncertain("a success without data")
    return [data[root] for root in roots]


def by_status(told: Told) -> None:
    """Raises for every status but 200."""
    status = told.reply.status
    if status == _OK:
        return
    match status:
        case 401:
            raise TokenExpired("Shopify no longer honours the token", **told.facts)
        case 402 | 423:
            raise Unavailable(_STATUS_WORDS[status], **told.facts)
        case 403:
            raise Refused("access denied: a scope or an approval is missing", code="ACCESS_DENIED", **told.facts)
        case 404:
            raise Gone("there is no such shop any more", **told.facts)
        case 429:
            raise Throttled("too many requests", wait_s=_retry_after(told.reply), **told.facts)
    if status == 408 or status >= _SERVER_ERROR or status < _OK:  # noqa: PLR2004 - request timeout
        raise told.uncertain(f"Shopify answered {status}")
    if _OK < status < 300:  # noqa: PLR2004
        raise told.uncertain(f"Shopify answered {status}, which it never documents")
    raise Refused(f"Shopify answered {status}", code=str(status), **told.facts)


def _by_errors(told: Told, answer: Json) -> NoReturn:
    """Top-level errors: they came before anything was done, or they leave open what was done."""
    rows = answer["errors"] if isinstance(answer["errors"], list) else [{"message": str(answer["errors"])}]
    errors: list[Json] = [row if isinstance(row, dict) else {"message": str(row)} for row in rows]
    codes = {_code(error) for error in errors}
    reason = "; ".join(str(error.get("message", ""))[:200] for error in errors[:3])
    code = next((c for c in sorted(codes) if c), "")
    if codes == {"THROTTLED"} and not answer.get("data"):
        raise Throttled(reason, wait_s=_restore(answer), **told.facts)
    if _nothing_done(told, answer, errors, codes):
        raise Refused(reason, code=code, **told.facts)
    raise told.uncertain(f"errors that leave the outcome open: {reason}")


def _nothing_done(told: Told, answer: Json, errors: list[Json], codes: set[str]) -> bool:
    """Whether it is certain that no effect was had, and would not be had the next time either."""
    if "data" not in answer:
        # Refused before it was run: Shopify names a code, or the place of the mistake in the document.
        return not codes & _OPEN and all(_code(e) not in {"", "THROTTLED"} or e.get("locations") for e in errors)
    if not told.changes:
        return codes <= _REFUSALS
    # Denied at the mutation itself. Denied deeper down, the mutation had already been carried out.
    empty = not any((answer.get("data") or {}).values())
    return empty and codes == {"ACCESS_DENIED"} and all(len(error.get("path") or ()) == 1 for error in errors)


def _by_user_errors(told: Told, payload: Any) -> None:
    """A mutation either did something or says why not; both at once, or neither, leaves it open."""
    errors = _user_errors(told, payload)
    done = any(value for key, value in payload.items() if key != "userErrors")
    if done != (not errors):
        raise told.uncertain("a success and errors at once" if done else "a success that shows nothing done")
    if not errors:
        return
    codes = {str(error.get("code") or "") for error in errors}
    reason = "; ".join(str(error.get("message", ""))[:200] for error in errors[:3])
    if "INTERNAL_ERROR" in codes:
        raise told.uncertain(reason)
    if codes <= _MOVED:
        raise NotDone(f"{reason} (to be read again before the next try)", **told.facts)
    raise Refused(reason, code=min(codes - _MOVED), **told.facts)


def _user_errors(told: Told, payload: Any) -> list[Json]:
    errors = payload.get("userErrors") if isinstance(payload, dict) else None
    if not isinstance(errors, list) or not all(isinstance(error, dict) for error in errors):
        raise told.uncertain("a success without its payload")
    return errors


def _code(error: Json) -> str:
    extensions = error.get("extensions")
    return str(extensions.get("code") or "") if isinstance(extensions, dict) else ""


def _retry_after(reply: Reply) -> float:
    try:
        return _sane(float(reply.headers.get("retry-after", DEFAULT_WAIT_S)))
    except ValueError:
        return DEFAULT_WAIT_S


def _restore(answer: Json) -> float:
    """Seconds until the bucket holds what the refused query asks for."""
    try:
        cost = answer["extensions"]["cost"]
        status = cost["throttleStatus"]
        return _sane((cost["requestedQueryCost"] - status["currentlyAvailable"]) / status["restoreRate"])
    except (KeyError, TypeError, ZeroDivisionError):
        return DEFAULT_WAIT_S


def _sane(seconds: float) -> float:
    # A NaN compares false with everything, and must not become a wait.
    return min(max(seconds, MIN_WAIT_S), MAX_WAIT_S) if seconds == seconds else DEFAULT_WAIT_S  # noqa: PLR0124
