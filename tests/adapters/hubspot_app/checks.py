"""What must hold for the project that a merchant's developer uploads. Every check gives its findings as sentences."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).with_name("schemas")
HOST = "connector.example.com"
LANGUAGES = {"en", "de"}
SOURCES = {".json", ".md", ".ts", ".tsx"}
#: HubSpot's sample of each kind of file, in the published project components.
SAMPLES = {
    "app": "app",
    "webhooks": "webhooks",
    "workflow-action": "workflow-actions",
    "settings": "settings-page",
    "card": "card",
}
#: Of a workflow action the sample shows no outputs. The definitions API has them, and the same words for its labels.
ALSO_PUBLISHED = {"outputFields[].typeDefinition." + key for key in ("name", "type", "fieldType")}


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def parts(app):
    """Each part of the project: its file, what it says, and its kind, which names its schema."""
    for path in sorted(app.glob("src/**/*-hsmeta.json")):
        said = load(path)
        yield path, said, said.get("type", "")


def config(app, kind):
    return next(said["config"] for _, said, of in parts(app) if of == kind)


def files(app):
    """The texts that we wrote."""
    for path in sorted(app.rglob("*")):
        inside = path.relative_to(app).parts
        if path.is_file() and path.suffix in SOURCES and "node_modules" not in inside:
            yield path, path.read_text(encoding="utf-8")


def shapes(app):
    """A key that HubSpot does not know may be dropped in silence there, so here it is a finding."""
    told = [(app / "hsproject.json", load(app / "hsproject.json"), "project")]
    for path, said, kind in parts(app):
        if extra := {"uid", "type", "config"} ^ set(said):
            yield f"{path.name}: {', '.join(sorted(extra))} is too much, or missing"
        told.append((path, said.get("config"), kind))
    for path, said, kind in told:
        schema = SCHEMAS / f"{kind}.json"
        if not schema.exists():
            yield f"{path.name}: {kind!r} is no kind of part that is known here"
            continue
        for fault in Draft202012Validator(load(schema)).iter_errors(said):
            yield f"{path.name}: {fault.json_path}: {fault.message}"


def keys(said, at=""):
    """The paths of all leaves: `settings.targetUrl`, `inputFields[].isRequired`."""
    if isinstance(said, dict):
        return {path for key, one in said.items() for path in keys(one, f"{at}.{key}" if at else key)}
    if isinstance(said, list) and any(isinstance(one, dict) for one in said):
        return {path for one in said for path in keys(one, f"{at}[]")}
    return {at}


def unpublished(app, contracts, label_words):
    """Keys that neither HubSpot's samples nor its definitions API show. Labels are judged by their words alone."""
    folder = contracts / "hubspot/project"
    for path, said, kind in parts(app):
        ours, labels = dict(said["config"]), said["config"].get("labels", {})
        ours.pop("labels", None)
        known = keys(load(folder / f"{SAMPLES[kind]}-hsmeta.json")["config"]) | ALSO_PUBLISHED
        yield from (f"{path.name}: {key} is published nowhere" for key in sorted(keys(ours) - known))
        for words in labels.values():
            yield from (f"{path.name}: no label is called {word}" for word in sorted(words.keys() - label_words))
    if strange := load(app / "hsproject.json").keys() ^ load(folder / "hsproject.json").keys():
        yield f"hsproject.json: {', '.join(sorted(strange))} is too much, or missing"


def scopes(app):
    said = config(app, "app")["auth"]
    return said["requiredScopes"], said["optionalScopes"]


def explained(app):
    """The table of permissions in the README: (name, required or optional, why)."""
    text = (app / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([a-z_.]+)` \| (required|optional) \| (.+) \|$", text, re.MULTILINE)


def unexplained(app):
    required, optional = scopes(app)
    asked = [(scope, "required") for scope in required] + [(scope, "optional") for scope in optional]
    told = [(name, kind) for name, kind, why in explained(app) if why.startswith("to ")]
    yield from (
        f"{name} ({kind}) has no line that says what it is for" for name, kind in asked if (name, kind) not in told
    )
    yield from (f"{name} ({kind}) is explained but not asked for" for name, kind in told if (name, kind) not in asked)


def one_uid_each(app):
    seen = {}
    for path, said, _ in parts(app):
        if seen.setdefault(said["uid"], path) != path:
            yield f"{path.name} and {seen[said['uid']].name} are both called {said['uid']}"


def missing_entrypoints(app):
    for path, said, _ in parts(app):
        entry = said["config"].get("entrypoint")
        if entry and not (app / "src" / entry.removeprefix("/")).is_file():
            yield f"{path.name}: {entry} is missing"


def elsewhere(app):
    """Addresses and mailboxes that are not on the one placeholder that the developer replaces."""
    for path, text in files(app):
        for address in re.findall(r"https?://[^\s\"'`)}]+", text):
            if not address.startswith("https://") or urlsplit(address).netloc != HOST:
                yield f"{path.name}: {address}"
        yield from (
            f"{path.name}: {mail}" for mail in re.findall(r"[\w.]+@[\w-]+\.[\w.]+\w", text) if not mail.endswith(HOST)
        )


def not_permitted(app):
    """HubSpot refuses a call from card or settings page to any server that is not listed."""
    listed = config(app, "app")["permittedUrls"]["fetch"]
    for path, text in files(app):
        if path.suffix in {".ts", ".tsx"}:
            servers = re.findall(r'SERVER = "([^"]+)"', text)
            yield from (
                f"{path.name} calls {server}, which is not permitted" for server in servers if server not in listed
            )


def subscriptions(app):
    """What the server is told of: (kind, what happened, property)."""
    said = config(app, "webhooks")["subscriptions"]
    heard = [(one["objectType"], one["subscriptionType"], one.get("propertyName")) for one in said["crmObjects"]]
    return heard + [("contact", one["subscriptionType"], None) for one in said["hubEvents"]]


def unread(app, topics):
    """Subscriptions that nobody reads."""
    yield from (f"nobody reads {what} of {kind}" for kind, what, _ in subscriptions(app) if what not in topics)


def unheard(app, properties):
    """Properties of a contact that are read as evidence, but whose change would never be told."""
    heard = {name for kind, _, name in subscriptions(app) if kind == "contact"}
    yield from (f"{name} of a contact is not listened to" for name in sorted(set(properties) - heard))


def untranslated(app):
    """A text of the workflow action that one language lacks, or that names a field which is not there."""
    said = config(app, "workflow-action")
    labels = said["labels"]
    yield from (f"there are no labels in {one}" for one in sorted(LANGUAGES - labels.keys()))
    fields = {"input": field_names(said["inputFields"]), "output": field_names(said["outputFields"])}
    for language, words in sorted(labels.items()):
        yield from (f"{language}: {word} is missing" for word in sorted(labels["en"].keys() - words.keys()))
        for group in sorted(word for word in words if word.endswith(("FieldLabels", "FieldDescriptions"))):
            expected = fields["input" if group.startswith("input") else "output"]
            for name in sorted(expected ^ words[group].keys()):
                yield f"{language}: {group}: {name} is too much, or missing"


def field_names(fields):
    return {field["typeDefinition"]["name"] for field in fields}


def loose_versions(app):
    """Without a lock file only exact versions say what was tried, and types must be those of what is uploaded."""
    tried = load(app / "package.json")["dependencies"]
    for path in [app / "package.json", *sorted(app.glob("src/**/package.json"))]:
        said = load(path)
        where = path.relative_to(app)
        for name, version in {**said.get("dependencies", {}), **said.get("devDependencies", {})}.items():
            if not re.fullmatch(r"\d+\.\d+\.\d+", version):
                yield f"{where}: {name} {version} is no exact version"
        yield from (
            f"{where}: {name} {version} is not the {tried.get(name)} that was tried"
            for name, version in said.get("dependencies", {}).items()
            if tried.get(name) != version
        )


def bare_code(app):
    """HubSpot builds each folder of React code by the package.json beside it."""
    for path in sorted(app.glob("src/**/*.tsx")):
        if not (path.parent / "package.json").is_file():
            yield f"{path.name} has no package.json beside it"
