"""Stored purchases in any number, written by a few statements: what a replay reads, without the days of living it."""

from tests.shop import Shop


def store(shop: Shop, number: int, sent: int = 4, first: int = 0) -> None:
    """So many paid orders of as many people over the last 80 days, the oldest first; `first` are stored already.

    Every `sent`th bears the code of the shop's advocate. Every eighth is over 80 euros, the others over 40.
    """
    with shop.app.database.begin(shop.merchant) as tx:
        tx.run(
            """CREATE TEMP TABLE bought ON COMMIT DROP AS
               SELECT n, gen_random_uuid() AS person, 'gid://shopify/Order/' || 9000000000 + :first + n AS id,
                 now() - interval '80 days' + n * interval '80 days' / CAST(:number AS int) AS at,
                 CASE WHEN n % 8 = 0 THEN 8000 ELSE 4000 END AS net
               FROM generate_series(1, CAST(:number AS int)) AS n""",
            number=number,
            first=first,
        )
        tx.run("INSERT INTO person (id, merchant_id, canonical_id) SELECT person, :merchant, person FROM bought")
        tx.run(
            """INSERT INTO truth (merchant_id, connection_id, object_kind, external_id, as_of, person_id, data)
               SELECT :merchant, :connection, 'order', id, at, person, jsonb_build_object('kind', 'order', 'id', id,
                 'as_of', at, 'placed', at, 'complete', true, 'note', '', 'touches', CASE WHEN n % CAST(:sent AS int) = 0 THEN
                   jsonb_build_array(jsonb_build_object('source', 'redeem_code', 'code', CAST(:code AS text), 'at', at,
                     'confirmed', true, 'medium', '', 'campaign', '', 'evidence', 'a code')) ELSE '[]' END)
               FROM bought""",
            connection=shop.connection,
            code=shop.code,
            sent=sent,
        )
        tx.run(
            """INSERT INTO fact (id, merchant_id, connection_id, object_kind, external_id, key, as_of, data)
               SELECT gen_random_uuid(), :merchant, :connection, 'order', id, 'paid:order:' || id, at, jsonb_build_object(
                 'is', 'OrderPaid', 'kind', 'order', 'id', id, 'at', at, 'placed', at, 'net', net, 'currency', 'EUR',
                 'test', false, 'first', true)
               FROM bought""",
            connection=shop.connection,
        )


def stand(shop: Shop) -> None:
    """Each of them that bears the code, and is no referral yet, is one whose reward of a tenth was paid."""
    with shop.app.database.begin(shop.merchant) as tx:
        tx.run(
            """INSERT INTO referral (id, merchant_id, program_id, program_version, advocate_id, friend_id, connection_id,
                 object_kind, external_id, captured_at, touch, stage, rule, qualified_at)
               SELECT gen_random_uuid(), :merchant, :program, 1, (SELECT advocate_id FROM code WHERE code = :code),
                 truth.person_id, connection_id,
                 object_kind, external_id, truth.as_of, truth.data #> '{touches,0}', 'rewarded', 'paid', truth.as_of
               FROM truth WHERE jsonb_array_length(truth.data -> 'touches') > 0 AND NOT EXISTS (
                 SELECT FROM referral WHERE (referral.connection_id, referral.object_kind, referral.external_id)
                   = (truth.connection_id, truth.object_kind, truth.external_id))""",
            program=shop.program,
            code=shop.code,
        )
        tx.run(
            """INSERT INTO reward (id, merchant_id, referral_id, role, kind, beneficiary_id, connection_id, amount, currency,
                 state, issued_at)
               SELECT gen_random_uuid(), :merchant, referral.id, 'advocate', 'balance', advocate.person_id,
                 referral.connection_id, CAST(fact.data ->> 'net' AS bigint) / 10, 'EUR', 'issued', captured_at
               FROM referral JOIN fact USING (connection_id, object_kind, external_id)
               JOIN advocate ON advocate.id = referral.advocate_id
               WHERE NOT EXISTS (SELECT FROM reward WHERE reward.referral_id = referral.id)"""
        )
