"""The HTTP side: finds the portal, lets faults strike, and answers. A thread for each connection, stdlib only."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit
from uuid import uuid4

from adapters.hubspot.sandbox import limits, oauth, routes, scopes
from adapters.hubspot.sandbox.answers import Refusal, Reply
from adapters.hubspot.sandbox.book import Book
from adapters.hubspot.sandbox.call import Call
from adapters.hubspot.sandbox.control import Control
from adapters.hubspot.sandbox.faults import Fault, Faults
from adapters.hubspot.sandbox.routes import Route
from adapters.hubspot.sandbox.state import Portal, World
from adapters.hubspot.sandbox.webhooks import Address, Sender

_HTML = b"<!DOCTYPE html><html><head><title>Something went wrong</title></head><body>Try again later.</body></html>"
_AUTHORIZE = ("/oauth/authorize", "/oauth/2026-09/authorize")
_TOKENS = {
    "/oauth/2026-09/token": oauth.token,
    "/oauth/2026-09/token/introspect": oauth.introspect,
    "/oauth/2026-09/token/revoke": oauth.revoke,
}


class Sandbox:
    """A running stand-in. `url` is its base, and what HUBSPOT_URL says."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.world = World()
        self.book = Book()
        self.faults = Faults()
        self.sender = Sender(self.book)
        self.control = Control(self.world, self.book, self.faults, self.sender)
        self.stopped = threading.Event()
        self.http = _Server((host, port), self)
        self.url = self.world.url = f"http://{host}:{self.http.server_address[1]}"
        self._thread = threading.Thread(
            target=self.http.serve_forever, args=(0.05,), name="hubspot-sandbox", daemon=True
        )

    def start(self) -> Sandbox:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering, close every connection and give up open webhooks."""
        self.stopped.set()
        if self._thread.is_alive():
            self.http.shutdown()
            self._thread.join()
        self.http.close_all()
        self.sender.stop()

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
        fault = self.faults.strike(owner.id if owner else 0, f"{method} {path}")
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


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that stopping leaves none behind."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        super().__init__(address, _Handler)
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        self.server_close()
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # its peer was faster
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that went away is no error of ours; anything else is printed as usual."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "hubspot-sandbox"
    wbufsize = -1  # one write per answer; header and body apart would wait for Nagle
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_PATCH(self) -> None:
        self._answer("PATCH")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def date_time_string(self, timestamp: float | None = None) -> str:
        """By the platform's own clock, which tests may set ahead."""
        return super().date_time_string(timestamp or self.server.sandbox.world.clock.now().timestamp())

    def log_message(self, *_: Any) -> None:
        """Silent: what matters is in the book."""

    def _answer(self, method: str) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/_control/"):
            self._send(self._control(method, urlsplit(self.path).path, raw))
        else:
            header = self.headers.get("Authorization", "")
            self._send(self.server.sandbox.answer(method, self.path, header, raw))

    def _control(self, method: str, path: str, raw: bytes) -> Reply:
        try:
            data = json.loads(raw) if raw else {}
        except ValueError:
            return Reply(400, {"error": "the body is no JSON"})
        if not isinstance(data, dict):
            return Reply(400, {"error": "the body must be a JSON object"})
        status, body = self.server.sandbox.control.handle(method, path, data)
        return Reply(status, body)

    def _send(self, reply: Reply) -> None:
        if reply.cut:
            self._reset()
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

    def _reset(self) -> None:
        """Close with RST and no answer, as a broken link does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
