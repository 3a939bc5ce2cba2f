-- The first schema. Every table of a merchant's data carries merchant_id and is under forced row-level security.

-- ── Who is who ──────────────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE merchant (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Names that reach us before the merchant is known: platform accounts, codes, join codes. Routing only.
CREATE TABLE directory (
    kind text NOT NULL,
    name text NOT NULL,
    merchant_id uuid NOT NULL REFERENCES merchant,
    target_id uuid NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE app_user (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    email_digest bytea NOT NULL,
    email_sealed bytea NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'marketer', 'sales', 'front_desk', 'auditor')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (merchant_id, email_digest)
);

CREATE TABLE join_code (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE TABLE connection (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    platform text NOT NULL,
    external_account text NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'reconnect', 'removed')),
    state_reason text NOT NULL DEFAULT '',
    access_sealed bytea NOT NULL,
    refresh_sealed bytea NOT NULL,
    token_expires_at timestamptz,
    token_version int NOT NULL DEFAULT 1,
    refresh_until timestamptz,
    doubted_at timestamptz,
    scopes text[] NOT NULL DEFAULT '{}',
    currency text NOT NULL DEFAULT '',
    installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (platform, external_account),
    UNIQUE (merchant_id, id)
);

CREATE TABLE person (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    canonical_id uuid NOT NULL,
    email_sealed bytea,
    erased_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (merchant_id, id)
);
CREATE INDEX person_canonical ON person (canonical_id);

-- external: the platform's own id, kept in clear because calls need it; e-mail and phone stand as keyed hashes only.
CREATE TABLE identifier (
    merchant_id uuid NOT NULL,
    kind text NOT NULL,
    digest bytea NOT NULL,
    person_id uuid NOT NULL,
    connection_id uuid,
    external text,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (merchant_id, kind, digest),
    FOREIGN KEY (merchant_id, person_id) REFERENCES person (merchant_id, id)
);
CREATE INDEX identifier_person ON identifier (person_id);

CREATE TABLE person_merge (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    kept_id uuid NOT NULL,
    absorbed_id uuid NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    undone_at timestamptz,
    FOREIGN KEY (merchant_id, kept_id) REFERENCES person (merchant_id, id),
    FOREIGN KEY (merchant_id, absorbed_id) REFERENCES person (merchant_id, id)
);

-- ── Programs ────────────────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE program (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    slug text NOT NULL,
    version int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (merchant_id, slug),
    UNIQUE (merchant_id, id)
);

CREATE TABLE program_version (
    program_id uuid NOT NULL,
    merchant_id uuid NOT NULL,
    version int NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (program_id, version),
    FOREIGN KEY (merchant_id, program_id) REFERENCES program (merchant_id, id)
);

CREATE TABLE advocate (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    program_id uuid NOT NULL,
    person_id uuid NOT NULL,
    enrolled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (program_id, person_id),
    UNIQUE (merchant_id, id),
    FOREIGN KEY (merchant_id, program_id) REFERENCES program (merchant_id, id),
    FOREIGN KEY (merchant_id, person_id) REFERENCES person (merchant_id, id)
);

-- kind: minted (unique over all merchants through the directory), vanity, redeem (the shop's discount code).
CREATE TABLE code (
    merchant_id uuid NOT NULL,
    code text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('minted', 'vanity', 'redeem')),
    advocate_id uuid NOT NULL,
    PRIMARY KEY (merchant_id, code),
    FOREIGN KEY (merchant_id, advocate_id) REFERENCES advocate (merchant_id, id)
);
CREATE INDEX code_advocate ON code (advocate_id);

-- ── What comes in ───────────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE delivery (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    connection_id uuid,
    platform text NOT NULL,
    account text NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    body_sealed bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('received', 'done', 'parked', 'quarantined')),
    outcome text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    triggered_at timestamptz,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (platform, account, topic, key)
);
CREATE INDEX delivery_waiting ON delivery (merchant_id, id) WHERE state = 'received';
CREATE INDEX delivery_age ON delivery (received_at);

CREATE TABLE touch (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    advocate_id uuid NOT NULL,
    source text NOT NULL,
    medium text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (merchant_id, advocate_id) REFERENCES advocate (merchant_id, id)
);
CREATE INDEX touch_advocate ON touch (advocate_id, at);

-- The newest fetched state of one object, reduced to what decides.
CREATE TABLE truth (
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object_kind text NOT NULL,
    external_id text NOT NULL,
    as_of timestamptz NOT NULL,
    person_id uuid,
    data jsonb NOT NULL,
    PRIMARY KEY (connection_id, object_kind, external_id),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);

-- Evidence that only the delivery carries and no later read shows, such as the page an order started from.
CREATE TABLE noted (
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object_kind text NOT NULL,
    external_id text NOT NULL,
    touches jsonb NOT NULL,
    PRIMARY KEY (connection_id, object_kind, external_id),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);

CREATE TABLE fact (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object_kind text NOT NULL,
    external_id text NOT NULL,
    key text NOT NULL,
    as_of timestamptz NOT NULL,
    data jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);
CREATE INDEX fact_newest ON fact (connection_id, key, as_of, id);
CREATE INDEX fact_object ON fact (connection_id, object_kind, external_id);

-- ── Referrals and money ─────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE referral (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    program_id uuid NOT NULL,
    program_version int NOT NULL,
    advocate_id uuid NOT NULL,
    friend_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object_kind text NOT NULL,
    external_id text NOT NULL,
    captured_at timestamptz NOT NULL,
    touch jsonb NOT NULL,
    stage text NOT NULL,
    rule text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    review text NOT NULL DEFAULT '',
    decided_at timestamptz,
    UNIQUE (program_id, friend_id),
    UNIQUE (merchant_id, id),
    FOREIGN KEY (merchant_id, program_id) REFERENCES program (merchant_id, id),
    FOREIGN KEY (merchant_id, advocate_id) REFERENCES advocate (merchant_id, id),
    FOREIGN KEY (merchant_id, friend_id) REFERENCES person (merchant_id, id),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);
CREATE INDEX referral_object ON referral (connection_id, object_kind, external_id);
CREATE INDEX referral_friend ON referral (friend_id);
CREATE INDEX referral_advocate ON referral (advocate_id);

-- The guard of guards: one purchase converts one referral of a program, for ever, also after erasure.
CREATE TABLE conversion (
    merchant_id uuid NOT NULL,
    program_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    object_kind text NOT NULL,
    external_id text NOT NULL,
    referral_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (program_id, connection_id, object_kind, external_id),
    FOREIGN KEY (merchant_id, referral_id) REFERENCES referral (merchant_id, id)
);

CREATE TABLE reward (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    referral_id uuid NOT NULL,
    role text NOT NULL,
    kind text NOT NULL,
    ordinal int NOT NULL DEFAULT 1,
    beneficiary_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    currency text NOT NULL,
    expires_after interval,
    state text NOT NULL CHECK (state IN ('due','approved','sending','issued','unknown','held','refused','void')),
    decision int NOT NULL DEFAULT 1,
    reason text NOT NULL DEFAULT '',
    retry_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries int NOT NULL DEFAULT 0,
    attempt_id uuid,
    owner text NOT NULL DEFAULT '',
    holder text NOT NULL DEFAULT '',
    marker text NOT NULL DEFAULT '',
    expires_at timestamptz,
    transaction text,
    issued_at timestamptz,
    revoked boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (referral_id, role, kind, ordinal),
    UNIQUE (merchant_id, id),
    FOREIGN KEY (merchant_id, referral_id) REFERENCES referral (merchant_id, id),
    FOREIGN KEY (merchant_id, beneficiary_id) REFERENCES person (merchant_id, id),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);
CREATE INDEX reward_due ON reward (connection_id, retry_at) WHERE state = 'approved';
-- The expiry carries our mark where the platform has no field for one: no two of ours may look the same.
CREATE UNIQUE INDEX reward_expiry ON reward (connection_id, owner, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX reward_beneficiary ON reward (beneficiary_id);

CREATE TABLE reversal (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    reward_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    ordinal int NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    taken bigint NOT NULL DEFAULT 0 CHECK (taken >= 0 AND taken <= amount),
    currency text NOT NULL,
    state text NOT NULL CHECK (state IN ('due','approved','sending','issued','unknown','held','refused','void')),
    decision int NOT NULL DEFAULT 1,
    reason text NOT NULL DEFAULT '',
    retry_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries int NOT NULL DEFAULT 0,
    attempt_id uuid,
    transaction text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (reward_id, ordinal),
    UNIQUE (merchant_id, id),
    FOREIGN KEY (merchant_id, reward_id) REFERENCES reward (merchant_id, id)
);
CREATE INDEX reversal_due ON reversal (connection_id, retry_at) WHERE state = 'approved';

-- One call for a reward or reversal. What it moves is pinned; only its answer is ever written, once.
CREATE TABLE attempt (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    reward_id uuid NOT NULL,
    reversal_id uuid,
    capability text NOT NULL,
    direction text NOT NULL,
    owner text NOT NULL,
    holder text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    marker text NOT NULL,
    expires_at timestamptz,
    since timestamptz NOT NULL,
    deadline_at timestamptz NOT NULL,
    readback_at timestamptz NOT NULL,
    epoch bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('open','done','not_done','unknown','refused','gone')),
    transaction text,
    reason text NOT NULL DEFAULT '',
    needs_person text NOT NULL DEFAULT '',
    answered_at timestamptz,
    late_state text,
    late_transaction text,
    late_holder text,
    FOREIGN KEY (merchant_id, reward_id) REFERENCES reward (merchant_id, id),
    FOREIGN KEY (merchant_id, reversal_id) REFERENCES reversal (merchant_id, id)
);
-- One open effect per account, credits and debits alike, so that a balance never moves under a clamp.
CREATE UNIQUE INDEX attempt_one_open ON attempt (connection_id, owner, currency) WHERE state IN ('open', 'unknown');
-- One platform transaction settles one row.
CREATE UNIQUE INDEX attempt_transaction ON attempt (connection_id, transaction) WHERE transaction IS NOT NULL;
CREATE INDEX attempt_open ON attempt (readback_at) WHERE state IN ('open', 'unknown') AND needs_person = '';
CREATE INDEX attempt_reward ON attempt (reward_id);

-- A late "done" of a call that was already declared absent: money that reconcile must look at.
CREATE TABLE surplus (
    attempt_id uuid PRIMARY KEY REFERENCES attempt,
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    transaction text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE batch (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    key text NOT NULL,
    memo text NOT NULL,
    reward_id uuid NOT NULL,
    reversal_id uuid,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (merchant_id, key),
    FOREIGN KEY (merchant_id, reward_id) REFERENCES reward (merchant_id, id)
);
CREATE INDEX batch_reward ON batch (reward_id);

CREATE TABLE posting (
    batch_id uuid NOT NULL REFERENCES batch,
    merchant_id uuid NOT NULL,
    line int NOT NULL,
    book text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    PRIMARY KEY (batch_id, line)
);

-- ── Work ────────────────────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE task (
    merchant_id uuid NOT NULL,
    lane text NOT NULL,
    what text NOT NULL,
    subject text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries int NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'parked')),
    reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (lane, what, subject)
);
CREATE INDEX task_due ON task (lane, what, due_at) WHERE state = 'open';
CREATE INDEX task_wake ON task (due_at) WHERE state = 'open';

-- Lanes carry no data of anybody: which one, who works it, until when.
CREATE TABLE lane (
    id text PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    platform text NOT NULL,
    owner text,
    epoch bigint NOT NULL DEFAULT 0,
    expires_at timestamptz,
    again boolean NOT NULL DEFAULT false,
    not_before timestamptz NOT NULL DEFAULT '-infinity',
    failures int NOT NULL DEFAULT 0
);

CREATE TABLE sweep (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    owner text,
    expires_at timestamptz
);
INSERT INTO sweep DEFAULT VALUES;

-- ── Guards ──────────────────────────────────────────────────────────────────────────────────────────────────────
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: corrections are new rows', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE ON posting
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER batch_append_only BEFORE UPDATE OR DELETE ON batch
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER conversion_append_only BEFORE UPDATE OR DELETE ON conversion
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fact_append_only BEFORE UPDATE OR DELETE ON fact
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER program_version_append_only BEFORE UPDATE OR DELETE ON program_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attempt_no_delete BEFORE DELETE ON attempt
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['posting', 'batch', 'conversion', 'fact', 'program_version', 'attempt'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                       t || '_no_truncate', t);
    END LOOP;
END $$;

CREATE FUNCTION keep_pins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.capability, NEW.connection_id, NEW.reward_id, NEW.reversal_id, NEW.direction, NEW.owner, NEW.amount, NEW.currency, NEW.marker,
        NEW.expires_at, NEW.since, NEW.deadline_at, NEW.readback_at, NEW.epoch)
       IS DISTINCT FROM
       (OLD.id, OLD.capability, OLD.connection_id, OLD.reward_id, OLD.reversal_id, OLD.direction, OLD.owner, OLD.amount, OLD.currency, OLD.marker,
        OLD.expires_at, OLD.since, OLD.deadline_at, OLD.readback_at, OLD.epoch)
       OR (OLD.state NOT IN ('open', 'unknown') AND (NEW.state, NEW.transaction, NEW.holder, NEW.answered_at)
           IS DISTINCT FROM (OLD.state, OLD.transaction, OLD.holder, OLD.answered_at))
       OR (OLD.state = 'unknown' AND NEW.state = 'open')
    THEN
        RAISE EXCEPTION 'an attempt is pinned and its answer is final' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attempt_pinned BEFORE UPDATE ON attempt FOR EACH ROW EXECUTE FUNCTION keep_pins();

CREATE FUNCTION batch_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM posting WHERE batch_id = NEW.batch_id GROUP BY currency HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'batch % does not sum to zero', NEW.batch_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER posting_sums_to_zero AFTER INSERT ON posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION batch_balances();

-- The merchant of this transaction; '*' is the switchboard, which may look for due work and touch nothing.
CREATE FUNCTION this_merchant() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT coalesce(current_setting('app.merchant', true), '') $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['app_user','join_code','connection','person','identifier','person_merge','program',
        'program_version','advocate','code','delivery','touch','truth','noted','fact','referral','conversion','reward','reversal',
        'attempt','surplus','batch','posting','task']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own ON %I USING (merchant_id::text = (SELECT this_merchant()))', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['delivery','task','reward','reversal','attempt','connection']
    LOOP
        EXECUTE format('CREATE POLICY look ON %I FOR SELECT USING ((SELECT this_merchant()) = ''*'')', t);
    END LOOP;
END $$;

-- Deliveries that are signed but name an account we do not know belong to nobody.
INSERT INTO merchant (id, name) VALUES ('00000000-0000-0000-0000-000000000000', 'nobody');
