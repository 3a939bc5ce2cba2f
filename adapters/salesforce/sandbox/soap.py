"""The one call of the SOAP API that says what REST says nowhere: the org's own currency (getUserInfo, partner WSDL)."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from adapters.salesforce.sandbox.answers import Reply
from adapters.salesforce.sandbox.state import World

PATH = re.compile(r"/services/Soap/u/[0-9]{2}\.0/?")
_SESSION = re.compile(rb"<(?:\w+:)?sessionId>\s*([^<]+?)\s*</")
_ASKS = re.compile(rb"<(?:\w+:)?getUserInfo\s*/?>")
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
)
_KIND = "text/xml;charset=UTF-8"


def answer(world: World, raw: bytes) -> Reply:
    """Who the session in the envelope speaks for."""
    found, now = _SESSION.search(raw), world.clock.now()
    session = world.session(found[1].decode(errors="replace"), now) if found else None
    if session is None or not _ASKS.search(raw):
        fault = "<soapenv:Fault><faultcode>sf:INVALID_SESSION_ID</faultcode><faultstring>Invalid Session ID"
        return Reply(
            500,
            page=f"{_HEAD}><soapenv:Body>{fault}</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>".encode(),
        )
    org, user = session
    held = org.records("User")[user].values
    told = {
        "currencySymbol": "",
        "orgDefaultCurrencyIsoCode": "" if org.multi_currency else org.currency,
        "organizationId": org.id,
        "organizationMultiCurrency": str(org.multi_currency).lower(),
        "organizationName": org.name,
        "userDefaultCurrencyIsoCode": org.currency if org.multi_currency else "",
        "userEmail": held["Email"],
        "userId": user,
        "userTimeZone": org.zone,
    }
    rows = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in told.items())
    body = f"<getUserInfoResponse><result>{rows}</result></getUserInfoResponse>"
    return Reply(
        200,
        page=f'{_HEAD} xmlns="urn:partner.soap.sforce.com"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>'.encode(),
    )
