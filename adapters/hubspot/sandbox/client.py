"""Speaks to a running stand-in: the control API for the demo and tests, and the platform's API as an app would."""

from __future__ import annotations

from typing import Any

import requests

from adapters.stand_in import Controller


class Client(Controller):
    """`token` is used by the calls of the API."""

    def __init__(self, url: str, token: str = "") -> None:
        super().__init__(url)
        self.token = token

    def call(self, verb: str, path: str, body: Any = None, **query: str) -> requests.Response:
        """One call of the API, answered raw."""
        return self.http.request(
            verb,
            self.url + path,
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=10,
        )

    def ask(self, verb: str, path: str, body: Any = None, **query: str) -> Any:
        """The JSON of one call. Raises requests.HTTPError for a status of 400 or more."""
        answer = self.call(verb, path, body, **query)
        answer.raise_for_status()
        return answer.json() if answer.content else None
