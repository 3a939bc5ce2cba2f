"""What each answer of HubSpot's means for what may be done next.

Bodies are read leniently: recorded answers lack what the specification requires, and hold what it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.answers import MAX_WAIT_S, Answered, Json, asked_wait, parse
from adapters.http import Reply
from adapters.hubspot import MANIFEST
from adapters.plain import rows, text_of
from connector.errors import Gone, Refused, Throttled, TokenExpired

OK, CREATED, NO_CONTENT, MULTI = 200, 201, 204, 207
_BAD, _SERVER_ERROR = 400, 500
#: A window of the limit: where nothing says how long to wait, the window is over by then (usage guidelines, 2026-04).
WINDOW_S = 10.0
#: How long to wait by what HubSpot says of the limit that was met.
_POLICIES = {"DAILY": MAX_WAIT_S, "SECONDLY": 1.0}
_LOCKED_S = 2.0
#: HubSpot's word for a property that is written to and is not there.
ABSENT_PROPERTY = "PROPERTY_DOESNT_EXIST"


@dataclass(frozen=True)
class Told(Answered):
    """One answer of HubSpot's."""

    platform = MANIFEST.key

    @property
    def request_id(self) -> str:
        told = (parse(self.reply) or {}).get("correlationId")
        return str(told or self.reply.headers.get("x-hubspot-correlation-id", ""))


def classify(told: Told, *, empty: bool = False) -> Json:
    """What a success says; every other answer raises what may be done next. empty: 204 is the success."""
    by_status(told)
    if told.reply.status == NO_CONTENT:
        if empty:
            return {}
        raise told.uncertain("a success that says nothing")
    answer = parse(told.reply)
    if answer is None:
        raise told.uncertain("a success that cannot be read")
    return answer


def by_status(told: Told) -> None:
    """Raises for every status that is no success."""
    reply, status = told.reply, told.reply.status
    if status in (OK, CREATED, NO_CONTENT, MULTI):
        return
    words = _words(reply)
    match status:
        case 401:
            raise TokenExpired("HubSpot no longer honours the token", **told.facts)
        case 423:
            raise Throttled("HubSpot has locked it for a moment", wait_s=asked_wait(reply, _LOCKED_S), **told.facts)
        case 429:
            raise Throttled(words or "too many requests", wait_s=_throttled(reply), **told.facts)
        case 477:
            raise Throttled("HubSpot is moving this account", wait_s=asked_wait(reply, MAX_WAIT_S), **told.facts)
    if status == 408 or status >= _SERVER_ERROR or status < OK:  # noqa: PLR2004 - request timeout
        raise told.uncertain(f"HubSpot answered {status}")
    if status < 300:  # noqa: PLR2004
        raise told.uncertain(f"HubSpot answered {status}, which it never documents")
    raise Refused(words or f"HubSpot answered {status}", code=_code(reply), **told.facts)


def token_refused(told: Told, *, renews: bool) -> None:
    """Raises Gone for a refresh token that HubSpot forgot, and for everything else what its status says."""
    answer = parse(told.reply) or {}
    dead = answer.get("status") == "BAD_REFRESH_TOKEN" or answer.get("error") == "invalid_grant"
    if renews and told.reply.status == _BAD and dead:
        words = "HubSpot no longer honours the connection: connect it again"
        raise Gone(words, **told.facts)
    by_status(told)


def _words(reply: Reply) -> str:
    """HubSpot's own words, with the scopes that are missing where it names them."""
    answer = parse(reply) or {}
    words = str(answer.get("message") or "")[:300]
    scopes = missing_scopes(answer)
    return f"{words} (missing: {', '.join(scopes)})" if scopes else words


def missing_scopes(answer: Json) -> list[str]:
    """The permissions that HubSpot names in a MISSING_SCOPES answer."""
    found: dict[str, None] = {}
    errors = answer.get("errors")
    for error in errors if isinstance(errors, list) else ():
        context = error.get("context") if isinstance(error, dict) else None
        for name in ("requiredGranularScopes", "requiredScopes", "missingScopes"):
            told = context.get(name) if isinstance(context, dict) else None
            found |= dict.fromkeys(str(scope) for scope in told) if isinstance(told, list) else {}
    return list(found)


def _code(reply: Reply) -> str:
    """HubSpot's word for it. A property that is not there says so in the message alone."""
    answer = parse(reply) or {}
    if ABSENT_PROPERTY in str(answer.get("message")):
        return ABSENT_PROPERTY
    return str(answer.get("category") or answer.get("errorType") or reply.status)


def _throttled(reply: Reply) -> float:
    policy = str((parse(reply) or {}).get("policyName") or "")
    return asked_wait(reply, _POLICIES.get(policy, WINDOW_S))


def refusals(answer: Json) -> Iterator[tuple[str, str]]:
    """Which inputs were refused, by their trace, in HubSpot's own words."""
    for error in rows(answer.get("errors")):
        context = error.get("context")
        traces = context.get("objectWriteTraceId") if isinstance(context, dict) else None
        for trace in traces if isinstance(traces, list) else ():
            yield text_of(trace), str(error.get("message") or "HubSpot refused it")[:300]
