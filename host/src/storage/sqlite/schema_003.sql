-- Rules of integrations, and pools of managers who take turns.

ALTER TABLE integration ADD COLUMN rules TEXT NOT NULL DEFAULT '{}';

CREATE TABLE pool (
    id           TEXT PRIMARY KEY,
    record       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Whose turn it is. It outlives a change of the pool's members.
CREATE TABLE pool_state (
    pool         TEXT PRIMARY KEY,
    state        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
