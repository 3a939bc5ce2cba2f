-- What waits for a person or for a mended cause is counted at every scrape; it is rare, and must not cost a look at all.
CREATE INDEX delivery_parked ON delivery (merchant_id) WHERE state = 'parked';
CREATE INDEX task_parked ON task (merchant_id) WHERE state = 'parked';
CREATE INDEX reward_held ON reward (merchant_id) WHERE state = 'held';
CREATE INDEX reversal_held ON reversal (merchant_id) WHERE state = 'held';
