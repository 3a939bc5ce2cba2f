"""The demo's story on the stand-in: leads come, are converted and won, one reopens; and the book read back over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from adapters.salesforce.inbound import place_of
from adapters.salesforce.sandbox.client import Client
from adapters.stand_in_story import expected, moved, until
from connector.domain.money import Money
from connector.ports.story import Moved

_CREDIT, _AMOUNT = "Referral_Credit__c", "Amount__c"
#: By the app's own key: what `connector connect salesforce` reads as the key of one's own org.
_OWN_KEY = "app"
_MESSAGES = {"Lead": ["Email"], "Contact": ["Email"], "Opportunity": ["StageName"]}


def open_story(sandbox: str) -> OrgStory:
    """The story on the stand-in at this address."""
    return OrgStory(Client(sandbox), yaml.safe_load((Path(__file__).parent / "story.yaml").read_text()))


@dataclass
class OrgStory:
    """The Story of `connector.ports.story` for a company's sales. people and deals: ids by name."""

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
        """Open the org with our package in it, and its advocates' contacts."""
        account = self.data["account"]
        base = webhooks.partition("/webhooks/")[0]
        told: dict[str, Any] = {
            "client_id": "demo",
            "client_secret": secret,
            "package": {"rights": "package"},
            "messages": _MESSAGES,
        }
        told |= {"target": f"{base}{place_of(account['org'], secret)}", "stages": self.data["stages"]}
        self.client.control("orgs", **account, **told)
        for name, email in self.advocates.items():
            self.people[name] = self._made("Contact", LastName=name, Email=email)
        return account["host"], _OWN_KEY

    def play(self, codes: Mapping[str, str]) -> Iterator[str]:
        """Leads come with a code, become opportunities that are won, and one of them is opened again."""
        until(lambda: all(self._shown(self.people[name], "Referral_Own_Link__c") for name in codes))
        yield f"{len(codes)} advocates find their own link on their contact"
        for friend in self.data["friends"]:
            yield self._comes(friend, codes.get(friend.get("sent_by", ""), ""))
        yield from self._converted()
        for friend in self.data["friends"]:
            self._save(self.deals[friend["name"]], StageName=self.data["won"])
        until(lambda: all(self._stage(name) == "rewarded" for name in self._referred))
        yield f"{len(self.deals)} opportunities are won, and {len(self._referred)} Referral Credits are issued"
        yield from self._reopened()
        self.client.control("drain", timeout_s=10)

    @property
    def _referred(self) -> list[str]:
        return [friend["name"] for friend in self.data["friends"] if "sent_by" in friend]

    def _comes(self, friend: Mapping[str, str], code: str) -> str:
        """A friend becomes a lead: by a form with a code, by a link whose words it kept, or because a rep types it in."""
        name, through = friend["name"], friend["through"]
        told = {"LastName": name, "Company": f"{name} & Co", "Email": f"{name.lower()}@example.org"}
        if through == "link":
            told |= {"UTM_Source__c": "referral", "UTM_Medium__c": "email", "UTM_Content__c": code}
        elif through == "form":
            told["Referral_Code__c"] = code
        self.people[name] = self._made("Lead", **told)
        if through == "rep":
            self._save(self.people[name], Referral_Code__c=code)
        sender = f"sent by {friend['sent_by']}, told by a {through}" if code else "sent by nobody"
        return f"{name} is a lead, {sender}"

    def _converted(self) -> Iterator[str]:
        """Sales convert the leads; what was noted on a lead goes on to its contact."""
        until(lambda: all(self._shown(self.people[name], "Referral_Stage__c") == "pending" for name in self._referred))
        for friend in self.data["friends"]:
            name = friend["name"]
            made = self.client.control("convert", lead=self.people[name], opportunity=f"Tea for {name}")
            self.people[name], self.deals[name] = made["contact"], made["opportunity"]
            self._save(made["opportunity"], Amount=friend["amount"], StageName=self.data["open"])
        until(lambda: all(self._shown(self.people[name], "Referral_Advocate_Code__c") for name in self._referred))
        yield f"{len(self.deals)} leads are converted, and their contacts still say who sent them"

    def _reopened(self) -> Iterator[str]:
        """An opportunity is opened again once its reward was paid, so that it has to be taken back."""
        for friend in self.data["friends"]:
            if friend.get("reopened"):
                name = friend["name"]
                self._save(self.deals[name], StageName=self.data["open"])
                until(lambda name=name: self._stage(name) == "reversed")  # type: ignore[misc]
                yield f"{name}'s opportunity is open again, and its credit is taken back"

    # ── The org ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _made(self, kind: str, **values: str) -> str:
        return str(self.client.control("records", object=kind, values=values)["id"])

    def _save(self, number: str, **values: str) -> None:
        self.client.control("save", id=number, values=values)

    def _stage(self, name: str) -> str:
        return self._shown(self.deals[name], "Referral_Stage__c")

    def _shown(self, number: str, name: str) -> str:
        """What stands in a field of a record, "" for nothing."""
        record = next(each for records in self._records().values() for each in records if each["Id"] == number)
        return str(record.get(name) or "")

    def _records(self) -> Mapping[str, list[dict[str, Any]]]:
        (org,) = self.client.control("state", verb="GET")["orgs"]
        found: Mapping[str, list[dict[str, Any]]] = org["records"]
        return found

    # ── What came of it ─────────────────────────────────────────────────────────────────────────────────────────

    def expected(self) -> list[Moved]:
        """What the book must hold at the end, from story.yaml."""
        return expected(self.data["expect"], self.data["account"]["currency"])

    def book(self) -> list[Moved]:
        """The stand-in's own book: every amount that the app wrote on a Referral Credit."""
        names, currency = {number: name for name, number in self.people.items()}, self.data["account"]["currency"]
        owners = {each["Id"]: each["Advocate_Contact__c"] for each in self._records().get(_CREDIT, ())}
        found = []
        for entry in self.client.book()["entries"]:
            if (entry["kind"], entry["object"], entry["field"], entry["by"]) == ("field", _CREDIT, _AMOUNT, "api"):
                change = Decimal(str(entry["new"] or 0)) - Decimal(str(entry["old"] or 0))
                money = Money.parse(str(abs(change).normalize().quantize(Decimal("0.01"))), currency)
                found.append(moved(names[owners[entry["id"]]], "credit" if change > 0 else "debit", money))
        return found
