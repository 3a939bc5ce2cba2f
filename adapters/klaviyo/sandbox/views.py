"""How answers show what an account holds."""

from __future__ import annotations

from datetime import timedelta

from adapters.klaviyo.sandbox.answers import Json
from adapters.klaviyo.sandbox.clock import stamp
from adapters.klaviyo.sandbox.state import Account, Code, Consent, Coupon, Event, Job, Metric, Profile

_PROFILE = (
    "email", "phone_number", "external_id", "anonymous_id", "whatsapp_bsuid", "first_name", "last_name",
    "organization", "locale", "title", "image",
)  # fmt: skip
_LOCATION = (
    "address1", "address2", "city", "country", "latitude", "longitude", "region", "zip", "timezone", "ip",
)  # fmt: skip
_JOB_LIFE = timedelta(days=7)


def resource(base: str, kind: str, number: str, attributes: Json, ties: Json | None = None) -> Json:
    """A resource object. ties: related resources by name, as {type, id}; None where only a link is told."""
    plural = f"{kind}s"
    own = f"{base}/api/{plural}/{number}"
    links = {
        name: {
            **({"data": data} if data is not None else {}),
            "links": {"self": f"{own}/relationships/{name}/", "related": f"{own}/{name}/"},
        }
        for name, data in (ties or {}).items()
    }
    told = {"relationships": links} if links else {}
    return {"type": kind, "id": number, "attributes": attributes, **told, "links": {"self": f"{own}/"}}


def account(base: str, one: Account) -> Json:
    street = dict.fromkeys(("address1", "address2", "city", "region", "country", "zip"))
    contact = {
        "default_sender_name": one.name,
        "default_sender_email": "hello@example.com",
        "website_url": "https://shop.example.com",
        "organization_name": one.name,
        "street_address": street,
    }
    attributes = {
        "test_account": False,
        "contact_information": contact,
        "industry": None,
        "timezone": one.zone,
        "preferred_currency": one.currency,
        "public_api_key": one.id,
        "locale": "en-US",
    }
    return resource(base, "account", one.id, attributes)


def profile(base: str, one: Profile, *, subscriptions: bool = False) -> Json:
    attributes: Json = {
        **{name: one.values.get(name) for name in _PROFILE},
        "created": stamp(one.created),
        "updated": stamp(one.updated),
        "last_event_date": stamp(one.last_event),
        "location": {name: one.location.get(name) for name in _LOCATION},
        "properties": one.properties,
    }
    if subscriptions:
        attributes["subscriptions"] = _subscriptions(one.consent)
    ties = dict.fromkeys(("lists", "segments", "push-tokens", "conversation"))
    return resource(base, "profile", one.id, attributes, ties)


def _subscriptions(one: Consent) -> Json:
    since = stamp(one.at)
    email = {
        "can_receive_email_marketing": not one.suppressions,
        "consent": one.email,
        "consent_timestamp": since,
        "last_updated": since,
        "method": one.method,
        "method_detail": "",
        "custom_method_detail": None,
        "double_optin": None,
        "suppression": [{"reason": why, "timestamp": stamp(at)} for why, at in one.suppressions.items()],
        "list_suppressions": [],
    }
    sms = {
        "can_receive_sms_marketing": one.sms == "SUBSCRIBED",
        "consent": one.sms,
        "consent_timestamp": since,
        "method": one.method,
        "method_detail": "",
        "last_updated": since,
    }
    return {"email": {"marketing": email}, "sms": {"marketing": sms}}


def metric(base: str, one: Metric) -> Json:
    source = {"object": "integration", **vars(one.integration)}
    made = stamp(one.created)
    attributes = {"name": one.name, "created": made, "updated": made, "integration": source}
    return resource(base, "metric", one.id, attributes, {"flow-triggers": None})


def event(base: str, one: Event) -> Json:
    """Value and mark of an event stand among its properties."""
    money = {"$value": one.value, "$value_currency": one.currency}
    told = {name: value for name, value in money.items() if value is not None}
    attributes = {
        "timestamp": int(one.at.timestamp()),
        "event_properties": {**one.properties, **told, "$event_id": one.key},
        "datetime": stamp(one.at),
        "uuid": one.uuid,
    }
    ties = {"profile": {"type": "profile", "id": one.profile}, "metric": {"type": "metric", "id": one.metric}}
    return resource(base, "event", one.id, attributes, ties)


def coupon(base: str, one: Coupon) -> Json:
    attributes = {"external_id": one.id, "description": one.description, "monitor_configuration": one.monitor}
    return resource(base, "coupon", one.id, attributes)


def code(base: str, one: Code, *, fresh: bool = False) -> Json:
    """fresh: the answer to its making writes the time with a Z, as was recorded."""
    until = stamp(one.expires) or ""
    attributes = {
        "unique_code": one.code,
        "expires_at": until.replace("+00:00", "Z") if fresh else until,
        "status": one.status,
    }
    whose = {"type": "profile", "id": one.profile} if one.profile else None
    return resource(
        base, "coupon-code", one.id, attributes, {"coupon": {"type": "coupon", "id": one.coupon}, "profile": whose}
    )


def job(base: str, one: Job) -> Json:
    """It is queued until it is done, and begins and ends in the same moment."""
    attributes = {
        "status": "complete" if one.ended else "queued",
        "created_at": stamp(one.created),
        "total_count": one.total,
        "completed_count": one.done,
        "failed_count": len(one.errors),
        "completed_at": stamp(one.ended),
        "expires_at": stamp(one.created + _JOB_LIFE),
    }
    if one.kind == "coupon-code-bulk-create-job":
        made = [{"type": "coupon-code", "id": number} for number in one.made]
        errors = [{key: value for key, value in error.items() if key != "original_payload"} for error in one.errors]
        return resource(base, one.kind, one.id, {**attributes, "errors": errors}, {"coupon-codes": made})
    ties = dict.fromkeys(("lists", "profiles", "import-errors"))
    return resource(base, one.kind, one.id, {**attributes, "started_at": stamp(one.ended)}, ties)


def import_error(one: Json) -> Json:
    attributes = {name: one[name] for name in ("code", "title", "detail", "source", "original_payload")}
    return {"type": "import-error", "id": one["id"], "attributes": attributes}
