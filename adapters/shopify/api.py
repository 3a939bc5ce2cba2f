"""The only place that calls Shopify, and the one that says what each answer means for what may be done next.

ShopifyAPI signs and decodes here, but does not call: its GraphQL client has no timeout, keeps the current shop in
class and thread state that one exception leaves pointing at another shop, and tells nothing of THROTTLED or errors
beside data. A call of ours is one POST through `adapters.http`, with its shop and token in its own arguments.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, wraps
from typing import Any, NoReturn, ParamSpec, TypedDict, TypeVar
from urllib.parse import urlsplit

from adapters.http import Gate, Part, Reply
from adapters.shopify import MANIFEST
from adapters.shopify.queries import Document, document
from connector.errors import (
    ConfigError,
    Gone,
    NotDone,
    PlatformError,
    Refused,
    Rejected,
    Throttled,
    TokenExpired,
    Unavailable,
    Unknown,
)
from connector.ports.platform import Account, Guard, Kit

Json = Mapping[str, Any]
P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_WAIT_S, MIN_WAIT_S, MAX_WAIT_S = 2.0, 1.0, 60.0
#: Errors of which Shopify says, or the GraphQL standard does, that nothing was carried out; `None` is a syntax error.
_REFUSALS = frozenset({"ACCESS_DENIED", "MAX_COST_EXCEEDED", "INVALID_VARIABLE", "RESOURCE_NOT_FOUND"})
#: Errors that leave open what was carried out, even where no data came with them.
_OPEN = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT"})
#: Nothing was done, and another try may do better: the record or balance moved between our read and our call.
_MOVED = frozenset({"INSUFFICIENT_FUNDS", "STALE_OBJECT"})
_STATUS_WORDS = {402: "the shop is frozen until it pays its plan", 423: "the shop is locked"}
_OK, _SERVER_ERROR = 200, 500


def shaped(read: Callable[P, R]) -> Callable[P, R]:
    """A read whose answer has a shape that Shopify does not document did not succeed: it may be tried again."""

    @wraps(read)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return read(*args, **kwargs)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            words = f"an answer of a shape that Shopify does not document: {error!r}"
            raise Unavailable(words[:200], platform=MANIFEST.key, operation=read.__name__) from error

    return call


@dataclass(frozen=True)
class Client:
    """Calls one shop at a time; keeps nothing between calls."""

    kit: Kit

    @cached_property
    def gate(self) -> Gate:
        kit = self.kit
        return Gate(MANIFEST.key, MANIFEST.account_hosts, kit.base_url, kit.proxy, kit.timeout_s)

    def url(self, external: str, path: str) -> str:
        base = self.kit.base_url or "https://{shop}"
        return base.replace("{shop}", external).rstrip("/") + path

    def run(self, account: Account, name: str, variables: Json, *, effect: Guard | None = None) -> Any:
        """What one document's field holds. Raises the PlatformError that `classify` finds; `effect` guards money."""
        return self._run(account, name, variables, effect)[0]

    def dated(self, account: Account, name: str, variables: Json) -> tuple[Any, datetime]:
        """What a read's field holds, and Shopify's own time of the answer."""
        held, reply = self._run(account, name, variables, None)
        return held, dated(reply)

    def _run(self, account: Account, name: str, variables: Json, effect: Guard | None) -> tuple[Any, Reply]:
        asked = document(name)
        self.kit.meter.take(account.connection, asked.cost(variables))
        url = self.url(account.external, f"/admin/api/{MANIFEST.api_version}/graphql.json")
        body = json.dumps({"query": asked.text, "variables": variables}).encode()
        reply = self._post(url, name, body, {"X-Shopify-Access-Token": account.token}, effect, mutation=asked.mutation)
        answer = parse(reply)
        self._learn(account, answer, asked.cost(variables))
        return classify(reply, answer, asked), reply

    def part(self, url: str, start: int, size: int) -> Part:
        """A part of a file that Shopify named, from its own hosts alone. Raises Unavailable or Refused."""
        kit = self.kit
        base = "" if urlsplit(url).hostname in MANIFEST.own_hosts else kit.base_url
        hosts = "|".join(re.escape(host) for host in sorted(MANIFEST.own_hosts))
        gate = Gate(MANIFEST.key, hosts, base, kit.proxy, kit.timeout_s)
        return gate.part(url, operation="file", start=start, size=size)

    def token(self, external: str, form: Json) -> tuple[Json, Reply]:
        """One token request. It may be repeated: the old pair is honoured until the new one is used (2026-08-28)."""
        app = {"client_id": self.key, "client_secret": self.secret}
        url = self.url(external, "/admin/oauth/access_token")
        reply = self._post(url, "token", json.dumps({**app, **form}).encode(), {}, None, mutation=False)
        answer = parse(reply)
        if reply.status == _OK and answer:
            return answer, reply
        told = _Told(reply, "token", mutation=False)
        word = str((answer or {}).get("error", ""))
        if word == "invalid_grant":
            raise Gone("Shopify no longer honours the token: open the app in the shop's admin again", **told.facts)
        if reply.status in {400, 401} and word:
            raise Refused(f"Shopify gives no token: {word}", code=word, **told.facts)
        _by_status(told)
        raise told.uncertain("the answer to a token request cannot be read")

    @property
    def key(self) -> str:
        return self._setting(MANIFEST.app_key)

    @property
    def secret(self) -> str:
        """The secret of today, with which we prove ourselves."""
        return self.secrets[0]

    @property
    def secrets(self) -> list[str]:
        """Every secret that still counts, newest first: while one is renewed, Shopify signs with either."""
        return self._setting(MANIFEST.app_secret).split(",")

    def _setting(self, name: str) -> str:
        value = self.kit.settings.get(name)
        if not value:
            raise ConfigError([f"{name} is not set: take it from the app's page in Shopify's Dev Dashboard"])
        return value

    def _post(
        self, url: str, operation: str, body: bytes, headers: Json, guard: Guard | None, *, mutation: bool
    ) -> Reply:
        sent = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        try:
            return self.gate.send("POST", url, operation=operation, headers=sent, body=body, guard=guard)
        except Unknown as error:
            if mutation:
                raise
            # A read has no effect, so a lost answer to it is no more than a failed try.
            raise Unavailable(error.reason, platform=MANIFEST.key, operation=operation) from error

    def _learn(self, account: Account, answer: Json | None, reserved: float) -> None:
        match answer:
            case {
                "extensions": {
                    "cost": {
                        "actualQueryCost": int() | float() | None as actual,
                        "throttleStatus": {
                            "maximumAvailable": int() | float() as maximum,
                            "currentlyAvailable": int() | float() as available,
                            "restoreRate": int() | float() as rate,
                        },
                    }
                }
            }:
                back = reserved - (actual or 0)
                self.kit.meter.learn(
                    account.connection, available=available, maximum=maximum, per_second=rate, back=back
                )


# ── What an answer means ─────────────────────────────────────────────────────────────────────────────────────────


class _Facts(TypedDict):
    platform: str
    operation: str
    status: int
    request_id: str


@dataclass(frozen=True)
class _Told:
    """One answer, and how an unclear one counts: a mutation may have had its effect, a read had none."""

    reply: Reply
    operation: str
    mutation: bool

    @property
    def facts(self) -> _Facts:
        request = self.reply.request_id
        return {
            "platform": MANIFEST.key,
            "operation": self.operation,
            "status": self.reply.status,
            "request_id": request,
        }

    def uncertain(self, reason: str) -> PlatformError:
        kind = Unknown if self.mutation else Unavailable
        return kind(reason, **self.facts)


def dated(reply: Reply) -> datetime:
    """When the platform answered, by its own clock. Raises Unavailable."""
    try:
        at = parsedate_to_datetime(reply.headers["date"])
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (KeyError, ValueError, TypeError) as error:
        raise Unavailable("Shopify's answer does not say when", platform=MANIFEST.key) from error


def parse(reply: Reply) -> Json | None:
    """The JSON object of an answer, or None."""
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def classify(reply: Reply, answer: Json | None, asked: Document) -> Any:
    """What a success holds in the field asked for; every other answer raises what may be done next.

    Status first, then errors, then userErrors. Whatever is not clearly one or the other is uncertain.
    """
    told = _Told(reply, asked.name, asked.mutation)
    _by_status(told)
    if answer is None:
        raise told.uncertain("a success that cannot be read")
    data = answer.get("data")
    if answer.get("errors"):
        _by_errors(told, answer)
    if not isinstance(data, dict) or asked.root not in data:
        raise told.uncertain("a success without data")
    if asked.mutation:
        _by_user_errors(told, data[asked.root])
    return data[asked.root]


def _by_status(told: _Told) -> None:
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


def _by_errors(told: _Told, answer: Json) -> NoReturn:
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


def _nothing_done(told: _Told, answer: Json, errors: list[Json], codes: set[str]) -> bool:
    """Whether it is certain that no effect was had, and would not be had the next time either."""
    if "data" not in answer:
        # Refused before it was run: Shopify names a code, or the place of the mistake in the document.
        return not codes & _OPEN and all(_code(e) not in {"", "THROTTLED"} or e.get("locations") for e in errors)
    if not told.mutation:
        return codes <= _REFUSALS
    # Denied at the mutation itself. Denied deeper down, the mutation had already been carried out.
    empty = not any((answer.get("data") or {}).values())
    return empty and codes == {"ACCESS_DENIED"} and all(len(error.get("path") or ()) == 1 for error in errors)


def _by_user_errors(told: _Told, payload: Any) -> None:
    """A mutation either did something or says why not; both at once, or neither, leaves it open."""
    errors = payload.get("userErrors") if isinstance(payload, dict) else None
    if not isinstance(errors, list) or not all(isinstance(error, dict) for error in errors):
        raise told.uncertain("a success without its payload")
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


# ── What ShopifyAPI does for us: signatures and names, never calls ───────────────────────────────────────────────


#: ShopifyAPI keeps the app's key and secret in its class, which all threads share.
_SESSION = threading.Lock()


def install_url(client: Client, external: str, state: str, redirect_uri: str) -> str:
    """Where a merchant agrees to our scopes."""
    from shopify import Session

    with _SESSION:
        Session.setup(api_key=client.key, secret=client.secret)
        session = Session(external, MANIFEST.api_version)
    scopes = [scope.name for scope in MANIFEST.scopes if not scope.optional]
    url = urlsplit(session.create_permission_url(scopes, redirect_uri, state))
    return client.url(external, f"{url.path}?{url.query}")


def signed_query(client: Client, query: Mapping[str, str]) -> bool:
    """Whether Shopify signed this query string, within the last day."""
    return any(_signed_with(client.key, secret, query) for secret in client.secrets)


def _signed_with(key: str, secret: str, query: Mapping[str, str]) -> bool:
    from shopify import Session

    with _SESSION:
        Session.setup(api_key=key, secret=secret)
        try:
            return bool(Session.validate_params(dict(query)))
        except ValueError:  # a timestamp that is no number
            return False


def session_claims(client: Client, id_token: str) -> Json:
    """The claims of a session token: what Shopify vouches for about who looks at a page in the admin. Raises Rejected.

    Signed with our secret, for our app, issued by the shop that it names, and not over for more than ten seconds.
    """
    claims = _claims(client, id_token)
    if not isinstance(claims.get("exp"), int):
        # ShopifyAPI checks `exp` where it stands, and accepts a token without one.
        raise Rejected("the session token never ends")
    return claims


def _claims(client: Client, id_token: str) -> Json:
    from shopify import session_token

    told = ""
    for secret in client.secrets:
        try:
            claims: Json = session_token.decode_from_header(f"Bearer {id_token}", client.key, secret)
        except (session_token.SessionTokenError, ValueError, TypeError, AttributeError) as error:
            told = str(error)
        else:
            return claims
    raise Rejected(f"the session token is not valid ({told}); open the app in the shop's admin again")
