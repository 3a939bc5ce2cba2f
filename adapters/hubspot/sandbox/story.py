"""The demo's story on the stand-in: what a sales team and its contacts do, and the book read back over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from adapters.hubspot import MANIFEST
from adapters.hubspot.sandbox.client import Client
from adapters.stand_in_story import expected, moved, until
from connector.domain.money import Money
from connector.ports.story import Moved

_TOKEN = "hubspot-demo"  # noqa: S105  (a stand-in's token opens nothing)
_CLIENT = "demo"
_BALANCE = "referral_credit_balance"


def open_story(sandbox: str) -> PortalStory:
    """The story on the stand-in at this address."""
    return PortalStory(Client(sandbox, _TOKEN), yaml.safe_load((Path(__file__).parent / "story.yaml").read_text()))


@dataclass
class PortalStory:
    """The Story of `connector.ports.story` for a sales team. people: contacts by name; deals: by the friend's name."""

    client: Client
    data: Mapping[str, Any]
    people: dict[str, str] = field(default_factory=dict)
    deals: dict[str, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return self.client.url

    @property
    def program(self) -> Mapping[str, Any]:
        return dict(self.data["program"])

    @property
    def advocates(self) -> Mapping[str, str]:
        return dict(self.data["advocates"])

    def open_shop(self, webhooks: str, secret: str) -> tuple[str, str]:
        """Open the account and its advocates' contacts."""
        told: dict[str, Any] = {"token": _TOKEN, "secret": secret, "client_id": _CLIENT, "target": webhooks}
        scopes = [scope.name for scope in MANIFEST.scopes]
        self.client.control("portals", **self.data["account"], **told, scopes=scopes)
        for name, email in self.advocates.items():
            self.people[name] = self._made("contacts", properties={"email": email, "firstname": name})
        return str(self.data["account"]["portal"]), _TOKEN

    def play(self, codes: Mapping[str, str]) -> Iterator[str]:
        """Friends come, deals are won and held, a workflow releases them; one is opened again after it was paid."""
        until(lambda: all(self._shown("contacts", self.people[name], "referral_own_link") for name in codes))
        yield f"{len(codes)} advocates find their own link on their contact"
        for friend in self.data["friends"]:
            yield self._comes(friend, codes.get(friend.get("sent_by", ""), ""))
        yield from self._released()
        yield from self._reopened()
        self.client.control("drain", timeout_s=10)

    def _comes(self, friend: Mapping[str, str], code: str) -> str:
        """A friend becomes a contact, and sales win their deal."""
        name, through = friend["name"], friend["through"]
        email = self.advocates.get(name, f"{name.lower()}@example.org")
        match through:
            case "form":
                self.people[name] = self._made("form", email=email, fields={"ref": code, "firstname": name})
            case "link":
                page = "https://annas-tea.example/teams?" + urlencode({"ref": code, "utm_source": "referral"})
                self.people[name] = self._made("form", email=email, fields={"firstname": name}, page_uri=page)
            case _ if name not in self.people:
                self.people[name] = self._made("contacts", properties={"email": email, "firstname": name})
        if through == "rep":
            self.client.control("save", **self._named("contacts", name), properties={"referral_code": code})
        deal = {"dealname": f"Tea for {name}", "amount": friend["amount"], "dealstage": self.data["stages"]["open"]}
        self.deals[name] = self._made("deals", properties=deal, contacts=[int(self.people[name])])
        self._move(name, "won")
        sender = f"sent by {friend['sent_by']}, told by a {through}" if code else "sent by nobody"
        return f"{name}'s deal of {friend['amount']} is won, {sender}"

    def _released(self) -> Iterator[str]:
        """Rewards wait out their hold, unless the account's own workflow says that it is over."""
        referred = [f["name"] for f in self.data["friends"] if "sent_by" in f and f["name"] not in self.advocates]
        until(lambda: all(self._stage(name) == "qualified" for name in referred))
        yield f"{len(referred)} rewards are promised, and held for {self.program['hold_days']} days"
        runs = [self.client.control("action", object=self._named("deals", name))["callback_id"] for name in referred]
        yield f"the account's own workflow releases {len(runs)} of them, and waits"
        until(lambda: all(self.client.control("callbacks", verb="GET")[run] for run in runs))
        yield "the credit stands on the advocates' contacts, and the workflow goes on"

    def _reopened(self) -> Iterator[str]:
        """A deal is opened again once its reward was paid, so that it has to be taken back."""
        for friend in self.data["friends"]:
            if friend.get("reopened"):
                self._move(friend["name"], "open")
                until(lambda name=friend["name"]: self._stage(name) == "reversed")  # type: ignore[misc]
                yield f"{friend['name']}'s deal is open again, and its credit is taken back"

    # ── The account ─────────────────────────────────────────────────────────────────────────────────────────────

    def _made(self, what: str, **data: Any) -> str:
        return str(self.client.control(what, **data)["id"])

    def _named(self, kind: str, name: str) -> dict[str, Any]:
        """Somebody's contact or deal, as the control API names records."""
        return {"type": kind, "id": int((self.deals if kind == "deals" else self.people)[name])}

    def _move(self, name: str, stage: str) -> None:
        """Sales move a friend's deal."""
        self.client.control("save", **self._named("deals", name), properties={"dealstage": self.data["stages"][stage]})

    def _stage(self, name: str) -> str:
        return self._shown("deals", self.deals[name], "referral_stage")

    def _shown(self, kind: str, number: str, name: str) -> str:
        """What stands in a property of a record, "" for nothing."""
        (portal,) = self.client.control("state", verb="GET")["portals"]
        record = next(each for each in portal["records"][kind] if str(each["id"]) == number)
        return str(record["properties"].get(name) or "")

    # ── What came of it ─────────────────────────────────────────────────────────────────────────────────────────

    def expected(self) -> list[Moved]:
        """What the book must hold at the end, from story.yaml."""
        return expected(self.data["expect"], self.data["account"]["currency"])

    def book(self) -> list[Moved]:
        """The stand-in's own book: every change that the app made to a balance of referral credit."""
        names, currency = {number: name for name, number in self.people.items()}, self.data["account"]["currency"]
        found = []
        for entry in self.client.book()["entries"]:
            if (entry["kind"], entry["property"], entry["by"]) == ("property", _BALANCE, "INTEGRATION"):
                old, new = (Money.parse(entry[which] or "0", currency) for which in ("old", "new"))
                kind = "credit" if new.minor > old.minor else "debit"
                found.append(moved(names[entry["id"]], kind, Money(abs(new.minor - old.minor), currency)))
        return found
