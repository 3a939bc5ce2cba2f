"""What a contact says: who they are, which codes brought them, how far they have come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.hubspot import MANIFEST
from adapters.hubspot.inbound import CODE_PROPERTIES, UTM_PROPERTIES
from adapters.hubspot.outbound.portal import View
from adapters.hubspot.outbound.values import Json, created_at, held, since, time_in
from adapters.links import host_of, link_touch, utm_touch
from adapters.plain import phone_of, text_of
from connector.domain.facts import Fact, LeadCreated, ObjectRef, PropertyReached, StageReached
from connector.domain.person import EMAIL, PHONE, normal
from connector.domain.touch import Source, Touch
from connector.ports.platform import Seen, Truth

#: Where a code may stand, and whose links may bear one.
EVIDENCE = (*CODE_PROPERTIES, *UTM_PROPERTIES, "hs_analytics_first_url", "hs_analytics_last_url")
#: The code that we wrote ourselves: it tells that somebody is a friend, and is never evidence of it.
OURS = "referral_advocate_code"
PROPERTIES = (
    *EVIDENCE, OURS, "email", "hs_additional_emails", "phone", "mobilephone", "createdate", "lifecyclestage",
    "hs_lifecyclestage_lead_date", "hs_lifecyclestage_customer_date", "num_associated_deals",
    "hs_analytics_first_timestamp", "hs_analytics_last_timestamp", "hs_analytics_first_referrer",
)  # fmt: skip
#: Whose past tells when a code was set, and by whom.
HISTORY = (*CODE_PROPERTIES, "utm_content", "lifecyclestage")
#: Somebody at these stages has not asked for anything yet.
_NO_LEAD = frozenset({"", "subscriber", "other"})
#: A contact that stood there so long before the first evidence was known already.
_KNOWN_BEFORE = timedelta(hours=1)


def contact_truth(view: View, ref: ObjectRef, record: Json) -> Truth:
    """The contact as a person, with the evidence on them and what they did as a lead."""
    touches = tuple(touches_of(record))
    placed = max([created_at(record), *(touch.at for touch in touches)])
    return Truth(
        ref,
        found=True,
        as_of=view.at,
        placed_at=placed,
        buyer=tuple(marks_of(record)),
        touches=touches,
        facts=tuple(_deeds(view, ref, record, placed)),
        referrers=frozenset(filter(None, [host_of(held(record, "hs_analytics_first_referrer"))])),
    )


def marks_of(record: Json) -> Iterator[Seen]:
    """Who this is, strongest first; the ids of records that were merged into this one are theirs too."""
    yield Seen(MANIFEST.person_kind, str(record["id"]))
    for other in held(record, "hs_merged_object_ids").split(";"):
        if other.strip() and other.strip() != str(record["id"]):
            yield Seen(MANIFEST.person_kind, other.strip())
    for email in dict.fromkeys(emails_of(record)):
        yield Seen(EMAIL, email)
    for number in dict.fromkeys(phone_of(held(record, name)) for name in ("phone", "mobilephone")):
        if number:
            yield Seen(PHONE, number)


def emails_of(record: Json) -> Iterator[str]:
    for text in (held(record, "email"), *held(record, "hs_additional_emails").split(";")):
        if "@" in text:
            yield normal(EMAIL, text)


# ── Evidence ─────────────────────────────────────────────────────────────────────────────────────────────────────


def touches_of(record: Json) -> Iterator[Touch]:
    """All that may name an advocate, strongest first: links that were followed, then fields."""
    last = time_in(record, "hs_analytics_last_timestamp") or created_at(record)
    first = time_in(record, "hs_analytics_first_timestamp") or created_at(record)
    yield from filter(None, [link_touch(held(record, "hs_analytics_last_url"), Source.LAST_VISIT, last)])
    yield from filter(None, [link_touch(held(record, "hs_analytics_first_url"), Source.FIRST_VISIT, first)])
    for name in CODE_PROPERTIES:
        if code := text_of(held(record, name)):
            yield _field(record, name, code)
    marks = {name.removeprefix("utm_"): held(record, name) for name in UTM_PROPERTIES}
    if found := utm_touch(marks, Source.CRM_FIELD, created_at(record)):
        named = _field(record, "utm_content", found.code)
        yield replace(named, medium=found.medium, campaign=found.campaign, evidence=f"utm fields {_came(named)}")


def _field(record: Json, name: str, code: str) -> Touch:
    """A code in a field: a form put it there, or somebody else did."""
    version = since(record, name)
    by_form = version is not None and version.source in ("FORM", "FORMS", "MEETINGS")
    touch = Touch(Source.FORM if by_form else Source.CRM_FIELD, code, version.at if version else created_at(record))
    return replace(touch, evidence=f"the field {name} {_came(touch)}")


def _came(touch: Touch) -> str:
    return "of a form" if touch.source is Source.FORM else "of the contact"


def hints_of(records: Iterable[Json]) -> tuple[str, ...]:
    """Texts on contacts that may be codes, and the code of the advocate whom we noted ourselves."""
    found: dict[str, None] = {}
    for record in records:
        found |= dict.fromkeys(touch.code for touch in touches_of(record))
        found |= dict.fromkeys(filter(None, [text_of(held(record, OURS))]))
    return tuple(found)


# ── Deeds ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _deeds(view: View, ref: ObjectRef, record: Json, placed: datetime) -> Iterator[Fact]:
    stage, created = held(record, "lifecyclestage"), created_at(record)
    new = created >= min((touch.at for touch in touches_of(record)), default=created) - _KNOWN_BEFORE
    if stage not in _NO_LEAD:
        since_when = time_in(record, "hs_lifecyclestage_lead_date") or created
        yield LeadCreated(ref, view.at, since_when, placed, first_order=new)
    if stage:
        entered = since(record, "lifecyclestage")
        when = entered.at if entered else created
        yield StageReached(ref, view.at, when, placed, first_order=new, stage=view.lifecycle(stage))
    yield from reached(view, ref, record, placed, first=new)


def reached(
    view: View, ref: ObjectRef, record: Json, placed: datetime, *, first: bool | None
) -> Iterator[PropertyReached]:
    """The properties that a program asks for, at the value that they have now."""
    for name in sorted(view.wanted):
        if value := text_of(held(record, name)):
            version = since(record, name)
            when = version.at if version else placed
            yield PropertyReached(ref, view.at, when, placed, first_order=first, name=name, value=value)


def history_for(wanted: frozenset[str]) -> Sequence[str]:
    return (*HISTORY, *sorted(wanted - set(HISTORY)))
