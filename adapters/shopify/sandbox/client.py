"""Speaks to a running stand-in: the control API for the demo and tests, and GraphQL as an app would."""

from __future__ import annotations

from typing import Any

import requests

from adapters.stand_in import Controller


class Client(Controller):
    """`shop` and `token` are used by the GraphQL calls."""

    def __init__(self, url: str, shop: str = "", token: str = "") -> None:
        super().__init__(url)
        self.shop = shop
        self.token = token

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
