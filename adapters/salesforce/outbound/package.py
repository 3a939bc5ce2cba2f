"""The package's source as an org takes it in a deployment: a zip in metadata format.

It is what Salesforce's own tool (@salesforce/source-deploy-retrieve) makes of the same folder, as far as it is sent.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from adapters.salesforce import MANIFEST
from connector.errors import ConfigError

SOURCE = Path(__file__).resolve().parents[1] / "app" / "force-app" / "main" / "default"
#: What goes along with the objects: how they are shown, and who may do what with them.
_BESIDE = ("layouts", "permissionsets", "tabs")
#: What a permission set says of parts that are not sent: credentials are each org's own to make.
_NOT_SENT = "externalCredentialPrincipalAccesses"
_XMLNS = "http://soap.sforce.com/2006/04/metadata"

Files = Iterator[tuple[str, ET.Element]]


def zipped(source: Path = SOURCE) -> bytes:
    """Objects, how they are shown and who may use them; nothing of credentials, flows and cards. Always the same bytes.

    Raises ConfigError where there is no source.
    """
    if not (source / "objects").is_dir():
        raise ConfigError([f"{source} is not there: run this in a checkout of the whole repository"])
    members: dict[str, list[str]] = {}
    files = dict([*_objects(source, members), *_beside(source, members)])
    files["package.xml"] = _manifest(members)
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        for name, root in sorted(files.items()):
            ET.indent(root)
            root.set("xmlns", _XMLNS)
            content = ET.tostring(root, "UTF-8", xml_declaration=True)
            archive.writestr(ZipInfo(name), content, ZIP_DEFLATED)  # a ZipInfo is of 1980 unless told otherwise
    return packed.getvalue()


def _objects(source: Path, members: dict[str, list[str]]) -> Files:
    """One file for each object, with all that lies in folders of its own in the source: folders are named as elements."""
    for folder in sorted(source.glob("objects/*")):
        whole = folder / f"{folder.name}.object-meta.xml"
        root = _read(whole) if whole.exists() else ET.Element("CustomObject")
        if whole.exists():  # of a standard object only what is added to it
            members.setdefault(root.tag, []).append(folder.name)
        for path in sorted(folder.glob("*/*-meta.xml")):
            child = _read(path)
            members.setdefault(child.tag, []).append(f"{folder.name}.{child.findtext('fullName')}")
            child.tag = path.parent.name
            root.append(child)
        yield f"objects/{folder.name}.object", root


def _beside(source: Path, members: dict[str, list[str]]) -> Files:
    for path in sorted(path for folder in _BESIDE for path in source.glob(f"{folder}/*-meta.xml")):
        root, name = _read(path), path.name.removesuffix("-meta.xml")
        for each in root.findall(_NOT_SENT):
            root.remove(each)
        members.setdefault(root.tag, []).append(name.rpartition(".")[0])
        yield f"{path.parent.name}/{name}", root


def _manifest(members: Mapping[str, list[str]]) -> ET.Element:
    """package.xml: every part that is sent, by its kind."""
    root = ET.Element("Package")
    for kind, names in sorted(members.items()):
        types = ET.SubElement(root, "types")
        for name in sorted(names):
            ET.SubElement(types, "members").text = name
        ET.SubElement(types, "name").text = kind
    ET.SubElement(root, "version").text = MANIFEST.api_version
    return root


def _read(path: Path) -> ET.Element:
    """A part of the source, without the namespace of its tags."""
    root = ET.fromstring(path.read_bytes())  # noqa: S314 - a file of our own
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]
    return root
