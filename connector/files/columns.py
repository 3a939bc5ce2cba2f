"""Columns: what the lists of other referral tools call the things that an advocate brings along.

A list is recognised by the columns that only its own tool has. Each tool's words as of November 2026: ReferralCandy's
contact list and its API (first_name, referral_link, referralcorner_url), Smile's customer list and customer object
(state, points_balance, referral_url), Friendbuy's PURL export and advocate reports (Advocate Email, Referral Code).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

Fields = Mapping[str, tuple[str, ...]]

#: What every tool calls alike, in letters and digits alone. The first that is there and filled in counts.
_COMMON: Fields = {
    "email": ("email", "emailaddress", "advocateemail", "customeremail", "contactemail", "referreremail", "mail"),
    "name": ("name", "fullname", "advocatename", "customername", "contactname"),
    "first": ("firstname", "advocatefirstname", "customerfirstname", "givenname"),
    "last": ("lastname", "advocatelastname", "customerlastname", "familyname", "surname"),
    "link": ("referrallink", "referralurl", "sharelink", "shareurl", "link", "url"),
    "vanity": ("referralcode", "advocatecode", "sharecode", "code"),
    "redeem": ("discountcode", "friendcoupon", "frienddiscountcode", "friendcouponcode", "redeemcode"),
    "brought": ("referrals", "totalreferrals", "referralcount", "numberofreferrals", "successfulreferrals"),
}
_OWN: Mapping[str, Fields] = {
    # `link` stands in our own lists for people to copy, and the codes beside it say the same.
    "connector": {
        "minted": ("mintedcode",),
        "vanity": ("vanitycodes",),
        "redeem": ("redeemcodes",),
        "groups": ("groups",),
        "way": ("enrolledby",),
        "source": ("enrolledfrom",),
        "at": ("enrolledat",),
        "brought": ("friendsbefore",),
        "link": (),
    },
    "referralcandy": {
        "link": ("referrallink", "personallink", "sharinglink", "advocatelink", "referrallinkurl"),
        "redeem": ("friendoffercode", "friendsoffercode", "referralcoupon", "referralcouponcode"),
        "brought": ("referralsmade", "successfulreferrals", "referredpurchases", "purchasesreferred"),
        "portal": ("referralcornerurl", "portallink", "portalsharinglink", "sharingpage"),
    },
    "smile": {
        "link": ("referralurl", "customerreferralurl"),
        "state": ("state", "memberstatus", "programstatus", "status"),
        "brought": ("referralscompleted", "completedreferrals", "referralcount"),
        "points": ("pointsbalance", "points", "viptier", "viptierid", "viptiername", "dateofbirth"),
    },
    "friendbuy": {
        "link": ("purl", "personalurl", "personalizedurl", "referrallink", "personalreferrallink"),
        "vanity": ("referralcode", "purlcode"),
        "redeem": ("friendcouponcode", "friendincentivecode", "friendincentivecouponcode"),
        "brought": ("conversions", "totalconversions", "referralconversions", "convertedreferrals"),
        "customer": ("advocateemail", "advocatecustomerid", "customerid", "campaignname", "widgetname"),
    },
}
FORMATS: Mapping[str, Fields] = MappingProxyType(
    {
        name: {**_COMMON, **{key: (*words, *_COMMON.get(key, ())) for key, words in own.items()}}
        for name, own in _OWN.items()
    }
)
#: Which states of a Smile customer are no advocates, and what to do about it.
STAYS_OUT: Mapping[str, str] = MappingProxyType(
    {
        "candidate": "has not joined there; ask them with `connector advocate invite`",
        "disabled": "was excluded there; enrol them with `connector advocate add` if that is over",
    }
)


def plain(header: str) -> str:
    """A column's name without case, spaces and signs."""
    return "".join(letter for letter in header.casefold() if letter.isalnum())


def recognise(headers: Sequence[str]) -> str:
    """The format that has most of its own columns here."""
    seen = {plain(header) for header in headers}
    own = {name: sum(bool(seen & {*words}) for words in fields.values()) for name, fields in _OWN.items()}
    return max(own, key=lambda name: own[name])
