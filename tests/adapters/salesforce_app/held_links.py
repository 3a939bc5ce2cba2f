"""Whatever a part of the package names is there: in the package itself, or in every org."""

import re

from tests.adapters.salesforce_app.parts import SOURCE, fields, load, parts, permission_sets, texts

API_VERSION = "67.0"
#: List views have words of their own for standard fields.
COLUMNS = {"NAME": "Name"}
PERMISSION_SETS = ("Integration", "User")


def named(app):
    """Each field and object that a part names: (part, object, field); without a field it is the object itself."""
    for who, root in permission_sets(app).items():
        yield from ((who, *name.split(".")) for name in texts(root, "fieldPermissions/field"))
        yield from (
            (who, name, "") for name in texts(root, "objectPermissions/object") + texts(root, "tabSettings/tab")
        )
    for pattern, names in [
        ("objects/*/listViews/*.listView", ("columns", "filters/field")),
        ("objects/*/compactLayouts/*.compactLayout", ("fields",)),
    ]:
        for _, path, root in parts(app, pattern):
            yield from ((path.name, path.parts[-3], COLUMNS.get(n, n)) for each in names for n in texts(root, each))
    for name, path, root in parts(app, "layouts/*.layout"):
        on = name.partition("-")[0]
        yield from ((path.name, on, field) for field in texts(root, ".//layoutItems/field"))
    for name, root in fields(app).items():
        yield name, name.partition(".")[0], ""
        yield from ((name, target, "") for target in texts(root, "referenceTo"))
    yield from ((path.name, name, "") for name, path, _ in parts(app, "tabs/*.tab"))
    yield from named_in_flows(app)
    yield from named_in_cards(app)


def named_in_flows(app):
    for _, path, root in parts(app, "flows/*.flow"):
        for node in root.findall("start") + root.findall("recordCreates"):
            on = node.findtext("object")
            for field in texts(node, "filters/field") + texts(node, "inputAssignments/field"):
                yield path.name, on, field
        record = re.compile(r"\$Record\.(\w+)")
        for field in {name for node in root.iter() for name in record.findall(node.text or "")}:
            yield path.name, root.findtext("start/object"), field


def named_in_cards(app):
    for path in sorted(app.glob(f"{SOURCE}/lwc/*/*.js")):
        for name in re.findall(r'"@salesforce/schema/([\w.]+)"', path.read_text(encoding="utf-8")):
            on, *way, field = name.split(".")
            for step in way:  # of a case, its contact's fields
                yield path.name, on, f"{step}Id"
                on = step
            yield path.name, on, field
    for _, path, root in parts(app, "lwc/*/*.js"):
        yield from ((path.name, name, "") for name in texts(root, ".//objects/object"))


def unknown_names(app, standard=None):
    """standard: what every org has, {object: {field: whether a permission set may name it}}; None: not looked at."""
    ours = fields(app)
    objects = {name for name, _, _ in parts(app, "objects/*/*.object")}
    for part, on, field in named(app):
        if field.endswith("__c"):
            if f"{on}.{field}" not in ours:
                yield f"{part}: there is no field {on}.{field}"
        elif on.endswith("__c") and on not in objects:
            yield f"{part}: there is no object {on}"
        elif standard is not None:
            yield from unknown_standard(part, on, field, standard)


def unknown_standard(part, on, field, standard):
    if on not in standard:
        yield f"{part}: there is no object {on}"
    elif field and field not in standard[on]:
        yield f"{part}: there is no field {on}.{field}"
    elif field and part in PERMISSION_SETS and not standard[on][field]:
        yield f"{part}: {on}.{field} is always open, and no permission set may name it"


def unlinked(app):
    """A part that names another part which is not there."""
    credentials = {name: root for name, _, root in parts(app, "externalCredentials/*.externalCredential")}
    endpoints = {name for name, _, _ in parts(app, "namedCredentials/*.namedCredential")}
    apps = {name for name, _, _ in parts(app, "externalClientApps/*.eca")}
    layouts = {name for name, _, _ in parts(app, "objects/*/compactLayouts/*.compactLayout")}
    principals = {
        f"{name}-{each.findtext('parameterName')}"
        for name, root in credentials.items()
        for each in root.findall("externalCredentialParameters")
        if each.findtext("parameterType") == "NamedPrincipal"
    }
    headers = {
        name
        for root in credentials.values()
        for value in texts(root, "externalCredentialParameters/parameterValue")
        for name in re.findall(r"\$Credential\.(\w+)\.", value)
    }
    for pattern, element, there in [
        ("externalServiceRegistrations/*.externalServiceRegistration", "namedCredentialReference", endpoints),
        ("namedCredentials/*.namedCredential", "namedCredentialParameters/externalCredential", credentials),
        ("permissionsets/*.permissionset", ".//externalCredentialPrincipal", principals),
        ("extlClntAppOauthSettings/*.ecaOauth", "externalClientApplication", apps),
        ("objects/*/*.object", "compactLayoutAssignment", layouts),
    ]:
        for _, path, root in parts(app, pattern):
            yield from (f"{path.name}: there is no {name}" for name in texts(root, element) if name not in there)
    yield from (f"the key's header reads {name}, which is not there" for name in sorted(headers - credentials.keys()))


def versions_apart(app):
    project = load(app / "sfdx-project.json")
    found = {"sfdx-project.json": project["sourceApiVersion"]}
    for pattern in ("flows/*.flow", "lwc/*/*.js"):
        found |= {path.name: root.findtext("apiVersion") for _, path, root in parts(app, pattern)}
    yield from (f"{name}: {version} is not {API_VERSION}" for name, version in found.items() if version != API_VERSION)
    if project["namespace"]:
        yield f"sfdx-project.json: {project['namespace']} is a namespace, which is each developer's own"
    yield from (
        f"sfdx-project.json: {each['path']} is missing"
        for each in project["packageDirectories"]
        if not (app / each["path"]).is_dir()
    )
