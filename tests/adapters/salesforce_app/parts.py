"""The parts of the package as they lie in its folder, and what their XML says."""

import json
from xml.etree import ElementTree as ET

SOURCE = "force-app/main/default"
CREDIT, NEWS = "Referral_Credit__c", "Referral_News__c"


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def parsed(path):
    """A part's XML, without the namespace that all of them have."""
    root = ET.parse(path).getroot()  # noqa: S314 - our own file
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def parts(app, pattern):
    """Each part that a pattern finds, by its name: `objects/*/fields/*` for all fields."""
    for path in sorted(app.glob(f"{SOURCE}/{pattern}-meta.xml")):
        yield path.name.split(".")[0], path, parsed(path)


def fields(app):
    """Every custom field of the package: {"Lead.Referral_Stage__c": its XML}."""
    found = parts(app, "objects/*/fields/*.field")
    return {f"{path.parts[-3]}.{name}": root for name, path, root in found}


def said(node):
    """What the leaves below a node say, {element: text}; of a repeated one only the last."""
    return {child.tag: child.text or "" for child in node if len(child) == 0}


def texts(node, path):
    return [found.text or "" for found in node.findall(path)]


def permission_sets(app):
    """{"Integration": its XML, "User": its XML}."""
    found = parts(app, "permissionsets/*.permissionset")
    return {name.removeprefix("Referral_Connector_"): root for name, _, root in found}
