-- Lanes that are held or stopped, locks on clients, options of integrations. Tables whose checks
-- change are built anew; foreign keys are off meanwhile.

ALTER TABLE integration ADD COLUMN options TEXT NOT NULL DEFAULT '{}';

-- Little-endian 64-bit numbers; NULL for an event of before, whose payload tells its client.
ALTER TABLE event ADD COLUMN client_keys BLOB;

-- The lane is no foreign key: to check it when a lane goes would take one more index on every job.
CREATE TABLE job_002 (
    id           INTEGER PRIMARY KEY,
    lane_id      INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    event_id     INTEGER NOT NULL REFERENCES event (id),
    integration  TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'pending'
                 CHECK (state IN ('pending', 'leased', 'done', 'dead')),
    is_again     INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0,
    run_at       INTEGER,
    died_at      INTEGER,
    reason       TEXT,
    result       TEXT
) STRICT;
INSERT INTO job_002 (id, lane_id, seq, event_id, integration, state, is_again, attempts, run_at,
                     died_at, reason, result)
    SELECT id, lane_id, seq, event_id, integration, state,
           state IN ('pending', 'leased')
               AND EXISTS (SELECT 1 FROM attempt WHERE attempt.job_id = job.id),
           attempts, run_at, died_at, reason, result
    FROM job ORDER BY id;
DROP TABLE job;
ALTER TABLE job_002 RENAME TO job;
CREATE INDEX job_event ON job (event_id);
CREATE INDEX job_pending ON job (lane_id, seq) WHERE state = 'pending';
CREATE INDEX job_pending_event ON job (event_id) WHERE state = 'pending';
CREATE INDEX job_dead ON job (integration, id) WHERE state = 'dead';
CREATE INDEX job_dead_all ON job (id) WHERE state = 'dead';

-- The jobs of one conversation in one integration. `idle`: none is pending. `ready`: the first
-- pending job may start at `run_at`. `held`: it waits until nobody works on its client `held_key`.
-- `leased`: `leased_job` runs until `lease_until`. `stopped`: by its dead letter `stopped_by`.
-- A lane that was held and is ready again keeps `held_*` until it runs: others of its integration
-- that are held by the same key rely on it.
CREATE TABLE lane_002 (
    id           INTEGER PRIMARY KEY,
    integration  TEXT NOT NULL REFERENCES integration (id),
    conversation TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('idle', 'ready', 'held', 'leased', 'stopped')),
    is_again     INTEGER NOT NULL DEFAULT 0,
    last_seq     INTEGER NOT NULL,
    jobs         INTEGER NOT NULL,
    run_at       INTEGER NOT NULL,
    fence        INTEGER NOT NULL DEFAULT 0,
    leased_job   INTEGER,
    leased_at    INTEGER,
    lease_until  INTEGER,
    held_crm     TEXT,
    held_key     INTEGER,
    held_at      INTEGER,
    stopped_by   INTEGER,
    UNIQUE (integration, conversation)
) STRICT;
INSERT INTO lane_002 (id, integration, conversation, state, is_again, last_seq, jobs, run_at, fence,
                      leased_job, leased_at, lease_until)
    SELECT id, integration, conversation, state,
           coalesce((SELECT is_again FROM job WHERE lane_id = lane.id AND job.state = 'pending'
                     ORDER BY seq LIMIT 1), 0),
           last_seq, coalesce(counted.jobs, 0), run_at, fence, leased_job, leased_at, lease_until
    FROM lane LEFT JOIN (SELECT lane_id, count(*) AS jobs FROM job GROUP BY lane_id) counted
                   ON counted.lane_id = lane.id;
DROP TABLE lane;
ALTER TABLE lane_002 RENAME TO lane;
CREATE INDEX lane_ready ON lane (integration, is_again, run_at) WHERE state = 'ready';
CREATE INDEX lane_leased ON lane (lease_until) WHERE state = 'leased';
CREATE INDEX lane_held ON lane (held_crm, held_key, integration, held_at, run_at)
    WHERE state = 'held';
CREATE INDEX lane_offered ON lane (held_crm, held_key, integration)
    WHERE state = 'ready' AND held_key IS NOT NULL;
CREATE INDEX lane_stuck ON lane (id)
    WHERE state = 'stopped' OR state = 'held' OR (state = 'ready' AND is_again);
CREATE INDEX lane_stopped_by ON lane (stopped_by) WHERE stopped_by IS NOT NULL;

-- Who works on a client: the lane whose head is leased.
CREATE TABLE client_lock (
    crm          TEXT NOT NULL,
    key          INTEGER NOT NULL,
    lane_id      INTEGER NOT NULL REFERENCES lane (id),
    PRIMARY KEY (crm, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_lock_lane ON client_lock (lane_id);

-- For what is removed with a webhook, and for what is known of a card.
CREATE INDEX repeat_event ON repeat (event_id);
CREATE INDEX attempt_started ON attempt (started_at);
CREATE INDEX identity_link_card ON identity_link (crm, card);
