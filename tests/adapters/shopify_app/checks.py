"""What must hold for the files that a merchant's developer deploys. Every check gives its findings as sentences."""

import gzip
import json
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).with_name("schemas")
COMPLIANCE = {"customers/data_request", "customers/redact", "shop/redact"}
#: Where the mapping writes what the app file declares under `[order.metafields.app.KEY]`.
NAMESPACE = "$app"
THEME_TARGETS = {"head", "body", "section", "compliance_head"}
LARGEST_ASSET = 10_000


def table(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


def extensions(app):
    """Each extension's file and kind; the kind names its schema."""
    for path in sorted(app.glob("extensions/*/shopify.extension.toml")):
        said = table(path)
        yield path, said, said.get("type") or said["extensions"][0]["type"]


def shapes(app):
    """A key that Shopify does not know is dropped in silence there, so here it is a finding."""
    files = [(app / "shopify.app.toml", table(app / "shopify.app.toml"), "app"), *extensions(app)]
    for path, said, kind in files:
        schema = SCHEMAS / f"{kind}.json"
        if not schema.exists():
            yield f"{path.relative_to(app)}: {kind!r} is no kind of extension that is known here"
            continue
        for fault in Draft202012Validator(json.loads(schema.read_text())).iter_errors(said):
            yield f"{path.relative_to(app)}: {fault.json_path}: {fault.message}"


def topics(app):
    said = table(app / "shopify.app.toml")["webhooks"]["subscriptions"]
    return [topic for subscription in said for topic in subscription.get("topics", [])]


def compliance(app):
    said = table(app / "shopify.app.toml")["webhooks"]["subscriptions"]
    asked = {topic for subscription in said for topic in subscription.get("compliance_topics", [])}
    yield from (f"{topic} is not asked for" for topic in sorted(COMPLIANCE - asked))


def published_topics(contracts):
    """Every topic's description by its name in the published enum, such as ORDERS_PAID."""
    with gzip.open(contracts / "shopify/admin-graphql/admin_2026-10.introspection.json.gz") as file:
        published = json.load(file)
    types = (published.get("data") or published)["__schema"]["types"]
    enum = next(kind for kind in types if kind["name"] == "WebhookSubscriptionTopic")
    return {value["name"]: value["description"] for value in enum["enumValues"]}


def unheard(app, published):
    """Topics that do not exist, and topics whose scope the app does not ask for: Shopify refuses both at deploy."""
    required, _ = scopes(app)
    for topic in topics(app):
        text = published.get(topic.upper().replace("/", "_"))
        if text is None:
            yield f"{topic} is no published topic"
            continue
        needed = set(re.findall(r"\b(?:read|write)_[a-z_]+", text))
        if needed and not needed & set(required):
            yield f"{topic} needs one of {sorted(needed)}"


def scopes(app):
    said = table(app / "shopify.app.toml")["access_scopes"]
    return said["scopes"].split(","), said["optional_scopes"]


def unexplained(app):
    text = (app / "shopify.app.toml").read_text(encoding="utf-8")
    for scope in [scope for kind in scopes(app) for scope in kind]:
        if not re.search(rf"^# {scope}: to \w", text, re.MULTILINE):
            yield f"{scope} has no line that says what it is for"


def hosts(app):
    """The hosts of all addresses that the developer fills in; `example.com` stands for one server."""
    said = table(app / "shopify.app.toml")
    addresses = [said["application_url"], said["app_proxy"]["url"], *said["auth"]["redirect_urls"]]
    addresses += [subscription["uri"] for subscription in said["webhooks"]["subscriptions"]]
    addresses += [said["extensions"][0]["runtime_url"] for _, said, kind in extensions(app) if kind == "flow_action"]
    return {urlsplit(address).netloc for address in addresses}


def astray(app):
    """The theme's script asks under the shop's own address, where only this proxy answers."""
    proxy = table(app / "shopify.app.toml")["app_proxy"]
    script = (app / "extensions/referral-embed/assets/referral.js").read_text(encoding="utf-8")
    if f"`/{proxy['prefix']}/{proxy['subpath']}/sign?" not in script:
        yield f"referral.js does not ask under /{proxy['prefix']}/{proxy['subpath']}"


def declared(app):
    """The metafields that staff will see, as the mapping spells them: {(record, field): type}."""
    said = table(app / "shopify.app.toml")
    return {
        (record, f"{NAMESPACE}.{key}"): definition["type"]
        for record in ("order", "customer")
        for key, definition in said[record]["metafields"]["app"].items()
    }


def one_handle_each(app):
    seen = {}
    for path, said, _ in extensions(app):
        handle = said.get("extensions", [said])[0].get("handle")
        if handle and seen.setdefault(handle, path) != path:
            yield f"{path.parent.name} and {seen[handle].parent.name} are both called {handle}"


def blocks(app):
    for path in sorted(app.glob("extensions/*/blocks/*.liquid")):
        found = re.search(r"{% schema %}(.*){% endschema %}", path.read_text(encoding="utf-8"), re.DOTALL)
        assert found, f"{path.name} has no schema"
        yield path, json.loads(found[1])


def block_faults(app):
    """Theme check looks into neither `target` nor the settings."""
    for path, schema in blocks(app):
        labels = flat(json.loads((path.parents[1] / "locales/en.default.schema.json").read_text(encoding="utf-8")))
        if schema["target"] not in THEME_TARGETS:
            yield f"{path.name}: {schema['target']!r} is no target"
        ids = [setting["id"] for setting in schema["settings"]]
        yield from (f"{path.name}: {name} is set twice" for name in sorted({n for n in ids if ids.count(n) > 1}))
        for text in re.findall(r'"t:([a-z_.]+)"', json.dumps(schema)):
            if text not in labels:
                yield f"{path.name}: t:{text} has no text"


def flat(texts, prefix=""):
    """{"a": {"b": "x"}} as {"a.b": "x"}."""
    found = {}
    for name, text in texts.items():
        found |= flat(text, f"{prefix}{name}.") if isinstance(text, dict) else {prefix + name: text}
    return found


def untranslated(app):
    """A text that one language lacks, or that the code asks for and none has."""
    for path in sorted(app.glob("extensions/*/locales/*default*.json")):
        english = flat(json.loads(path.read_text(encoding="utf-8")))
        german = flat(json.loads((path.parent / path.name.replace("en.default", "de")).read_text(encoding="utf-8")))
        for name in sorted(english.keys() ^ german.keys()):
            yield f"{path.parents[1].name}: {name} is missing in {'de' if name in english else 'en'}"
        for name in sorted(english.keys() & german.keys()):
            if re.findall("{{.*?}}", english[name]) != re.findall("{{.*?}}", german[name]):
                yield f"{path.parents[1].name}: {name} fills in something else in de"
        for source in sorted(path.parents[1].glob("src/*.tsx")):
            asked = re.findall(r'(?:say|translate)\("([a-z_]+)"', source.read_text(encoding="utf-8"))
            yield from (f"{source.name}: {name} has no text" for name in asked if name not in english)


def heavy(app):
    for path in sorted(app.glob("extensions/*/assets/*")):
        if (size := path.stat().st_size) > LARGEST_ASSET:
            yield f"{path.name} weighs {size} bytes; every page of the shop loads it"


def missing_modules(app):
    for path, said, kind in extensions(app):
        if kind == "ui_extension":
            targets = said["extensions"][0]["targeting"]
            yield from (f"{t['module']} is missing" for t in targets if not (path.parent / t["module"]).is_file())


def loose_versions(app):
    """Without a lock file only exact versions say what was tried; a UI extension's API version is its package's."""
    packages = json.loads((app / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name, version in packages.items():
        if not re.fullmatch(r"\d+\.\d+\.\d+", version):
            yield f"{name} {version} is no exact version"
    year, month, _ = packages["@shopify/ui-extensions"].split(".")
    for path, said, kind in extensions(app):
        if kind == "ui_extension" and said["api_version"] != f"{year}-{int(month):02}":
            yield f"{path.parent.name} speaks {said['api_version']}, its package {year}-{int(month):02}"
