-- What a merchant decided for one account, such as a word of its own lists; an account's own words are its traits.
ALTER TABLE connection ADD COLUMN choices jsonb NOT NULL DEFAULT '{}';
