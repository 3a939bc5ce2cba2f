"""klaviyo-api as transport: it fills paths, encodes queries and shows the credentials; the bytes leave by our gate.

Its own methods are passed over: they call without a deadline, sleep and call again by themselves, load models by the
hundred, and refuse answers for the nulls that Klaviyo sends. So is its FilterBuilder, which takes blanks out of values. With
`ApiClient` alone nothing is repeated, and its connection pool is never used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, cast

from openapi_client.api_client import ApiClient
from openapi_client.configuration import Configuration

from adapters.http import Gate, Reply
from adapters.klaviyo import MANIFEST
from adapters.klaviyo.api.endpoints import Endpoint

MEDIA = "application/vnd.api+json"


@lru_cache(maxsize=1)
def _configuration() -> Configuration:
    return Configuration()


class _Way:
    """What the SDK takes for its connection pool: one call, through the gate."""

    def __init__(self, gate: Gate, operation: str) -> None:
        self.gate, self.operation = gate, operation

    def request(self, method: str, url: str, *, headers: Mapping[str, str], body: Any = None, **_more: Any) -> Reply:
        """What the SDK would have sent by itself."""
        raw = None if body is None else encoded(body)
        return self.gate.send(method, url, operation=self.operation, headers=headers, body=raw)


def encoded(body: Any) -> bytes:
    """A body as it is sent: in as few bytes as it needs, for their number is limited."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def any_of(field: str, values: Iterable[str]) -> str:
    """The filter for records whose field is one of these."""
    return f"any({field},{json.dumps(list(values), ensure_ascii=False, separators=(',', ':'))})"


def ask(
    gate: Gate,
    base: str,
    authorization: str,
    endpoint: Endpoint,
    *,
    filled: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: Any = None,
) -> Reply:
    """One call. filled: values for the `{names}` in the path. Raises what the gate raises."""
    client = ApiClient(_configuration())
    client.user_agent = "referral-connector"
    client.rest_client = _Way(gate, endpoint.name)  # type: ignore[assignment]  # it asks for no more than this of it
    headers = {"revision": MANIFEST.api_version, "Accept": MEDIA}
    parts = client.param_serialize(
        endpoint.method,
        endpoint.path,
        path_params=dict(filled or {}),
        query_params=list((query or {}).items()),
        header_params=headers if body is None else {**headers, "Content-Type": MEDIA},
        body=body,
        auth_settings=["OAuth"],
        _request_auth={"in": "header", "key": "Authorization", "type": "oauth2", "value": authorization},
        _host=base,
    )
    reply: Any = client.call_api(*parts)  # the SDK gives back what its pool does
    return cast("Reply", reply)
