"""The connector's package as an org installs it: objects, fields and rights out of the metadata files in `app`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree as ET

from adapters.salesforce.sandbox.fields import Field
from adapters.salesforce.sandbox.kinds import Kind, kind, with_currency

_SOURCE = Path(__file__).resolve().parents[1] / "app" / "force-app" / "main" / "default"
_TYPES = {
    "Text": "string", "LongTextArea": "textarea", "TextArea": "textarea", "Picklist": "picklist", "Url": "url",
    "Number": "double", "Currency": "currency", "DateTime": "datetime", "Date": "date", "Checkbox": "boolean",
    "Lookup": "reference", "Email": "email", "Phone": "phone",
}  # fmt: skip
_LENGTHS = {"url": 255, "picklist": 255, "reference": 18, "email": 80, "phone": 40, "textarea": 255}
_PERMISSIONS = "Referral_Connector_Integration"

#: What a name of the package is called in an org.
Named = Callable[[str], str]


@dataclass(frozen=True)
class Rights:
    """What a user may do, by object (create, read, edit, delete) and by guarded field (read, edit)."""

    objects: dict[str, frozenset[str]] = field(default_factory=dict)
    fields: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)


def install(kinds: dict[str, Kind], namespace: str, currencies: tuple[str, ...]) -> dict[str, Kind]:
    """The kinds of an org with the package in it.

    namespace: what a managed package's names begin with, "" for none. currencies: of an org with several of them.
    """
    named = _names(namespace)
    installed = dict(kinds)
    for folder in sorted((_SOURCE / "objects").iterdir()):
        made = [field_of(_read(path), named) for path in sorted((folder / "fields").glob("*.field-meta.xml"))]
        name, own = named(folder.name), folder / f"{folder.name}.object-meta.xml"
        known = installed.get(name) or with_currency(object_of(name, _read(own), installed), currencies)
        installed[name] = known.with_fields(*made)
    return installed


def rights(namespace: str) -> Rights:
    """Those of a user with no others than the package's own permission set for the app."""
    return rights_of(_read(_SOURCE / "permissionsets" / f"{_PERMISSIONS}.permissionset-meta.xml"), _names(namespace))


def rights_of(told: ET.Element, named: Named = str) -> Rights:
    """What a permission set gives."""
    allowed = Rights()
    for row in told.iter("objectPermissions"):
        verbs = {"create": "allowCreate", "read": "allowRead", "edit": "allowEdit", "delete": "allowDelete"}
        allowed.objects[named(_text(row, "object"))] = _true(row, verbs)
    for row in told.iter("fieldPermissions"):
        owner, _, name = _text(row, "field").partition(".")
        allowed.fields[named(owner), named(name)] = _true(row, {"read": "readable", "edit": "editable"})
    return allowed


def _true(row: ET.Element, verbs: dict[str, str]) -> frozenset[str]:
    return frozenset(verb for verb, tag in verbs.items() if _text(row, tag) == "true")


def _names(namespace: str) -> Named:
    """What a name of the package becomes in an org; standard names stay."""
    return lambda name: f"{namespace}__{name}" if namespace and name.endswith("__c") else name


def _read(path: Path) -> ET.Element:
    return parsed(path.read_bytes())


def parsed(content: bytes) -> ET.Element:
    """A metadata file without the namespace of its tags. Raises ParseError."""
    root = ET.fromstring(content)  # noqa: S314 - files of our own, on loopback
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]
    return root


def _text(row: ET.Element, tag: str, default: str = "") -> str:
    return row.findtext(tag) or default


_OWNED = """
OwnerId reference required defaulted >Group,User
Name string(80) required read defaulted
"""


def object_of(name: str, told: ET.Element, there: Mapping[str, Kind]) -> Kind:
    """A custom object: its own fields come later, its name is an auto number.

    Its ids begin with a prefix that the org gives: from a00 on, in the order in which objects come.
    """
    prefix = f"a{sum(each.custom for each in there.values()):02d}"
    made = kind(
        name, prefix, _OWNED, plural=_text(told, "pluralLabel"), numbered=_text(told, "nameField/displayFormat")
    )
    return replace(made, label=_text(told, "label"))


def field_of(told: ET.Element, named: Named = str) -> Field:
    """A field of the package. Raises KeyError for a type that no field of ours is of, ValueError for no number."""
    kind_of = _TYPES[_text(told, "type")]
    name, values = named(_text(told, "fullName")), [_text(row, "fullName") for row in told.iter("value")]
    unique, external = (_text(told, tag) == "true" for tag in ("unique", "externalId"))
    back = _text(told, "relationshipName")
    required = _text(told, "required") == "true" or kind_of == "boolean"
    return Field(
        name=name,
        type=kind_of,
        length=int(_text(told, "length") or _LENGTHS.get(kind_of, 0)),
        precision=int(_text(told, "precision", "0")),
        scale=int(_text(told, "scale", "0")),
        nillable=not required,
        defaulted=kind_of == "boolean",
        lookup=external,
        external=external,
        unique=unique,
        case_sensitive=_text(told, "caseSensitive") == "true",
        restricted=told.findtext(".//restricted") == "true",
        guarded=not required,
        values=tuple(values),
        to=tuple(named(each.text or "") for each in told.iter("referenceTo")),
        relationship=f"{name.removesuffix('__c')}__r" if kind_of == "reference" else None,
        children=named(f"{back}__c").removesuffix("__c") + "__r" if back else "",
        label=_text(told, "label"),
    )
