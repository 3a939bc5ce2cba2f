"""HubSpot: contacts and deals bring referrals; the advocate's contact shows what they earned."""

from __future__ import annotations

from datetime import timedelta

from connector.ports.platform import Capability, Direction, EffectClass, Manifest, Operation, Scope, Setting

MANIFEST = Manifest(
    key="hubspot",
    label="HubSpot",
    api_version="2026-09",
    capabilities=frozenset(
        {
            Capability.BALANCE,
            Capability.RECORD,
            Capability.EVENT,
            Capability.LISTS,
            Capability.STEPS,
            Capability.BILLS,
            Capability.HISTORY,
        }
    ),
    qualifying=frozenset({"deal_won", "lead_created", "stage_reached", "property_reached", "invoice_paid"}),
    scopes=(
        Scope("oauth", "to be connected at all, and to take the app out when you disconnect"),
        Scope("crm.objects.contacts.read", "to see which contacts came through a referral, and who referred them"),
        Scope("crm.objects.contacts.write", "to note on the contact who referred them, and what an advocate earned"),
        Scope("crm.schemas.contacts.read", "to see whether our contact properties are there already"),
        Scope("crm.schemas.contacts.write", "to make our own group of contact properties"),
        Scope("crm.objects.deals.read", "to see which referred deals were won, or reopened"),
        Scope("crm.objects.deals.write", "to note on the deal who referred it and where the referral stands"),
        Scope("crm.schemas.deals.read", "to know your pipelines: which of their stages mean won"),
        Scope("crm.schemas.deals.write", "to make our own group of deal properties"),
        Scope("crm.lists.read", "to make advocates of the contacts on a list that you name", optional=True),
        Scope("automation", "to tell your workflow how its referral step ended", optional=True),
        Scope("crm.objects.invoices.read", "to see which invoices of referred people were paid", optional=True),
        Scope("crm.objects.invoices.write", "to apply an advocate's credit to a draft invoice", optional=True),
        Scope("crm.schemas.custom.read", "to see whether the Referral Credit object is there already", optional=True),
        Scope(
            "crm.schemas.custom.write", "to make the Referral Credit object, where your plan has such", optional=True
        ),
        Scope("crm.objects.custom.read", "to find a Referral Credit again before it is ever made twice", optional=True),
        Scope("crm.objects.custom.write", "to keep one Referral Credit record for each reward", optional=True),
    ),
    # HubSpot has no wallet. The contact's own history of credits bears our mark on each line, and is written as a whole
    # together with the balance, so that writing it twice changes nothing.
    operations=(
        Operation(Capability.BALANCE, Direction.CREDIT, EffectClass.A, scope="crm.objects.contacts.write"),
        Operation(Capability.BALANCE, Direction.DEBIT, EffectClass.A, scope="crm.objects.contacts.write"),
    ),
    settings=(
        Setting("HUBSPOT_CLIENT_ID", "the app's client id, from its page in HubSpot's developer projects"),
        Setting("HUBSPOT_CLIENT_SECRET", "the app's client secret; webhooks are signed with it", secret=True),
        Setting("HUBSPOT_APP_ID", "the app's number, by which it knows its own changes; webhooks tell it too"),
        Setting("HUBSPOT_URL", "base to call instead of https://api.hubapi.com"),
    ),
    app_key="HUBSPOT_CLIENT_ID",
    app_secret="HUBSPOT_CLIENT_SECRET",  # noqa: S106 - the name of a setting
    url_setting="HUBSPOT_URL",
    accounts=r"[1-9][0-9]{0,14}",
    hosts=r"api\.hubapi\.com",
    own_hosts=frozenset({"app.hubspot.com"}),  # where a merchant agrees
    object_kinds=frozenset({"contact", "deal", "invoice", "advocate", "credit"}),
    person_kind="contact",
    # 100 records a call; 50 where the history of a property is asked for, which tells when and by whom a code was set.
    read_batch=50,
    look_batch=100,
    write_batch=100,
    watch_batch=100,
    tell_batch=100,
    quiet=timedelta(seconds=60),
    prepares=True,
    by_email=True,
)
