-- The host's tables that an accepted webhook is written to, with its columns, keys and indexes.
PRAGMA foreign_keys = ON;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -16384;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 4000;

CREATE TABLE IF NOT EXISTS integration (
    id           TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO integration (id) VALUES ('jivo-to-notebook') ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS request (
    id             INTEGER PRIMARY KEY,
    account        TEXT NOT NULL,
    received_at    INTEGER NOT NULL,
    verdict        TEXT NOT NULL CHECK (verdict IN ('events', 'answered', 'rejected', 'unread')),
    status         INTEGER,
    reason         TEXT,
    plugin         BLOB NOT NULL,
    method         TEXT NOT NULL,
    path           TEXT NOT NULL,
    query          TEXT NOT NULL,
    remote_address TEXT NOT NULL,
    body_bytes     INTEGER NOT NULL,
    headers        TEXT NOT NULL,
    body           BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS request_account ON request (account, id);
CREATE INDEX IF NOT EXISTS request_rejected ON request (account, id) WHERE verdict = 'rejected';
CREATE INDEX IF NOT EXISTS request_unread ON request (account, id) WHERE verdict = 'unread';

CREATE TABLE IF NOT EXISTS event (
    id           INTEGER PRIMARY KEY,
    request_id   INTEGER NOT NULL REFERENCES request (id),
    ordinal      INTEGER NOT NULL,
    account      TEXT NOT NULL,
    dedup_key    BLOB NOT NULL,
    kind         TEXT NOT NULL,
    conversation TEXT NOT NULL,
    payload      TEXT NOT NULL,
    UNIQUE (account, dedup_key)
) STRICT;
CREATE INDEX IF NOT EXISTS event_request ON event (request_id, ordinal);

CREATE TABLE IF NOT EXISTS lane (
    id           INTEGER PRIMARY KEY,
    integration  TEXT NOT NULL REFERENCES integration (id),
    conversation TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('idle', 'ready', 'leased')),
    last_seq     INTEGER NOT NULL,
    run_at       INTEGER NOT NULL,
    fence        INTEGER NOT NULL DEFAULT 0,
    leased_job   INTEGER,
    leased_at    INTEGER,
    lease_until  INTEGER,
    UNIQUE (integration, conversation)
) STRICT;
CREATE INDEX IF NOT EXISTS lane_ready ON lane (integration, run_at) WHERE state = 'ready';
CREATE INDEX IF NOT EXISTS lane_leased ON lane (lease_until) WHERE state = 'leased';

CREATE TABLE IF NOT EXISTS job (
    id           INTEGER PRIMARY KEY,
    lane_id      INTEGER NOT NULL REFERENCES lane (id),
    seq          INTEGER NOT NULL,
    event_id     INTEGER NOT NULL REFERENCES event (id),
    integration  TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'pending'
                 CHECK (state IN ('pending', 'leased', 'done', 'dead')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    run_at       INTEGER,
    died_at      INTEGER,
    reason       TEXT,
    result       TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS job_event ON job (event_id);
CREATE INDEX IF NOT EXISTS job_pending ON job (lane_id, seq, event_id) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS job_dead ON job (integration, id) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS job_dead_all ON job (id) WHERE state = 'dead';
