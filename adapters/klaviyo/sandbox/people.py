"""Profiles: whom identifiers name, and how what is given changes or makes them. Consent is never touched here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.klaviyo.sandbox.answers import Json, duplicate_profile, invalid, not_found
from adapters.klaviyo.sandbox.call import Call
from adapters.klaviyo.sandbox.checks import Node, Reader, mapping, text
from adapters.klaviyo.sandbox.state import IDENTIFIERS, Account, Profile, new_ulid

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_PLACES = ("address1", "address2", "city", "country", "region", "zip", "timezone", "ip")


@dataclass(frozen=True)
class Patch:
    """What a request says of a person. given: attributes, None clears; a missing one stays as it is.

    append, unappend, unset: what `meta.patch_properties` does to single properties.
    """

    id: str = ""
    given: Json = field(default_factory=dict)
    append: Json = field(default_factory=dict)
    unappend: Json = field(default_factory=dict)
    unset: Sequence[str] = ()

    @property
    def identifiers(self) -> list[tuple[str, str]]:
        return [(name, str(self.given[name])) for name in IDENTIFIERS if self.given.get(name)]


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _email(node: Node) -> str:
    if not _EMAIL.fullmatch(text(node)):
        raise invalid("Invalid email address", node.at)
    return text(node).lower()


def _phone(node: Node) -> str:
    if not _PHONE.fullmatch(text(node)):
        raise invalid("Invalid phone number format (Example of a valid format: +12345678901)", node.at)
    return text(node)


def _coordinate(node: Node) -> Any:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float | str):
        raise invalid("A valid number is required.", node.at)
    return node.value


def _location(node: Node) -> Json:
    readers = {**dict.fromkeys(_PLACES, text), "latitude": _coordinate, "longitude": _coordinate}
    return node.fields("location", readers)


_NAMES: dict[str, Reader] = dict.fromkeys(
    ("external_id", "first_name", "last_name", "organization", "locale", "title", "image"), text
)
ATTRIBUTES: dict[str, Reader] = {
    "email": _email, "phone_number": _phone, **_NAMES, "location": _location, "properties": mapping,
}  # fmt: skip


def read(node: Node, more: dict[str, Reader] | None = None) -> Patch:
    """What a profile's resource object says. more: attributes that only this place takes."""
    changes = (node.maybe("meta") or Node({})).maybe("patch_properties") or Node({})
    number, unset = node.maybe("id"), changes.maybe("unset")
    return Patch(
        id=text(number) if number else "",
        given=node.attributes("profile", {**ATTRIBUTES, **(more or {})}),
        append=mapping(changes.maybe("append") or Node({})),
        unappend=mapping(changes.maybe("unappend") or Node({})),
        unset=_names(unset) if unset else (),
    )


def _names(node: Node) -> list[str]:
    return [text(Node(one, node.at)) for one in (node.value if isinstance(node.value, list) else [node.value])]


# ── Finding ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def matches(account: Account, patch: Patch) -> list[Profile]:
    """Each profile that the id or one of the identifiers names, once. Raises Refusal for an unknown id."""
    if patch.id and patch.id not in account.profiles:
        raise not_found("profile", patch.id)
    numbers = [patch.id] if patch.id else []
    numbers += [account.index[pair] for pair in patch.identifiers if pair in account.index]
    return [account.profiles[number] for number in dict.fromkeys(numbers)]


def upsert(call: Call, patch: Patch) -> tuple[Profile, bool]:
    """The profile that is meant, changed or made, and whether it was made. Raises Refusal where two are meant."""
    found = matches(call.account, patch)
    if len(found) > 1:
        raise duplicate_profile(found[1].id)
    if found:
        change(call, found[0], patch)
        return found[0], False
    return create(call, patch), True


def create(call: Call, patch: Patch) -> Profile:
    """A new profile. Raises Refusal where somebody has one of its identifiers, or it has none."""
    if found := matches(call.account, patch):
        raise duplicate_profile(found[0].id)
    if not patch.identifiers:
        raise invalid("At least one of email, phone_number or external_id is required.", "/data/attributes")
    profile = Profile(new_ulid(call.at), call.at, call.at)
    call.account.profiles[profile.id] = profile
    call.note("profile", profile.id)
    change(call, profile, patch)
    return profile


# ── Changing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def change(call: Call, profile: Profile, patch: Patch) -> None:
    """Write what is given; each field that changed stands in the book."""
    before = _flat(profile)
    for name, value in patch.given.items():
        held = {"location": profile.location, "properties": profile.properties}.get(name)
        if held is None:
            profile.values[name] = value
        elif value is None:
            held.clear()
        else:
            held.update(value)
    _patch_properties(profile.properties, patch)
    _reindex(call.account, profile, before)
    after = _flat(profile)
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            call.note("profile", profile.id, name, before.get(name), after.get(name))
    profile.updated = call.at


def _patch_properties(held: Json, patch: Patch) -> None:
    for name, value in patch.append.items():
        held[name] = [*_listed(held.get(name)), *_listed(value)]
    for name, value in patch.unappend.items():
        held[name] = [one for one in _listed(held.get(name)) if one not in _listed(value)]
    for name in patch.unset:
        held.pop(name, None)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _reindex(account: Account, profile: Profile, before: Json) -> None:
    for name in IDENTIFIERS:
        if before.get(name) != profile.values.get(name):
            account.index.pop((name, str(before.get(name))), None)
            if profile.values.get(name):
                account.index[name, profile.values[name]] = profile.id


def _flat(profile: Profile) -> Json:
    """All that is known of somebody, each by one name."""
    places = {f"location.{name}": value for name, value in profile.location.items()}
    return {**profile.values, **places, **{f"properties.{name}": value for name, value in profile.properties.items()}}


def forget(account: Account, profile: Profile) -> None:
    """Nothing is left of somebody but the marks of events, which stay taken."""
    del account.profiles[profile.id]
    account.index = {pair: number for pair, number in account.index.items() if number != profile.id}
    account.events = {number: one for number, one in account.events.items() if one.profile != profile.id}
