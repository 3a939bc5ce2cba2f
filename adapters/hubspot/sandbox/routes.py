"""Every path of the API that is spoken here, and what answers it. The first that fits wins."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.hubspot.sandbox import account, associations, batches, objects, properties, schemas, search
from adapters.hubspot.sandbox.answers import Reply
from adapters.hubspot.sandbox.call import Call
from adapters.hubspot.sandbox.kinds import NATIVE
from adapters.hubspot.sandbox.oauth import uninstall as leave

Answer = Callable[[Call], Reply]


def _uninstall(call: Call) -> Reply:
    leave(call.portal)
    return Reply(204)


def _plural(name: str) -> str:
    """One name for a kind of records, whichever of its names a path has."""
    return next((kind.plural for kind in NATIVE if kind.answers_to(name)), name)


@dataclass(frozen=True)
class Route:
    method: str
    template: str
    answer: Answer

    @property
    def pattern(self) -> str:
        return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template)

    def called(self, parts: Mapping[str, str]) -> str:
        """The template as the book counts it: with the kinds of records, without ids and names."""
        return re.sub(r"\{(kind|from|to)\}", lambda found: _plural(parts[found[1]]), self.template)

    @property
    def is_search(self) -> bool:
        return self.template.endswith("/search")


_OBJECTS = "/crm/objects/2026-09/{kind}"
_ENDS = "/crm/objects/2026-09/{from}/{id}/associations"
_PROPERTIES = "/crm/properties/2026-09/{kind}"
_TIES = "/crm/associations/2026-09/{from}/{to}"
_SCHEMAS = "/crm-object-schemas/2026-09/schemas"
_LISTS = "/crm/lists/2026-09"
_CALLBACKS = "/automation/actions/callbacks/2026-09"

ROUTES = tuple(
    Route(*row)
    for row in (
        ("GET", "/account-info/2026-09/details", account.details),
        ("DELETE", "/appinstalls/2026-09/external-install", _uninstall),
        ("POST", f"{_OBJECTS}/batch/read", batches.read),
        ("POST", f"{_OBJECTS}/batch/update", batches.update),
        ("POST", f"{_OBJECTS}/batch/upsert", batches.upsert),
        ("POST", f"{_OBJECTS}/batch/create", batches.create),
        ("POST", f"{_OBJECTS}/batch/archive", batches.archive),
        ("POST", f"{_OBJECTS}/search", search.search),
        ("POST", f"{_OBJECTS}/merge", objects.merge),
        ("POST", f"{_OBJECTS}/gdpr-delete", objects.gdpr_delete),
        ("GET", _OBJECTS, objects.show_list),
        ("POST", _OBJECTS, objects.create),
        ("GET", f"{_OBJECTS}/{{id}}", objects.show),
        ("PATCH", f"{_OBJECTS}/{{id}}", objects.update),
        ("DELETE", f"{_OBJECTS}/{{id}}", objects.delete),
        ("GET", f"{_ENDS}/{{to}}", associations.show),
        ("PUT", f"{_ENDS}/default/{{to}}/{{other}}", associations.put_default),
        ("PUT", f"{_ENDS}/{{to}}/{{other}}", associations.put_labels),
        ("DELETE", f"{_ENDS}/{{to}}/{{other}}", associations.delete),
        ("GET", f"{_PROPERTIES}/groups", properties.show_groups),
        ("POST", f"{_PROPERTIES}/groups", properties.create_group),
        ("POST", f"{_PROPERTIES}/batch/create", properties.create_batch),
        ("GET", _PROPERTIES, properties.show_all),
        ("POST", _PROPERTIES, properties.create),
        ("GET", f"{_PROPERTIES}/{{name}}", properties.show),
        ("PATCH", f"{_PROPERTIES}/{{name}}", properties.update),
        ("POST", f"{_TIES}/batch/read", associations.read),
        ("POST", f"{_TIES}/batch/create", associations.create),
        ("POST", f"{_TIES}/batch/associate/default", associations.create_default),
        ("POST", f"{_TIES}/batch/archive", associations.archive),
        ("POST", f"{_TIES}/batch/labels/archive", associations.archive_labels),
        ("GET", f"{_TIES}/labels", associations.show_labels),
        ("POST", f"{_TIES}/labels", associations.create_label),
        ("GET", "/crm/pipelines/2026-09/{kind}", account.pipelines),
        ("GET", "/crm/property-validations/2026-09/{kind}", account.validations),
        ("GET", f"{_LISTS}/object-type-id/{{kind}}/name/{{name}}", account.find_list),
        ("GET", f"{_LISTS}/{{list}}/memberships", account.show_members),
        ("GET", f"{_LISTS}/{{list}}", account.show_list),
        ("GET", _SCHEMAS, schemas.show_all),
        ("POST", _SCHEMAS, schemas.create),
        ("GET", f"{_SCHEMAS}/{{kind}}", schemas.show),
        ("GET", "/communication-preferences/2026-09/statuses/{email}", account.permissions),
        ("POST", f"{_CALLBACKS}/complete", account.complete_batch),
        ("POST", f"{_CALLBACKS}/{{callback}}/complete", account.complete),
    )
)
_PATTERNS = tuple((route, re.compile(route.pattern)) for route in ROUTES)
#: Versions before the dated ones, wherever they stand in a path.
LEGACY = re.compile(r"/v[1-4](/|$)")


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request, and the parts that its path names."""
    for route, pattern in _PATTERNS:
        if route.method == method and (found := pattern.fullmatch(path)):
            return route, found.groupdict()
    return None
