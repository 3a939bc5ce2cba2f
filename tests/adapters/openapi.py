"""A judge of calls by the platform's own OpenAPI files: strict in what is sent, as lenient as told in what is answered.

What a platform ignores in silence (a misspelt key or parameter) is a defect here. Where recorded answers contradict
the files, `Lenience` says so; it never excuses a request. Only path and query of a URL count, because a stand-in or a
gateway may hold any host. `security` is left to the platform.
"""

import gzip
import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue

HOST = "https://platform.example.com"
FORM = "application/x-www-form-urlencoded"
#: Errors are published as of any type (`*/*`); they are JSON.
CONFIG = Config(spec_validator_cls=None, extra_media_type_deserializers={"*/*": lambda raw, **_: json.loads(raw)})


@dataclass(frozen=True)
class Lenience:
    """How answers may differ from the files.

    optional: keys that may be missing. loose: keys whose value may be of any type. nulls: any value may be null.
    success: a success that is not listed (207, 201, 204) is judged by the one that is.
    """

    optional: frozenset[str] = frozenset()
    loose: frozenset[str] = frozenset()
    nulls: bool = False
    success: bool = False

    def loosened(self, schema):
        made = dict(schema)
        if isinstance(schema.get("properties"), dict):
            made["properties"] = {name: {} if name in self.loose else said for name, said in made["properties"].items()}
        if isinstance(schema.get("required"), list):
            made["required"] = [name for name in schema["required"] if name not in self.optional]
        if self.nulls and isinstance(schema.get("type"), str):
            made["nullable"] = True
        return made


@dataclass(frozen=True, eq=False)
class Route:
    """One operation of one file; where two files know a path, the one with more fixed words decides."""

    file: str
    template: str
    method: str
    document: dict

    @cached_property
    def pattern(self):
        return re.compile(re.sub(r"\\\{.+?\\\}", "[^/]+", re.escape(self.template)))

    @property
    def rank(self):
        return [part.startswith("{") for part in self.template.split("/")]

    @property
    def operation(self):
        return self.document["paths"][self.template][self.method]

    def reduced(self):
        """The file with this operation alone, so that no other one of it can match."""
        item = self.document["paths"][self.template]
        operation = {key: said for key, said in self.operation.items() if key != "security"}
        path = {self.method: operation, "parameters": item.get("parameters", [])}
        return {**self.document, "security": [], "servers": [{"url": HOST}], "paths": {self.template: path}}

    def parameters(self):
        """The names that may stand in the query."""
        item = self.document["paths"][self.template]
        said = [self.resolved(one) for one in [*item.get("parameters", []), *self.operation.get("parameters", [])]]
        return {one["name"] for one in said if one["in"] == "query"}

    def fields(self):
        """The names that a form may have; empty where the body is no form."""
        said = self.resolved(self.operation.get("requestBody", {})).get("content", {}).get(FORM, {}).get("schema", {})
        return set(self.resolved(said).get("properties", {}))

    def successes(self):
        return sorted(int(code) for code in self.operation["responses"] if code.startswith("2"))

    def resolved(self, node):
        while "$ref" in node:
            found = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    @cache  # noqa: B019 - a judge and its routes live as long as the tests
    def strict(self):
        return OpenAPI.from_dict(rewritten(self.reduced(), closed), config=CONFIG)

    @cache  # noqa: B019
    def lenient(self, lenience):
        return OpenAPI.from_dict(rewritten(self.reduced(), lenience.loosened), config=CONFIG)


class Judge:
    """All operations of the OpenAPI files of a folder (`*.json`, `*.json.gz`), read when first asked."""

    def __init__(self, folder, pattern="*.json*", lenience=Lenience()):
        self.folder = Path(folder)
        self.pattern = pattern
        self.lenience = lenience

    @cached_property
    def routes(self):
        found = []
        for path in sorted(self.folder.glob(self.pattern)):
            raw = path.read_bytes()
            document = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
            for template, item in document["paths"].items():
                methods = [method for method, said in item.items() if isinstance(said, dict) and "responses" in said]
                found += [Route(path.name, template, method, document) for method in methods]
        assert found, f"{self.folder} has no OpenAPI file like {self.pattern}"
        return found

    def route(self, method, url):
        path = urlsplit(url).path
        on_path = [route for route in self.routes if route.pattern.fullmatch(path)]
        assert on_path, f"{method} {path}: no published file knows this path"
        found = [route for route in on_path if route.method == method.lower()]
        known = sorted({route.method.upper() for route in on_path})
        assert found, f"{method} {path}: only {', '.join(known)} is published for this path"
        return min(found, key=lambda route: route.rank)

    def request(self, method, url, headers, body):
        """AssertionError in plain words, unless this may be sent. `body` is bytes, or None."""
        route = self.route(method, url)
        told = list(unknown_names(route, url, headers, body))
        told += faults(route.strict().iter_request_errors(asked(method, url, headers, body)))
        refuse(f"{method} {urlsplit(url).path} ({route.file})", told)

    def answer(self, method, url, status, headers, body):
        """AssertionError in plain words, unless this may come back for such a request."""
        route = self.route(method, url)
        told = self.doubts(route, asked(method, url, {}, None), status, headers, body)
        refuse(f"{status} to {method} {urlsplit(url).path} ({route.file})", told)

    def doubts(self, route, request, status, headers, body):
        known = route.successes()
        success = status < 300
        if success and known and status not in known and not self.lenience.success:
            return [f"of successes only {known} is published"]
        if status == 204:
            return ["204 has no body"] if body else []
        if success and not known:
            return []  # the file tells of errors alone
        judged_as = known[0] if success and status not in known else status
        answered = MockResponse(body, judged_as, dict(headers), content_type=content_type(headers))
        return list(faults(route.lenient(self.lenience).iter_response_errors(request, answered)))


def unknown_names(route, url, headers, body):
    """Names that openapi-core passes over as the platform would: of the query, of a form, a body that nobody asked for."""
    names = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    yield from (f"?{name} is no parameter" for name in sorted(names - route.parameters()))
    if body and "requestBody" not in route.operation:
        yield "takes no body"
    if body and content_type(headers).startswith(FORM):
        sent = {name for name, _ in parse_qsl(body.decode(), keep_blank_values=True)}
        yield from (f"{name} is no field of the form" for name in sorted(sent - route.fields()))


def asked(method, url, headers, body):
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    kind = content_type(headers)
    return MockRequest(
        HOST, method, parts.path, args=query, headers=dict(headers), data=body or None, content_type=kind
    )


def content_type(headers):
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "").lower()


def faults(errors):
    for error in errors:
        cause = error
        while not isinstance(cause, InvalidSchemaValue) and cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, InvalidSchemaValue):
            yield from (f"{fault.json_path}: {fault.message}" for fault in cause.schema_errors)
        else:
            yield f"{error}" if f"{cause}" in f"{error}" else f"{error}: {cause}"


def refuse(what, told):
    assert not told, f"{what}:\n" + "\n".join(f"  {fault}" for fault in told)


def rewritten(node, change, *, names=False):
    """The file with each schema changed. Under `properties` a key is a name, not a word of the schema language."""
    if isinstance(node, list):
        return [rewritten(one, change) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: rewritten(said, change, names=key == "properties" and not names) for key, said in node.items()}
    return made if names else change(made)


def closed(schema):
    """A schema that lists its properties takes no other ones; a bare `object` is a map, and takes all."""
    return {"additionalProperties": False, **schema} if schema.get("properties") else schema
