-- What is sent to a receiver of the merchant's own: one row for each piece of news and receiver. The id travels with it,
-- the same at every try and replay, so that whoever gets it twice can tell.
CREATE TABLE hook_delivery (
    id uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    connection_id uuid NOT NULL,
    news_id uuid NOT NULL REFERENCES news,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
    tries int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    status int,
    outcome text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at timestamptz,
    UNIQUE (connection_id, news_id),
    FOREIGN KEY (merchant_id, connection_id) REFERENCES connection (merchant_id, id)
);
CREATE INDEX hook_delivery_waiting ON hook_delivery (connection_id, due_at) WHERE state = 'waiting';
CREATE INDEX hook_delivery_news ON hook_delivery (news_id);
ALTER TABLE hook_delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE hook_delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON hook_delivery USING (merchant_id::text = (SELECT this_merchant()));
-- Whether it was looked at for receivers. What happened before there were any counts as looked at.
ALTER TABLE news ADD COLUMN hooked boolean NOT NULL DEFAULT true;
ALTER TABLE news ALTER COLUMN hooked SET DEFAULT false;
CREATE INDEX news_unhooked ON news (merchant_id, at, id) WHERE NOT hooked;
