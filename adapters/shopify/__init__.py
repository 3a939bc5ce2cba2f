"""Shopify: orders bring referrals; store credit, gift cards and codes pay them."""

from __future__ import annotations

from datetime import timedelta

from connector.ports.platform import Capability, Direction, EffectClass, Manifest, Operation, Scope, Setting

_CREDITS = "write_store_credit_account_transactions"
_SHOP = r"[a-z0-9][a-z0-9-]*\.myshopify\.com"

MANIFEST = Manifest(
    key="shopify",
    label="Shopify",
    api_version="2026-10",
    capabilities=frozenset(
        {
            Capability.BALANCE,
            Capability.CODE,
            Capability.GIFT_CARD,
            Capability.RECORD,
            Capability.OFFER,
            Capability.HISTORY,
            Capability.EVENT,
            Capability.CODES_KNOWN,
        }
    ),
    qualifying=frozenset({"order_paid", "order_fulfilled"}),
    scopes=(
        Scope("read_orders", "to see which orders came through a referral, and which were refunded"),
        Scope("write_orders", "to note on the order who referred it"),
        Scope("read_customers", "to find the advocate's customer record and tell first orders from later ones"),
        Scope("write_customers", "to note on the customer who referred them"),
        Scope("read_store_credit_accounts", "to see what an advocate's store credit holds before taking any back"),
        Scope("read_store_credit_account_transactions", "to prove that a credit landed before it is ever sent again"),
        Scope("write_store_credit_account_transactions", "to pay referral credit, and take it back after a refund"),
        Scope("read_discounts", "to see which codes of advocates and rewards exist and were used"),
        Scope("write_discounts", "to make the friend's discount, and codes that advocates are rewarded with"),
        Scope("read_customer_merge", "to follow a customer whom you joined with another one"),
        Scope(
            "write_app_proxy", "to sign the note about the referral on the visitor's cart, under the shop's own address"
        ),
        Scope("write_pixels", "to switch on the pixel that ties a checkout to the link that was followed"),
        Scope(
            "read_customer_events", "to let that pixel see referral links and checkouts, after the visitor's consent"
        ),
        Scope("read_gift_cards", "to see what is left on referral gift cards", optional=True),
        Scope("write_gift_cards", "to pay rewards as gift cards, and take them back after a refund", optional=True),
        Scope(
            "read_gift_card_transactions",
            "to prove that a gift card was debited before that is repeated",
            optional=True,
        ),
        Scope(
            "write_gift_card_transactions", "to take a part of a gift card back after a partial refund", optional=True
        ),
        Scope("read_products", "to tell which products count where a program names some", optional=True),
        Scope("read_all_orders", "to read orders older than 60 days when you ask for a back-fill", optional=True),
    ),
    # Store credit has no key that Shopify honours (`@idempotent` is not documented for it) and, before 2027-01, no
    # note. A credit's expiry is echoed to the second, so there it can carry our marker; a debit can carry nothing.
    operations=(
        Operation(Capability.BALANCE, Direction.CREDIT, EffectClass.D, EffectClass.C, scope=_CREDITS),
        Operation(Capability.BALANCE, Direction.DEBIT, EffectClass.D, scope=_CREDITS),
        # Codes and cards bear a code of our choice, which Shopify accepts once. A card's debit keeps our note; what a
        # code is worth is set outright.
        Operation(Capability.CODE, Direction.CREDIT, EffectClass.A, scope="write_discounts", guests=True),
        Operation(Capability.CODE, Direction.DEBIT, EffectClass.A, scope="write_discounts"),
        Operation(Capability.GIFT_CARD, Direction.CREDIT, EffectClass.A, scope="write_gift_cards", guests=True),
        Operation(Capability.GIFT_CARD, Direction.DEBIT, EffectClass.C, scope="write_gift_card_transactions"),
    ),
    settings=(
        Setting("SHOPIFY_API_KEY", "the app's client id, from the Dev Dashboard"),
        Setting("SHOPIFY_API_SECRET", "the app's client secret; webhooks are signed with it", secret=True),
        Setting("SHOPIFY_URL", "base to call instead of https://{shop}; {shop} is filled in"),
    ),
    app_key="SHOPIFY_API_KEY",
    app_secret="SHOPIFY_API_SECRET",  # noqa: S106 - the name of a setting
    url_setting="SHOPIFY_URL",
    # A shop is called at its own name.
    accounts=_SHOP,
    hosts=_SHOP,
    own_hosts=frozenset({"storage.googleapis.com"}),  # results of bulk operations
    object_kinds=frozenset({"order", "customer"}),
    person_kind="customer",
    # One order asks for up to 97 points and one query may ask for 1,000 (queries/orders.graphql).
    read_batch=10,
    look_batch=100,
    write_batch=6,  # two records each, and 25 fields a call
    watch_batch=150,
    quiet=timedelta(seconds=60),
    token_idle=timedelta(days=90),
    write_codes=250,
    most_codes=20_000_000,
    tell_batch=20,
)
