"""The control API: what people, marketing and bad luck would do, as plain JSON over HTTP for the demo and tests.

`account` may be left out while there is only one. A profile is named by `id` or by one of its identifiers.

POST /_control/accounts      {account (6 characters), name, zone, currency, key, scopes: [..] of the key (default: all), and
                             what accounts/update takes} -> {account, key}
POST /_control/accounts/update {event_lag_s, job_lag_s: how long after a 202 it is processed (0 and 1 unless told),
                             refuses_repeats: a bulk call with any event that was recorded before records nothing}
POST /_control/keys          {key, scopes} -> {key}: one more private key
POST /_control/keys/revoke   {key}
POST /_control/apps          {client_id, client_secret, name, scopes, backs: [redirect addresses]} -> {client_id}
POST /_control/authorize     {account, url, decline}: what is chosen on the consent page of this url
                             -> {location, code, state} or {location, error, state}
POST /_control/tokens        {account, client_id, scopes} -> {access_token, refresh_token, ..}: consent without the page
POST /_control/tokens/expire {}: every access token of the account ended just now; refresh tokens still work
POST /_control/tokens/revoke {}: every app is gone from the account
POST /_control/tokens/rotation {rotates}: whether a refresh ends the refresh token that it used (it does unless told)
POST /_control/limits        {operation: "POST /api/events" (default: all), burst, steady}; DELETE takes all away
POST /_control/profiles      {email, .., properties, consent: {email, sms}, suppressions: [reasons]} -> {id}
POST /_control/consent       {id, email: SUBSCRIBED|UNSUBSCRIBED|NEVER_SUBSCRIBED, sms, suppressions: [reasons]}
POST /_control/assign        {code: id of a coupon code, id: of a profile}: a message with the code went to somebody
GET  /_control/profiles      {id or identifier: one, else all} -> [{id, values, location, properties, consent, ..}]
GET  /_control/events        {metric: name, id or identifier of a profile} -> [{metric, profile, key, properties, ..}]
GET  /_control/coupons       {coupons: [..], codes: [..]}
GET  /_control/calls         {operation, account, outcome, ..} -> the log of calls, with what was sent
POST /_control/drain         {timeout_s} -> {idle}
POST /_control/clock         {advance_s} -> {now}; what became due is processed
POST /_control/clock/stop    -> {now}: from now on time only moves when it is told to
POST /_control/faults        {fault, path, account, count, probability, seed, status, delay_s, wait_s, when}: see `faults`
GET  /_control/faults, DELETE /_control/faults
GET  /_control/book          {entries, calls, outcomes, inputs, limited, unauthorised, denied, fell_forward, legacy,
                             refreshes}
GET  /_control/state         accounts with how much they hold, and how much waits to be processed

The book's entries are event, repeated, dropped, profile, consent, suppression, erased, merged, coupon and code; see
`book`. `by` is the key, the app, or person. `calls` count by "METHOD path", with {id} for what varies, `outcomes` by that
and the status or fault; `inputs` are the sizes of bulk calls.
"""

from __future__ import annotations

import re
from typing import Any

from adapters.klaviyo.sandbox.answers import Json, Refusal
from adapters.klaviyo.sandbox.clock import stamp
from adapters.klaviyo.sandbox.control_accounts import AccountDesk
from adapters.klaviyo.sandbox.control_records import RecordDesk
from adapters.klaviyo.sandbox.desk import Desk, MissingError, Route
from adapters.klaviyo.sandbox.state import Account
from adapters.stand_in import CommonDesk


class Control(Desk):
    """All of it: the routes of its own, those of accounts and records, and what all stand-ins have."""

    def handle(self, method: str, path: str, data: Json) -> tuple[int, Any]:
        """Status and answer of one request."""
        desk = (self.world, self.book, self.faults, self.sender)
        common = CommonDesk(self.world, self.faults, self.sender)
        desks = (self, AccountDesk(*desk), RecordDesk(*desk), common)
        for verb, name, action in (route for each in desks for route in each.routes()):
            if (verb, f"/_control/{name}") == (method, path):
                try:
                    return 200, self._done(action, data)
                except MissingError as error:
                    return 404, {"error": str(error.args[0])}
                except (ValueError, KeyError, TypeError, Refusal, re.error) as error:
                    return 422, {"error": f"{type(error).__name__}: {error}"}
        return 404, {"error": f"{method} {path} is not part of the control API"}

    def _done(self, action: Any, data: Json) -> Any:
        """What is due is processed before anybody looks, and after the clock was moved."""
        with self.world.lock:
            self.world.settle()
        try:
            return action(data)
        finally:
            with self.world.lock:
                self.world.settle()

    def routes(self) -> list[Route]:
        return [
            ("POST", "clock/stop", self.stop_clock),
            ("GET", "calls", lambda data: self.book.log(**data)),
            ("GET", "book", lambda _: self.book.as_json()),
            ("GET", "state", self.show_state),
        ]

    def stop_clock(self, _: Json) -> Json:
        with self.world.lock:
            self.world.clock.stop()
            return {"now": stamp(self.world.clock.now())}

    def show_state(self, _: Json) -> Json:
        with self.world.lock:
            accounts = [_show(account) for account in self.world.accounts.values()]
            return {"now": stamp(self.world.clock.now()), "accounts": accounts}


def _show(account: Account) -> Json:
    kinds = ("keys", "profiles", "metrics", "events", "coupons", "codes", "jobs")
    held = {name: len(getattr(account, name)) for name in kinds}
    return {"account": account.id, "name": account.name, **held, "waiting": account.waiting}
