"""Salesforce: leads and opportunities bring referrals; what advocates earned stands in Referral Credit records."""

from __future__ import annotations

from datetime import timedelta

from connector.ports.platform import Capability, Choice, Direction, EffectClass, Manifest, Operation, Scope, Setting

#: My Domain hosts of every kind ("My Domain URL formats"), and the two hosts where anybody logs in.
_MY_DOMAIN = (
    r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?"
    r"(?:\.(?:sandbox|develop|scratch|patch|demo|free|stage|trailblaze))?\.my\.salesforce\.com"
)

#: The rest of a record's id, in 15 or 18 characters.
_ID = r"[0-9A-Za-z]{12}(?:[A-Z0-5]{3})?"

MANIFEST = Manifest(
    key="salesforce",
    label="Salesforce",
    api_version="66.0",
    capabilities=frozenset(
        {
            Capability.BALANCE,
            Capability.POINTS,
            Capability.NATIVE,
            Capability.RECORD,
            Capability.LISTS,
            Capability.HISTORY,
            Capability.EVENT,
        }
    ),
    qualifying=frozenset({"deal_won", "lead_created", "stage_reached", "property_reached"}),
    scopes=(
        Scope(
            "api",
            "to read who came through a referral, and to write our own fields, Referral Credits and Referral News",
        ),
        Scope("refresh_token", "to stay connected without asking you again; an org joined by its own key needs none"),
    ),
    # A Referral Credit has its idempotency key as a unique external id: writing it twice leaves one record.
    operations=(
        Operation(Capability.BALANCE, Direction.CREDIT, EffectClass.A),
        Operation(Capability.BALANCE, Direction.DEBIT, EffectClass.A),
        # A loyalty process runs as often as it is asked to; the journal that it makes bears our mark.
        Operation(Capability.POINTS, Direction.CREDIT, EffectClass.C),
        Operation(Capability.POINTS, Direction.DEBIT, EffectClass.C),
        # Salesforce's own program rewards by its own rules, and takes back by them.
        Operation(Capability.NATIVE, Direction.CREDIT, EffectClass.C),
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
    tell_batch=200,
    quiet=timedelta(seconds=60),
    # Unused for thirty days, a refresh token is forgotten (partner requirements of June 2026).
    token_idle=timedelta(days=30),
    prepares=True,
    by_email=True,
    beside={"opportunity": "account"},
    choices=(
        Choice("lead_source", "a word of your Lead Source list; referred people get it where theirs is empty"),
        Choice("campaign", "id of a campaign that referred people become members of", rf"701{_ID}"),
        Choice("loyalty_program", "name of the loyalty program that pays points (`kind: points`)"),
        Choice("credit_process", "name of its process of the template Credit Points to Members"),
        Choice(
            "debit_process",
            "name of its process of the template Debit Points from Members; without it none are taken back",
        ),
        Choice("points_currency", "name of its currency of points, where it has several"),
        Choice("points_per_unit", "points for one unit of money, a whole number; 1 if not chosen", r"[1-9][0-9]{0,5}"),
        Choice("referral_program", "name of Salesforce's own referral program (`kind: native`)"),
        Choice("promotion_code", "code of its promotion"),
        Choice("purchase_event", "who tells it of a won opportunity: flow, Salesforce's own, or ours", "flow|ours"),
    ),
)
