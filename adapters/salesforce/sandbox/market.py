"""The proof's org on the stand-in: any number of opportunities with contacts whom advocates sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.salesforce.inbound import place_of
from adapters.salesforce.sandbox.client import Client
from connector.domain.money import Money
from connector.ports.market import NO_SUSPICION

_ORG, _HOST, _CURRENCY = "00Dal0000004TeaEAE", "annas-tea.my.salesforce.com", "EUR"
#: By the app's own key: what `connector connect salesforce` reads as the key of one's own org.
_OWN_KEY = "app"
_OPEN, _WON = "Talking", "Signed"
_STAGES = [{"label": _OPEN, "probability": 20}, {"label": _WON, "probability": 100, "closed": True, "won": True}]
_MESSAGES = {"Lead": ["Email"], "Contact": ["Email"], "Opportunity": ["StageName"]}
#: The call that moves money.
_PAYING = r"^PATCH .*composite/sobjects/Referral_Credit__c"
#: What a person wrote into a field that the mapping fills only where it is empty; `tally` looks for it.
_SAID = {"Referral_Medium__c": "told on the phone"}


def open_market(sandbox: str) -> Org:
    """The org on the stand-in at this address."""
    return Org(Client(sandbox))


@dataclass
class Org:
    """The Market of `connector.ports.market`. contacts: of advocates, by e-mail."""

    client: Client
    contacts: dict[str, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return self.client.url

    @property
    def program(self) -> Mapping[str, Any]:
        told = {
            "name": "Tea for offices",
            "event": "deal_won",
            "source": "salesforce",
            "hold_days": 0,
            "fraud": NO_SUSPICION,
        }
        return {**told, "advocate": {"kind": "balance", "percent": 10}}

    @property
    def faults(self) -> Sequence[Mapping[str, Any]]:
        """Not that the day's calls are used up: then nothing is tried for a quarter of an hour, as it should be."""
        kinds: tuple[dict[str, Any], ...] = (
            {"fault": "locked"},
            {"fault": "status_before"},
            {"fault": "status_after"},
            {"fault": "cut_after"},
            {"fault": "html_200_after"},
        )
        paying = [{**kind, "path": _PAYING, "probability": 0.04} for kind in kinds]
        return [*paying, {"fault": "status_after", "probability": 0.01}]

    def open(self, webhooks: str, secret: str, advocates: Sequence[str]) -> tuple[str, str]:
        base = webhooks.partition("/webhooks/")[0]
        told: dict[str, Any] = {"org": _ORG, "host": _HOST, "currency": _CURRENCY, "stages": _STAGES}
        told |= {"client_id": "demo", "client_secret": secret, "package": {"rights": "package"}, "messages": _MESSAGES}
        self.client.control("orgs", **told, target=f"{base}{place_of(_ORG, secret)}")
        for email in advocates:
            self.contacts[email] = self._made("Contact", LastName=email, Email=email)
        return _HOST, _OWN_KEY

    def owner(self, advocate: str) -> str:
        return self.contacts[advocate]

    def sell(self, number: int, advocate: str, code: str, minor: int) -> str:  # noqa: ARG002 - the code names them
        told = {"LastName": f"Friend {number}", "Email": f"friend{number}@example.org", "Referral_Code__c": code}
        friend = self._made("Contact", **told, **(_SAID if number % 3 == 0 else {}))
        amount = Money(minor, _CURRENCY).decimal()
        deal = self._made("Opportunity", Name=f"Tea {number}", Amount=amount, StageName=_OPEN, CloseDate="2030-01-31")
        self._made("OpportunityContactRole", OpportunityId=deal, ContactId=friend, IsPrimary=True)
        self._save(deal, StageName=_WON)
        return deal

    def undo(self, sale: str, minor: int) -> int:
        """The opportunity is opened again."""
        self._save(sale, StageName=_OPEN)
        return minor

    def _made(self, kind: str, **values: Any) -> str:
        return str(self.client.control("records", object=kind, values=values)["id"])

    def _save(self, number: str, **values: Any) -> None:
        self.client.control("save", id=number, values=values)
