-- Every kind of credit, the friend's offer, what remains of a credit, history, and people's own data.

-- ── Connections ─────────────────────────────────────────────────────────────────────────────────────────────────
-- traits: what the account said of itself, such as why a kind of credit is of no use there.
ALTER TABLE connection ADD COLUMN traits jsonb NOT NULL DEFAULT '{}';
ALTER TABLE connection ADD COLUMN refreshed_at timestamptz NOT NULL DEFAULT clock_timestamp();

-- ── Who is named where ──────────────────────────────────────────────────────────────────────────────────────────
-- people: keyed hashes of everybody whom the sealed bytes name, so that they can be forgotten there too.
ALTER TABLE delivery ADD COLUMN people bytea[] NOT NULL DEFAULT '{}';
ALTER TABLE delivery ADD COLUMN forgotten_at timestamptz;
CREATE INDEX delivery_people ON delivery USING gin (people) WHERE people <> '{}';

-- Keyed hashes of whom and what we were asked to forget: what was said of them before `until` names nobody any more.
-- An order of theirs stands here for ever, so that a late word about it brings nobody back.
CREATE TABLE erasure (
    merchant_id uuid NOT NULL REFERENCES merchant,
    digest bytea NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, digest)
);
CREATE INDEX truth_person ON truth (person_id) WHERE person_id IS NOT NULL;

-- A person asked the merchant what is kept of them; answered when the merchant took the answer out. names: keyed hashes
-- of the words they asked with.
CREATE TABLE data_request (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    request text NOT NULL,
    person_id uuid,
    names bytea[] NOT NULL DEFAULT '{}',
    asked_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    answered_at timestamptz,
    UNIQUE (connection_id, request),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);

-- ── Rewards of every kind ───────────────────────────────────────────────────────────────────────────────────────
-- kind is what was promised; fallback the other kinds it may be paid with; means the one that it is paid with.
-- redeemed and lapsed: what was spent of it and what ended unspent, as last seen; watch_at: when to look again.
ALTER TABLE reward ADD COLUMN fallback text[] NOT NULL DEFAULT '{}';
ALTER TABLE reward ADD COLUMN means text NOT NULL DEFAULT '';
ALTER TABLE reward ADD COLUMN redeemed bigint NOT NULL DEFAULT 0 CHECK (redeemed >= 0);
ALTER TABLE reward ADD COLUMN lapsed bigint NOT NULL DEFAULT 0 CHECK (lapsed >= 0);
ALTER TABLE reward ADD COLUMN watch_at timestamptz;
ALTER TABLE reward ADD COLUMN reminded_at timestamptz;
CREATE INDEX reward_watch ON reward (connection_id, watch_at) WHERE state = 'issued' AND watch_at IS NOT NULL;
ALTER TABLE reward NO FORCE ROW LEVEL SECURITY;  -- every merchant's rows, once
UPDATE reward SET means = kind WHERE state IN ('sending', 'unknown', 'issued');
UPDATE reward SET watch_at = clock_timestamp() WHERE state = 'issued';
ALTER TABLE reward FORCE ROW LEVEL SECURITY;
ALTER TABLE attempt ADD COLUMN leaves bigint;
ALTER TABLE attempt ADD COLUMN moved bigint;

CREATE OR REPLACE FUNCTION keep_pins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.capability, NEW.connection_id, NEW.reward_id, NEW.reversal_id, NEW.direction, NEW.owner, NEW.amount, NEW.currency, NEW.marker,
        NEW.expires_at, NEW.since, NEW.deadline_at, NEW.readback_at, NEW.epoch, NEW.leaves)
       IS DISTINCT FROM
       (OLD.id, OLD.capability, OLD.connection_id, OLD.reward_id, OLD.reversal_id, OLD.direction, OLD.owner, OLD.amount, OLD.currency, OLD.marker,
        OLD.expires_at, OLD.since, OLD.deadline_at, OLD.readback_at, OLD.epoch, OLD.leaves)
       OR (OLD.state NOT IN ('open', 'unknown') AND (NEW.state, NEW.transaction, NEW.holder, NEW.answered_at, NEW.moved)
           IS DISTINCT FROM (OLD.state, OLD.transaction, OLD.holder, OLD.answered_at, OLD.moved))
       OR (OLD.state = 'unknown' AND NEW.state = 'open')
    THEN
        RAISE EXCEPTION 'an attempt is pinned and its answer is final' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

-- ── The friend's offer ──────────────────────────────────────────────────────────────────────────────────────────
-- One discount for a program on a connection. version: of the program it was last brought in line with.
CREATE TABLE offer (
    merchant_id uuid NOT NULL,
    program_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    external text NOT NULL DEFAULT '',
    version int NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'live', 'off', 'refused')),
    reason text NOT NULL DEFAULT '',
    codes int NOT NULL DEFAULT 0,
    PRIMARY KEY (program_id, connection_id),
    FOREIGN KEY (merchant_id, program_id) REFERENCES program (merchant_id, id),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);

-- An advocate's code at checkout. adding: handed over in the platform's bulk operation `bulk`, answer awaited.
CREATE TABLE redeem_code (
    merchant_id uuid NOT NULL,
    program_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    advocate_id uuid NOT NULL,
    code text NOT NULL,
    state text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'adding', 'live', 'refused')),
    bulk text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (connection_id, advocate_id),
    FOREIGN KEY (merchant_id, advocate_id) REFERENCES advocate (merchant_id, id),
    FOREIGN KEY (program_id, connection_id) REFERENCES offer (program_id, connection_id)
);
CREATE INDEX redeem_code_open ON redeem_code (connection_id, program_id) WHERE state IN ('wanted', 'adding');

-- ── History ─────────────────────────────────────────────────────────────────────────────────────────────────────
-- place: where the platform's own reading of its history stands, in the platform's words. failures: how often it had
-- to begin again.
CREATE TABLE backfill (
    connection_id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    since timestamptz NOT NULL,
    place text NOT NULL DEFAULT '',
    seen bigint NOT NULL DEFAULT 0,
    total bigint,
    signed bigint NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    reason text NOT NULL DEFAULT '',
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['data_request', 'erasure', 'offer', 'redeem_code', 'backfill']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own ON %I USING (merchant_id::text = (SELECT this_merchant()))', t);
    END LOOP;
END $$;
