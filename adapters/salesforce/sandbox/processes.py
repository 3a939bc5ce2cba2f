"""What an org with a licence does for us: referral events, and processes of a loyalty program.

None of these is idempotent: told twice, it happens twice. Stages and vouchers are what the published examples show.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from decimal import Decimal
from typing import Any

from adapters.plain import part
from adapters.salesforce.sandbox.answers import Json, Problem, Refusal, Reply, not_found
from adapters.salesforce.sandbox.batches import few
from adapters.salesforce.sandbox.call import Call
from adapters.salesforce.sandbox.clock import parse_moment
from adapters.salesforce.sandbox.state import Record
from adapters.salesforce.sandbox.values import shown

_STAGES = {
    "Refer": "Advocate Refers Friend",
    "Enrollment": "Friend Signs Up",
    "Purchase": "Friend Completes First Purchase",
}
_B2B_STAGES = {**_STAGES, "Purchase": "Referral Closure/Converts"}
_VALID = timedelta(days=365)
#: Inputs of one call of an action.
_MOST = 200


# ── Referral Marketing ──────────────────────────────────────────────────────────────────────────────────────────────


def act(call: Call) -> Reply:
    """A standard action, for each of its inputs. 400 where one of them cannot be used."""
    action = call.path["action"]
    if "referral" not in call.org.licences or action not in {"processReferralEvent", "processB2bReferralEvent"}:
        raise not_found()
    inputs = call.json().get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        raise Refusal("JSON_PARSER_ERROR", "inputs must be a list of objects")
    told = [_event(call, action, one) for one in few(inputs, _MOST)]
    return Reply(200 if all(one["isSuccess"] for one in told) else 400, told)


def _event(call: Call, action: str, given: Json) -> Json:
    b2b = action == "processB2bReferralEvent"
    stages = _B2B_STAGES if b2b else _STAGES
    problem = _lacking(given, ("eventType", "referralCode"), stages) or _refused(call)
    frame: Json = {"actionName": action, "errors": None, "isSuccess": problem is None}
    if b2b:
        frame |= {"invocationId": None, "outcome": None, "sortOrder": -1}
    if problem is not None:
        return {**frame, "errors": [problem.item()], "outputValues": None, "version": 1}
    stage = stages[given["eventType"]]
    referral = _referral(call, given, stage)
    paid = given["eventType"] == "Purchase"
    journals = [_journal(call, given, referral) for _ in range(2)] if paid else []
    vouchers = [_voucher(call, journal) for journal in journals]
    output: Json = {
        "transactionJournalIds": [journal.id for journal in journals],
        "referralId": referral.id,
        "referralStage": stage,
    }
    if b2b:
        named = {name: given[key] for name, key in _B2B_NAMES.items() if given.get(key)}
        rows = [_voucher_row(journal, voucher) for journal, voucher in zip(journals, vouchers, strict=True)]
        output |= {**named, "voucherList": rows, "extendedRewardList": []}
    else:
        output |= {"contactId": given.get("referralContactId"), "voucherId": vouchers[0].id if vouchers else None}
    return {**frame, "outputValues": output, "version": 1}


_B2B_NAMES = {"accountId": "accountId", "leadId": "leadId", "opportunityId": "opportunity"}


def _lacking(given: Json, names: tuple[str, ...], stages: dict[str, str]) -> Problem | None:
    if missing := next((name for name in names if not given.get(name)), ""):
        return Problem("INVALID_API_INPUT", f"Missing required input parameter: {missing}", ())
    if given["eventType"] not in stages:
        return Problem("INVALID_API_INPUT", f"Invalid event type: {given['eventType']}", ())
    return None


def _refused(call: Call) -> Problem | None:
    """The org's own flow may say no."""
    return Problem("UNKNOWN_EXCEPTION", call.org.refuses, ()) if call.org.refuses else None


def _referral(call: Call, given: Json, stage: str) -> Record:
    held = {
        "ReferralCode": given["referralCode"],
        "ReferralStage": stage,
        "ReferralDate": call.hand.at,
        "ReferredAccountId": given.get("accountId"),
        "ReferredContactId": given.get("referralContactId"),
        "LeadId": given.get("leadId"),
        "OpportunityId": given.get("opportunity"),
    }
    return call.hand.own("Referral", held)


def _journal(call: Call, given: Json, referral: Record) -> Record:
    amount = given.get("purchaseAmount")
    held = {
        "ActivityDate": call.hand.at,
        "ReferralId": referral.id,
        "ExternalTransactionNumber": given.get("externalReferenceNumber"),
        "TransactionAmount": None if amount is None else Decimal(str(amount)),
        "Status": "Processed",
    }
    return call.hand.own("TransactionJournal", held)


def _voucher(call: Call, journal: Record) -> Record:
    starts = call.hand.at.date()
    held = {
        "VoucherCode": secrets.token_hex(4).upper(),
        "VoucherDefinition": "Voucher2",
        "EffectiveDate": starts,
        "ExpirationDate": starts + _VALID,
        "Status": "Issued",
        "TransactionJournalId": journal.id,
    }
    return call.hand.own("Voucher", held)


def _voucher_row(journal: Record, voucher: Record) -> Json:
    starts, ends = (f"{voucher.values[name]}T00:00:00.000Z" for name in ("EffectiveDate", "ExpirationDate"))
    code, definition = voucher.values["VoucherCode"], voucher.values["VoucherDefinition"]
    told = {"effectiveDate": starts, "expirationDate": ends, "transactionJournalId": journal.id}
    return {**told, "voucherCode": code, "voucherDefinition": definition, "voucherId": voucher.id}


# ── Loyalty Management ──────────────────────────────────────────────────────────────────────────────────────────────


def run(call: Call) -> Reply:
    """A process of the org's own making: points for a journal, or a voucher. HTTP says 200 even where it did not run."""
    if "loyalty" not in call.org.licences:
        raise not_found()
    programs = call.org.records("LoyaltyProgram").values()
    program = next((each for each in programs if each.values["Name"] == call.path["program"]), None)
    if program is None:
        raise Refusal("NOT_FOUND", f"We couldn't find the program {call.path['program']}.", status=404)
    template = PROCESSES.get(call.path["process"])
    if template is None:
        raise Refusal("NOT_FOUND", f"We couldn't find the process {call.path['process']}.", status=404)
    given = call.json().get("processParameters")
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise Refusal("JSON_PARSER_ERROR", "processParameters must be a list of objects")
    words = call.org.refuses or next((why for one in given if (why := _cannot(call, template, one))), "")
    results = [{} if words else _done(call, program, one) for one in given]
    outputs = {"outputParameters": {"results": results}}
    return Reply(
        200, {"message": words or None, "outputParameters": outputs, "simulationDetails": {}, "status": not words}
    )


#: Processes that the org's admin made, by the template that each is of.
PROCESSES = {
    "Credit": "CreditPointsToMembers",
    "Debit": "DebitPointsFromMembers",
    "Voucher": "IssueVoucher",
}
_POINTS = {"CreditPointsToMembers": ("PointsToCredit", 1), "DebitPointsFromMembers": ("PointsToDebit", -1)}


def _heap(call: Call, given: Json) -> Record | None:
    """The points of the member whom the journal names."""
    member = str(part(given.get("TransactionJournal")).get("MemberId") or "")
    heaps = call.org.records("LoyaltyMemberCurrency").values()
    return next((each for each in heaps if member and each.values["LoyaltyMemberId"] == member), None)


def _cannot(call: Call, template: str, given: Json) -> str:
    """Why a process of points cannot run; "" where it can, or moves none."""
    name, sign = _POINTS.get(template, ("", 0))
    if not name:
        return ""
    if not isinstance(given.get(name), int | float):
        return f"Enter a value for {name}."
    heap = _heap(call, given)
    if heap is None:
        return "We couldn't find the loyalty program member."
    short = (heap.values["PointsBalance"] or 0) + sign * Decimal(str(given[name])) < 0
    return "The member doesn't have enough points." if short else ""


def _done(call: Call, program: Record, given: Json) -> Json:
    """What the process made; the published answer tells nothing of it."""
    for name, sign in _POINTS.values():
        heap = _heap(call, given) if name in given else None
        if heap is not None:
            heap.values["PointsBalance"] = (heap.values["PointsBalance"] or 0) + sign * Decimal(str(given[name]))
    journal = given.get("TransactionJournal")
    if isinstance(journal, dict):
        known = call.org.kinds["TransactionJournal"].fields
        held: dict[str, Any] = {name: value for name, value in journal.items() if name in known}
        held["ActivityDate"] = parse_moment(str(journal.get("ActivityDate") or f"{shown(call.hand.at)}"))
        amount = journal.get("TransactionAmount")
        held["TransactionAmount"] = None if amount is None else Decimal(str(amount))
        call.hand.own("TransactionJournal", {**held, "LoyaltyProgramId": program.id})
    if "VoucherCode" in given:
        worth, percent = given.get("VoucherFaceValue"), given.get("VoucherDiscountPercentage")
        held = {
            "VoucherCode": str(given["VoucherCode"]),
            "FaceValue": None if worth is None else Decimal(str(worth)),
            "DiscountPercent": None if percent is None else Decimal(str(percent)),
            "Status": "Issued",
        }
        call.hand.own("Voucher", held)
    return {}
