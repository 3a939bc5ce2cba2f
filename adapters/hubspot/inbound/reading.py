"""What a stored event of HubSpot's says. No network, no SDK.

Events carry no order and may come twice; a value may be withheld ("REDACTED"). So an event only says what to look at:
the truth is read from HubSpot itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from adapters.plain import Json, load, part, text_of
from connector.domain.facts import ObjectRef, PeopleMerged, PersonErased, PersonGone, RewardReleased, Told
from connector.domain.person import EMAIL
from connector.ports.inbound import Reading, Sighting
from connector.ports.platform import Seen

#: Every word that `read` may answer with, and what it means.
OUTCOMES = {
    "evidence": "a property that may hold a code was filled",
    "changed": "a contact, deal or invoice whose present state must be read",
    "own_echo": "a change that we made ourselves",
    "people_joined": "contacts that were merged into one",
    "person_gone": "a contact whose record was deleted",
    "person_erased": "a person who must be forgotten",
    "reward_released": "a reward that the account's own workflow issues before its hold is over",
    "not_used": "nothing that decides about a referral",
}
#: Our kinds by HubSpot's number and by its name in older subscriptions.
KINDS = {"0-1": "contact", "0-3": "deal", "0-53": "invoice", "contact": "contact", "deal": "deal", "invoice": "invoice"}
#: Properties that merchants keep a referral code in: filled by hidden form fields of the same name, or by hand.
CODE_PROPERTIES = ("ref", "referral_code")
UTM_PROPERTIES = ("utm_source", "utm_medium", "utm_campaign", "utm_content")
REDACTED = "REDACTED"

_WHATS = ("creation", "propertyChange", "deletion", "merge", "restore", "associationChange")
TOPICS = frozenset(
    {f"{name}.{what}" for name in ("object", "contact", "deal") for what in _WHATS} | {"contact.privacyDeletion"}
)
#: A step of ours in the account's own workflows; its runs come in by a door of their own.
STEP = "workflow/issue_referral_credit"
ACTIONS = frozenset({STEP})

_ID = re.compile(r"[0-9]{1,20}")
_PAIR = re.compile(r"(CONTACT|DEAL|INVOICE)_TO_(CONTACT|DEAL|INVOICE)")
_WORKFLOW = "the account's own workflow"


def topic_of(event: Json) -> str:
    """What kind of event it is; older ones call it otherwise."""
    return text_of(event.get("subscriptionType")) or text_of(event.get("eventType"))


def at_of(event: Json) -> datetime | None:
    """When it happened, in milliseconds since 1970; None where that is no time."""
    told = event.get("occurredAt")
    try:
        return datetime.fromtimestamp(told / 1000, UTC) if isinstance(told, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def read(topic: str, body: bytes, at: datetime) -> Reading:
    """What a stored event says; `outcome` is a word of OUTCOMES. Raises ValueError for a body that is not readable."""
    if topic in ACTIONS:
        return _released(load(body), at)
    if topic not in TOPICS:
        return Reading("not_used", f"{topic[:80]} tells nothing that decides about a referral.")
    event = load(body)
    at = at_of(event) or at
    if _is_echo(event):
        return Reading("own_echo", "The app itself made this change.")
    what = topic.partition(".")[2]
    return _READERS[what](event, _kind(topic, event), at)


def purchase(number: str) -> ObjectRef:
    """The deal that people mean: by the number at the end of its address."""
    text = text_of(number)
    if not _ID.fullmatch(text):
        raise ValueError("give the deal's number, as it stands at the end of its address in HubSpot")
    return ObjectRef("deal", text)


def _is_echo(event: Json) -> bool:
    """HubSpot tells us of our own changes too: as an integration's, under our own number."""
    ours = text_of(event.get("appId"))
    return event.get("changeSource") == "INTEGRATION" and bool(ours) and text_of(event.get("sourceId")) == ours


def _kind(topic: str, event: Json) -> str:
    """Our name of the kind of record, "" for one that we do not look at."""
    name = topic.partition(".")[0]
    return KINDS.get(text_of(event.get("objectTypeId")) if name == "object" else name, "")


def _ref(kind: str, number: object) -> ObjectRef:
    text = text_of(number)
    if not _ID.fullmatch(text):
        raise ValueError(f"the event names no {kind or 'record'}")
    return ObjectRef(kind, text)


_UNUSED = Reading("not_used", "A record of a kind that decides nothing.")


def _look(refs: Sequence[ObjectRef], at: datetime, reason: str, hints: tuple[str, ...] = ()) -> Reading:
    sightings = tuple(Sighting(ref, at, hints, grows=True) for ref in refs)
    people = tuple(Seen(ref.kind, ref.id) for ref in refs if ref.kind == "contact")
    return Reading("evidence" if hints else "changed", reason, sightings, people=people)


def _created(event: Json, kind: str, at: datetime) -> Reading:
    return _look([_ref(kind, event.get("objectId"))], at, f"A new {kind}.") if kind else _UNUSED


def _changed(event: Json, kind: str, at: datetime) -> Reading:
    if not kind:
        return _UNUSED
    ref, name = _ref(kind, event.get("objectId")), text_of(event.get("propertyName"))
    value = text_of(event.get("propertyValue"))
    coded = name in CODE_PROPERTIES or name == "utm_content"
    hints = (value,) if coded and value and value != REDACTED else ()
    reading = _look([ref], at, f"{name or 'A property'} of the {kind} changed.", hints)
    if kind == "contact" and name == "email" and "@" in value:
        return Reading(reading.outcome, reading.reason, reading.sightings, people=(*reading.people, Seen(EMAIL, value)))
    return reading


def _deleted(event: Json, kind: str, at: datetime) -> Reading:
    if not kind:
        return _UNUSED
    ref = _ref(kind, event.get("objectId"))
    if kind != "contact":
        return _look([ref], at, f"The {kind} was deleted: whether it counted is looked at again.")
    # A merge deletes a record too. It still tells who somebody is; nothing is sent there any more.
    seen = (Seen(ref.kind, ref.id),)
    return Reading("person_gone", "The contact's record was deleted.", facts=(PersonGone(ref, at, at),), people=seen)


def _restored(event: Json, kind: str, at: datetime) -> Reading:
    return _look([_ref(kind, event.get("objectId"))], at, f"The {kind} was restored.") if kind else _UNUSED


def _merged(event: Json, kind: str, at: datetime) -> Reading:
    """The record that is left may be a new one; all the others went into it."""
    if not kind:
        return _UNUSED
    kept = _ref(kind, event.get("newObjectId") or event.get("primaryObjectId") or event.get("objectId"))
    listed = event.get("mergedObjectIds")
    gone = {_ref(kind, number) for number in (listed if isinstance(listed, list) else ())}
    gone |= {_ref(kind, event["primaryObjectId"])} if event.get("primaryObjectId") else set()
    if kind != "contact":
        return _look([kept, *sorted(gone - {kept})], at, f"Two {kind}s were merged.")
    facts: tuple[Told, ...] = tuple(PeopleMerged(kept, at, at, other) for other in sorted(gone - {kept}))
    people = tuple(Seen(ref.kind, ref.id) for ref in sorted({kept, *gone}))
    sightings = (Sighting(kept, at, grows=True),)
    return Reading("people_joined", "HubSpot made one contact of several.", sightings, facts, people)


def _associated(event: Json, _kind: str, at: datetime) -> Reading:
    """Both directions are told; the deal or invoice is what is looked at."""
    pair = _PAIR.fullmatch(text_of(event.get("associationType")))
    if pair is None:
        return _UNUSED
    ends = ((pair[1].lower(), event.get("fromObjectId")), (pair[2].lower(), event.get("toObjectId")))
    refs = [_ref(kind, number) for kind, number in ends if kind in ("deal", "invoice")]
    return _look(refs, at, "It was associated with another record, or no longer is.") if refs else _UNUSED


def _erased(event: Json, kind: str, at: datetime) -> Reading:
    ref = _ref(kind, event.get("objectId"))
    seen = (Seen(ref.kind, ref.id),)
    return Reading(
        "person_erased", "HubSpot asks to forget this contact.", facts=(PersonErased(ref, at, at),), people=seen
    )


_READERS: Mapping[str, Callable[[Json, str, datetime], Reading]] = {
    "creation": _created,
    "propertyChange": _changed,
    "deletion": _deleted,
    "restore": _restored,
    "merge": _merged,
    "associationChange": _associated,
    "privacyDeletion": _erased,
}


def _released(run: Json, at: datetime) -> Reading:
    """A run of our step names the deal or the contact that it runs for."""
    told = part(run.get("object"))
    kind = KINDS.get(text_of(told.get("objectType")).lower(), "")
    if kind not in ("contact", "deal"):
        raise ValueError("the workflow step runs for a record that is neither a contact nor a deal")
    ref = _ref(kind, told.get("objectId"))
    callback = text_of(run.get("callbackId"))
    fact = RewardReleased(ref, at, at, _WORKFLOW, run=callback)
    people = (Seen(ref.kind, ref.id),) if kind == "contact" else ()
    return Reading("reward_released", "The account's own workflow issues the reward now.", facts=(fact,), people=people)
