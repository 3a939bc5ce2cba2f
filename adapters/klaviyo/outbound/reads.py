"""Reads: profiles as they are now. They tell who somebody is, never what they did: Klaviyo's events are no evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.answers import Json
from adapters.klaviyo import MANIFEST
from adapters.klaviyo.api import Client, id_of, shaped
from adapters.plain import phone_of, text_of, time_of
from connector.domain.facts import ObjectRef
from connector.domain.person import EMAIL, PHONE, normal
from connector.ports.platform import Account, Glance, Seen, Truth, Wanted
from connector.ports.records import Setup

#: Anything else is asked of nobody: a filter that cannot be read would cost the others their answer.
_PART = r"[^@\s\"\\\[\](),;<>]"
_ADDRESS = re.compile(rf"{_PART}{{1,64}}@{_PART}{{1,190}}\.{_PART}{{1,63}}")


def address(email: str) -> str:
    """An e-mail address as Klaviyo keeps it; "" for what is none."""
    text = normal(EMAIL, email)
    return text if _ADDRESS.fullmatch(text) else ""


@dataclass(frozen=True)
class Reads:
    """Profiles as they are now."""

    client: Client

    @shaped
    def fetch(self, account: Account, refs: Sequence[ObjectRef], wanted: Wanted) -> Sequence[Truth]:  # noqa: ARG002
        """The present truth of up to `read_batch` profiles."""
        found = self._by_id(account, refs)
        return [_truth(ref, found.get(ref.id)) for ref in refs]

    @shaped
    def glance(self, account: Account, refs: Sequence[ObjectRef]) -> Sequence[Glance]:
        """Whether profiles are there. None bears a code."""
        found = self._by_id(account, refs)
        return [
            Glance(ref, found=True, as_of=_updated(found[ref.id])) if ref.id in found else Glance(ref, found=False)
            for ref in refs
        ]

    def _by_id(self, account: Account, refs: Sequence[ObjectRef]) -> Mapping[str, Json]:
        return {id_of(row): row for row in self.client.profiles(account, "id", [ref.id for ref in refs])}

    @shaped
    def find_person(self, account: Account, email: str) -> ObjectRef | None:
        """The profile with this address."""
        wanted = address(email)
        found = self.client.profiles(account, "email", [wanted]) if wanted else ()
        mine = [row for row in found if normal(EMAIL, text_of(row["attributes"].get("email"))) == wanted]
        return ObjectRef(MANIFEST.person_kind, id_of(mine[0])) if mine else None

    def unheard(self, account: Account) -> Sequence[ObjectRef]:  # noqa: ARG002
        """Nothing there decides about a referral, so nothing of it can be missed."""
        return ()

    def provision(self, account: Account, setup: Setup) -> Mapping[str, str]:  # noqa: ARG002
        """Nothing to set up: a metric is made by its first event, a property by its first value."""
        return {}


def _truth(ref: ObjectRef, row: Json | None) -> Truth:
    if row is None:
        return Truth(ref, found=False)
    created = time_of(row["attributes"].get("created"))
    return Truth(ref, found=True, as_of=_updated(row), placed_at=created, buyer=tuple(_marks(row)))


def _updated(row: Json) -> datetime:
    at = time_of(row["attributes"].get("updated"))
    if at is None:
        raise ValueError("the profile does not say when it changed")
    return at


def _marks(row: Json) -> Iterator[Seen]:
    """Who this is, strongest first."""
    yield Seen(MANIFEST.person_kind, id_of(row))
    if email := address(text_of(row["attributes"].get("email"))):
        yield Seen(EMAIL, email)
    if number := phone_of(row["attributes"].get("phone_number")):
        yield Seen(PHONE, number)
