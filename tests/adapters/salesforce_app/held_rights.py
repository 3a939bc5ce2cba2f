"""The two permission sets give what is needed and no more, and the README says what each right is for."""

import re
from fnmatch import fnmatchcase

from tests.adapters.salesforce_app.held_fields import EVIDENCE, PEOPLE, asked
from tests.adapters.salesforce_app.parts import CREDIT, NEWS, permission_sets, said

READ, WRITE = "read", "read, edit"
#: Standard fields that the server reads, and that are not open to everybody.
READ_ELSEWHERE = {f"{of}.{name}" for of in PEOPLE for name in ("Email", "MobilePhone", "Phone")} | {
    "Contact.AccountId",
    "Opportunity.AccountId",
    "Opportunity.Amount",
}
FOR_PEOPLE = {f"{of}.Referral_Code__c" for of in PEOPLE} | {f"{CREDIT}.Applied_Amount__c"}
#: Whoever has it can spend it: flows read it, and no colleague needs to.
SECRET = f"{NEWS}.Reward_Code__c"
VERBS = ("read", "create", "edit", "delete")


def rights(root):
    """What a permission set gives: {name of an object, field, tab or permission: what may be done with it}."""
    for node in root:
        told = said(node)
        if node.tag == "fieldPermissions":
            yield told["field"], WRITE if told["editable"] == "true" else READ
        elif node.tag == "objectPermissions":
            yield told["object"], ", ".join(verb for verb in VERBS if told[f"allow{verb.title()}"] == "true")
        elif node.tag == "tabSettings":
            yield f"tab {told['tab']}", "see"
        elif node.tag == "externalCredentialPrincipalAccesses":
            yield told["externalCredentialPrincipal"], "use"
        elif len(node):
            yield told.get("name", node.tag), "use"


def needed():
    """{"Integration" or "User": what `rights` should tell}. A required field is always open, and may not be listed."""
    ours = [name for name, field in asked().items() if "required" not in field.type]
    filled = FOR_PEOPLE | {f"{of}.{name}" for of in PEOPLE for name in EVIDENCE}
    app = {name: READ if name in filled else WRITE for name in ours}
    app |= dict.fromkeys(READ_ELSEWHERE, READ) | dict.fromkeys((f"{of}.LeadSource" for of in PEOPLE), WRITE)
    app |= dict.fromkeys(("Account", "Contact", "Lead", "Opportunity"), WRITE)
    app |= {"Campaign": READ, "ApiEnabled": "use"} | dict.fromkeys((CREDIT, NEWS), "read, create, edit")
    person = {name: WRITE if name in FOR_PEOPLE else READ for name in ours if name != SECRET}
    person |= {CREDIT: WRITE, NEWS: READ, f"tab {CREDIT}": "see", f"tab {NEWS}": "see"}
    person |= {"Referral_Connector_Key-Connector": "use"}
    return {"Integration": app, "User": person}


def misgranted(app):
    there = permission_sets(app)
    for who, wanted in needed().items():
        given = dict(rights(there[who]))
        for name in sorted(given.keys() | wanted.keys()):
            if given.get(name) != wanted.get(name):
                yield f"{who}: {name} is {given.get(name, 'not given')}, and should be {wanted.get(name, 'not given')}"


def too_powerful(app):
    """Rights over all records or fields of an object, or over the whole org."""
    for who, root in permission_sets(app).items():
        for node in root:
            told = said(node)
            for element in ("modifyAllRecords", "viewAllRecords", "viewAllFields", "allowDelete"):
                if told.get(element, "false") != "false":
                    yield f"{who}: {element} on {told.get('object')}"
            if node.tag == "userPermissions" and told.get("name") != "ApiEnabled":
                yield f"{who}: {told.get('name')}"


def explained(app):
    """The table of rights in the README: (permission set, right, patterns of names, why)."""
    row = re.compile(r"^\| (Integration|User) \| ([a-z, ]+) \| (.+?) \| (.+) \|$", re.MULTILINE)
    for who, right, names, why in row.findall((app / "README.md").read_text(encoding="utf-8")):
        yield who, right, re.findall(r"`([^`]+)`", names), why


def unexplained(app):
    rows = [row for row in explained(app) if row[3].startswith(("to ", "so that "))]
    used = set()
    for who, root in permission_sets(app).items():
        for name, right in rights(root):
            found = {
                (row[0], row[1], pattern)
                for row in rows
                for pattern in row[2]
                if row[:2] == (who, right) and fnmatchcase(name, pattern)
            }
            used |= found
            if not found:
                yield f"{who}: {name} ({right}) has no line that says what it is for"
    for who, right, patterns, _ in rows:
        yield from (
            f"{who}: {pattern} ({right}) is explained but not given"
            for pattern in patterns
            if (who, right, pattern) not in used
        )
