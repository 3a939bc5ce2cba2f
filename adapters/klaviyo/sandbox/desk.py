"""What every part of the control API shares: the world behind it, and how accounts and profiles are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.klaviyo.sandbox.answers import Json
from adapters.klaviyo.sandbox.book import Book
from adapters.klaviyo.sandbox.call import Call, Caller
from adapters.klaviyo.sandbox.faults import Fault
from adapters.klaviyo.sandbox.state import IDENTIFIERS, Account, Integration, Profile, World
from adapters.stand_in_faults import Faults
from adapters.stand_in_sender import Sender

Route = tuple[str, str, Callable[[Json], Any]]
_PERSON = Caller("person", "person", None, Integration("0rG4eQ", "klaviyo", "Klaviyo", "Internal"))


class MissingError(Exception):
    """Something that a control request names is not there; answered with 404."""


@dataclass
class Desk:
    """Raises ValueError, KeyError and Refusal for requests that make no sense; they are answered with 422."""

    world: World
    book: Book
    faults: Faults[Fault]
    sender: Sender

    def account(self, data: Json) -> Account:
        """The account that a request names; the only one where it names none."""
        if "account" not in data and len(self.world.accounts) == 1:
            return next(iter(self.world.accounts.values()))
        found = self.world.accounts.get(str(data["account"]))
        if found is None:
            raise MissingError(f"there is no account {data['account']}; POST /_control/accounts opens one")
        return found

    def profile(self, account: Account, data: Json) -> Profile:
        """The profile of {id} or of one of the identifiers."""
        pairs = [(name, str(data[name])) for name in IDENTIFIERS if name in data]
        number = str(data.get("id") or account.index.get(pairs[0] if pairs else ("", ""), ""))
        if number not in account.profiles:
            raise MissingError(f"account {account.id} has no such profile")
        return account.profiles[number]

    def hand(self, account: Account, body: Json) -> Call:
        """What a person at the screen does, as if it were a call."""
        return Call(account, _PERSON, self.book, self.world.clock.now(), self.world.url, "", {}, {}, body)
