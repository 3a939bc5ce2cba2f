"""Deployments of metadata: what was sent is applied as a whole or not at all, and nobody may use it before they are let."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from zipfile import ZipFile

from adapters.salesforce.sandbox import package
from adapters.salesforce.sandbox.answers import Json, Refusal, Reply, not_found
from adapters.salesforce.sandbox.call import Call
from adapters.salesforce.sandbox.clock import stamp
from adapters.salesforce.sandbox.hand import Hand
from adapters.salesforce.sandbox.ids import normal
from adapters.salesforce.sandbox.kinds import kind
from adapters.salesforce.sandbox.security import WITHHELD
from adapters.salesforce.sandbox.sent import SET, Sent
from adapters.salesforce.sandbox.state import Deployment, Org

ASSIGNMENT = "PermissionSetAssignment"
_SET = """
Name string(80) required
Label string(80) required
NamespacePrefix string(15) read
"""
_ASSIGNMENT = """
AssigneeId reference required create >User
PermissionSetId reference required create >PermissionSet
"""
#: Every org has these; here they come with the first deployment, since nothing else speaks of them.
_OF_RIGHTS = {SET: kind(SET, "0PS", _SET), ASSIGNMENT: kind(ASSIGNMENT, "0Pa", _ASSIGNMENT)}


def start(call: Call) -> Reply:
    """Take a deployment in; nothing of it is done yet."""
    if call.org.rights is not None or "ModifyMetadata" in call.org.lacks:
        words = "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions"
        raise Refusal("INSUFFICIENT_ACCESS", f"INSUFFICIENT_ACCESS: {words}", status=403)
    form = _form(call)
    with ZipFile(io.BytesIO(form["file"])) as sent:
        files = {name: sent.read(name) for name in sent.namelist()}
    made = Deployment(files, json.loads(form["json"])["deployOptions"], call.org.busy)
    call.org.kinds |= _OF_RIGHTS
    number = call.org.new_id("0Af")
    call.org.deployments[number] = made
    return Reply(201, _told(call, number, made, "Pending"))


def _form(call: Call) -> dict[str, bytes]:
    """The parts of a multipart form by their names."""
    head = f"Content-Type: {call.headers['Content-Type']}\r\n\r\n".encode()
    whole = BytesParser(policy=HTTP).parsebytes(head + call.body)
    return {
        str(each.get_param("name", header="Content-Disposition")): each.get_content() for each in whole.iter_parts()
    }


def show(call: Call) -> Reply:
    """How a deployment stands: it takes as many questions as the org is busy, and is done at the next."""
    number = normal(call.path["id"])
    found = call.org.deployments.get(number)
    if found is None:
        raise not_found()
    if found.failures is None and found.left > 0:
        found.left -= 1
    elif found.failures is None:
        found.failures = _run(call, found)
    status = "InProgress" if found.failures is None else "Failed" if found.failures else "Succeeded"
    return Reply(200, _told(call, number, found, status))


def _told(call: Call, number: str, found: Deployment, status: str) -> Json:
    result: Json = {
        "id": number,
        "done": found.failures is not None,
        "success": found.failures == [],
        "status": status,
        "createdBy": call.hand.user,
        "createdDate": stamp(call.hand.at),
        "errorMessage": None,
        "errorStatusCode": None,
        **{name: found.options.get(name, False) for name in ("checkOnly", "ignoreWarnings", "rollbackOnError")},
    }
    if call.asked("includeDetails") == "true":
        result["details"] = {"componentFailures": found.failures or [], "componentSuccesses": []}
    return {"id": number, "deployOptions": found.options, "deployResult": result}


def _run(call: Call, found: Deployment) -> list[Json]:
    """Check it and apply it, unless that was not asked or something failed and all is to be rolled back; what failed."""
    asked = {name for name, value in found.options.items() if value is True}
    sent = Sent(dict(call.org.kinds), call.org.currencies)
    sent.read(found.files if "singlePackage" in asked else {})  # of several packages each is in a folder
    if "checkOnly" not in asked and not (sent.failures and "rollbackOnError" in asked):
        _apply(call.org, call.hand, sent)
    return sent.failures


# ── What it makes ───────────────────────────────────────────────────────────────────────────────────────────────────


def _apply(org: Org, hand: Hand, sent: Sent) -> None:
    """The org has it all. Nobody may use a new field before a permission set that gives it is theirs."""
    for name, made in sent.kinds.items():
        there = org.kinds[name].fields if name in org.kinds else {}
        for new in (each for each in made.fields.values() if each.name not in there):
            if new.guarded:
                org.withheld[name, new.name] = WITHHELD
            for record in org.records(name).values():
                record.values.setdefault(new.name, None)
    org.kinds = sent.kinds
    known = {record.values["Name"]: number for number, record in org.records(SET).items()}
    for (of, name), told in sent.parts.items():
        if of == SET and name not in sent.failed:
            number = known.get(name) or hand.own(SET, {"Name": name, "Label": told.findtext("label")}).id
            org.sets[number] = package.rights_of(told)
    _grant(org)


def assign(call: Call) -> Reply:
    """Give somebody a permission set, once."""
    if "AssignPermissionSets" in call.org.lacks:
        words = "insufficient access rights on cross-reference id"
        raise Refusal("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", words, dml=True)
    given = {name: normal(str(call.json()[name])) for name in ("AssigneeId", "PermissionSetId")}
    if any(given.items() <= held.items() for held in _assigned(call.org)):
        whose = "Assignee: {AssigneeId}; Permission Set: {PermissionSetId}".format(**given)
        raise Refusal("DUPLICATE_VALUE", f"Duplicate PermissionSetAssignment. {whose}", dml=True)
    made = call.hand.create(call.kind(ASSIGNMENT), given)
    _grant(call.org)
    return Reply(201, {"id": made.id, "success": True, "errors": []})


def _assigned(org: Org) -> Iterator[Json]:
    return (record.values for record in org.records(ASSIGNMENT).values() if not record.deleted)


def _grant(org: Org) -> None:
    """The app's user may use the fields that their permission sets give."""
    for held in _assigned(org):
        if held["AssigneeId"] == org.app_user:
            for place, verbs in org.sets[held["PermissionSetId"]].fields.items():
                given = verbs | {"create"} if "edit" in verbs else verbs
                org.withheld[place] = org.withheld.get(place, frozenset()) - given
    org.changed()
