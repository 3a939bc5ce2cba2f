"""The proof's account on the stand-in: any number of deals with contacts whom advocates sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.hubspot import MANIFEST
from adapters.hubspot.sandbox.client import Client
from connector.domain.money import Money
from connector.ports.market import NO_SUSPICION

_PORTAL, _TOKEN, _CURRENCY = 62515, "hubspot-proof", "EUR"
_OPEN, _WON = "qualifiedtobuy", "closedwon"
#: The call that moves money.
_PAYING = r"^PATCH /crm/objects/.*/contacts/"
#: What a person wrote into a field that the mapping fills only where it is empty; `tally` looks for it.
_SAID = {"referral_medium": "told on the phone"}


def open_market(sandbox: str) -> Portal:
    """The account on the stand-in at this address."""
    return Portal(Client(sandbox, _TOKEN))


@dataclass
class Portal:
    """The Market of `connector.ports.market`. contacts: of advocates, by e-mail."""

    client: Client
    contacts: dict[str, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return self.client.url

    @property
    def program(self) -> Mapping[str, Any]:
        told = {
            "name": "Tea for teams",
            "event": "deal_won",
            "source": "hubspot",
            "hold_days": 0,
            "fraud": NO_SUSPICION,
        }
        return {**told, "advocate": {"kind": "balance", "percent": 10}}

    @property
    def faults(self) -> Sequence[Mapping[str, Any]]:
        kinds: tuple[dict[str, Any], ...] = (
            {"fault": "status_before", "status": 429},
            {"fault": "status_before"},
            {"fault": "status_after", "status": 502},
            {"fault": "cut_after"},
            {"fault": "html_200_after"},
        )
        paying = [{**kind, "path": _PAYING, "probability": 0.04} for kind in kinds]
        return [*paying, {"fault": "status_before", "status": 503, "probability": 0.01}]

    def open(self, webhooks: str, secret: str, advocates: Sequence[str]) -> tuple[str, str]:
        told: dict[str, Any] = {"portal": _PORTAL, "currency": _CURRENCY, "tier": "professional", "token": _TOKEN}
        told |= {"secret": secret, "target": webhooks, "scopes": [scope.name for scope in MANIFEST.scopes]}
        self.client.control("portals", **told)
        for email in advocates:
            self.contacts[email] = self._made("contacts", properties={"email": email})
        return str(_PORTAL), _TOKEN

    def owner(self, advocate: str) -> str:
        return self.contacts[advocate]

    def sell(self, number: int, advocate: str, code: str, minor: int) -> str:  # noqa: ARG002 - the code names them
        fields = {"ref": code, **(_SAID if number % 3 == 0 else {})}
        friend = self._made("form", email=f"friend{number}@example.org", fields=fields)
        deal = {"dealname": f"Tea {number}", "amount": Money(minor, _CURRENCY).decimal(), "dealstage": _OPEN}
        made = self._made("deals", properties=deal, contacts=[int(friend)])
        self._move(made, _WON)
        return made

    def undo(self, sale: str, minor: int) -> int:
        """The deal is opened again."""
        self._move(sale, _OPEN)
        return minor

    def _made(self, what: str, **data: Any) -> str:
        return str(self.client.control(what, **data)["id"])

    def _move(self, deal: str, stage: str) -> None:
        self.client.control("save", type="deals", id=int(deal), properties={"dealstage": stage})
