"""Touches: single pieces of evidence that somebody was sent by somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Source(StrEnum):
    """Where a touch was seen. The order here is the default precedence, strongest first."""

    REDEEM_CODE = "redeem_code"
    CART_ATTRIBUTE = "cart_attribute"
    LANDING_SITE = "landing_site"
    LAST_VISIT = "last_visit"
    FIRST_VISIT = "first_visit"
    CART_HINT = "cart_hint"
    CLICK = "click"
    CRM_FIELD = "crm_field"
    FORM = "form"
    STAFF = "staff"
    CLAIM = "claim"


#: Sources that tell of a link which was followed.
LINKS = (Source.CART_ATTRIBUTE, Source.LANDING_SITE, Source.LAST_VISIT, Source.FIRST_VISIT, Source.CLICK)


@dataclass(frozen=True)
class Touch:
    """One sighting of a code.

    code: as it was seen, trimmed. confirmed: the platform or our signature vouches for it, or it is of a kind
    that needs no voucher; what is not confirmed never counts. evidence: what was seen, in words, without personal data.
    referrer: the host that sent the visitor, "" where nobody tells.
    """

    source: Source
    code: str
    at: datetime
    confirmed: bool = True
    medium: str = ""
    campaign: str = ""
    evidence: str = ""
    referrer: str = ""
