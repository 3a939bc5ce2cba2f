"""What cannot be taken back: subscribing people, merging two of them, and erasing somebody.

No referral asks for the first two; they do here what Klaviyo does, so that a test can tell that they were never called.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from adapters.klaviyo.sandbox import pages, people
from adapters.klaviyo.sandbox.answers import Json, Refusal, Reply, invalid, not_found
from adapters.klaviyo.sandbox.call import Call
from adapters.klaviyo.sandbox.checks import Node, flag, mapping, text
from adapters.klaviyo.sandbox.people import ATTRIBUTES, Patch
from adapters.klaviyo.sandbox.state import IDENTIFIERS, Profile

_MOST_SUBSCRIBED = 1_000
#: Subscribing somebody lifts these. A hard bounce or an invalid address stays.
_LIFTED = frozenset({"UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED"})


def subscribe(call: Call) -> Reply:
    node = call.document().data("profile-subscription-bulk-create-job")
    readers = {"custom_source": text, "historical_import": flag, "profiles": lambda one: one.many("profile")}
    given = node.attributes(node.value["type"], readers, "profiles")["profiles"]
    if not 0 < len(given) <= _MOST_SUBSCRIBED:
        raise invalid(f"Between 1 and {_MOST_SUBSCRIBED} profiles are taken, not {len(given)}.", node.at)
    wanted = [_wanted(one) for one in given]

    def work(due: datetime) -> None:
        later = replace(call, at=due)
        for patch, channels in wanted:
            try:
                profile, _ = people.upsert(later, patch)
            except Refusal as refusal:
                later.note("dropped", "", "subscription", new=str(refusal))
                continue
            _consent(later, profile, channels)

    call.account.later(call.at + call.account.job_lag, work)
    return Reply(202)


def _wanted(node: Node) -> tuple[Patch, Json]:
    readers = {"email": ATTRIBUTES["email"], "phone_number": ATTRIBUTES["phone_number"], "subscriptions": mapping}
    given = node.attributes("profile", {**readers, "age_gated_date_of_birth": text}, "subscriptions")
    number = node.maybe("id")
    named = {name: given[name] for name in ("email", "phone_number") if given.get(name)}
    return Patch(text(number) if number else "", named), given["subscriptions"]


def _consent(call: Call, profile: Profile, channels: Json) -> None:
    consent = profile.consent
    for channel in ("email", "sms"):
        if channel in channels:
            call.note("consent", profile.id, channel, getattr(consent, channel), "SUBSCRIBED")
            setattr(consent, channel, "SUBSCRIBED")
    consent.at, consent.method = call.at, "API"
    for reason in _LIFTED & set(consent.suppressions):
        del consent.suppressions[reason]
        call.note("suppression", profile.id, reason, reason)


def merge(call: Call) -> Reply:
    """The source's events and what the destination lacks go over later, and the source is gone."""
    node = call.document().data("profile-merge")
    sources = node.member("relationships").member("profiles").many("profile")
    numbers = [text(one.member("id")) for one in (node, *sources)]
    for number in numbers:
        if number not in call.account.profiles:
            raise not_found("profile", number)
    if len(sources) != 1 or numbers[0] == numbers[1]:
        raise invalid("Exactly one other profile is merged.", "/data/relationships/profiles")

    def work(due: datetime) -> None:
        held = [call.account.profiles.get(number) for number in numbers]
        if held[0] is not None and held[1] is not None:
            _join(replace(call, at=due), held[0], held[1])

    call.account.later(call.at + call.account.job_lag, work)
    links = {"self": f"{call.base}/api/profiles/{numbers[0]}/"}
    return pages.single(call, {"type": "profile", "id": numbers[0], "links": links}, 201)


def _join(call: Call, into: Profile, source: Profile) -> None:
    for event in call.account.events.values():
        if event.profile == source.id:
            event.profile = into.id
    people.forget(call.account, source)
    missing = {name: value for name, value in source.values.items() if not into.values.get(name)}
    people.change(call, into, Patch(into.id, {**missing, "properties": {**source.properties, **into.properties}}))
    call.note("merged", into.id, old=source.id)


def erase(call: Call) -> Reply:
    """Everybody whom the one identifier names, for ever. An unknown one is taken all the same."""
    node = call.document().data("data-privacy-deletion-job")
    person = node.member("attributes").member("profile").data("profile")
    readers = {name: ATTRIBUTES[name] for name in IDENTIFIERS[:2]}
    given = {name: value for name, value in person.attributes("profile", readers).items() if value}
    number = person.maybe("id")
    if len(given) + bool(number) != 1:
        raise invalid("Exactly one of email, phone_number or id must be provided.", "/data/attributes/profile/data")

    def work(due: datetime) -> None:
        later = replace(call, at=due)
        try:
            found = people.matches(call.account, Patch(text(number) if number else "", given))
        except Refusal:
            return
        for profile in found:
            people.forget(call.account, profile)
            later.note("erased", profile.id)

    call.account.later(call.at + call.account.job_lag, work)
    return Reply(202)
