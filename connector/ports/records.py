"""Records: what is written on a platform's own records, and which fields these need to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.domain.facts import ObjectRef


@dataclass(frozen=True)
class FieldValue:
    """What a field should hold, the policy under which it may be written, and the platform's own type of it."""

    value: str
    policy: str
    type: str


@dataclass(frozen=True)
class Link:
    """Another record that one is tied to. label: how, in our words (`REFERRED_BY`, `OWNED_BY`), "" for no more than tied."""

    to: ObjectRef
    label: str = ""


#: The friend's record is tied to the advocate's; a credit to whom it is for.
REFERRED_BY, OWNED_BY = "referred_by", "owned_by"


@dataclass(frozen=True)
class RecordWrite:
    """Values for one record on the platform, by the platform's name of the field.

    email: by which a person is found whose id there we do not know; nobody there is nothing to write. links: only where
    the platform knows such ties. friend: whether it is the record of somebody who was referred.
    """

    ref: ObjectRef
    fields: Mapping[str, FieldValue]
    email: str = field(default="", repr=False)
    links: tuple[Link, ...] = ()
    friend: bool = False


@dataclass(frozen=True)
class RecordResult:
    """What became of one record: the fields written, those kept because a person's value stood there, or why not.

    ref: as it was asked for; where a person was found by e-mail, their record.
    """

    ref: ObjectRef
    written: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True)
class FieldPlan:
    """A field that records of a kind should have. type: the platform's word; help: for the people who see it.

    choices: every text that it may hold, none where any will do.
    """

    name: str
    type: str
    help: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setup:
    """What an account needs to have. public_url: where platforms reach us. fields: by kind of record.

    make: whether a developer asked for what else a merchant installs or has their admin make.
    """

    public_url: str
    fields: Mapping[str, tuple[FieldPlan, ...]] = field(default_factory=dict)
    make: bool = False
