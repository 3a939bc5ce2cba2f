"""The package's fields are those of the mapping, with the same types, values and help, and a few that people fill."""

import re
from dataclasses import dataclass

from connector.domain.news import NewsKind
from connector.mapping import load_all
from connector.values import VOCABULARY
from tests.adapters.salesforce_app.parts import CREDIT, NEWS, fields, said, texts

PEOPLE = ("Contact", "Lead")
#: Which objects of an org a record of the mapping is.
OBJECTS = {
    "person": PEOPLE,
    "advocate": PEOPLE,
    "opportunity": ("Opportunity",),
    "account": ("Account",),
    "credit": (CREDIT,),
}
STANDARD = {"LeadSource"}
#: What a form or a person puts on a lead or contact.
EVIDENCE = {"Referral_Code__c": "Text(255)"} | {
    f"UTM_{word}__c": "Text(255)" for word in ("Source", "Medium", "Campaign", "Content", "Term")
}
#: What the app writes on a credit beside its row of the mapping; Applied_Amount__c is for whoever grants it.
BOOKING = {
    "Idempotency_Key__c": "Text(80)/unique/required",
    "Kind__c": "Picklist",
    "Amount__c": "Number(15,3)",
    "Applied_Amount__c": "Number(15,3)",
    "Paid_In__c": "Text(80)",
    "Advocate_Contact__c": "Lookup(Contact)",
    "Advocate_Lead__c": "Lookup(Lead)",
    "Referred_Contact__c": "Lookup(Contact)",
    "Referred_Lead__c": "Lookup(Lead)",
    "Opportunity__c": "Lookup(Opportunity)",
    "Reversal_Of__c": f"Lookup({CREDIT})",
}
KINDS = ("Credit", "Taken back")
#: What the app tells, and flows start from.
TOLD = {
    "News_Id__c": "Text(36)/unique/required",
    "Kind__c": "Picklist",
    "Role__c": "Text(20)",
    "Happened_At__c": "DateTime",
    "Contact__c": "Lookup(Contact)",
    "Lead__c": "Lookup(Lead)",
    "Amount__c": "Number(14,4)",
    "Currency__c": "Text(3)",
    "Program__c": "Text(255)",
    "Code__c": "Text(255)",
    "Link__c": "Url",
    "Reason__c": "LongTextArea",
    "Referral_Id__c": "Text(36)",
    "Reward_Id__c": "Text(36)",
    "Reward_Kind__c": "Text(40)",
    "Reward_Code__c": "Text(255)",
}


@dataclass(frozen=True)
class Asked:
    """A field as it must be. help "": any."""

    type: str
    choices: tuple[str, ...] = ()
    help: str = ""


def asked():
    """Every custom field that the package must have: {"Lead.Referral_Stage__c": Asked}."""
    found = {}
    for record, rows in load_all()["salesforce"].records.items():
        for row in rows:
            for of in OBJECTS[record] if row.field not in STANDARD else ():
                found[f"{of}.{row.field}"] = Asked(row.type, VOCABULARY[row.source].choices, row.help)
    found |= {f"{of}.{name}": Asked(kind) for of in PEOPLE for name, kind in EVIDENCE.items()}
    found |= {f"{CREDIT}.{name}": Asked(kind) for name, kind in BOOKING.items()}
    found[f"{CREDIT}.Kind__c"] = Asked("Picklist", KINDS)
    found |= {f"{NEWS}.{name}": Asked(kind) for name, kind in TOLD.items()}
    found[f"{NEWS}.Kind__c"] = Asked("Picklist", tuple(kind.value for kind in NewsKind))
    return found


def shape(word):
    """What a field's XML must say for the mapping's word for its type."""
    kind, *marks = word.split("/")
    name, numbers = re.fullmatch(r"(\w+)(?:\((.+)\))?", kind).groups()
    told = {"type": name}
    if name == "Text":
        told["length"] = numbers
    elif name == "LongTextArea":
        told["length"] = "2000"
    elif name == "Number":  # Salesforce's pair is digits before and after the point; the XML wants all and after
        before, after = map(int, numbers.split(","))
        told |= {"precision": str(before + after), "scale": str(after)}
    elif name == "Lookup":
        told |= {"referenceTo": numbers, "deleteConstraint": "SetNull"}
    if "unique" in marks:
        told |= dict.fromkeys(("unique", "externalId", "caseSensitive"), "true")
    return told | {"required": "true" if "required" in marks else "false"}


def unlike_the_mapping(app):
    there, wanted = fields(app), asked()
    yield from (f"{name} is missing" for name in sorted(wanted.keys() - there.keys()))
    yield from (f"{name} is asked for nowhere" for name in sorted(there.keys() - wanted.keys()))
    for name in sorted(wanted.keys() & there.keys()):
        told = {"required": "false", **said(there[name])}
        yield from (
            f"{name}: {element} is {told.get(element)}, not {value}"
            for element, value in shape(wanted[name].type).items()
            if told.get(element) != value
        )
        if wanted[name].help and told.get("inlineHelpText") != wanted[name].help:
            yield f"{name}: its help is not that of the mapping"
        yield from unlike_values(name, there[name], wanted[name].choices)


def unlike_values(name, field, choices):
    values = texts(field, "valueSet/valueSetDefinition/value/fullName")
    if values != list(choices):
        yield f"{name}: its values are {', '.join(values)}"
    if choices and texts(field, "valueSet/restricted") != ["false"]:
        yield f"{name} refuses values that a later version may write"


def unexplained_fields(app):
    """A person who meets a field reads its label and help, and nothing else."""
    for name, field in fields(app).items():
        told = said(field)
        if told.get("fullName") != name.partition(".")[2]:
            yield f"{name}: its file has another name than {told.get('fullName')}"
        if not told.get("label") or len(told["label"]) > 40:
            yield f"{name}: its label is missing or longer than 40 letters"
        if not told.get("inlineHelpText", "").endswith("."):
            yield f"{name}: its help is missing, or is no sentence"
