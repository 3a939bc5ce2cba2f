"""The HTTP side: finds the account, lets faults strike, and answers. A thread for each connection, stdlib only."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from adapters import stand_in, stand_in_sender
from adapters.klaviyo.sandbox import oauth, revisions, routes
from adapters.klaviyo.sandbox.answers import Refusal, Reply, invalid, throttled, unauthorised
from adapters.klaviyo.sandbox.book import Book, Logged
from adapters.klaviyo.sandbox.call import Call
from adapters.klaviyo.sandbox.clock import stamp
from adapters.klaviyo.sandbox.control import Control
from adapters.klaviyo.sandbox.faults import Fault
from adapters.klaviyo.sandbox.routes import Route
from adapters.klaviyo.sandbox.state import World
from adapters.stand_in_faults import Faults

MEDIA = "application/vnd.api+json"
#: Of any body. The parts of bulk calls have smaller ones of their own.
LARGEST_BODY = 5_000_000
_HTML = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Try again later.</body></html>"
_COUNTED = {401: "unauthorised", 403: "denied", 429: "limited"}
_BULK = ("events-bulk-create", "profiles", "coupon-codes")


class Sandbox(stand_in.Sandbox):
    """A running stand-in. `url` is its base, and what KLAVIYO_URL says."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.world = World()
        self.book = Book()
        self.faults = Faults(Fault)
        sender = stand_in_sender.Sender("klaviyo")  # it sends nothing: Klaviyo tells apps of no referral
        self.control = Control(self.world, self.book, self.faults, sender)
        self.stopped = threading.Event()
        super().__init__("klaviyo", _Server((host, port), self), sender)
        self.world.url = self.url

    def stop(self) -> None:
        self.stopped.set()  # nobody waits out a fault
        super().stop()

    def answer(self, method: str, target: str, headers: Message[str, str], raw: bytes) -> Reply:
        """Answer one call, with whatever fault is due before or after its effect."""
        path, credentials = urlsplit(target).path, headers.get("Authorization", "")
        with self.world.lock:
            self.world.settle()
            owner, at = oauth.owner(self.world, credentials), self.world.clock.now()
        account, asked = owner.id if owner else "", f"{method} {unquote_plus(target)}"
        found, fault = routes.find(method, path), self.faults.first(lambda one: one.fits(account, asked))
        struck = self._struck(fault) if fault and fault.early else None
        if struck is not None:
            reply, revision = struck, ""
        else:
            reply, revision = self._open(method, target, headers, raw) or self._bound(found, target, headers, raw)
        late = fault if fault and not fault.early else None
        outcome = fault.name if fault and (struck or late) else str(reply.status)
        reply = (self._struck(late, reply) or reply) if late else reply
        if counter := _COUNTED.get(reply.status):
            self.book.count(counter)
        operation, body = found[0].operation if found else f"{method} {path}", _json(raw)
        by = credentials if credentials.startswith("Klaviyo-API-Key ") else "oauth" if credentials else ""
        told = Logged(stamp(at) or "", account, by, operation, target, revision, outcome, body)
        self.book.call(told, _inputs(body))
        return reply

    def _open(self, method: str, target: str, headers: Message[str, str], raw: bytes) -> tuple[Reply, str] | None:
        """What needs no credentials of an account: consent and tokens. None for everything else."""
        url, credentials = urlsplit(target), headers.get("Authorization", "")
        query, form = dict(parse_qsl(url.query)), dict(parse_qsl(raw.decode(errors="replace")))
        with self.world.lock:
            match method, url.path:
                case "GET", "/oauth/authorize":
                    return oauth.page(self.world, query), ""
                case "POST", "/oauth/authorize":
                    allowed = form.get("decision") == "allow"
                    return oauth.decide(self.world, query, form.get("account", ""), allowed=allowed), ""
                case "POST", "/oauth/token":
                    if form.get("grant_type") == "refresh_token":
                        self.book.count("refreshes")
                    return oauth.token(self.world, credentials, form), ""
                case "POST", "/oauth/revoke":
                    return oauth.revoke(self.world, credentials, form), ""
        return None

    def _bound(
        self, found: tuple[Route, dict[str, str]] | None, target: str, headers: Message[str, str], raw: bytes
    ) -> tuple[Reply, str]:
        """What speaks for an account, and the revision that served it."""
        told: dict[str, str] = {}
        revision = ""
        url = urlsplit(target)
        with self.world.lock:
            now = self.world.clock.now()
            try:
                self._legacy(url.path)
                account, caller = oauth.caller(self.world, headers.get("Authorization", ""))
                revision = self._revision(headers)
                if found is None:
                    raise _no_route(url.path)
                route, parts = found
                route.admit(caller)
                size = account.limits.get(route.operation, route.size)
                if wait := account.windows.take(caller.quota, route.operation, size, now):
                    raise throttled(wait)
                told = account.windows.headers(caller.quota, route.operation, size, now)
                body = _sent(headers, raw)
                query = dict(parse_qsl(url.query, keep_blank_values=True))
                call = Call(account, caller, self.book, now, self.world.url, target, parts, query, body)
                route.check(call)
                reply = route.answer(call)
                account.settle(now)
            except Refusal as refusal:
                reply = refusal.reply()
        return replace(reply, headers={**reply.headers, **told}), revision

    def _legacy(self, path: str) -> None:
        if routes.LEGACY.fullmatch(path):
            self.book.count("legacy")
            raise Refusal(410, "gone", "Gone.", "This API is retired. Use a dated revision.")

    def _revision(self, headers: Message[str, str]) -> str:
        """The revision that serves a request; one that fell forward is counted."""
        asked = {name: headers.get(name, "") for name in ("revision", revisions.OPT_OUT)}
        revision = revisions.served(asked, self.world.clock.now())
        if revision != asked["revision"]:
            self.book.count("fell_forward")
        return revision

    def _struck(self, fault: Fault, reply: Reply | None = None) -> Reply | None:
        """What a fault makes of an answer; None where it stays as it is (slow)."""
        match fault.kind:
            case "slow":
                self.stopped.wait(fault.delay_s)
                return None
            case "silence":
                self.stopped.wait(fault.delay_s)
                return Reply(cut=True)
            case "cut_before" | "cut_after":
                return Reply(cut=True)
            case "half_before" | "half_after":
                return replace(reply or Reply(200, {"data": []}), half=True)
            case "status_before" | "status_after":
                return Refusal(fault.status, "error", "A server error occurred.").reply()
            case "throttled":
                return throttled(fault.wait_s).reply()
            case "expired":
                return unauthorised(given=True).reply()
        return Reply(200, page=_HTML)


def _no_route(path: str) -> Refusal:
    if routes.known(path):
        return Refusal(405, "method_not_allowed", "Method not allowed.")
    return Refusal(404, "not_found", "Not found.", "The requested resource does not exist.")


def _sent(headers: Message[str, str], raw: bytes) -> Any:
    """The body of a call, None where there is none. Raises Refusal for another media type, and for too much."""
    if not raw:
        return None
    given = headers.get("Content-Type", "")
    if given != MEDIA:
        words = f'Unsupported media type "{given}" in request.'
        raise Refusal(415, "unsupported_media_type", words)
    if len(raw) > LARGEST_BODY:
        raise invalid("The maximum allowed payload size is 5MB.")
    body = _json(raw)
    if body is None:
        raise invalid("The payload provided in the request is invalid.")
    return body


def _json(raw: bytes) -> Any:
    """The body, or None for what is no JSON."""
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _inputs(body: Any) -> int | None:
    """Of how many events, profiles or codes a bulk call was; None for what is none."""
    try:
        given = body["data"]["attributes"]
        ((name, held),) = [(name, given[name]["data"]) for name in _BULK if name in given]
        return sum(len(one["attributes"]["events"]["data"]) for one in held) if name == _BULK[0] else len(held)
    except (KeyError, TypeError, ValueError):
        return None


class _Server(stand_in.Server):
    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        super().__init__(address, _Handler, sandbox.world.clock.now)
        self.sandbox = sandbox


class _Handler(stand_in.Handler):
    server: _Server
    server_version = "klaviyo-sandbox"

    def answer(self, method: str, raw: bytes) -> None:
        path, sandbox = urlsplit(self.path).path, self.server.sandbox
        if path.startswith("/_control/"):
            self._send(Reply(*stand_in.controlled(sandbox.control, method, path, raw)))
        else:
            self._send(sandbox.answer(method, self.path, self.headers, raw))

    def _send(self, reply: Reply) -> None:
        if reply.cut:
            self.reset()
            return
        body = b"" if reply.body is None else json.dumps(reply.body, ensure_ascii=False).encode()
        body = reply.page if reply.page is not None else body
        self.send_response(reply.status)
        if body:
            media = MEDIA if urlsplit(self.path).path.startswith("/api/") else "application/json"
            self.send_header("Content-Type", "text/html; charset=utf-8" if reply.page else media)
        if reply.status != 204:  # noqa: PLR2004
            self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.half:
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if reply.half else body)
