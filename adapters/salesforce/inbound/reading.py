"""What a stored notification says: which record was saved. The truth is read from Salesforce itself."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from adapters.plain import load, text_of
from adapters.salesforce import MANIFEST
from adapters.salesforce.inbound.door import TOPIC
from adapters.salesforce.inbound.ids import CONTACT, LEAD, OPPORTUNITY, full_id
from connector.domain.facts import ObjectRef
from connector.ports.inbound import Reading, Sighting
from connector.ports.platform import Seen

#: Every word that `read` may answer with, and what it means.
OUTCOMES = {
    "changed": "a lead, contact or opportunity whose present state must be read",
    "not_used": "nothing that decides about a referral",
}
TOPICS = frozenset({TOPIC})
_KINDS = {LEAD: MANIFEST.person_kind, CONTACT: MANIFEST.person_kind, OPPORTUNITY: "opportunity"}


def read(topic: str, body: bytes, at: datetime) -> Reading:
    """What a stored notification says. Raises ValueError for a body that names no record."""
    if topic not in TOPICS:
        return Reading("not_used", f"{topic[:80]} tells nothing that decides about a referral.")
    one = full_id(text_of(load(body).get("id")))
    if not one:
        raise ValueError("the notification names no record")
    kind = _KINDS.get(one[:3])
    if kind is None:
        return Reading("not_used", "A record of a kind that decides nothing.")
    ref = ObjectRef(kind, one)
    people = (Seen(kind, one),) if kind == MANIFEST.person_kind else ()
    return Reading("changed", "The record was saved.", (Sighting(ref, at, grows=True),), people=people)


def purchase(number: str) -> ObjectRef:
    """The record that people mean: by its id, or by its address in Salesforce. Raises ValueError for what is none."""
    text = number.strip()
    for part in [text, *reversed(urlsplit(text).path.split("/"))]:
        if (one := full_id(part)) and one[:3] in _KINDS:
            return ObjectRef(_KINDS[one[:3]], one)
    raise ValueError(f"{number[:60]!r} is no lead, contact or opportunity; give its id, or its address in Salesforce")
