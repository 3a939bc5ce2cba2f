"""What must not stand in the package's files: broken XML, other hosts, secrets, loose versions, risky code."""

import json
import re
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from tests.adapters.salesforce_app.parts import SOURCE, load, parsed, parts

HOST = "connector.example.com"
METADATA = "http://soap.sforce.com/2006/04/metadata"  # the XML namespace, which nobody calls
SUFFIXES = {".json", ".md", ".xml", ".js", ".html"}
SECRET_ELEMENTS = re.compile(
    r"<(consumer(?:Key|Secret)|certificate|password|oauth(?:Token|RefreshToken|Link)|orgScopedExternalApp)>"
)
HEADER = "{!'Bearer ' & $Credential.Referral_Connector_Key.ApiKey}"
KEPT_HERE = {"**/__tests__/**", "**/extlClntAppGlobalOauthSets/**"}
#: Salesforce's own modules that only read, and files of the component itself.
MODULES = re.compile(r"lwc|lightning/uiRecordApi|@salesforce/(schema|i18n)/[\w.]+|\./\w+")
RISKY = re.compile(
    r"setTimeout|setInterval|requestAnimationFrame|innerHTML|outerHTML|insertAdjacentHTML|lwc:dom|\bdocument\b|"
    r"\bwindow\b|\beval\b|new Function|\bfetch\(|XMLHttpRequest|localStorage|sessionStorage|console\.|"
    r"(?:create|update|delete)Record"
)


def files(app):
    """The texts that we wrote."""
    for path in sorted(app.rglob("*")):
        if path.is_file() and path.suffix in SUFFIXES and "node_modules" not in path.relative_to(app).parts:
            yield path, path.read_text(encoding="utf-8")


def malformed(app):
    for path, text in files(app):
        try:
            if path.suffix == ".xml":
                parsed(path)
            elif path.suffix == ".json":
                json.loads(text)
        except (ParseError, ValueError) as error:
            yield f"{path.name}: {error}"


def elsewhere(app):
    """Addresses and mailboxes that are not on the one placeholder that the developer replaces."""
    for path, text in files(app):
        for address in re.findall(r"https?://[^\s\"'`)}<]+", text):
            if address != METADATA and (not address.startswith("https://") or urlsplit(address).netloc != HOST):
                yield f"{path.name}: {address}"
        yield from (
            f"{path.name}: {mail}" for mail in re.findall(r"[\w.]+@[\w-]+\.[\w.]+\w", text) if not mail.endswith(HOST)
        )


def secrets(app):
    """Key and secret live in Setup alone; the only header is made of what stands there."""
    yield from (f"{path.name} holds key and secret" for path in sorted(app.rglob("*.ecaGlblOauth-meta.xml")))
    for path, text in files(app):
        yield from (f"{path.name}: {name} belongs into no file" for name in SECRET_ELEMENTS.findall(text))
        if "PRIVATE KEY" in text:
            yield f"{path.name}: a private key belongs into no file"
    for _, path, root in parts(app, "externalCredentials/*.externalCredential"):
        for value in root.findall(".//parameterValue"):
            if value.text != HEADER:
                yield f"{path.name}: {value.text} is no reference to a key in Setup"
    ignored = set((app / ".forceignore").read_text(encoding="utf-8").splitlines())
    yield from (f".forceignore lets {pattern} through" for pattern in sorted(KEPT_HERE - ignored))


def unlike_promised(app):
    """The external client app asks for two scopes, and can be packaged."""
    for _, path, root in parts(app, "extlClntAppOauthSettings/*.ecaOauth"):
        if root.findtext("commaSeparatedOauthScopes") != "Api, RefreshToken":
            yield f"{path.name}: its scopes are {root.findtext('commaSeparatedOauthScopes')}"
    for _, path, root in parts(app, "externalClientApps/*.eca"):
        if root.findtext("distributionState") != "Packaged":
            yield f"{path.name}: {root.findtext('distributionState')} apps stay in the org where they were made"


def loose_versions(app):
    """Without a lock file only exact versions say what was tried."""
    said = load(app / "package.json")
    if said.get("private") is not True:
        yield "package.json: it could be published by mistake"
    for name, version in {**said.get("dependencies", {}), **said["devDependencies"], **said["overrides"]}.items():
        if not re.fullmatch(r"\d+\.\d+\.\d+", version):
            yield f"package.json: {name} {version} is no exact version"


def risky_code(app):
    """The card reads one record and shows it: no timers, no markup of its own making, no calls, no writing."""
    for path in sorted([*app.glob(f"{SOURCE}/lwc/*/*.js"), *app.glob(f"{SOURCE}/lwc/*/*.html")]):
        text = path.read_text(encoding="utf-8")
        yield from (f"{path.name}: {word}" for word in RISKY.findall(text))
        modules = re.findall(r'from "([^"]+)"', text)
        yield from (f"{path.name}: {name} is not for reading" for name in modules if not MODULES.fullmatch(name))
    yield from (f"{path.name} is Apex" for path in sorted(app.rglob("*.cls")))
