"""The steps for Flow and Agentforce are those that the server offers, and the sample flow calls one as it must."""

import json
import re
from pathlib import Path

from tests.adapters.salesforce_app.parts import parts, texts

#: The API as the server describes it at its own address.
PUBLISHED = Path(__file__).parents[3] / "connector/web/static/actions.openapi.json"
#: What External Services read and write ("Media Type Directives and Mapping").
READ = {"application/json", "application/x-www-form-urlencoded", "text/plain"}


def registrations(app):
    """{name: (its XML, the API that it describes)}."""
    found = parts(app, "externalServiceRegistrations/*.externalServiceRegistration")
    return {name: (root, json.loads(root.findtext("schema"))) for name, _, root in found}


def operations(api):
    """{operationId: the name of what is sent}."""
    steps = [step for path in api["paths"].values() for step in path.values()]
    sent = {step["operationId"]: step["requestBody"]["content"]["application/json"]["schema"]["$ref"] for step in steps}
    return {name: ref.rpartition("/")[2] for name, ref in sent.items()}


def another_api(app):
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    for name, (root, api) in registrations(app).items():
        if api != published:
            yield f"{name} describes another API than the server's"
        offered = {step.lower() for step in operations(published)}  # a registration has them in small letters
        listed, active = (set(texts(root, path)) for path in ("operations/name", "operations[active='true']/name"))
        yield from (f"{name}: {step} is no active operation" for step in sorted(offered - active))
        yield from (f"{name}: the server has no {step}" for step in sorted(listed - offered))


def unread(app):
    """Kinds of content that Salesforce does not read, and that are not said to be as good as one that it reads."""
    for name, (root, api) in registrations(app).items():
        alike = json.loads(root.findtext("serviceBinding"))["compatibleMediaTypes"]
        bodies = [
            body
            for path in api["paths"].values()
            for step in path.values()
            for body in (step["requestBody"], *step["responses"].values())
        ]
        told = {kind for body in bodies for kind in body["content"]}
        yield from (f"{name}: nobody reads {kind}" for kind in sorted(told) if alike.get(kind, kind) not in READ)
        yield from (f"{name}: the server never says {kind}" for kind in sorted(alike.keys() - told))


def broken_flows(app):
    for _, path, root in parts(app, "flows/*.flow"):
        yield from (
            f"{path.name}: {finding}" for finding in (*loose_ends(root), *wrong_calls(app, root), *wrong_start(root))
        )


def loose_ends(root):
    """An element that nothing leads to, or a reference to one that is not there."""
    resources = set(texts(root, "formulas/name") + texts(root, "variables/name"))
    elements = set(texts(root, "*[locationX]/name"))
    targets = set(texts(root, ".//targetReference"))
    yield from (f"nothing leads to {name}" for name in sorted(elements - targets))
    yield from (f"there is no {name} to go on to" for name in sorted(targets - elements))
    for kind in ("elementReference", "assignToReference", "leftValueReference"):
        for name in texts(root, f".//{kind}"):
            if name.split(".")[0] not in resources | elements | {"$Record", "$Flow"}:
                yield f"there is no {name} to read"


def wrong_calls(app, root):
    services = registrations(app)
    for call in root.findall("actionCalls"):
        service, _, step = call.findtext("actionName").partition(".")
        if service not in services or step not in operations(services[service][1]):
            yield f"there is no step {call.findtext('actionName')}"
            continue
        api = services[service][1]
        sent = operations(api)[step]
        variable = call.findtext("inputParameters[name='body']/value/elementReference")
        kind = root.findtext(f"variables[name='{variable}']/apexClass")
        if kind != f"ExternalService__{service}_{sent}":
            yield f"{step} is sent {kind}"
        filled = {
            name.partition(".")[2] for name in texts(root, ".//assignToReference") if name.startswith(f"{variable}.")
        }
        schema = api["components"]["schemas"][sent]
        yield from (f"{step} knows no {name}" for name in sorted(filled - schema["properties"].keys()))
        yield from (f"{step} needs {name}" for name in sorted(set(schema["required"]) - filled))
        if call.find("faultConnector") is None:
            yield f"nobody is told when {step} fails"


def wrong_start(root):
    """An admin turns the sample on; it calls out after the save; and its second run must be known as the same."""
    if root.findtext("status") != "Draft":
        yield "it would run as soon as it is installed"
    if root.find("start/connector") is not None or texts(root, "start/scheduledPaths/pathType") != ["AsyncAfterCommit"]:
        yield "it would call out while the record is being saved, which Salesforce refuses"
    key = root.findtext("assignments/assignmentItems[assignToReference='request.requestKey']/value/elementReference")
    formula = root.findtext(f"formulas[name='{key}']/expression") or ""
    if re.findall(r"\{!(.+?)\}", formula) != ["$Record.Id"]:
        yield "its request key is not made of the record's id alone"
