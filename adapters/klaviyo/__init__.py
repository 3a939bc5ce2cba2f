"""Klaviyo: hears what happens in referrals, so that flows can write to people, and shows it on their profiles."""

from __future__ import annotations

from datetime import timedelta

from connector.ports.platform import Capability, Manifest, Scope, Setting

MANIFEST = Manifest(
    key="klaviyo",
    label="Klaviyo",
    api_version="2026-10-15",
    capabilities=frozenset({Capability.EVENT, Capability.RECORD, Capability.FORGET, Capability.COUPONS}),
    qualifying=frozenset(),
    scopes=(
        Scope("accounts:read", "to know which account was connected, its currency and its time zone"),
        Scope("events:write", "to tell your flows what happens in referrals"),
        Scope("profiles:read", "to find the profiles of your advocates and of the friends whom they referred"),
        Scope("profiles:write", "to show an advocate's code and link, and a friend's referral, on their profile"),
        Scope("coupons:read", "to see whether a coupon that you publish codes to is there already", optional=True),
        Scope("coupons:write", "to make a coupon for codes that you publish", optional=True),
        Scope("coupon-codes:read", "to tell a code that is there already from one that is refused", optional=True),
        Scope("coupon-codes:write", "to publish codes of your shop to a coupon", optional=True),
    ),
    operations=(),
    settings=(
        Setting("KLAVIYO_CLIENT_ID", "the app's client id, from its page in Klaviyo's developer portal"),
        Setting("KLAVIYO_CLIENT_SECRET", "the app's client secret", secret=True),
        Setting("KLAVIYO_APP_NAME", "how the names of metrics and properties begin; Referral Connector if not set"),
        Setting("KLAVIYO_URL", "base to call instead of https://a.klaviyo.com"),
    ),
    app_key="KLAVIYO_CLIENT_ID",
    app_secret="KLAVIYO_CLIENT_SECRET",  # noqa: S106 - the name of a setting
    url_setting="KLAVIYO_URL",
    accounts=r"[A-Za-z0-9]{6}",
    hosts=r"a\.klaviyo\.com",
    own_hosts=frozenset({"www.klaviyo.com"}),  # where a merchant agrees; nothing of ours is ever sent there
    object_kinds=frozenset({"person", "advocate"}),
    person_kind="person",
    read_batch=100,
    look_batch=100,
    # Each profile is a call of its own, 750 a minute: a batch must end well within a lane's slice.
    write_batch=25,
    watch_batch=100,
    quiet=timedelta(seconds=60),
    # Said of refresh tokens in forums and not in the reference; renewing sooner costs nothing.
    token_idle=timedelta(days=90),
    by_email=True,
    tell_batch=1000,
    tell_rank=1,
)
