-- CRMs: which advocates' own code stands on their record there.
-- code: the one that was written, "" where the platform knows nobody by their id or address; looked for again each day.
CREATE TABLE profile (
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    advocate_id uuid NOT NULL,
    code text NOT NULL,
    PRIMARY KEY (connection_id, advocate_id),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id),
    FOREIGN KEY (merchant_id, advocate_id) REFERENCES advocate (merchant_id, id)
);
ALTER TABLE profile ENABLE ROW LEVEL SECURITY;
ALTER TABLE profile FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON profile USING (merchant_id::text = (SELECT this_merchant()));
