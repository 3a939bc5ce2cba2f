"""The smaller parts of the API: the account, pipelines, lists, consent, admin rules, and ended workflow steps."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from adapters.hubspot.sandbox.answers import Json, Refusal, Reply, invalid
from adapters.hubspot.sandbox.book import Entry
from adapters.hubspot.sandbox.call import Call
from adapters.hubspot.sandbox.clock import iso
from adapters.hubspot.sandbox.kinds import CONTACT, DEAL
from adapters.hubspot.sandbox.state import Members


def details(call: Call) -> Reply:
    portal = call.portal
    offset = call.hand.at.astimezone(ZoneInfo(portal.zone)).strftime("%z")
    minutes = int(f"{offset[0]}1") * (int(offset[1:3]) * 60 + int(offset[3:5]))
    return Reply(
        200,
        {
            "portalId": portal.id,
            "accountType": "STANDARD",
            "timeZone": portal.zone,
            "companyCurrency": portal.currency,
            "additionalCurrencies": portal.currencies,
            "utcOffset": f"{offset[:3]}:{offset[3:]}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        },
    )


def pipelines(call: Call) -> Reply:
    held = call.portal.pipelines if call.kind().id == DEAL else []
    return Reply(200, {"results": [pipeline.as_json(at) for at, pipeline in enumerate(held)]})


# ── Lists ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _list(call: Call) -> Members:
    number = call.path["list"]
    found = call.portal.lists.get(int(number)) if number.isdigit() else None
    if found is None:
        raise _no_list(f"List does not exist with ID {number}.")
    return found


def _no_list(words: str) -> Refusal:
    return Refusal(404, words, "OBJECT_NOT_FOUND", subCategory="ILS.LIST_NOT_FOUND")


def _shown(call: Call, members: Members) -> Reply:
    shape: Json = {
        "listId": str(members.id),
        "listVersion": 1,
        "name": members.name,
        "objectTypeId": CONTACT,
        "processingStatus": "COMPLETE",
        "processingType": "MANUAL",
        "createdAt": iso(members.created_at),
        "updatedAt": iso(call.hand.at),
        "size": len(members.records),
    }
    return Reply(200, {"list": shape})


def show_list(call: Call) -> Reply:
    return _shown(call, _list(call))


def find_list(call: Call) -> Reply:
    wanted = call.path["name"]
    for members in call.portal.lists.values():
        if members.name == wanted and call.path["kind"] == CONTACT:
            return _shown(call, members)
    raise _no_list(f"List does not exist with name {wanted} and object type ID {call.path['kind']}.")


def show_members(call: Call) -> Reply:
    """By the ids of the records, a page at a time."""
    members, limit, after = _list(call), int(call.asked("limit", "100")), int(call.asked("after", "0"))
    rest = [(number, at) for number, at in sorted(members.records.items()) if number > after]
    results = [{"recordId": str(number), "membershipTimestamp": iso(at)} for number, at in rest[:limit]]
    body: Json = {"results": results, "total": len(members.records)}
    if len(rest) > limit:
        last = str(rest[limit - 1][0])
        body["paging"] = {"next": {"after": last, "link": f"?after={last}"}}
    return Reply(200, body)


# ── Consent, rules, workflow steps ──────────────────────────────────────────────────────────────────────────────────


def permissions(call: Call) -> Reply:
    """Whether mail of this kind may be sent to somebody; NOT_SPECIFIED where nobody said."""
    email = call.path["email"].lower()
    row: Json = {
        "channel": "EMAIL",
        "source": "PUBLIC_STATUS_API",
        "status": call.portal.permissions.get(email, "NOT_SPECIFIED"),
        "subscriberIdString": email,
        "subscriptionId": 1,
        "subscriptionName": "Marketing Information",
        "timestamp": iso(call.hand.at),
    }
    now = iso(call.hand.at)
    return Reply(200, {"status": "COMPLETE", "startedAt": now, "completedAt": now, "results": [row]})


def validations(call: Call) -> Reply:
    """The admin's rules by the property that they hold for. That a value is required is told nowhere."""
    kind, told = call.kind(), dict[str, list[Json]]()
    for rule in call.portal.rules:
        if rule.kind == kind.id and not rule.required:
            row = {"ruleType": "REGEX", "ruleArguments": [rule.matches], "shouldApplyNormalization": False}
            told.setdefault(rule.property, []).append(row)
    rows = [{"propertyName": name, "propertyValidationRules": rules} for name, rules in told.items()]
    return Reply(200, {"results": rows})


def complete(call: Call) -> Reply:
    _complete(call, call.path["callback"], call.json())
    return Reply(204)


def complete_batch(call: Call) -> Reply:
    for one in call.inputs(100):
        _complete(call, str(one.get("callbackId", "")), one)
    return Reply(204)


def _complete(call: Call, callback: str, given: Json) -> None:
    """The waiting step goes on, and hears it if told again; one that never waited is refused."""
    fields = given.get("outputFields")
    if not isinstance(fields, dict):
        raise invalid("Some required fields were not set: [outputFields]")
    if callback not in call.portal.callbacks:
        raise Refusal(404, f"No execution waits for callback {callback}", "OBJECT_NOT_FOUND")
    call.portal.callbacks[callback].append(dict(fields))
    state = str(fields.get("hs_execution_state", ""))
    call.book.add(
        Entry("callback", iso(call.hand.at), call.portal.id, "workflow", callback, "hs_execution_state", None, state,
              call.hand.by.type, call.hand.by.id, call.request)
    )  # fmt: skip
