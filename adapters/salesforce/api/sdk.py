"""simple-salesforce as transport: it knows an API version's paths and how a token is shown; the bytes leave by our gate.

Left to itself it calls without a deadline, logs in again without end when a token has ended, drops our headers when it
does, and tells errors apart by their HTTP status alone. So it is given a session of ours, and left as soon as the answer
is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

import requests
from simple_salesforce.api import Salesforce

from adapters.http import Gate, Reply
from adapters.salesforce import MANIFEST
from adapters.salesforce.api.seat import Seat
from connector.ports.platform import Guard

_JSON = "application/json"


class _Answered(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class _Way(requests.Session):
    """One call through the gate, with its own operation's name and guard. base: replaces the org's own host."""

    def __init__(self, gate: Gate, operation: str, guard: Guard | None, base: str) -> None:
        super().__init__()
        self.gate, self.operation, self.guard, self.base = gate, operation, guard, base

    def request(  # type: ignore[override]  # the SDK names no more than these
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        **_more: Any,
    ) -> NoReturn:
        """What the SDK would have sent by itself."""
        target = f"{self.base}{urlsplit(url).path}" + (f"?{urlencode(params)}" if params else "")
        sent = {**(headers or {}), "Accept": _JSON}
        sent.pop("X-PrettyPrint", None)
        raw = encoded(json) if json is not None else None
        if raw is None:
            sent.pop("Content-Type", None)
        raise _Answered(
            self.gate.send(method, target, operation=self.operation, headers=sent, body=raw, guard=self.guard)
        )


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def ask(
    gate: Gate,
    seat: Seat,
    base: str,
    method: str,
    path: str,
    *,
    operation: str,
    params: dict[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    guard: Guard | None = None,
) -> Reply:
    """One call of `path`, below the API version. Raises what the gate raises."""
    way = _Way(gate, operation, guard, base or seat.url)
    client = Salesforce(session_id=seat.token, instance_url=seat.url, session=way, version=MANIFEST.api_version)
    try:
        client.restful(path, params=params, method=method, json=body, headers=headers or {})
    except _Answered as answered:
        return answered.reply
    raise AssertionError("the SDK answered without having asked")  # pragma: no cover - `request` never returns
