"""Every operation that is spoken here, with its published size of rate windows, its scopes and its parameters."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from adapters.klaviyo.sandbox import coupons, events, profiles, records, rights
from adapters.klaviyo.sandbox.answers import Refusal, Reply, invalid_parameter
from adapters.klaviyo.sandbox.call import Call, Caller
from adapters.klaviyo.sandbox.limits import XL, XS, L, M, S, Size

Answer = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """parameters: those of the query that are played; any other one is refused rather than ignored."""

    method: str
    template: str
    answer: Answer
    size: Size
    scopes: frozenset[str]
    parameters: frozenset[str]

    @property
    def operation(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def pattern(self) -> str:
        return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template)

    def admit(self, caller: Caller) -> None:
        """Raises Refusal where a scope is missing."""
        if caller.scopes is not None and not self.scopes <= caller.scopes:
            words = "You do not have permission to perform this action."
            raise Refusal(403, "permission_denied", words)

    def check(self, call: Call) -> None:
        """Raises Refusal for a parameter that is not played."""
        for name in call.query:
            if name not in self.parameters:
                raise invalid_parameter(f"'{name}' is not a valid parameter for this operation.", name)


def _route(method: str, path: str, answer: Answer, size: Size, scopes: str, parameters: str = "") -> Route:
    return Route(method, f"/api/{path}", answer, size, frozenset(scopes.split()), frozenset(parameters.split()))


_PAGES = "page[cursor] page[size]"
_MORE = "additional-fields[profile]"
_READ_CODES, _WRITE_CODES = "coupon-codes:read", "coupon-codes:write"
_IMPORTS, _CODE_JOBS = "profile-bulk-import-jobs", "coupon-code-bulk-create-jobs"
_SUBSCRIBES = "lists:write profiles:write subscriptions:write"

ROUTES = (
    _route("GET", "accounts", records.account, XS, "accounts:read"),
    _route("POST", "events", events.create, XL, "events:write"),
    _route("GET", "events", records.events, XL, "events:read", f"filter sort {_PAGES}"),
    _route("GET", "events/{id}", records.event, M, "events:read"),
    _route("POST", "event-bulk-create-jobs", events.create_bulk, M, "events:write"),
    _route("GET", "metrics", records.metrics, M, "metrics:read", "filter page[cursor]"),
    _route("GET", "metrics/{id}", records.metric, M, "metrics:read"),
    _route("POST", "profile-import", profiles.upsert, L, "profiles:write", _MORE),
    _route("POST", "profiles", profiles.create, L, "profiles:write", _MORE),
    _route("GET", "profiles", profiles.show_all, L, "profiles:read", f"filter sort {_MORE} {_PAGES}"),
    _route("GET", "profiles/{id}", profiles.show, L, "profiles:read", _MORE),
    _route("PATCH", "profiles/{id}", profiles.update, L, "profiles:write", _MORE),
    _route("POST", _IMPORTS, profiles.import_many, M, "lists:write profiles:write"),
    _route("GET", f"{_IMPORTS}/{{id}}", profiles.show_import, M, "lists:read profiles:read"),
    _route("GET", f"{_IMPORTS}/{{id}}/import-errors", profiles.show_import_errors, M, "profiles:read", _PAGES),
    _route("POST", "coupons", coupons.create, S, "coupons:write"),
    _route("GET", "coupons", coupons.show_all, L, "coupons:read", _PAGES),
    _route("GET", "coupons/{id}", coupons.show, L, "coupons:read"),
    _route("POST", "coupon-codes", coupons.create_code, XL, _WRITE_CODES),
    _route("GET", "coupon-codes", coupons.show_codes, XL, _READ_CODES, f"filter {_PAGES}"),
    _route("GET", "coupon-codes/{id}", coupons.show_code, XL, _READ_CODES),
    _route("PATCH", "coupon-codes/{id}", coupons.update_code, XL, _WRITE_CODES),
    _route("DELETE", "coupon-codes/{id}", coupons.delete_code, XL, _WRITE_CODES),
    _route("POST", _CODE_JOBS, coupons.create_codes, L, _WRITE_CODES),
    _route("GET", f"{_CODE_JOBS}/{{id}}", coupons.show_job, L, _READ_CODES),
    _route("POST", "data-privacy-deletion-jobs", rights.erase, S, "data-privacy:write"),
    _route("POST", "profile-subscription-bulk-create-jobs", rights.subscribe, L, _SUBSCRIBES),
    _route("POST", "profile-merge", rights.merge, M, "profiles:write"),
)
_PATTERNS = tuple((route, re.compile(route.pattern)) for route in ROUTES)
#: The API before the dated revisions, which is gone.
LEGACY = re.compile(r"/api/v[12]/.*|/api/(track|identify)")


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request, and the parts that its path names."""
    for route, pattern in _PATTERNS:
        if route.method == method and (found := pattern.fullmatch(path)):
            return route, {name: unquote(value) for name, value in found.groupdict().items()}
    return None


def known(path: str) -> bool:
    """Whether another method might do."""
    return any(pattern.fullmatch(path) for _, pattern in _PATTERNS)
