"""Forgetting: our own properties are unset on the profiles of whoever was forgotten; all else there is the merchant's.

Klaviyo can erase a whole profile, with all that the merchant knows of that person, and for ever. Nobody asked us for that:
a shop's request to erase somebody does not oblige its marketing account, so it is never called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.answers import Json
from adapters.klaviyo.api import BATCH, Client, id_of, shaped
from adapters.klaviyo.api.answers import Misfit
from adapters.klaviyo.api.endpoints import PROFILE
from adapters.klaviyo.outbound.names import profile_property
from adapters.klaviyo.outbound.reads import address
from adapters.plain import part
from connector.ports.forgetting import Leftover
from connector.ports.platform import Account


@dataclass(frozen=True)
class Forgetting:
    """What is ours, taken off."""

    client: Client
    app: str

    def take_off(self, account: Account, people: Sequence[Leftover]) -> None:
        """Unset every property whose name begins with the app's; each profile that bears any is a call of its own."""
        for start in range(0, len(people), BATCH):
            for row in self._profiles(account, people[start : start + BATCH]):
                if ours := self._ours(row):
                    self._unset(account, id_of(row), ours)

    @shaped
    def _profiles(self, account: Account, people: Sequence[Leftover]) -> list[Json]:
        """Those that are there, each once, whatever names were given for it."""
        ids = [each.person for each in people if each.person]
        emails = [email for each in people if (email := address(each.email))]
        found = [*self.client.profiles(account, "id", ids), *self.client.profiles(account, "email", emails)]
        return list({id_of(row): row for row in found}.values())

    def _ours(self, row: Json) -> list[str]:
        mine = profile_property(self.app, "")
        return sorted(name for name in part(row["attributes"].get("properties")) if name.startswith(mine))

    def _unset(self, account: Account, number: str, names: Sequence[str]) -> None:
        data = {
            "type": "profile",
            "id": number,
            "attributes": {},
            "meta": {"patch_properties": {"unset": list(names)}},
        }
        try:
            self.client.run(account, PROFILE, filled={"id": number}, body={"data": data})
        except Misfit:
            return  # the profile went meanwhile, or takes no changes: nothing of ours can be taken off there
