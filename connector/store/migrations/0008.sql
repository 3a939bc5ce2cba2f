-- Who tells what, where the merchant chose it: a platform by kind of news, or by 'all'.
ALTER TABLE merchant ADD COLUMN tellers jsonb NOT NULL DEFAULT '{}';
-- Accounts that reached nobody with it; another one tells it.
ALTER TABLE news ADD COLUMN passed uuid[] NOT NULL DEFAULT '{}';
-- Since when somebody asks not to be written to.
ALTER TABLE person ADD COLUMN quiet_at timestamptz;
