-- News: what somebody concerned is to hear, once for each thing that happened. Who tells it is settled when it is handed
-- out; once a call was made for it, that connection tells it for ever, so that nobody hears it twice.
CREATE TABLE news (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    key text NOT NULL,
    kind text NOT NULL,
    role text NOT NULL,
    person_id uuid NOT NULL,
    program_id uuid NOT NULL,
    referral_id uuid,
    reward_id uuid,
    at timestamptz NOT NULL,
    amount bigint,
    currency text,
    reason text NOT NULL DEFAULT '',
    connection_id uuid,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'handed', 'tried', 'told', 'refused')),
    outcome text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    told_at timestamptz,
    UNIQUE (merchant_id, key),
    FOREIGN KEY (merchant_id, person_id) REFERENCES person (merchant_id, id),
    FOREIGN KEY (merchant_id, program_id) REFERENCES program (merchant_id, id)
);
CREATE INDEX news_open ON news (merchant_id, connection_id, at, id) WHERE state IN ('open', 'handed', 'tried');
CREATE INDEX news_person ON news (person_id);
ALTER TABLE news ENABLE ROW LEVEL SECURITY;
ALTER TABLE news FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON news USING (merchant_id::text = (SELECT this_merchant()));
