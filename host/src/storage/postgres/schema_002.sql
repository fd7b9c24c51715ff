-- Rules of integrations, and pools of managers who take turns.

ALTER TABLE integration ADD COLUMN rules TEXT NOT NULL DEFAULT '{}';

CREATE TABLE pool (
    id           TEXT COLLATE "C" PRIMARY KEY,
    record       TEXT NOT NULL
);

-- Whose turn it is. It outlives a change of the pool's members. Its row is the lock of all draws.
CREATE TABLE pool_state (
    pool         TEXT COLLATE "C" PRIMARY KEY,
    state        TEXT NOT NULL
) WITH (fillfactor = 50);
