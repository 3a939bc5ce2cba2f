"""The control API: what people, forms and bad luck would do, as plain JSON over HTTP for the demo and tests.

`portal` may be left out while there is only one. Every change sends its webhooks in the background unless `send` is
false. `source` is {type, id}, HubSpot's source type and source id, CRM_UI userId:1 unless told; `at` is ISO 8601 or ms.
`type` is contacts, deals, invoices, discounts, companies, tickets, 0-N, 2-N, or a custom object's name.

POST /_control/portals       {portal, name, currency, currencies: [..], zone, tier: free|starter|professional|
                             enterprise, token, refresh, secret (signs webhooks), app_id, client_id, client_secret
                             (default: secret), scopes: [..] (default: all), target, limit: {max, seconds, style:
                             rolling|fixed, daily}, search_delay_s, association_page, installed: false}
                             -> {portal, token, refresh_token}; named tokens end only by `tokens/expire` or `revoke`
POST /_control/portals/update {portal, tier, target, currency, currencies, scopes, limit, search_delay_s,
                             association_page}
POST /_control/authorize     {portal, decline: [scopes], url} : this portal consents next; with `url` (the address
                             of the consent screen) it does now -> {location, code, state} or {location, error}
POST /_control/tokens/expire | tokens/revoke | uninstall   {portal}
POST /_control/contacts | deals    {portal, properties, contacts: [ids], deals: [ids], companies: [ids], source, at,
                             send} -> {id}
POST /_control/objects       {type, and as above} -> {id}
POST /_control/save          {type, id, properties, source, at, send}: a person saves
POST /_control/associate     {from: {type, id}, to: {type, id}, label, remove, source, at, send}
POST /_control/merge         {type (contacts), primary, others: [ids], fresh_id, source, at, send} -> {id}; with fresh_id
                             all go into a new record
POST /_control/delete | restore | privacy_delete   {type, id, source, at, send}
POST /_control/form          {email, fields, page_uri, form, form_id, at, send} -> {id}: a form is submitted
POST /_control/lists         {name, members: [ids]} -> {id}; with `id` the members of a list that is there
POST /_control/rules         {type, property, message, matches: pattern | required: true}: an admin's rule for what
                             apps write; with neither, apps may not write the property. DELETE takes all away
POST /_control/permissions   {email, status: SUBSCRIBED|UNSUBSCRIBED|NOT_SPECIFIED}
POST /_control/action        {object: {type, id}, input, version: v2|v3, callback_id, secret, properties: [names],
                             send} -> {status, answer, callback_id}: our workflow step runs, at `target` with /actions/
                             in the place of /webhooks/; unless sent it only waits -> {callback_id}
GET  /_control/callbacks     {callback_id: [output fields of each completion]}: none while the step waits
POST /_control/send          {events: [{portal, type: object.propertyChange.., object: {type, id}, property, value,
                             source, at, more: {..} | raw: {..}}], copies, shuffle, seed, batch (events to a POST),
                             headers, secret} -> {sent, answers: {status: posts}}; waits for answers. Events of
                             portals with one target share POSTs
POST /_control/render        the same -> [{url, headers, body}], not sent
POST /_control/drain         {timeout_s} -> {idle}: background webhooks are all answered or given up
POST /_control/clock         {advance_s} -> {now}
POST /_control/faults        {fault, path, portal, count, probability, seed, status, delay_s, when}: see `faults`
GET  /_control/faults, DELETE /_control/faults
GET  /_control/book          {entries, calls, outcomes, inputs, throttled, legacy, unauthorised, deliveries}
GET  /_control/state         portals with their records, associations, labels, lists and tokens' counts

The book's entries are property (old, new; one for each property written), created, deleted, restored, erased, merged,
associated, separated, schema and callback; `by` and `source` say whose hand it was, INTEGRATION and the app's id for the
API. `calls` count by "METHOD path", with {id} and {name} for what varies, `outcomes` by that and the status or fault;
`inputs` are the sizes of batches.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from typing import Any

import requests

from adapters.hubspot.sandbox import events, webhooks
from adapters.hubspot.sandbox.answers import Json, Refusal
from adapters.hubspot.sandbox.clock import iso
from adapters.hubspot.sandbox.control_portals import PortalDesk
from adapters.hubspot.sandbox.control_records import RecordDesk
from adapters.hubspot.sandbox.desk import Desk, MissingError, Route
from adapters.hubspot.sandbox.state import Portal, Record
from adapters.hubspot.sandbox.views import value_of
from adapters.stand_in import CommonDesk


class Control(Desk):
    """All of it: the routes of its own, those of portals and records, and what all stand-ins have."""

    def handle(self, method: str, path: str, data: Json) -> tuple[int, Any]:
        """Status and answer of one request."""
        desk = (self.world, self.book, self.faults, self.sender)
        common = CommonDesk(self.world, self.faults, self.sender)
        desks = (self, PortalDesk(*desk), RecordDesk(*desk), common)
        for verb, name, action in (route for each in desks for route in each.routes()):
            if (verb, f"/_control/{name}") == (method, path):
                try:
                    return 200, action(data)
                except MissingError as error:
                    return 404, {"error": str(error.args[0])}
                except requests.RequestException as error:
                    return 502, {"error": f"the app was not reached: {type(error).__name__}"}
                except (ValueError, KeyError, TypeError, Refusal, re.error) as error:
                    return 422, {"error": f"{type(error).__name__}: {error}"}
        return 404, {"error": f"{method} {path} is not part of the control API"}

    def routes(self) -> list[Route]:
        return [
            ("POST", "action", self.action),
            ("GET", "callbacks", lambda d: self.portal(d).callbacks),
            ("POST", "send", self.send),
            ("POST", "render", self.render),
            ("GET", "book", lambda _: self.book.as_json()),
            ("GET", "state", self.show_state),
        ]

    # ── Webhooks and workflow steps ─────────────────────────────────────────────────────────────────────────────

    def _event(self, data: Json, given: Json) -> tuple[Portal, events.Event]:
        """One event as a request describes it, or word for word."""
        portal = self.portal({**({"portal": data["portal"]} if "portal" in data else {}), **given})
        if "raw" in given:
            return portal, dict(given["raw"])
        hand, about = self.hand(portal, given), dict[str, Any]()
        if "object" in given:
            kind = self.kind(portal, str(given["object"]["type"]))
            about = {"objectId": int(given["object"]["id"]), "objectTypeId": kind.id}
        if "property" in given:
            value = str(given.get("value", ""))
            about |= {"propertyName": str(given["property"]), "propertyValue": value, "isSensitive": False}
        more = given.get("more") or {}
        return portal, events.event(portal, str(given["type"]), hand.at, hand.by, **about) | more

    def _posts(self, data: Json) -> list[tuple[webhooks.Address, list[events.Event]]]:
        """Events by the address that they go to."""
        posts: dict[webhooks.Address, list[events.Event]] = {}
        with self.world.lock:
            for given in data["events"]:
                portal, event = self._event(data, given)
                to = webhooks.Address(portal.target, str(data.get("secret", portal.secret)))
                posts.setdefault(to, []).append(event)
        return list(posts.items())

    def send(self, data: Json) -> Json:
        answers: dict[str, int] = {}
        copies, sent = int(data.get("copies", 1)), 0
        for to, told in self._posts(data):
            counted = self.sender.now(
                to,
                told,
                size=int(data.get("batch", webhooks.MOST)),
                copies=copies,
                shuffle=bool(data.get("shuffle")),
                seed=int(data.get("seed", 0)),
                more=data.get("headers") or {},
            )
            sent += len(told) * copies
            answers = {word: answers.get(word, 0) + counted.get(word, 0) for word in {*answers, *counted}}
        return {"sent": sent, "answers": answers}

    def render(self, data: Json) -> list[Json]:
        rendered, size = [], int(data.get("batch", webhooks.MOST))
        for to, told in self._posts(data):
            for part in webhooks.parts(told, size):
                body = webhooks.encode(part)
                headers = {**webhooks.headers(to, body), **(data.get("headers") or {})}
                rendered.append({"url": to.url, "headers": headers, "body": body.decode()})
        return rendered

    def action(self, data: Json) -> Json:
        """A customer's workflow reaches our step; it waits where the answer says BLOCK."""
        with self.world.lock:
            portal, record = self.portal(data), self.record(self.portal(data), data["object"])
            callback = str(data.get("callback_id") or f"ap-{portal.id}-{secrets.randbelow(10**11)}-11-0")
            body = webhooks.encode_one(self._execution(portal, record, callback, data))
            portal.callbacks.setdefault(callback, [])
            url = portal.target.replace("/webhooks/", "/actions/")
            secret = str(data.get("secret", portal.secret))
        if not data.get("send", True):
            return {"callback_id": callback}
        stamp = str(round(time.time() * 1000))
        version = str(data.get("version", "v3"))
        signed = {
            "Content-Type": "application/json",
            "X-HubSpot-Signature-Version": "v2",
            "X-HubSpot-Signature": webhooks.sign_v2(secret, "POST", url, body),
            "X-HubSpot-Request-Timestamp": stamp,
        }
        if version == "v3":
            signed["X-HubSpot-Signature-v3"] = webhooks.sign_v3(secret, "POST", url, body, stamp)
        reply = self.sender.ask(url, body, signed)
        is_json = bool(reply.content) and "json" in reply.headers.get("Content-Type", "")
        return {"status": reply.status_code, "answer": reply.json() if is_json else reply.text, "callback_id": callback}

    def _execution(self, portal: Portal, record: Record, callback: str, data: Json) -> Json:
        about: Json = {"objectId": record.id, "objectType": record.kind.upper}
        if names := data.get("properties"):
            about["properties"] = {name: value_of(portal, record, name) for name in names}
        definition = {"actionDefinitionId": 10_860_211, "actionDefinitionVersion": 1}
        extension = {"extensionDefinitionId": 10_860_211, "extensionDefinitionVersionId": 1}
        return {
            "callbackId": callback,
            "origin": {"portalId": portal.id, **definition, **extension},
            "context": {"source": "WORKFLOWS", "workflowId": 192_814_114},
            "object": about,
            "inputFields": {name: str(value) for name, value in data.get("input", {}).items()},
        }

    def show_state(self, _: Json) -> Json:
        with self.world.lock:
            return {"now": iso(self.world.clock.now()), "portals": [_show(p) for p in self.world.portals.values()]}


def _show(portal: Portal) -> Json:
    held = {k.plural: _records(list(portal.held(k).values())) for k in portal.kinds if portal.held(k)}
    ties = [
        {"from": f"{source[0]}/{source[1]}", "to": f"{target[0]}/{target[1]}", "types": sorted(types)}
        for source, targets in portal.links.items()
        for target, types in targets.items()
    ]
    return {
        "portal": portal.id,
        "name": portal.name,
        "tier": portal.tier,
        "installed": portal.installed,
        "scopes": sorted(portal.scopes) if portal.scopes is not None else None,
        "tokens": {"access": len(portal.tokens.access), "refresh": len(portal.tokens.refresh)},
        "records": held,
        "merged": [{"type": kind, "id": old, "into": new} for (kind, old), new in portal.forward.items()],
        "associations": ties,
        "labels": [vars(label) for label in portal.labels.values()],
        "lists": [{"id": x.id, "name": x.name, "members": sorted(x.records)} for x in portal.lists.values()],
        "blocked": sorted(portal.blocked),
        "callbacks": portal.callbacks,
    }


def _records(records: Sequence[Record]) -> list[Json]:
    return [
        {
            "id": record.id,
            "deleted": record.gone is not None,
            "properties": {name: versions[0].value for name, versions in record.values.items()},
        }
        for record in records
    ]
