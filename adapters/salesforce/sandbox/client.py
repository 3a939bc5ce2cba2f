"""Speaks to a running stand-in: the control API for the demo and tests, and the platform's API as an app would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from adapters.stand_in import Controller

VERSION = "v66.0"


class Client(Controller):
    """`token` is used by the calls of the API."""

    def __init__(self, url: str, token: str = "") -> None:
        super().__init__(url)
        self.token = token

    def call(
        self, verb: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: str
    ) -> requests.Response:
        """One call of the API, answered raw. path: below the version, or whole with a slash before it."""
        address = path if path.startswith("/") else f"/services/data/{VERSION}/{path}"
        told = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.http.request(
            verb, self.url + address, json=body, params=query, headers=told, timeout=10, allow_redirects=False
        )

    def ask(self, verb: str, path: str, body: Any = None, **query: str) -> Any:
        """The JSON of one call. Raises requests.HTTPError for a status of 400 or more."""
        answer = self.call(verb, path, body, None, **query)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def query(self, soql: str) -> list[Any]:
        """The records of a query's first page."""
        records: list[Any] = self.ask("GET", "query", q=soql)["records"]
        return records

    def kinds(self) -> set[str]:
        """The kinds of records that the app's user sees."""
        return {row["name"] for row in self.ask("GET", "sobjects")["sobjects"]}

    def enrol(self, contact: str, program: str, points: str = "0") -> str:
        """Somebody made a contact a member of a loyalty program, which is there from then on; the member's id."""
        named = {row["Name"]: row["Id"] for row in self.query("SELECT Id, Name FROM LoyaltyProgram")}
        known = named.get(program) or self.control("records", object="LoyaltyProgram", values={"Name": program})["id"]
        values = {"ProgramId": known, "ContactId": contact, "MembershipNumber": contact, "MemberStatus": "Active"}
        values |= {"ReferralCode": contact[-8:].upper()}
        made = str(self.control("records", object="LoyaltyProgramMember", values=values)["id"])
        if self.kinds() & {"LoyaltyMemberCurrency"}:
            heap = {"Name": "Points", "LoyaltyMemberId": made, "PointsBalance": points}
            self.control("records", object="LoyaltyMemberCurrency", values=heap)
        return made
