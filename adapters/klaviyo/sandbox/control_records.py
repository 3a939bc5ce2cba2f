"""Control requests about what an account holds: what people do in it, and what really stands there."""

from __future__ import annotations

from adapters.klaviyo.sandbox import people
from adapters.klaviyo.sandbox.answers import Json
from adapters.klaviyo.sandbox.clock import stamp
from adapters.klaviyo.sandbox.desk import Desk, MissingError, Route
from adapters.klaviyo.sandbox.state import IDENTIFIERS, Account, Consent, Event, Profile

_STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NEVER_SUBSCRIBED")
_REASONS = ("HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE", "USER_SUPPRESSED")


class RecordDesk(Desk):
    def routes(self) -> list[Route]:
        return [
            ("POST", "profiles", self.add),
            ("POST", "consent", self.consent),
            ("POST", "assign", self.assign),
            ("GET", "profiles", self.profiles),
            ("GET", "events", self.events),
            ("GET", "coupons", self.coupons),
        ]

    def add(self, data: Json) -> Json:
        with self.world.lock:
            account = self.account(data)
            given = {name: value for name, value in data.items() if name in people.ATTRIBUTES}
            call = self.hand(account, {"data": {"type": "profile", "attributes": given}})
            profile, _ = people.upsert(call, people.read(call.document().data("profile")))
            told = {**data.get("consent", {}), "suppressions": data.get("suppressions", [])}
            self._consent(profile.consent, told)
            return {"id": profile.id}

    def consent(self, data: Json) -> Json:
        """Somebody subscribes, unsubscribes, complains or bounces."""
        with self.world.lock:
            self._consent(self.profile(self.account(data), {"id": data["id"]}).consent, data)
            return {}

    def _consent(self, consent: Consent, data: Json) -> None:
        now = self.world.clock.now()
        for channel in ("email", "sms"):
            state = data.get(channel, getattr(consent, channel))
            if state not in _STATES:
                raise ValueError(f"consent must be one of {_STATES}, not {state!r}")
            if channel in data:
                setattr(consent, channel, state)
                consent.at, consent.method = now, "PREFERENCE_PAGE"
        for reason in data.get("suppressions", []):
            if reason not in _REASONS:
                raise ValueError(f"a suppression's reason must be one of {_REASONS}, not {reason!r}")
            consent.suppressions[reason] = now

    def assign(self, data: Json) -> Json:
        with self.world.lock:
            account = self.account(data)
            code = account.codes.get(str(data["code"]))
            if code is None:
                raise MissingError(f"account {account.id} has no coupon code {data['code']}")
            code.profile, code.status = self.profile(account, data).id, "ASSIGNED_TO_PROFILE"
            return {"profile": code.profile}

    def profiles(self, data: Json) -> list[Json]:
        with self.world.lock:
            account = self.account(data)
            if {"id", *IDENTIFIERS} & set(data):
                return [_person(self.profile(account, data))]
            return [_person(one) for one in account.profiles.values()]

    def events(self, data: Json) -> list[Json]:
        """In the order in which they were recorded."""
        with self.world.lock:
            account = self.account(data)
            told = [_event(account, one) for one in account.events.values()]
            if {"id", *IDENTIFIERS} & set(data):
                number = self.profile(account, data).id
                told = [one for one in told if one["profile"] == number]
            return [one for one in told if one["metric"] == data.get("metric", one["metric"])]

    def coupons(self, data: Json) -> Json:
        with self.world.lock:
            account = self.account(data)
            codes = [{**vars(one), "id": one.id, "expires": stamp(one.expires)} for one in account.codes.values()]
            return {"coupons": [vars(one) for one in account.coupons.values()], "codes": codes}


def _person(one: Profile) -> Json:
    since = {why: stamp(at) for why, at in one.consent.suppressions.items()}
    return {
        "id": one.id,
        "values": one.values,
        "location": one.location,
        "properties": one.properties,
        "consent": {"email": one.consent.email, "sms": one.consent.sms},
        "suppressions": since,
        "last_event": stamp(one.last_event),
    }


def _event(account: Account, one: Event) -> Json:
    metric = next(each for each in account.metrics.values() if each.id == one.metric)
    person = account.profiles[one.profile].values
    source = {"metric": metric.name, "integration": metric.integration.name, "email": person.get("email")}
    return {**vars(one), **source, "at": stamp(one.at)}
