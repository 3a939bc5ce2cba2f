"""What may be written into a property: HubSpot's checks, and the form in which it keeps a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal, InvalidOperation

from adapters.hubspot.sandbox.answers import Json, conflict, invalid, refused_values
from adapters.hubspot.sandbox.clock import iso, parse_time
from adapters.hubspot.sandbox.kinds import CONTACT, DEAL, STAGES, Kind, Property
from adapters.hubspot.sandbox.pipelines import stage
from adapters.hubspot.sandbox.state import Portal, Record

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
_LONGEST = 65_536


def checked(
    portal: Portal, kind: Kind, given: Mapping[str, object], record: Record | None, *, app: bool
) -> dict[str, str]:
    """The values as they are kept. Raises Refusal with HubSpot's words for those that cannot be written.

    app: an app writes, so that read-only properties and the admin's rules hold; people and HubSpot itself may more.
    """
    defined, problems, kept = portal.defined(kind), [], {}
    for name, value in given.items():
        found = defined.get(name)
        if not isinstance(value, str):
            raise invalid(f"Invalid input JSON: the value of {name} must be a string")
        if found is None:
            problems.append(_problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
        elif found.read_only and app:
            words = f'"{name}" is a read only property; its value cannot be set.'
            problems.append(_problem(name, "READ_ONLY_VALUE", words))
        else:
            try:
                kept[name] = _kept(portal, kind, found, value) if value else ""
            except ValueError as error:
                problems.append(_problem(name, str(error.args[0]), str(error.args[1])))
    problems += _taken(portal, kind, kept, record)
    if problems:
        raise refused_values(problems)
    other = portal.by_property(kind, "email", kept.get("email", "")) if kind.id == CONTACT else None
    if other is not None and other is not record:
        raise conflict(other.id)
    if app:
        _obey(portal, kind, kept, record)
        _forward_only(kept, record)
    return kept


def _problem(name: str, code: str, message: str) -> Json:
    return {"isValid": False, "message": message, "error": code, "name": name}


def _kept(portal: Portal, kind: Kind, found: Property, value: str) -> str:
    """Raises ValueError(code, message)."""
    name = found.name
    if name == "email":
        if not _EMAIL.fullmatch(value):
            raise ValueError("INVALID_EMAIL", f"Email address {value} is invalid")
        return value.lower()
    if kind.id == DEAL and name in {"dealstage", "pipeline"}:
        return _of_pipeline(portal, name, value)
    match found.type:
        case "number":
            try:
                Decimal(value)
            except InvalidOperation:
                raise ValueError("INVALID_INTEGER", f"{value} was not a valid number.") from None
            return value
        case "date" | "datetime":
            return _dated(found.type, value)
        case "bool" | "enumeration":
            return _option(found, value)
    if len(value) > _LONGEST:
        raise ValueError("PROPERTY_VALUE_TOO_LONG", f"{name} is longer than {_LONGEST} characters")
    return value


def _of_pipeline(portal: Portal, name: str, value: str) -> str:
    known = (
        {p.id for p in portal.pipelines} if name == "pipeline" else {s.id for p in portal.pipelines for s in p.stages}
    )
    if value not in known:
        raise ValueError("INVALID_OPTION", f"{value} was not one of the allowed options: [{', '.join(sorted(known))}]")
    return value


def _dated(kind: str, value: str) -> str:
    try:
        moment = parse_time(value)
    except (ValueError, OverflowError):
        code = "INVALID_DATE" if kind == "date" else "INVALID_LONG"
        raise ValueError(code, f"{value} was not a valid {'date' if kind == 'date' else 'long'}.") from None
    if kind == "datetime":
        return iso(moment)
    midnight = moment.astimezone(UTC)
    if (midnight.hour, midnight.minute, midnight.second, midnight.microsecond) != (0, 0, 0, 0):
        raise ValueError("INVALID_DATE", f"{value} is at {midnight:%H:%M} UTC, not midnight!")
    return f"{midnight:%Y-%m-%d}"


def _option(found: Property, value: str) -> str:
    known = [str(option["value"]) for option in found.options]
    chosen = value.removeprefix(";").split(";") if found.field_type == "checkbox" else [value]
    for one in chosen:
        if one not in known:
            words = f"{one} was not one of the allowed options: [{', '.join(known)}]"
            raise ValueError("INVALID_OPTION", words)
    return value


def _taken(portal: Portal, kind: Kind, kept: Mapping[str, str], record: Record | None) -> list[Json]:
    """Values of unique properties that another record has. A contact's e-mail is told in its own way."""
    problems = []
    for name, value in kept.items():
        other = portal.by_property(kind, name, value) if portal.defined(kind)[name].unique else None
        if other is not None and other is not record:
            message = f"Cannot set {name}={value}. {other.id} already has that value."
            problems.append(_problem(name, "CONFLICTING_UNIQUE_VALUE", message))
    return problems


def _obey(portal: Portal, kind: Kind, kept: Mapping[str, str], record: Record | None) -> None:
    """The admin's rules, which hold for writes through the API since 2026-09."""
    for rule in portal.rules:
        if rule.kind != kind.id:
            continue
        held = kept.get(rule.property, (record.value(rule.property) if record else None) or "")
        written = rule.property in kept
        fits = bool(held) if rule.required else not written or bool(rule.matches and re.fullmatch(rule.matches, held))
        if not fits:
            code = "REQUIRED_PROPERTY" if rule.required else "PROPERTY_VALIDATION_RULE"
            raise refused_values([_problem(rule.property, code, rule.message)])


def _forward_only(kept: dict[str, str], record: Record | None) -> None:
    """A lifecycle stage moves forward only: a step back is dropped without a word, unless it was cleared before."""
    wanted, held = kept.get("lifecyclestage", ""), record.value("lifecyclestage") if record else None
    if wanted and held and wanted in STAGES and held in STAGES and STAGES.index(wanted) < STAGES.index(held):
        del kept["lifecyclestage"]


def stage_fits(portal: Portal, kept: Mapping[str, str], record: Record | None) -> None:
    """A deal's stage must be one of its pipeline. Raises Refusal."""
    held = {
        name: kept.get(name) or (record.value(name) if record else None) or "" for name in ("pipeline", "dealstage")
    }
    own = next((p for p in portal.pipelines if p.id == (held["pipeline"] or "default")), None)
    if held["dealstage"] and own and stage([own], held["dealstage"]) is None:
        words = f"{held['dealstage']} is not a stage of the pipeline {own.id}"
        raise refused_values([_problem("dealstage", "INVALID_OPTION", words)])
