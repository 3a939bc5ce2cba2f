"""The HTTP side: finds the org, lets faults strike, and answers. A thread for each connection, stdlib only."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit
from uuid import uuid4

from adapters import stand_in
from adapters.salesforce.sandbox import identity, limits, oauth, routes, soap
from adapters.salesforce.sandbox.answers import Problem, Refusal, Reply, not_found
from adapters.salesforce.sandbox.book import Book
from adapters.salesforce.sandbox.call import Call
from adapters.salesforce.sandbox.control import Control
from adapters.salesforce.sandbox.faults import Fault
from adapters.salesforce.sandbox.hand import Hand
from adapters.salesforce.sandbox.messages import Sender, tell
from adapters.salesforce.sandbox.routes import Route
from adapters.salesforce.sandbox.state import Org, World
from adapters.stand_in_faults import Faults

_HTML = b"<!DOCTYPE html><html><head><title>Server Unavailable</title></head><body>Try again later.</body></html>"
_OAUTH = "/services/oauth2/"
#: Longer addresses are refused before anybody reads them.
_LONGEST_URL = 16_384
_SOURCE = re.compile(r"\bfrom\s+(\w+)(?!.*\bfrom\b)", re.IGNORECASE | re.DOTALL)
_FRESH = "no-cache,must-revalidate,max-age=0,no-store,private"


class Sandbox(stand_in.Sandbox):
    """A running stand-in. `url` is its base, and what SALESFORCE_URL says."""

    sender: Sender

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.world = World()
        self.book = Book()
        self.faults = Faults(Fault)
        self.sender = Sender(self.book)
        self.control = Control(self.world, self.book, self.faults, self.sender)
        self.stopped = threading.Event()
        super().__init__("salesforce", _Server((host, port), self), self.sender)
        self.world.url = self.url

    def stop(self) -> None:
        self.stopped.set()  # nobody waits out a fault
        super().stop()

    def answer(self, method: str, target: str, headers: Message[str, str], raw: bytes) -> Reply:
        """Answer one call, with whatever fault is due before or after its effect."""
        if len(target) > _LONGEST_URL:
            return Reply(414, page=b"<h1>414 Request-URI Too Long</h1>")
        url, body = urlsplit(target), _body(headers, raw)
        found = routes.find(method, url.path)
        operation = f"{method} {_called(found, url.query) if found else url.path}"
        token = headers.get("Authorization", "").removeprefix("Bearer ").strip()
        with self.world.lock:
            owner = self.world.owner(token)
        asked = f"{method} {unquote_plus(target)}"
        fault = self.faults.first(lambda each: each.fits(owner.id if owner else "", asked))
        if fault and fault.early and (struck := self._struck(fault)):
            self.book.call(operation, fault.name)
            return struck
        reply = self._open(method, target, headers, raw) or self._bound(found, target, headers, body)
        late = fault if fault and not fault.early else None
        self.book.call(operation, late.name if late else str(reply.status), _inputs(body, url.query))
        return (self._struck(late) or reply) if late else reply

    def _open(self, method: str, target: str, headers: Message[str, str], raw: bytes) -> Reply | None:
        """What needs no session: versions, consent and tokens. None for everything else."""
        url = urlsplit(target)
        if url.path.rstrip("/") == "/services/data":
            return routes.versions()
        if method == "POST" and soap.PATH.fullmatch(url.path):
            with self.world.lock:
                return soap.answer(self.world, raw)
        if not url.path.startswith(_OAUTH):
            return None
        host = headers.get("Host", "").partition(":")[0]
        query, form = dict(parse_qsl(url.query)), dict(parse_qsl(raw.decode(errors="replace")))
        with self.world.lock:
            match method, url.path.removeprefix(_OAUTH):
                case "GET", "authorize":
                    return oauth.authorize(self.world, query, host)
                case "POST", "token":
                    self.book.count("logins")
                    return oauth.token(self.world, form, host)
                case "POST" | "GET", "revoke":
                    return oauth.revoke(self.world, {**query, **form})
                case "GET" | "POST", "userinfo":
                    return identity.userinfo(self.world, headers.get("Authorization", "").removeprefix("Bearer "))
        return not_found().reply()

    def _bound(
        self, found: tuple[Route, dict[str, str]] | None, target: str, headers: Message[str, str], body: Any
    ) -> Reply:
        """What speaks for an org: its session, its limit, and then the call."""
        told: dict[str, str] = {}
        with self.world.lock:
            now = self.world.clock.now()
            try:
                org, user = self._session(headers.get("Authorization", ""))
                told = org.limits.header(now)
                org.limits.take(now)
                told = org.limits.header(now)
                if found is None:
                    raise not_found()
                warned = "allowsave=true" in headers.get("Sforce-Duplicate-Rule-Header", "").lower().replace(" ", "")
                hand = Hand(org, self.book, user, now, request=uuid4().hex, allow_duplicates=warned)
                url, (route, parts) = urlsplit(target), found
                version = routes.version(url.path)
                reply = route.answer(
                    Call(self.world, org, hand, version, parts, parse_qs(url.query), body, _told(headers))
                )
                changed = hand.commit()
            except Refusal as refusal:
                counted = {401: "unauthorised", 403: "limited"}.get(refusal.status)
                if counted:
                    self.book.count(counted)
                return replace(refusal.reply(), headers=told)
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                unread = Refusal("JSON_PARSER_ERROR", f"{type(error).__name__}: {error}")
                return replace(unread.reply(), headers=told)
            messages = tell(org, changed)
        self.sender.later(messages)
        return replace(reply, headers={**reply.headers, **told})

    def _session(self, header: str) -> tuple[Org, str]:
        """Whom a request speaks for. Raises Refusal."""
        kind, _, token = header.partition(" ")
        if kind not in {"Bearer", "OAuth"}:
            raise Refusal("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", status=401)
        session = self.world.session(token.strip(), self.world.clock.now())
        if session is None:
            raise _expired()
        return session

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
                return Reply(fault.status or 503, [Problem("SERVER_UNAVAILABLE", "Server Unavailable").error()])
            case "empty_success":
                return Reply(200, {})
            case "throttled":
                return limits.exceeded().reply()
            case "expired" | "locked":
                return (_expired() if fault.kind == "expired" else _locked(fault.status)).reply()
        return Reply(200, page=_HTML)


def _expired() -> Refusal:
    return Refusal("INVALID_SESSION_ID", "Session expired or invalid", status=401)


def _locked(status: int) -> Refusal:
    return Refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", status=status or 400)


def _called(found: tuple[Route, dict[str, str]], query: str) -> str:
    """An operation as the book counts it: a query with the object that it asks for."""
    route, parts = found
    asked = next(iter(parse_qs(query).get("q", ())), "")
    source = _SOURCE.search(asked)
    return f"{route.called(parts)} {source[1]}" if source else route.called(parts)


def _told(headers: Message[str, str]) -> dict[str, str]:
    """The headers by their usual names."""
    return {name.title(): value for name, value in headers.items()}


def _body(headers: Message[str, str], raw: bytes) -> Any:
    """The body: a form of several parts as it came, JSON as it reads, None for anything else."""
    if headers.get("Content-Type", "").startswith("multipart/"):
        return raw
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _inputs(body: Any, query: str) -> int | None:
    """Of how many records a collection was; None for what is none."""
    given = body.get("records", body.get("compositeRequest")) if isinstance(body, dict) else None
    if isinstance(given, list):
        return len(given)
    numbers = parse_qs(query).get("ids")
    return len(numbers[0].split(",")) if numbers else None


class _Server(stand_in.Server):
    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        super().__init__(address, _Handler, sandbox.world.clock.now)
        self.sandbox = sandbox


class _Handler(stand_in.Handler):
    server: _Server
    server_version = "salesforce-sandbox"

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
        if reply.status != 204:  # noqa: PLR2004
            self.send_header(
                "Content-Type", "text/html;charset=UTF-8" if reply.page else "application/json;charset=UTF-8"
            )
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", _FRESH)
            self.send_header("Vary", "Accept-Encoding")
            self.send_header("X-SFDC-Request-Id", uuid4().hex)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
