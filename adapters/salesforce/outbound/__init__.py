"""What we ask of a Salesforce org, one idea a file: reads, records, credits, lists, history, news, what must be there."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.salesforce.api import Client
from adapters.salesforce.outbound.campaign import Campaign
from adapters.salesforce.outbound.history import History
from adapters.salesforce.outbound.lists import Lists
from adapters.salesforce.outbound.loyalty import Loyalty
from adapters.salesforce.outbound.org import Orgs
from adapters.salesforce.outbound.purse import Purse
from adapters.salesforce.outbound.reads import Reads
from adapters.salesforce.outbound.records import Records
from adapters.salesforce.outbound.referral_credits import Credits
from adapters.salesforce.outbound.referral_events import ReferralEvents
from adapters.salesforce.outbound.setup import Provision
from adapters.salesforce.outbound.telling import Telling
from connector.ports.platform import Kit


@dataclass(frozen=True)
class SalesforceOutbound(Reads, Purse, Records, Lists, History, Telling, Provision):
    """All calls to orgs."""

    client: Client
    orgs: Orgs
    reads: Reads
    credits: Credits
    loyalty: Loyalty
    events: ReferralEvents
    campaign: Campaign


def build(kit: Kit) -> SalesforceOutbound:
    client = Client(kit)
    orgs = Orgs(client)
    return SalesforceOutbound(
        client=client,
        orgs=orgs,
        reads=Reads(client, orgs),
        credits=Credits(client, orgs),
        loyalty=Loyalty(client, orgs),
        events=ReferralEvents(client),
        campaign=Campaign(client),
    )
