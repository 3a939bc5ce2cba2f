-- The whole rule set: marks that people share, limits, reviews, evidence, ways of enrolling, receipts.

-- ── People ──────────────────────────────────────────────────────────────────────────────────────────────────────
-- Keyed hashes of what several people may share: mailbox, mail domain, phone, address, network, name. They flag, never join.
CREATE TABLE person_mark (
    merchant_id uuid NOT NULL,
    person_id uuid NOT NULL,
    kind text NOT NULL,
    digest bytea NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (person_id, kind, digest),
    FOREIGN KEY (merchant_id, person_id) REFERENCES person (merchant_id, id)
);
CREATE INDEX person_mark_digest ON person_mark (merchant_id, kind, digest);

-- Audiences they belong to, such as tag:vip, by who says so: a connection, or the merchant's staff (none).
CREATE TABLE person_group (
    merchant_id uuid NOT NULL,
    person_id uuid NOT NULL,
    connection_id uuid,
    name text NOT NULL,
    FOREIGN KEY (merchant_id, person_id) REFERENCES person (merchant_id, id)
);
CREATE UNIQUE INDEX person_group_theirs ON person_group (person_id, connection_id, name) WHERE connection_id IS NOT NULL;
CREATE UNIQUE INDEX person_group_ours ON person_group (person_id, name) WHERE connection_id IS NULL;

-- withheld: kinds of marks that the account does not show us.
ALTER TABLE connection ADD COLUMN withheld text[] NOT NULL DEFAULT '{}';

-- Codes that nobody has, tried from a network (keyed hash): somebody may be guessing.
CREATE TABLE guess (
    merchant_id uuid NOT NULL REFERENCES merchant,
    network bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX guess_network ON guess (merchant_id, network, at);

-- ── Enrolment ───────────────────────────────────────────────────────────────────────────────────────────────────
-- way: how they came in (staff, file, order, deal, list, join); source: by whom, or of which file or list.
ALTER TABLE advocate ADD COLUMN way text NOT NULL DEFAULT 'staff';
ALTER TABLE advocate ADD COLUMN source text NOT NULL DEFAULT '';
-- Of the token of their own pages, only a hash is kept.
ALTER TABLE advocate ADD COLUMN token_digest bytea;
-- Friends whom they had brought before they came here, by the list that they came with.
ALTER TABLE advocate ADD COLUMN brought int NOT NULL DEFAULT 0 CHECK (brought >= 0);

CREATE TABLE invitation (
    merchant_id uuid NOT NULL,
    program_id uuid NOT NULL,
    person_id uuid NOT NULL,
    way text NOT NULL,
    invited_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (program_id, person_id),
    FOREIGN KEY (merchant_id, program_id) REFERENCES program (merchant_id, id),
    FOREIGN KEY (merchant_id, person_id) REFERENCES person (merchant_id, id)
);

-- Facts of our own, such as an enrolment, belong to no connection and are told once for ever.
ALTER TABLE fact ALTER COLUMN connection_id DROP NOT NULL;
-- What people say of a referral is found whatever connection it stands on by then.
CREATE INDEX fact_of_referral ON fact (external_id) WHERE object_kind = 'referral';
CREATE UNIQUE INDEX fact_own ON fact (merchant_id, key) WHERE connection_id IS NULL;

-- ── Decisions ───────────────────────────────────────────────────────────────────────────────────────────────────
-- standing: the figures on which it was promised something, pinned with qualified_at. evidence: what the fraud rules saw.
-- hold: what it waits for besides time; doubt: why a person must look before it is paid; overdue: they should have by now.
ALTER TABLE referral ADD COLUMN standing jsonb;
ALTER TABLE referral ADD COLUMN qualified_at timestamptz;
ALTER TABLE referral ADD COLUMN evidence jsonb;
ALTER TABLE referral ADD COLUMN hold text NOT NULL DEFAULT '';
ALTER TABLE referral ADD COLUMN doubt text NOT NULL DEFAULT '';
ALTER TABLE referral ADD COLUMN overdue boolean NOT NULL DEFAULT false;
CREATE INDEX referral_counted ON referral (program_id, advocate_id, qualified_at) WHERE qualified_at IS NOT NULL;
CREATE INDEX referral_open ON referral (merchant_id, rule) WHERE review <> '' OR doubt <> '' OR hold <> '';
CREATE INDEX conversion_referral ON conversion (referral_id);

-- due_at: when it was promised for. item: what staff hand over. netted: what an earlier shortfall keeps of it. said: the sum.
ALTER TABLE reward ADD COLUMN due_at timestamptz;
ALTER TABLE reward ADD COLUMN item text NOT NULL DEFAULT '';
ALTER TABLE reward ADD COLUMN netted bigint NOT NULL DEFAULT 0 CHECK (netted >= 0);
ALTER TABLE reward ADD COLUMN said text NOT NULL DEFAULT '';
CREATE INDEX reward_promised ON reward (merchant_id, due_at) WHERE state NOT IN ('issued', 'void', 'refused');

-- ── Receipts ────────────────────────────────────────────────────────────────────────────────────────────────────
-- Which deliveries told of an object that belongs to a referral: the SHA-256 of the raw bytes outlives them.
CREATE TABLE heard (
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object_kind text NOT NULL,
    external_id text NOT NULL,
    delivery_id uuid NOT NULL,
    topic text NOT NULL,
    digest bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, object_kind, external_id, delivery_id),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);

-- ── Keys of the API ─────────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    name text NOT NULL,
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX api_key_name ON api_key (merchant_id, name) WHERE revoked_at IS NULL;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['person_mark', 'person_group', 'guess', 'invitation', 'heard', 'api_key']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own ON %I USING (merchant_id::text = (SELECT this_merchant()))', t);
    END LOOP;
END $$;
CREATE TRIGGER heard_append_only BEFORE UPDATE OR DELETE ON heard
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
