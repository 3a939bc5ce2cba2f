-- Who tells what, where the merchant chose it: a platform by kind of news, or by 'all'.
ALTER TABLE merchant ADD COLUMN tellers jsonb NOT NULL DEFAULT '{}';
-- Accounts that reached nobody with it; another one tells it.
ALTER TABLE news ADD COLUMN passed uuid[] NOT NULL DEFAULT '{}';
-- An account that was to tell it was not let in yet, and tries again then.
ALTER TABLE news ADD COLUMN not_before timestamptz;
-- Since when somebody asks not to be written to.
ALTER TABLE person ADD COLUMN quiet_at timestamptz;

-- What of ours still stands with an account about somebody who was forgotten: by its own id of them, or by their address,
-- which is kept for nothing else and goes as soon as it was used.
CREATE TABLE leftover (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    external text NOT NULL DEFAULT '',
    email_sealed bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);
CREATE INDEX leftover_connection ON leftover (merchant_id, connection_id, id);
ALTER TABLE leftover ENABLE ROW LEVEL SECURITY;
ALTER TABLE leftover FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON leftover USING (merchant_id::text = (SELECT this_merchant()));

-- Moments after which somebody may be asked for a referral, each once, and what became of it.
CREATE TABLE ask (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    program_id uuid NOT NULL,
    person_id uuid NOT NULL,
    prompt text NOT NULL,
    key text NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'asked', 'held_out', 'declined')),
    why text NOT NULL DEFAULT '',
    score int NOT NULL DEFAULT 0,
    decided_at timestamptz,
    UNIQUE (merchant_id, program_id, key),
    FOREIGN KEY (merchant_id, program_id) REFERENCES program (merchant_id, id),
    FOREIGN KEY (merchant_id, person_id) REFERENCES person (merchant_id, id)
);
CREATE INDEX ask_person ON ask (person_id);
CREATE INDEX ask_decided ON ask (merchant_id, program_id, decided_at) WHERE state = 'asked';
ALTER TABLE ask ENABLE ROW LEVEL SECURITY;
ALTER TABLE ask FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON ask USING (merchant_id::text = (SELECT this_merchant()));
