"""The HTTP side: finds the shop, lets faults strike, and answers. A thread for each connection, stdlib only.

Answers are left to `Sandbox.graphql`, so that what a fault does to the wire stands in one place: `_Handler`.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from adapters import stand_in
from adapters.shopify.sandbox import execution, graphql, oauth
from adapters.shopify.sandbox.book import Book
from adapters.shopify.sandbox.control import Control
from adapters.shopify.sandbox.faults import Fault
from adapters.shopify.sandbox.resolvers import Call
from adapters.shopify.sandbox.state import Shop, World
from adapters.shopify.sandbox.webhooks import API_VERSION, Sender
from adapters.stand_in_faults import Faults

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADMIN = re.compile(r"/(?:(?P<shop>[^/]+)/)?admin/(?:api/[^/]+/(?P<graphql>graphql\.json)|oauth/access_token)")
#: A finished bulk operation's file, with or without a shop before it; nobody is asked for a token.
_FILE = re.compile(r"/(?:[^/]+/)?_files/bulk-(?P<number>[0-9]+)\.jsonl")
_BAD_TOKEN = {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}
_HTML = b"<!DOCTYPE html><html><head><title>Something went wrong</title></head><body>Try again later.</body></html>"
_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; `cut` closes the connection with a reset instead."""

    status: int = 200
    body: bytes = b""
    type: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


def _json(status: int, body: Any, **headers: str) -> Reply:
    return Reply(status, json.dumps(body, ensure_ascii=False).encode(), headers=headers)


class Sandbox(stand_in.Sandbox):
    """A running stand-in. `url` is its base; SHOPIFY_URL for the connector is `url + "/{shop}"`."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.world = World()
        self.book = Book()
        self.faults = Faults(Fault)
        self.sender = Sender(self.book)
        self.control = Control(self.world, self.book, self.faults, self.sender)
        super().__init__("shopify", _Server((host, port), self), self.sender)
        self.world.url = self.url

    def _strike(self, domain: str, *operations: str) -> Fault | None:
        """The fault that is due for this call of the shop, if any."""
        return self.faults.first(lambda fault: fault.fits(domain, operations))

    # ── GraphQL ─────────────────────────────────────────────────────────────────────────────────────────────────

    def graphql(self, domain: str, token: str, raw: bytes, request: str) -> Reply:
        """Answer one call, with whatever fault is due before or after its effect."""
        try:
            asked = json.loads(raw)
            text, name, variables = asked["query"], asked.get("operationName"), dict(asked.get("variables") or {})
        except (ValueError, KeyError, TypeError, AttributeError):
            return _json(400, {"errors": {"query": "Required parameter missing or invalid"}})
        try:
            prepared = graphql.prepare(text, name)
        except graphql.Invalid as invalid:
            _, refusal = self._shop(domain, token)
            self.book.call("invalid", 0, "invalid")
            return refusal or _json(200, {"errors": invalid.errors})
        named = prepared.operation.name
        fault = self._strike(domain, *prepared.fields, *([named.value] if named else []))
        if fault and fault.early:
            reply = self._early(fault, domain, request)
            if reply:
                self.book.call(prepared.name, 0, fault.name)
                return reply
        shop, refusal = self._shop(domain, token)
        if shop is None:
            self.book.call(prepared.name, 0, "refused")
            return refusal or _json(404, {"errors": "Not Found"})
        with self.world.lock:
            body, outcome = execution.execute(Call(self.world, shop, self.book, request), prepared, variables)
        effects = self.book.effects_of(request)
        self.book.call(prepared.name, effects, fault.name if fault and not fault.early else outcome)
        return _late(fault, body, request) if fault else _json(200, body)

    def _shop(self, domain: str, token: str) -> tuple[Shop | None, Reply | None]:
        with self.world.lock:
            shop = self.world.shops.get(domain)
            if shop is None:
                return None, _json(404, {"errors": "Not Found"})
            if not shop.installed or not shop.tokens.honours(token, self.world.clock.now()):
                return None, _json(401, _BAD_TOKEN)
            return shop, None

    def _early(self, fault: Fault, domain: str, request: str) -> Reply | None:
        """The answer in place of any execution; None where the call goes on (slow)."""
        match fault.kind:
            case "slow":
                time.sleep(fault.delay_s)
                return None
            case "status":
                headers = {"Retry-After": f"{fault.retry_after:.1f}"} if fault.status == 429 else {}  # noqa: PLR2004
                return _json(fault.status, {"errors": f"status {fault.status}, as a fault switch asked for"}, **headers)
            case "throttled":
                with self.world.lock:
                    shop = self.world.shops.get(domain)
                    if shop is None:
                        return None
                    return _json(200, execution.throttled(Call(self.world, shop, self.book, request), 10))
            case "5xx_before":
                return Reply(503, _HTML, "text/html; charset=utf-8")
            case "cut_before":
                return Reply(cut=True)
        return _disguise(fault)

    def file(self, number: int) -> Reply:
        """What a bulk operation brought together, once it has ended."""
        with self.world.lock:
            runs = [(s.domain, s.exports.runs[number]) for s in self.world.shops.values() if number in s.exports.runs]
        if not runs or runs[0][1].ended_at is None:
            return Reply(404, b"", "text/plain")
        domain, run = runs[0]
        fault = self._strike(domain, "bulk_file")
        reply = (self._early(fault, domain, "") if fault.early else _late(fault, {}, "")) if fault else None
        if fault and fault.kind != "slow" and reply:
            return reply
        return Reply(200, run.text.encode(), "application/jsonl")

    def token(self, domain: str, form: dict[str, Any]) -> Reply:
        fault = self._strike(domain, "access_token")
        if fault and fault.early and (reply := self._early(fault, domain, "")):
            self.book.call("access_token", 0, fault.name)
            return reply
        with self.world.lock:
            shop = self.world.shops.get(domain)
            if shop is None:
                return _json(404, {"errors": "Not Found"})
            status, body = oauth.answer(self.world, shop, form)
        self.book.call("access_token", int(status == 200), fault.name if fault else str(status))  # noqa: PLR2004
        return _late(fault, body, "") if fault and not fault.early else _json(status, body)


def _late(fault: Fault, body: dict[str, Any], request: str) -> Reply:
    """The answer after the effect."""
    match fault.kind:
        case "5xx_after":
            return Reply(502, _HTML, "text/html; charset=utf-8")
        case "cut_after":
            return Reply(cut=True)
        case "partial_errors":
            message = "Internal error. Looks like something went wrong on our end.\nRequest ID: "
            error = {
                "message": message + request,
                "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": request},
            }
            return _json(200, body | {"errors": [*body.get("errors", []), error]})
        case "slow":
            time.sleep(0 if fault.early else fault.delay_s)
            return _json(200, body)
    return _disguise(fault)


def _disguise(fault: Fault) -> Reply:
    """A success that cannot be read."""
    return Reply(200, _HTML, "text/html; charset=utf-8") if fault.kind == "html_200" else Reply(200, b"")


class _Server(stand_in.Server):
    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        super().__init__(address, _Handler, sandbox.world.clock.now)
        self.sandbox = sandbox


class _Handler(stand_in.Handler):
    server: _Server
    server_version = "shopify-sandbox"

    def answer(self, method: str, raw: bytes) -> None:
        request = str(uuid4())
        self._send(self._route(method, urlsplit(self.path).path, raw, request), request)

    def _route(self, method: str, path: str, raw: bytes, request: str) -> Reply:
        sandbox = self.server.sandbox
        if path.startswith("/_control/"):
            return _json(*stand_in.controlled(sandbox.control, method, path, raw))
        if method == "GET" and (named := _FILE.fullmatch(path)):
            return sandbox.file(int(named["number"]))
        found = _ADMIN.fullmatch(path)
        if not found or method != "POST":
            return _json(404, {"errors": "Not Found"})
        domain = unquote(found["shop"] or self.headers.get("Host", "").partition(":")[0])
        if found["graphql"]:
            return sandbox.graphql(domain, self.headers.get("X-Shopify-Access-Token", ""), raw, request)
        is_json = "json" in self.headers.get("Content-Type", "")
        try:
            form = dict(json.loads(raw)) if is_json else dict(parse_qsl(raw.decode()))
        except (ValueError, TypeError):
            return _json(400, {"error": "invalid_request", "error_description": "The body cannot be read."})
        return sandbox.token(domain, form)

    def _send(self, reply: Reply, request: str) -> None:
        if reply.cut:
            self.reset()
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("X-Request-Id", request)
        self.send_header("X-Shopify-API-Version", API_VERSION)
        for name, value in reply.headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(reply.body)
