-- Times are microseconds since 1970. JSON columns are for people too.

CREATE TABLE plugin (
    digest       BLOB PRIMARY KEY,
    name         TEXT NOT NULL,
    is_active    INTEGER NOT NULL,
    record       TEXT NOT NULL,
    bytes        BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX plugin_active ON plugin (name) WHERE is_active;

CREATE TABLE account (
    id           TEXT PRIMARY KEY,
    plugin       TEXT NOT NULL,
    is_active    INTEGER NOT NULL,
    record       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE integration (
    id           TEXT PRIMARY KEY,
    channel      TEXT NOT NULL REFERENCES account (id),
    crm          TEXT NOT NULL REFERENCES account (id),
    is_enabled   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
    digest       BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- What an account has used of its caps, kept in the transactions that use it.
CREATE TABLE usage (
    account      TEXT PRIMARY KEY,
    kv_bytes     INTEGER NOT NULL DEFAULT 0,
    rejected     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE kv (
    account      TEXT NOT NULL,
    key          TEXT NOT NULL,
    value        BLOB NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

-- Which card of a CRM an identifier was seen on.
CREATE TABLE identity_link (
    crm          TEXT NOT NULL REFERENCES account (id),
    kind         TEXT NOT NULL,
    value        TEXT NOT NULL,
    card         TEXT NOT NULL,
    PRIMARY KEY (crm, kind, value)
) STRICT, WITHOUT ROWID;

-- The big columns stand last, so that lists do not read them.
CREATE TABLE request (
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
CREATE INDEX request_account ON request (account, id);
CREATE INDEX request_rejected ON request (account, id) WHERE verdict = 'rejected';
CREATE INDEX request_unread ON request (account, id) WHERE verdict = 'unread';

CREATE TABLE event (
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
CREATE INDEX event_request ON event (request_id, ordinal);

-- An event that an earlier webhook had told already.
CREATE TABLE repeat (
    request_id   INTEGER NOT NULL REFERENCES request (id),
    ordinal      INTEGER NOT NULL,
    event_id     INTEGER NOT NULL REFERENCES event (id),
    PRIMARY KEY (request_id, ordinal)
) STRICT, WITHOUT ROWID;

-- The jobs of one conversation in one integration. `idle`: none is pending. `ready`: the first
-- pending job may start at `run_at`. `leased`: `leased_job` runs until `lease_until`.
CREATE TABLE lane (
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
CREATE INDEX lane_ready ON lane (integration, run_at) WHERE state = 'ready';
CREATE INDEX lane_leased ON lane (lease_until) WHERE state = 'leased';

CREATE TABLE job (
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
CREATE INDEX job_event ON job (event_id);
CREATE INDEX job_pending ON job (lane_id, seq, event_id) WHERE state = 'pending';
CREATE INDEX job_dead ON job (integration, id) WHERE state = 'dead';
CREATE INDEX job_dead_all ON job (id) WHERE state = 'dead';

CREATE TABLE step (
    id              INTEGER PRIMARY KEY,
    job_id          INTEGER NOT NULL REFERENCES job (id),
    name            TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('intended', 'done', 'unknown')),
    result          TEXT,
    UNIQUE (job_id, name)
) STRICT;

CREATE TABLE attempt (
    id           INTEGER PRIMARY KEY,
    job_id       INTEGER NOT NULL REFERENCES job (id),
    number       INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    took_ms      INTEGER NOT NULL,
    outcome      TEXT NOT NULL,
    blame        TEXT,
    reason       TEXT
) STRICT;
CREATE INDEX attempt_job ON attempt (job_id);
