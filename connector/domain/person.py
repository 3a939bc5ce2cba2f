"""People: one human behind many identifiers.

Strong identifiers (e-mail, the platforms' own ids) join two people into one; weak ones (phone, address) only raise
a flag. Joining and un-joining are facts, kept for ever; who is who is computed from them.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connector.domain.money import WHOLE_BP

EMAIL, PHONE, ADDRESS, NETWORK = "email", "phone", "address", "network"
#: A mailbox however its address is spelled; the domain of an address; a name as staff may ask for it.
MAILBOX, MAIL_DOMAIN, NAME = "mailbox", "mail_domain", "name"
#: Marks that several people may share.
WEAK = frozenset({PHONE, ADDRESS, NETWORK, MAILBOX, MAIL_DOMAIN, NAME})
#: Mail services that ignore dots in the name of a mailbox.
_DOTLESS = frozenset({"gmail.com", "googlemail.com"})
#: How much of an address on the internet names a household or an office rather than one device.
_NETWORK_BITS = {4: 24, 6: 48}


def normal(kind: str, value: str) -> str:
    """The spelling under which an identifier is compared: case, width and surrounding space do not matter."""
    text = unicodedata.normalize("NFKC", value).strip()
    if kind == EMAIL:
        return text.casefold()
    if kind == PHONE:
        return "".join(c for c in text if c.isdigit() or c == "+")
    if kind in (ADDRESS, NAME):
        return "".join(c for c in text.casefold() if c.isalnum())
    if kind in (MAILBOX, MAIL_DOMAIN):
        return text.casefold()
    return text


def mail_marks(email: str) -> tuple[tuple[str, str], ...]:
    """The mailbox behind an address, whatever was added to its name, and its domain."""
    name, _, domain = normal(EMAIL, email).rpartition("@")
    if not name:
        return ()
    box = name.partition("+")[0] or name
    if domain in _DOTLESS:
        box, domain = box.replace(".", ""), "gmail.com"
    return (MAILBOX, f"{box}@{domain}"), (MAIL_DOMAIN, domain)


def network_of(text: str | None) -> str:
    """The network of an address on the internet; "" for one that is nobody's: private, loopback, reserved, none."""
    try:
        address = ipaddress.ip_address((text or "").strip())
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if not address.is_global or address.is_multicast:
        return ""
    return str(ipaddress.ip_network((int(address), _NETWORK_BITS[address.version]), strict=False))


def fingerprint(key: bytes, merchant: UUID, kind: str, value: str, scope: str = "") -> bytes:
    """A keyed hash of an identifier: equal people match within one merchant, and nobody else can invert it.

    scope: the connection's id for a platform's own ids; empty for e-mail and phone, which are the merchant's.
    """
    text = "\0".join((str(merchant), kind, scope, normal(kind, value)))
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@dataclass(frozen=True)
class Merge:
    """The fact that two person rows are one human; `undone_at` is the fact that they were not."""

    kept: UUID
    absorbed: UUID
    at: datetime
    reason: str
    undone_at: datetime | None = None


def groups(merges: Iterable[Merge]) -> Mapping[UUID, UUID]:
    """Each joined person's canonical id: the smallest, hence (ids being time-ordered) oldest, of its group."""
    parent: dict[UUID, UUID] = {}

    def root(person: UUID) -> UUID:
        while parent.setdefault(person, person) != person:
            person = parent[person]
        return person

    for merge in merges:
        if merge.undone_at is None:
            first, second = sorted((root(merge.kept), root(merge.absorbed)))
            parent[second] = first
    return {person: root(person) for person in list(parent)}


def in_share(person: UUID, basis_points: int, salt: bytes) -> bool:
    """Whether somebody belongs to a share of all people: always the same ones for a salt."""
    place = int.from_bytes(hashlib.sha256(salt + person.bytes).digest()[:8])
    return place % WHOLE_BP < basis_points
