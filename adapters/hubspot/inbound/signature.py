"""HubSpot's signatures, of webhooks, workflow steps and cards ("Validating requests", 2025-01).

v3 covers the method, the whole public address, the raw body and the time. v2 covers no time; it is what older workflow
steps bear, and is believed there alone, where no v3 came with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import timedelta

from connector import clock
from connector.errors import Rejected
from connector.ports.inbound import Inbox

#: Older is refused, and so is what claims to come from the future: the clocks may differ by less than that.
LIFE = timedelta(minutes=5)
#: HubSpot signs the address with these, and only these, written out.
_WRITTEN_OUT = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$",
    "%27": "'", "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_ENCODED = re.compile("|".join(_WRITTEN_OUT), re.IGNORECASE)
_V3, _TIME, _PLAIN, _VERSION = (
    "x-hubspot-signature-v3", "x-hubspot-request-timestamp", "x-hubspot-signature", "x-hubspot-signature-version",
)  # fmt: skip
_MAX_DIGITS = 15


def check(inbox: Inbox, secrets: Sequence[str], *, steps: bool = False) -> None:
    """Raises Rejected for what HubSpot did not sign with one of `secrets`. steps: v2 alone is believed too."""
    keys = [secret.encode() for secret in secrets if secret]
    address = written_out(inbox.base + inbox.path)
    if _V3 in inbox.headers:
        told = inbox.headers.get(_TIME, "").encode("utf-8", "replace")
        text = inbox.method.encode() + address.encode("utf-8", "replace") + inbox.body + told
        marks = [base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()) for key in keys]
        _fits(marks, inbox.headers[_V3])
        _in_time(inbox.headers.get(_TIME, ""))
    elif steps and inbox.headers.get(_VERSION, "").lower() == "v2":
        text = inbox.method.encode() + address.encode("utf-8", "replace") + inbox.body
        _fits([hashlib.sha256(key + text).hexdigest().encode() for key in keys], inbox.headers.get(_PLAIN, ""))
    else:
        raise Rejected("the request bears no signature of HubSpot's, version 3")


def written_out(address: str) -> str:
    """The address as HubSpot signs it."""
    return _ENCODED.sub(lambda found: _WRITTEN_OUT[found[0].upper()], address)


def _fits(marks: Sequence[bytes], given: str) -> None:
    # Bytes, because compare_digest refuses text that is not ASCII, and a stranger chooses this text.
    if not any(hmac.compare_digest(mark, given.encode("utf-8", "replace")) for mark in marks):
        raise Rejected("the signature is not HubSpot's; check HUBSPOT_CLIENT_SECRET and PUBLIC_URL")


def _in_time(timestamp: str) -> None:
    at = int(timestamp) if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MAX_DIGITS else 0
    if abs(clock.now().timestamp() * 1000 - at) > LIFE.total_seconds() * 1000:
        raise Rejected("the request was signed too long ago, or in the future")
