"""Shopify: orders bring referrals, store credit pays them."""

from __future__ import annotations

from datetime import timedelta

from connector.ports.platform import Capability, Direction, EffectClass, Manifest, Operation, Scope, Setting

MANIFEST = Manifest(
    key="shopify",
    label="Shopify",
    api_version="2026-10",
    capabilities=frozenset({Capability.BALANCE, Capability.RECORD}),
    qualifying=frozenset({"order_paid"}),
    scopes=(
        Scope("read_orders", "to see which orders came through a referral, and which were refunded"),
        Scope("write_orders", "to note on the order who referred it"),
        Scope("read_customers", "to find the advocate's customer record and tell first orders from later ones"),
        Scope("write_customers", "to note on the customer who referred them"),
        Scope("read_store_credit_accounts", "to see what an advocate's store credit holds before taking any back"),
        Scope("read_store_credit_account_transactions", "to prove that a credit landed before it is ever sent again"),
        Scope("write_store_credit_account_transactions", "to pay referral credit, and take it back after a refund"),
        Scope("read_all_orders", "to read orders older than 60 days when you ask for a back-fill", optional=True),
    ),
    # Store credit has no key that Shopify honours (`@idempotent` is not documented for it) and, before 2027-01, no
    # note. A credit's expiry is echoed to the second, so there it can carry our marker; a debit can carry nothing.
    operations=(
        Operation(Capability.BALANCE, Direction.CREDIT, EffectClass.D, effect_with_expiry=EffectClass.C),
        Operation(Capability.BALANCE, Direction.DEBIT, EffectClass.D),
    ),
    settings=(
        Setting("SHOPIFY_API_KEY", "the app's client id, from the Dev Dashboard"),
        Setting("SHOPIFY_API_SECRET", "the app's client secret; webhooks are signed with it", secret=True),
        Setting("SHOPIFY_URL", "base to call instead of https://{shop}; {shop} is filled in"),
    ),
    app_key="SHOPIFY_API_KEY",
    app_secret="SHOPIFY_API_SECRET",  # noqa: S106 - the name of a setting
    url_setting="SHOPIFY_URL",
    account_hosts=r"[a-z0-9][a-z0-9-]*\.myshopify\.com",
    own_hosts=frozenset(),
    object_kinds=frozenset({"order", "customer"}),
    person_kind="customer",
    # One order asks for up to 46 points and one query may ask for 1,000 (queries/orders.graphql).
    read_batch=20,
    look_batch=100,
    write_batch=12,
    quiet=timedelta(seconds=60),
)
