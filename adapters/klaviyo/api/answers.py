"""What each answer of Klaviyo's means for what may be done next."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.answers import Answered, Json, asked_wait, parse
from adapters.klaviyo import MANIFEST
from adapters.plain import part, rows, text_of
from connector.errors import Gone, PlatformError, Refused, Throttled, TokenExpired

OK, _CREATED, ACCEPTED = 200, 201, 202
_BAD, _UNAUTHORIZED, _NOT_FOUND, _SERVER_ERROR = 400, 401, 404, 500
#: What stands in the way is one thing that was sent, so that the others may do better without it.
_OF_WHAT_WAS_SENT = frozenset({_BAD, _NOT_FOUND, 409, 413, 422})
#: A 429 tells when to come again; where it does not, the longer of the two windows is over by then.
WINDOW_S = 60.0


class Misfit(Refused):
    """Something that was sent, and not the connection, is at fault. pointers: where in the body, in JSON pointers."""

    pointers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told(Answered):
    """One answer of Klaviyo's. scope: what the call needed. later: 202 is its success. makes: 201 is."""

    platform = MANIFEST.key

    scope: str = ""
    later: bool = False
    makes: bool = False

    @property
    def request_id(self) -> str:
        """Klaviyo's own name of an error, by which its support finds it."""
        return next((text_of(error.get("id")) for error in _errors(self)), self.reply.request_id)


def classify(told: Told) -> Json:
    """What a success says; every other answer raises what may be done next. A 202 says nothing."""
    status = told.reply.status
    if told.later and status == ACCEPTED and not told.reply.body.strip():
        return {}
    if not OK <= status < 300:  # noqa: PLR2004
        raise failure(told)
    answer = parse(told.reply)
    success = ACCEPTED if told.later else _CREATED if told.makes else OK
    if answer is None or status != success:
        raise told.uncertain(f"a success ({status}) that is not the documented one")
    return answer


def failure(told: Told) -> PlatformError:
    """What an answer that is no success means."""
    status, words = told.reply.status, _words(told)
    match status:
        case 401:
            return TokenExpired("Klaviyo no longer honours the token or key", **told.facts)
        case 403:
            return Refused(_forbidden(told, words), code=_code(told), **told.facts)
        case 410:
            gone = f"Klaviyo no longer serves revision {MANIFEST.api_version}: this app must be updated"
            return Refused(gone, code=_code(told), **told.facts)
        case 429:
            return Throttled(words or "too many requests", wait_s=asked_wait(told.reply, WINDOW_S), **told.facts)
    if status >= _SERVER_ERROR or status == 408 or status < _BAD:  # noqa: PLR2004 - request timeout
        return told.uncertain(f"Klaviyo answered {status}")
    sources = [part(error.get("source")) for error in _errors(told)]
    # An event is sent to a fixed path: what is not found is the path. A parameter is the same for all that is sent.
    of_the_call = (told.later and status == _NOT_FOUND) or any("parameter" in source for source in sources)
    kind = Misfit if status in _OF_WHAT_WAS_SENT and not of_the_call else Refused
    refused = kind(words or f"Klaviyo answered {status}", code=_code(told), **told.facts)
    if isinstance(refused, Misfit):
        refused.pointers = tuple(text_of(source.get("pointer")) for source in sources)
    return refused


def token_refused(told: Told, *, renews: bool) -> PlatformError:
    """What a refused request about tokens means. Gone: the refresh token is no longer honoured."""
    answer = parse(told.reply) or {}
    error, words = text_of(answer.get("error")), text_of(answer.get("error_description"))
    if error == "invalid_grant" and renews and told.reply.status == _BAD:
        return Gone("Klaviyo no longer honours the connection: connect it again", **told.facts)
    if error == "invalid_client" or told.reply.status == _UNAUTHORIZED:
        remedy = f"check {MANIFEST.app_key} and {MANIFEST.app_secret}"
        return Refused(f"Klaviyo does not know this app: {remedy}", code=error or "401", **told.facts)
    if error and _BAD <= told.reply.status < _SERVER_ERROR:
        return Refused(f"{error}: {words}" if words else error, code=error, **told.facts)
    return failure(told)


def _forbidden(told: Told, words: str) -> str:
    remedy = f"the connection lacks {told.scope}: connect it again, or give the key this scope"
    return f"{words.rstrip('. ')} ({remedy})" if words else remedy


def _errors(told: Told) -> list[Json]:
    return list(rows((parse(told.reply) or {}).get("errors")))


def _words(told: Told) -> str:
    """Klaviyo's own words of its first error."""
    return next((str(error.get("detail") or error.get("title") or "")[:300] for error in _errors(told)), "")


def _code(told: Told) -> str:
    return next((text_of(error.get("code")) for error in _errors(told)), "") or str(told.reply.status)
