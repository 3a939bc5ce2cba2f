"""What an org says of itself and changes rarely: its currency, and which fields its kinds of records show to our user."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from xml.sax.saxutils import escape

from adapters.plain import rows, text_of
from adapters.salesforce import MANIFEST
from adapters.salesforce.api import Client
from adapters.salesforce.api.seat import Seat
from adapters.salesforce.inbound.ids import full_id
from adapters.salesforce.inbound.xml import read_xml
from connector.errors import Refused, TokenExpired, Unavailable
from connector.ports.platform import Account

#: For so long a description is believed; an error that speaks of fields has it read anew at once. Each costs a call.
KEEP_S = 3600.0
#: That there is none is believed for less: an admin is about to install it, and looks on.
KEEP_NONE_S = 60.0
#: Ends a name of somebody's own: `Stage__c`, or `ns__Stage__c` out of a package.
_OWN = re.compile(r"(?:[A-Za-z][A-Za-z0-9]{0,14}__)?(?P<name>[A-Za-z][A-Za-z0-9_]*__c)")
_SOAP = f"/services/Soap/u/{MANIFEST.api_version}"
_WHO = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:p="urn:partner.soap.sforce.com">'
    "<soapenv:Header><p:SessionHeader><p:sessionId>{token}</p:sessionId></p:SessionHeader></soapenv:Header>"
    "<soapenv:Body><p:getUserInfo/></soapenv:Body></soapenv:Envelope>"
)


@dataclass(frozen=True)
class Told:
    """The org: its id in 18 characters, its name, its own currency ("" where it does not tell), and our user's zone."""

    id: str
    name: str
    currency: str
    zone: str


@dataclass(frozen=True)
class Field:
    """One field as our user may use it. choices: active values of a picklist; `restricted` ones take no others."""

    name: str
    type: str
    length: int
    scale: int
    create: bool
    update: bool
    external: bool
    unique: bool
    choices: tuple[str, ...] = ()
    restricted: bool = False

    def takes(self, value: str) -> bool:
        """Whether a value may be written. A picklist of Salesforce's own takes any word, but reports then miss it."""
        ours = self.name.endswith("__c") and not self.restricted
        return not self.choices or ours or value in self.choices

    def typed(self, value: str) -> Any:
        """The value as JSON says it, cut to what the field has room for."""
        match self.type:
            case "double" | "currency" | "percent":
                return float(value)
            case "int":
                return int(value)
            case "boolean":
                return value == "true"
        return value[: self.length] if self.length and self.type in ("string", "textarea", "url") else value


@dataclass(frozen=True)
class Kind:
    """One kind of record: its name in this org, and its fields by their names without any package's namespace.

    Names are compared without case, as Salesforce does.
    """

    name: str
    fields: Mapping[str, Field]

    def field(self, name: str) -> Field | None:
        """The field of this name, with or without a namespace; None where there is none for us."""
        return self.fields.get(_plain(name))

    def names(self, wanted: Iterable[str]) -> dict[str, str]:
        """Which of these fields are there for us: the org's own name of each."""
        return {name: found.name for name in wanted if (found := self.field(name))}


@dataclass
class Orgs:
    """The orgs as they were last read, in this process."""

    client: Client
    kinds: dict[tuple[UUID, str], tuple[float, Kind | None]] = field(default_factory=dict)
    orgs: dict[UUID, tuple[float, Told]] = field(default_factory=dict)

    def kind(self, account: Account, name: str) -> Kind | None:
        """One kind of record by its plain name; None where the org has none that our user may see."""
        place = (account.connection, name)
        kept = self.kinds.get(place)
        if kept is None or kept[0] < time.monotonic():
            found = self._kind(account, name)
            kept = (time.monotonic() + (KEEP_NONE_S if found is None else KEEP_S), found)
            self.kinds[place] = kept
        return kept[1]

    def _kind(self, account: Account, name: str) -> Kind | None:
        for named in self._names(account, name):
            try:
                told = self.client.describe(account, named)
            except Refused as error:
                if error.status in (400, 403, 404):
                    continue
                raise
            fields = [_field(row) for row in rows(told["fields"])]
            return Kind(text_of(told["name"]), {_plain(each.name): each for each in fields})
        return None

    def _names(self, account: Account, name: str) -> Iterator[str]:
        """What a kind may be called: as it is, and our own with the namespace of the package that it came in."""
        yield name
        if name.endswith("__c"):
            told = self.client.run(account, "GET", "sobjects", operation="kinds")
            every = (text_of(row.get("name")) for row in rows(told["sobjects"]))
            yield from (each for each in every if each != name and _plain(each) == _plain(name))

    def needs(self, account: Account, name: str) -> Kind:
        """The same. Raises Refused with the remedy where there is none."""
        found = self.kind(account, name)
        if found is None:
            words = f"the org has no {name} for our user: install our package, and assign its permission set"
            raise Refused(words, code="NO_SUCH_KIND", platform=MANIFEST.key, operation="describe")
        return found

    def forget(self, account: Account) -> None:
        """What was known of its fields proved wrong, or was changed just now."""
        for place in [place for place in self.kinds if place[0] == account.connection]:
            del self.kinds[place]

    # ── The org itself ──────────────────────────────────────────────────────────────────────────────────────────

    def told(self, account: Account) -> Told:
        """What the org says of itself. The REST API names an org's currency nowhere; the SOAP API does."""
        kept = self.orgs.get(account.connection)
        if kept is None or kept[0] < time.monotonic():
            kept = (time.monotonic() + KEEP_S, self._told(account))
            self.orgs[account.connection] = kept
        return kept[1]

    def _told(self, account: Account) -> Told:
        answer = self.client.plain(account, "GET", "/services/oauth2/userinfo", operation="userinfo")
        if answer.status in (401, 403):
            raise TokenExpired("Salesforce no longer honours the token", platform=MANIFEST.key, operation="userinfo")
        who = self.client.read(answer, "userinfo")
        known = self._soap(account)
        organization = full_id(text_of(who.get("organization_id")))
        if not organization:
            raise Unavailable("Salesforce does not say which org this is", platform=MANIFEST.key, operation="userinfo")
        currency = known.get("orgDefaultCurrencyIsoCode") or self._corporate(account, known)
        name = known.get("organizationName") or f"Salesforce {organization}"
        zone = known.get("userTimeZone") or text_of(who.get("zoneinfo"))
        return Told(organization, name, currency or self.client.kit.settings.get("SALESFORCE_CURRENCY", ""), zone)

    def _soap(self, account: Account) -> Mapping[str, str]:
        """What getUserInfo answers; nothing where the SOAP API is closed to us, which it says with 500."""
        body = _WHO.format(token=escape(Seat.parse(account.token).token)).encode()
        headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
        answer = self.client.plain(account, "POST", _SOAP, operation="user_info", headers=headers, body=body)
        try:
            return {node.name: node.text for node in read_xml(answer.body).all()} if answer.status == 200 else {}  # noqa: PLR2004
        except ValueError:
            return {}

    def _corporate(self, account: Account, known: Mapping[str, str]) -> str:
        """Orgs with several currencies have one of their own among them."""
        if known.get("organizationMultiCurrency") == "false":
            return ""
        try:
            soql = "SELECT IsoCode FROM CurrencyType WHERE IsCorporate = true"
            found = self.client.query(account, soql, operation="currency")
        except Refused:  # only such orgs have this kind
            return ""
        return text_of(found[0].get("IsoCode")) if found else ""


def _plain(name: str) -> str:
    own = _OWN.fullmatch(name)
    return (own["name"] if own else name).casefold()


def _field(row: Mapping[str, Any]) -> Field:
    values: Sequence[Mapping[str, Any]] = rows(row.get("picklistValues"))
    return Field(
        name=text_of(row["name"]),
        type=text_of(row.get("type")),
        length=row["length"] if isinstance(row.get("length"), int) else 0,
        scale=row["scale"] if isinstance(row.get("scale"), int) else 0,
        create=row.get("createable") is True,
        update=row.get("updateable") is True,
        external=row.get("externalId") is True,
        unique=row.get("unique") is True,
        choices=tuple(text_of(value.get("value")) for value in values if value.get("active") is True),
        restricted=row.get("restrictedPicklist") is True,
    )
