"""Speaks to a running stand-in: the control API for the demo and tests, and GraphQL as an app would."""

from __future__ import annotations

from typing import Any

import requests


class Client:
    """`shop` and `token` are used by the GraphQL calls."""

    def __init__(self, url: str, shop: str = "", token: str = "") -> None:
        self.url = url
        self.shop = shop
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

    def graphql(self, query: str, *, timeout_s: float = 10, **variables: Any) -> requests.Response:
        """One GraphQL call, answered raw."""
        return self.http.post(
            f"{self.url}/{self.shop}/admin/api/2026-10/graphql.json",
            json={"query": query, "variables": variables},
            headers={"X-Shopify-Access-Token": self.token},
            timeout=timeout_s,
        )

    def ask(self, query: str, **variables: Any) -> Any:
        """The JSON of one GraphQL call. Raises requests.HTTPError for a status of 400 or more."""
        answer = self.graphql(query, **variables)
        answer.raise_for_status()
        return answer.json()
