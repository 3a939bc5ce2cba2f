"""The control API: what people, automation and bad luck would do, as plain JSON over HTTP for the demo and tests.

`org` may be left out while there is only one. Every change sends the org's outbound messages in the background unless `send`
is false. A person is the org's admin unless `user` names another; `at` is a moment with its offset. Fields and objects of
the package may be named without its namespace.

POST /_control/orgs          {org (18 characters, 00D...), name, host, currency, currencies: [..] (several make it a
                             multi-currency org), zone, is_sandbox, client_id, client_secret, token, refresh, package:
                             as for install; and what orgs/update takes} -> {org, token, host, admin, user}; a named
                             token ends only by tokens/expire or tokens/revoke
POST /_control/orgs/update   {target: address of outbound messages, messages: {object: [fields]}, rotates, consents (the
                             consent page says yes by itself), tracks (whether the history of fields is kept),
                             session_s, id_form: 15|18, spelling: duplicateResult | duplicateResut, limit: calls of 24
                             hours, public_key: PEM for JWT bearer, stages: [{label, probability, closed, won}],
                             converts: {Contact|Account|Opportunity: {lead field: field}},
                             licences: [loyalty, referral], refuses: what processes say instead of running,
                             lacks: [ModifyMetadata, AssignPermissionSets] of the app's user, busy: by how many questions
                             a deployment is not done}
POST /_control/install       {namespace, rights: package|all}: the connector's package, and what the app's user may do:
                             what the package's permission set says, or everything
POST /_control/authorize     {org, url, decline}: this org's admin consents next; with `url`, the consent page's, now
                             -> {location, code, state} or {location, error, error_description, state}
POST /_control/tokens/expire | tokens/revoke | uninstall
POST /_control/fields        {object, lines: ["Tier__c string(10) external", ..] (see `fields`), granted}: an admin's own
POST /_control/security      {object, field, withhold: [read, create, edit]}: field-level security for the app's user
POST /_control/rules         {object, field, message, matches: pattern | required: true, shown: field}: a validation rule
DELETE /_control/rules       all of them, and duplicate rules
POST /_control/duplicate_rules {object: Lead|Contact, action: alert|block}: by e-mail
POST /_control/locks         {id, times}: so many writes of a record find it locked
POST /_control/others        {calls}: other apps used so many of the org's calls
POST /_control/records       {object, values} -> {id}
POST /_control/save          {id, values}
POST /_control/delete | undelete   {id}
POST /_control/convert       {lead, contact, account: ids to join, opportunity: name of one to make, stage}
                             -> {contact, account, opportunity}
POST /_control/merge         {winner, losers: [ids], values} -> {id}
POST /_control/messages/send {records: [ids], fields: {object: [fields]}, copies, url} -> {answers: {word: messages}};
                             waits for answers, and does not repeat
POST /_control/messages/render  the same -> [{url, headers, body}], not sent
POST /_control/drain         {timeout_s} -> {idle}: background messages are all acknowledged or given up
POST /_control/clock         {advance_s} -> {now}
POST /_control/faults        {fault, path, org, count, probability, seed, status, delay_s, when}: see `faults`
GET  /_control/faults, DELETE /_control/faults
GET  /_control/book          {entries, calls, outcomes, inputs, limited, unauthorised, logins, messages}
GET  /_control/state         orgs with their records as answers show them, deleted ones too

The book's entries are created, field (old, new; one for each field that changed), deleted, undeleted, converted and merged;
`by` says whether the API or a person did it, `user` who. `calls` count by "METHOD path" without ids, queries with the
object that they ask for; `outcomes` by that and the status or fault; `inputs` are the sizes of collections.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from adapters.salesforce.sandbox import messages
from adapters.salesforce.sandbox.answers import Json, Refusal
from adapters.salesforce.sandbox.clock import stamp
from adapters.salesforce.sandbox.control_orgs import OrgDesk
from adapters.salesforce.sandbox.control_records import RecordDesk
from adapters.salesforce.sandbox.desk import Desk, MissingError, Route
from adapters.salesforce.sandbox.state import Org
from adapters.salesforce.sandbox.values import shown
from adapters.stand_in import CommonDesk


class Control(Desk):
    """All of it: the routes of its own, those of orgs and records, and what all stand-ins have."""

    def handle(self, method: str, path: str, data: Json) -> tuple[int, Any]:
        """Status and answer of one request."""
        desk = (self.world, self.book, self.faults, self.sender)
        common = CommonDesk(self.world, self.faults, self.sender)
        desks = (self, OrgDesk(*desk), RecordDesk(*desk), common)
        for verb, name, action in (route for each in desks for route in each.routes()):
            if (verb, f"/_control/{name}") == (method, path):
                try:
                    return 200, action(data)
                except MissingError as error:
                    return 404, {"error": str(error.args[0])}
                except Refusal as refusal:
                    return 422, {"error": f"{refusal.problem.code}: {refusal.problem.message}"}
                except (ValueError, KeyError, TypeError, re.error) as error:
                    return 422, {"error": f"{type(error).__name__}: {error}"}
        return 404, {"error": f"{method} {path} is not part of the control API"}

    def routes(self) -> list[Route]:
        return [
            ("POST", "messages/send", self.send),
            ("POST", "messages/render", self.render),
            ("GET", "book", lambda _: self.book.as_json()),
            ("GET", "state", self.show_state),
        ]

    def _messages(self, data: Json) -> list[messages.Message]:
        with self.world.lock:
            org = self.org(data)
            records = [self.record(org, number) for number in data["records"]]
            fields = {**org.messages, **(data.get("fields") or {})}
            return messages.build(org, records, fields, str(data.get("url", "")))

    def send(self, data: Json) -> Json:
        sent = [message for message in self._messages(data) for _ in range(int(data.get("copies", 1)))]
        return {"answers": Counter(self.sender.now(message) for message in sent)}

    def render(self, data: Json) -> list[Json]:
        return [
            {"url": message.url, "headers": dict(messages.HEADERS), "body": message.body.decode()}
            for message in self._messages(data)
        ]

    def show_state(self, _: Json) -> Json:
        with self.world.lock:
            return {"now": stamp(self.world.clock.now()), "orgs": [_show(org) for org in self.world.orgs.values()]}


def _show(org: Org) -> Json:
    held = {
        kind: [{name: shown(value) for name, value in record.values.items()} for record in records.values()]
        for kind, records in org.held.items()
    }
    tokens = {"access": len(org.tokens.access), "refresh": len(org.tokens.refresh)}
    return {"org": org.id, "name": org.name, "namespace": org.namespace, "tokens": tokens, "records": held}
