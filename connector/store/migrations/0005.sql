-- Actions that a merchant's own automations asked for, each under a name of theirs, so that asking again changes nothing.
CREATE TABLE request (
    merchant_id uuid NOT NULL REFERENCES merchant,
    key text NOT NULL,
    digest bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (merchant_id, key)
);
ALTER TABLE request ENABLE ROW LEVEL SECURITY;
ALTER TABLE request FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON request USING (merchant_id::text = (SELECT this_merchant()));
