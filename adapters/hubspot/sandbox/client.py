"""Speaks to a running stand-in: the control API for the demo and tests, and the platform's API as an app would."""

from __future__ import annotations

from typing import Any

import requests


class Client:
    """`token` is used by the calls of the API."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self.token = token
        self.http = requests.Session()
        self.http.trust_env = False

    def close(self) -> None:
        self.http.close()

    def control(self, path: str, /, *, expect: int = 200, verb: str = "POST", **data: Any) -> Any:
        """One control request (see `control`). Raises RuntimeError with the answer for any status but `expect`."""
        answer = self.http.request(verb, f"{self.url}/_control/{path}", json=data, timeout=60)
        if answer.status_code != expect:
            raise RuntimeError(f"{verb} {path} answered {answer.status_code}: {answer.text}")
        return answer.json()

    def book(self) -> Any:
        """The book of effects."""
        return self.control("book", verb="GET")

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
