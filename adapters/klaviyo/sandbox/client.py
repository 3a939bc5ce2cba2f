"""Speaks to a running stand-in: the control API for the demo and tests, and the platform's API as an app would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests

from adapters.stand_in import Controller

MEDIA = "application/vnd.api+json"
REVISION = "2026-10-15"


class Client(Controller):
    """`authorization` is the whole header of the calls of the API."""

    def __init__(self, url: str, key: str = "") -> None:
        super().__init__(url)
        self.authorization = f"Klaviyo-API-Key {key}"

    def call(
        self, verb: str, path: str, body: Any = None, headers: Mapping[str, str | None] | None = None, **query: str
    ) -> requests.Response:
        """One call of the API, answered raw. path: below /api/. headers: others than usual; None leaves one out."""
        told = {"Authorization": self.authorization, "revision": REVISION, "Accept": MEDIA, "Content-Type": MEDIA}
        sent = None if body is None else json.dumps(body)
        return self.http.request(
            verb, f"{self.url}/api/{path}", data=sent, params=query, headers={**told, **(headers or {})}, timeout=10
        )

    def ask(self, verb: str, path: str, body: Any = None, **query: str) -> Any:
        """The JSON of one call. Raises requests.HTTPError for a status of 400 or more."""
        answer = self.call(verb, path, body, None, **query)
        answer.raise_for_status()
        return answer.json() if answer.content else None
