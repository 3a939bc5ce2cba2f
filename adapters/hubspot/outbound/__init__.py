"""What we ask of a HubSpot account, one idea a file: reads, records, the wallet, lists, steps, news, and what is set up."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.hubspot.api import Client
from adapters.hubspot.outbound.bills import Bills
from adapters.hubspot.outbound.history import History
from adapters.hubspot.outbound.lists import Lists
from adapters.hubspot.outbound.portal import Portals
from adapters.hubspot.outbound.reads import Reads
from adapters.hubspot.outbound.records import Records
from adapters.hubspot.outbound.setup import Provision
from adapters.hubspot.outbound.steps import Steps
from adapters.hubspot.outbound.telling import Telling
from adapters.hubspot.outbound.ties import Ties
from adapters.hubspot.outbound.wallet import Wallet
from connector.ports.platform import Kit


@dataclass(frozen=True)
class HubSpotOutbound(Reads, Records, Wallet, Lists, Steps, Bills, History, Telling, Provision):
    """All calls to accounts."""

    client: Client
    portals: Portals
    ties: Ties


def build(kit: Kit) -> HubSpotOutbound:
    client = Client(kit)
    portals = Portals(client)
    return HubSpotOutbound(client=client, portals=portals, ties=Ties(client, portals))
