"""hubspot-api-client as transport: it fills paths, encodes what is sent and adds the token; the bytes leave by our gate.

Its own methods know the paths of v1 to v4 alone, which HubSpot ends by September 2027, and call without a deadline; so
it is given the 2026-09 paths, and its connection pool is never used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from hubspot.crm.contacts.api_client import ApiClient
from hubspot.crm.contacts.configuration import Configuration

from adapters.http import Gate, Reply
from connector.ports.platform import Guard

FORM = "application/x-www-form-urlencoded"


@lru_cache(maxsize=1)
def _configuration() -> Configuration:
    return Configuration()


class Call(ApiClient):  # type: ignore[misc]  # the SDK has no types
    """One call through the gate, with its own operation's name and guard."""

    def __init__(self, gate: Gate, operation: str, guard: Guard | None) -> None:
        super().__init__(_configuration())
        self.gate, self.operation, self.guard = gate, operation, guard
        self.user_agent = "referral-connector"

    def request(
        self,
        method: str,
        url: str,
        query_params: Any = None,
        headers: Mapping[str, str] | None = None,
        post_params: Any = None,
        body: Any = None,
        **_more: Any,
    ) -> Reply:
        """What the SDK would have sent by itself."""
        url = f"{url}?{urlencode(query_params)}" if query_params else url
        raw = urlencode(post_params).encode() if post_params else json.dumps(body).encode() if body else None
        kind = FORM if post_params else "application/json"
        sent = {**(headers or {}), "Accept": "application/json"}
        if raw is not None:
            sent["Content-Type"] = kind
        return self.gate.send(method, url, operation=self.operation, headers=sent, body=raw, guard=self.guard)

    def ask(self, base: str, method: str, path: str, **more: Any) -> Reply:
        """`path` with its parameters filled in, on the host `base`."""
        reply: Reply = self.call_api(path, method, _host=base, _preload_content=False, **more)
        return reply
