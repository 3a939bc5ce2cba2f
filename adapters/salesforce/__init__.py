"""Salesforce: leads and opportunities bring referrals; what advocates earned stands in Referral Credit records."""

from __future__ import annotations

from datetime import timedelta

from connector.ports.platform import Capability, Direction, EffectClass, Manifest, Operation, Scope, Setting

#: My Domain hosts of every kind ("My Domain URL formats"), and the two hosts where anybody logs in.
_MY_DOMAIN = (
    r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?"
    r"(?:\.(?:sandbox|develop|scratch|patch|demo|free|stage|trailblaze))?\.my\.salesforce\.com"
)

MANIFEST = Manifest(
    key="salesforce",
    label="Salesforce",
    api_version="66.0",
    capabilities=frozenset({Capability.BALANCE, Capability.RECORD, Capability.LISTS, Capability.HISTORY}),
    qualifying=frozenset({"deal_won", "lead_created", "stage_reached", "property_reached"}),
    scopes=(
        Scope("api", "to read who came through a referral, and to write our own fields and Referral Credits"),
        Scope("refresh_token", "to stay connected without asking you again; an org joined by its own key needs none"),
    ),
    # A Referral Credit has its idempotency key as a unique external id: writing it twice leaves one record.
    operations=(
        Operation(Capability.BALANCE, Direction.CREDIT, EffectClass.A),
        Operation(Capability.BALANCE, Direction.DEBIT, EffectClass.A),
    ),
    settings=(
        Setting("SALESFORCE_CLIENT_ID", "the consumer key of the external client app"),
        Setting("SALESFORCE_CLIENT_SECRET", "the consumer secret of the external client app", secret=True),
        Setting(
            "SALESFORCE_PRIVATE_KEY", "PEM key of the app's certificate, to join one's own org by JWT", secret=True
        ),
        Setting("SALESFORCE_CURRENCY", "currency of an org that does not tell its own, such as EUR"),
        Setting("SALESFORCE_URL", "base to call instead of the login and My Domain hosts"),
    ),
    app_key="SALESFORCE_CLIENT_ID",
    app_secret="SALESFORCE_CLIENT_SECRET",  # noqa: S106 - the name of a setting
    url_setting="SALESFORCE_URL",
    accounts=r"00D[0-9A-Za-z]{15}",
    hosts=rf"(?:login|test)\.salesforce\.com|{_MY_DOMAIN}",
    own_hosts=frozenset(),
    object_kinds=frozenset({"person", "opportunity", "account", "advocate", "credit"}),
    # A lead and the contact that it becomes are one person at two times.
    person_kind="person",
    read_batch=200,
    look_batch=200,
    write_batch=200,
    watch_batch=200,
    quiet=timedelta(seconds=60),
    # Unused for thirty days, a refresh token is forgotten (partner requirements of June 2026).
    token_idle=timedelta(days=30),
    prepares=True,
    by_email=True,
    beside={"opportunity": "account"},
)
