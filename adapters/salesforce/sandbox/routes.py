"""Every path of the REST API that is spoken here, and what answers it. The first that fits wins."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from adapters.salesforce.sandbox import batches, changes, composite, deploys, describe, processes, queries, rows
from adapters.salesforce.sandbox.answers import Reply, not_found
from adapters.salesforce.sandbox.call import Call

Answer = Callable[[Call], Reply]
#: The versions of the API that are spoken, with the names of their releases.
VERSIONS = {
    "59.0": "Winter '24", "60.0": "Spring '24", "61.0": "Summer '24", "62.0": "Winter '25", "63.0": "Spring '25",
    "64.0": "Summer '25", "65.0": "Winter '26", "66.0": "Spring '26", "67.0": "Summer '26", "68.0": "Winter '27",
}  # fmt: skip
_VERSIONED = re.compile(r"/services/data/v(?P<version>\d+\.0)/(?P<rest>.*?)/?")


def versions() -> Reply:
    told = [{"label": name, "url": f"/services/data/v{number}", "version": number} for number, name in VERSIONS.items()]
    return Reply(200, told)


@dataclass(frozen=True)
class Route:
    method: str
    template: str
    answer: Answer

    @property
    def pattern(self) -> str:
        return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template)

    def called(self, parts: Mapping[str, str]) -> str:
        """As the book counts it: with the kinds of objects and the keys, without ids and values."""
        return re.sub(r"\{(kind|field|program|process|action)\}", lambda found: parts[found[1]], self.template)


def _several(call: Call) -> Reply:
    return composite.run(call, _part)


def _part(call: Call, method: str, target: str, body: Any, headers: Mapping[str, str]) -> Reply:
    """One part of a composite request. Raises Refusal where there is no such path."""
    url = urlsplit(target)
    found = find(method, url.path)
    if found is None or found[0].answer is _several:
        raise not_found()
    route, parts = found
    return route.answer(replace(call, path=parts, query=parse_qs(url.query), body=body, headers=headers))


def _limits(call: Call) -> Reply:
    return Reply(200, call.org.limits.as_json(call.hand.at))


_KIND = "sobjects/{kind}"
_KEYED = "sobjects/{kind}/{field}/{value}"
_MANY = "composite/sobjects"
ROUTES = tuple(
    Route(*row)
    for row in (
        ("GET", "limits", _limits),
        ("GET", "query", queries.query),
        ("GET", "queryAll", queries.query_all),
        ("GET", "query/{cursor}", queries.more),
        ("GET", "sobjects", describe.show_all),
        ("GET", f"{_KIND}/describe", describe.show),
        ("GET", f"{_KIND}/updated", changes.updated),
        ("GET", f"{_KIND}/deleted", changes.deleted),
        ("POST", f"sobjects/{deploys.ASSIGNMENT}", deploys.assign),
        ("POST", _KIND, rows.create),
        ("GET", f"{_KIND}/{{id}}", rows.show),
        ("PATCH", f"{_KIND}/{{id}}", rows.update),
        ("DELETE", f"{_KIND}/{{id}}", rows.delete),
        ("GET", _KEYED, rows.show_by_key),
        ("PATCH", _KEYED, rows.upsert),
        ("POST", "actions/standard/{action}", processes.act),
        ("POST", "connect/loyalty/programs/{program}/program-processes/{process}", processes.run),
        ("POST", "metadata/deployRequest", deploys.start),
        ("GET", "metadata/deployRequest/{id}", deploys.show),
        ("POST", "composite", _several),
        ("POST", _MANY, batches.create),
        ("PATCH", _MANY, batches.update),
        ("DELETE", _MANY, batches.delete),
        ("GET", f"{_MANY}/{{kind}}", batches.read),
        ("POST", f"{_MANY}/{{kind}}", batches.read),
        ("PATCH", f"{_MANY}/{{kind}}/{{field}}", batches.upsert),
    )
)
_PATTERNS = tuple((route, re.compile(route.pattern)) for route in ROUTES)


def version(path: str) -> str:
    """The version that a path names, as v66.0; "" for a path outside the API or a version that is not spoken."""
    found = _VERSIONED.fullmatch(path)
    return f"v{found['version']}" if found and found["version"] in VERSIONS else ""


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request below a version, and the parts that its path names."""
    found = _VERSIONED.fullmatch(path)
    if found is None or found["version"] not in VERSIONS:
        return None
    for route, pattern in _PATTERNS:
        if route.method == method and (parts := pattern.fullmatch(found["rest"])):
            return route, {name: unquote(value) for name, value in parts.groupdict().items()}
    return None
