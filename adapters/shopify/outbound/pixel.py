"""The pixel: the part of the app file that a shop runs only once it was switched on, with our address in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.shopify import MANIFEST
from adapters.shopify.api import Client, shaped
from connector.errors import Refused
from connector.ports.platform import CANNOT, Account
from connector.ports.records import Setup


@dataclass(frozen=True)
class Pixel:
    """Switches the pixel on, and keeps its settings right."""

    client: Client

    @shaped
    def provision(self, account: Account, setup: Setup) -> Mapping[str, str]:
        """Switch the pixel on. A shop that does not let us still has links, codes and visits to go by.

        A pixel can only reach what the internet reaches, which a trial on one machine is not.
        """
        if not setup.public_url.startswith("https://"):
            return {}
        wanted = {"touch_url": f"{setup.public_url}/touch/{MANIFEST.key}", "account_id": account.external}
        try:
            self._switch_on(account, wanted)
        except Refused as error:
            return {f"{CANNOT}pixel": f"the shop does not run the pixel: {error.reason}"}
        return {}

    def _switch_on(self, account: Account, wanted: Mapping[str, str]) -> None:
        pixel = {"settings": json.dumps(wanted)}
        try:
            self.client.run(account, "pixel_create", {"pixel": pixel})
        except Refused as error:
            if error.code != "TAKEN":
                raise
            standing = self.client.run(account, "pixel", {})
            if _settings(standing["settings"]) != wanted:
                self.client.run(account, "pixel_update", {"id": standing["id"], "pixel": pixel})


def _settings(value: object) -> object:
    """The settings are of type JSON, which comes as a text or as what the text says."""
    return json.loads(value) if isinstance(value, str) else value
