"""What we ask of a Klaviyo account, one idea a file: reads, records, the news that it is told, whom it forgets, coupons."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.klaviyo.api import Client
from adapters.klaviyo.outbound.coupons import Coupons
from adapters.klaviyo.outbound.forgetting import Forgetting
from adapters.klaviyo.outbound.names import app_name
from adapters.klaviyo.outbound.reads import Reads
from adapters.klaviyo.outbound.records import Records
from adapters.klaviyo.outbound.telling import Telling
from connector.ports.platform import Kit


@dataclass(frozen=True)
class KlaviyoOutbound(Reads, Records, Telling, Forgetting, Coupons):
    """All calls to accounts. Klaviyo pays nothing: no operation is declared, so none is asked for."""

    client: Client
    app: str


def build(kit: Kit) -> KlaviyoOutbound:
    """Raises ConfigError for an app name under which nothing could be found again."""
    return KlaviyoOutbound(client=Client(kit), app=app_name(kit.settings))
