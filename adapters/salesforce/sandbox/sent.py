"""What a deployment was sent: its zip as the platform reads it, and what stands against it.

Checked is what a mistake of ours could be: whether package.xml names what is inside, each field has what its type needs,
and all that is named is there. The words of failures are Salesforce's own, as public logs of deployments show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from adapters.salesforce.sandbox import package
from adapters.salesforce.sandbox.answers import Json
from adapters.salesforce.sandbox.kinds import Kind, with_currency

SET = "PermissionSet"
#: What a field must say besides its name and label, by its type.
_NEEDS = {
    "Text": ("length",),
    "LongTextArea": ("length", "visibleLines"),
    "Number": ("precision", "scale"),
    "Currency": ("precision", "scale"),
    "Picklist": ("valueSet",),
    "Lookup": ("referenceTo", "relationshipName"),
    "Checkbox": ("defaultValue",),
}
#: What each element of a permission set refers to: by which element of its own, and a part of which kind.
_REFERS = {
    "fieldPermissions": ("field", "CustomField"),
    "objectPermissions": ("object", "CustomObject"),
    "tabSettings": ("tab", "CustomTab"),
    "externalCredentialPrincipalAccesses": ("externalCredentialPrincipal", "ExternalCredentialParameter"),
}
#: The kinds of the parts that an object's file holds, by their elements.
_INNER = {"fields": "CustomField", "compactLayouts": "CompactLayout", "listViews": "ListView"}


@dataclass
class Sent:
    """What is sent: the kinds that the org would have, every part by kind and name, and what stands against it."""

    kinds: dict[str, Kind]
    currencies: tuple[str, ...]
    parts: dict[tuple[str, str], ET.Element] = field(default_factory=dict)
    failures: list[Json] = field(default_factory=list)

    def fail(self, of: str, name: str, problem: str) -> None:
        told = {"componentType": of, "fullName": name, "problem": problem, "problemType": "Error"}
        self.failures.append({**told, "success": False, "changed": False, "created": False, "deleted": False})

    @property
    def failed(self) -> set[str]:
        return {each["fullName"] for each in self.failures}

    def read(self, files: Mapping[str, bytes]) -> None:
        roots = {}
        for name, content in files.items():
            try:
                roots[name] = package.parsed(content)
            except ET.ParseError as error:
                self.fail("", name, f"Error parsing file: {error}")
        for name, root in roots.items():
            if root.tag == "CustomObject":
                self._object(_stem(name), root)
            elif name != "package.xml":
                self.parts[root.tag, _stem(name)] = root
        for (of, name), told in self.parts.items():
            if of == SET:
                self._rights(name, told)
            for to in told.findall("referenceTo"):
                if to.text not in self.kinds:
                    self.fail(of, name, f"referenceTo value of '{to.text}' does not resolve to a valid sObject type")
        self._named(roots.get("package.xml"))

    def _object(self, name: str, root: ET.Element) -> None:
        if root.find("label") is not None:
            self.parts["CustomObject", name] = root
        if name not in self.kinds and (root.find("label") is None or not name.endswith("__c")):
            self.fail("CustomObject", name, "Must specify a non-empty label for the CustomObject")
            return
        if name not in self.kinds:
            self.kinds[name] = with_currency(package.object_of(name, root, self.kinds), self.currencies)
        for each in root:
            if each.tag in _INNER:
                self.parts[_INNER[each.tag], f"{name}.{each.findtext('fullName')}"] = each
            if each.tag == "fields":
                self._field(name, each)

    def _field(self, owner: str, told: ET.Element) -> None:
        of = told.findtext("type") or ""
        lacking = [tag for tag in ("label", *_NEEDS.get(of, ())) if told.find(tag) is None]
        problems = [f"Must specify '{tag}' for a CustomField of type {of}" for tag in lacking]
        try:
            made = package.field_of(told)
        except (KeyError, ValueError) as error:
            problems.append(f"{error} is not a valid value for the enum 'FieldType'")
        else:
            there = self.kinds[owner].find(made.name)
            if there is not None and there.type != made.type:
                problems.append(f"Cannot update a field to a {of} from something else")
            if not problems:
                self.kinds[owner] = self.kinds[owner].with_fields(made)
        for words in problems:
            self.fail("CustomField", f"{owner}.{told.findtext('fullName')}", words)

    def _rights(self, name: str, told: ET.Element) -> None:
        """Whether all that a permission set refers to is there, and open to be given."""
        for each in told:
            by, of = _REFERS.get(each.tag, ("", ""))
            to = each.findtext(by) or ""
            if by and not self._there(of, to):
                self.fail(SET, name, f"In field: {by} - no {of} named {to} found")
            elif of == "CustomField" and not self._guarded(to):
                self.fail(SET, name, f"You cannot deploy to a required field: {to}")

    def _there(self, of: str, name: str) -> bool:
        owner, _, of_field = name.partition(".")
        if of in {"CustomObject", "CustomField"}:
            return owner in self.kinds and (not of_field or self.kinds[owner].find(of_field) is not None)
        return (of, name) in self.parts

    def _guarded(self, name: str) -> bool:
        owner, _, of_field = name.partition(".")
        found = self.kinds[owner].find(of_field)
        return found is not None and found.guarded

    def _named(self, manifest: ET.Element | None) -> None:
        """package.xml names every part, by itself or with the whole object that it belongs to; and nothing else."""
        if manifest is None:
            self.fail("", "package.xml", "No package.xml found")
            return
        named = {(row.findtext("name") or "", str(each.text)) for row in manifest for each in row.findall("members")}
        for of, name in sorted(named - {*self.parts}):
            words = f"An object '{name}' of type {of} was named in package.xml, but was not found in zipped directory"
            self.fail(of, name, words)
        for of, name in sorted({*self.parts} - named):
            if ("CustomObject", name.partition(".")[0]) not in named:
                self.fail(of, name, "Not in package.xml")


def _stem(name: str) -> str:
    """The name of a part by that of its file: objects/Lead.object."""
    return name.rpartition("/")[2].rpartition(".")[0]
