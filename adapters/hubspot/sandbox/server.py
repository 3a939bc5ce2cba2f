"""The HTTP side: finds the portal, lets faults strike, and answers. A thread for each connection, stdlib only."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit
from uuid import uuid4

from adapters import stand_in
from adapters.hubspot.sandbox import limits, oauth, routes, scopes
from adapters.hubspot.sandbox.answers import Refusal, Reply
from adapters.hubspot.sandbox.book import Book
from adapters.hubspot.sandbox.call import Call
from adapters.hubspot.sandbox.control import Control
from adapters.hubspot.sandbox.faults import Fault
from adapters.hubspot.sandbox.routes import Route
from adapters.hubspot.sandbox.state import Portal, World
from adapters.hubspot.sandbox.webhooks import Address, Sender
from adapters.stand_in_faults import Faults

_HTML = b"<!DOCTYPE html><html><head><title>Something went wrong</title></head><body>Try again later.</body></html>"
_AUTHORIZE = ("/oauth/authorize", "/oauth/2026-09/authorize")
_TOKENS = {
    "/oauth/2026-09/token": oauth.token,
    "/oauth/2026-09/token/introspect": oauth.introspect,
    "/oauth/2026-09/token/revoke": oauth.revoke,
}


class Sandbox(stand_in.Sandbox):
    """A running stand-in. `url` is its base, and what HUBSPOT_URL says."""

    sender: Sender

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.world = World()
        self.book = Book()
        self.faults = Faults(Fault)
        self.sender = Sender(self.book)
        self.control = Control(self.world, self.book, self.faults, self.sender)
        self.stopped = threading.Event()
        super().__init__("hubspot", _Server((host, port), self), self.sender)
        self.world.url = self.url

    def stop(self) -> None:
        self.stopped.set()  # nobody waits out a fault
        super().stop()

    def answer(self, method: str, target: str, header: str, raw: bytes) -> Reply:
        """Answer one call, with whatever fault is due before or after its effect."""
        url, request = urlsplit(target), str(uuid4())
        path = unquote(url.path)
        if routes.LEGACY.search(path):
            self.book.count("legacy")
            return _not_found(request)
        found = routes.find(method, url.path)
        operation = f"{method} {found[0].called(found[1]) if found else path}"
        with self.world.lock:
            owner = self.world.owner_of(header.removeprefix("Bearer ").strip())
        fault = self.faults.first(lambda each: each.fits(owner.id if owner else 0, f"{method} {path}"))
        if fault and fault.early and (struck := self._struck(fault)):
            self.book.call(operation, fault.name)
            return struck
        if path in _TOKENS or path in _AUTHORIZE:
            reply = self._unbound(path, url.query, raw)
        elif found is None:
            reply = _not_found(request)
        else:
            parts = {name: unquote(value) for name, value in found[1].items()}
            reply = self._bound(found[0], parts, url.query, header, raw, request)
        late = fault if fault and not fault.early else None
        self.book.call(operation, late.name if late else str(reply.status), _inputs(raw) if found else None)
        return (self._struck(late) or reply) if late else reply

    def _unbound(self, path: str, query: str, raw: bytes) -> Reply:
        """What needs no token: the consent screen and the token endpoints."""
        with self.world.lock:
            if path in _AUTHORIZE:
                return oauth.authorize(self.world, dict(parse_qsl(query)))
            return _TOKENS[path](self.world, dict(parse_qsl(raw.decode())))

    def _bound(self, route: Route, parts: dict[str, str], query: str, header: str, raw: bytes, request: str) -> Reply:
        """What speaks for a portal: its token, its limits, its scopes, and then the call."""
        told: dict[str, str] = {}
        with self.world.lock:
            try:
                portal = oauth.bearer(self.world, header)
                ticks = self.world.clock.ticks()
                policy = portal.limits.take(ticks, search=route.is_search)
                told = {} if route.is_search else portal.limits.headers(ticks)
                if policy:
                    self.book.count("throttled")
                    group = f"publicapi:{'crm:search' if route.is_search else 'private-apps:api-calls'}:{portal.id}"
                    return Reply(429, limits.refusal(policy, request, group), told)
                call = Call(self.world, portal, self.book, request, parts, parse_qs(query), _json(raw))
                scopes.check(call, route.method, route.template)
                reply = route.answer(call)
            except Refusal as refusal:
                if refusal.status == 401:  # noqa: PLR2004
                    self.book.count("unauthorised")
                return Reply(refusal.status, refusal.body(request), told)
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                words = f"Invalid input JSON: {type(error).__name__} {error}"
                return Reply(400, Refusal(400, words, "VALIDATION_ERROR").body(request), told)
        self.tell(portal, call.hand.events)
        return replace(reply, headers={**reply.headers, **told})

    def tell(self, portal: Portal, events: list[dict[str, Any]]) -> None:
        self.sender.later(Address(portal.target, portal.secret), events)

    def _struck(self, fault: Fault) -> Reply | None:
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
            case "status_before" | "status_after":
                words = f"status {fault.status}, as a fault switch asked for"
                return Reply(fault.status, {"status": "error", "message": words, "correlationId": str(uuid4())})
            case "empty_success":
                return Reply(200, {"status": "COMPLETE", "results": []})
        return Reply(200, page=_HTML)


def _not_found(request: str) -> Reply:
    return Reply(404, {"status": "error", "message": "resource not found", "correlationId": request})


def _json(raw: bytes) -> Any:
    """The body, or None. Raises Refusal for what is no JSON."""
    try:
        return json.loads(raw) if raw else None
    except ValueError as error:
        raise Refusal(400, f"Invalid input JSON on line 1, column 1: {error}", "VALIDATION_ERROR") from None


def _inputs(raw: bytes) -> int | None:
    """Of how many inputs a batch was; None for what is no batch."""
    try:
        given = json.loads(raw).get("inputs") if raw else None
    except (ValueError, AttributeError):
        return None
    return len(given) if isinstance(given, list) else None


class _Server(stand_in.Server):
    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        super().__init__(address, _Handler, sandbox.world.clock.now)
        self.sandbox = sandbox


class _Handler(stand_in.Handler):
    server: _Server
    server_version = "hubspot-sandbox"

    def answer(self, method: str, raw: bytes) -> None:
        path, sandbox = urlsplit(self.path).path, self.server.sandbox
        if path.startswith("/_control/"):
            self._send(Reply(*stand_in.controlled(sandbox.control, method, path, raw)))
        else:
            self._send(sandbox.answer(method, self.path, self.headers.get("Authorization", ""), raw))

    def _send(self, reply: Reply) -> None:
        if reply.cut:
            self.reset()
            return
        body = b"" if reply.body is None else json.dumps(reply.body, ensure_ascii=False).encode()
        self.send_response(reply.status)
        if reply.status != 204:  # noqa: PLR2004
            self.send_header("Content-Type", "text/html" if reply.page else "application/json;charset=utf-8")
            self.send_header("Content-Length", str(len(reply.page or body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.page or body)
