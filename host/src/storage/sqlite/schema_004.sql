-- Trust: versions of plugins, sealed secrets and tokens of OAuth2, API tokens with scopes, the audit log.

-- Versions.

-- A version that was removed keeps its row, so that it does not come back by itself.
DROP INDEX plugin_active;
ALTER TABLE plugin ADD COLUMN standing TEXT NOT NULL DEFAULT 'approved'
    CHECK (standing IN ('approved', 'waiting', 'removed'));
ALTER TABLE plugin ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;

-- Which version is active: for one account, or for all under the empty name. Without a digest the
-- account goes with all the others.
CREATE TABLE activation (
    name         TEXT NOT NULL,
    account      TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    digest       BLOB,
    trail        TEXT NOT NULL,
    PRIMARY KEY (name, account)
) STRICT, WITHOUT ROWID;
INSERT INTO activation
    SELECT name, '', 1, digest,
           '{"earlier":[],"since":"1970-01-01T00:00:00Z","by":"upload","watch_until":null,"notice":null}'
    FROM plugin WHERE is_active;
ALTER TABLE plugin DROP COLUMN is_active;

-- Secrets and OAuth2.

-- The names of the keys that secrets in this database are sealed with; never the keys.
CREATE TABLE sealing_key (
    id           TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- The tokens of an account, sealed, and who obtains new ones until when.
CREATE TABLE oauth_token (
    account      TEXT PRIMARY KEY,
    generation   INTEGER NOT NULL,
    sealed       TEXT,
    owner        TEXT,
    owned_until  INTEGER
) STRICT, WITHOUT ROWID;

-- Consents under way, by the digest of their state.
CREATE TABLE oauth_flow (
    state        BLOB PRIMARY KEY,
    account      TEXT NOT NULL,
    sealed       TEXT NOT NULL,
    until        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What accounts were denied on their way out.
CREATE TABLE denial (
    account      TEXT NOT NULL,
    origin       TEXT NOT NULL,
    method       TEXT NOT NULL,
    reason       TEXT NOT NULL,
    message      TEXT NOT NULL,
    allowing     TEXT,
    first_at     INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    PRIMARY KEY (account, origin, method, reason)
) STRICT, WITHOUT ROWID;

-- Access.

-- A token opens what its scopes name; the token itself is not kept. A name is never given twice.
CREATE TABLE api_token (
    name         TEXT PRIMARY KEY,
    digest       BLOB NOT NULL UNIQUE,
    scopes       TEXT NOT NULL,
    created_at   INTEGER,
    expires_at   INTEGER,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;

-- What an earlier release made may do everything, as it could.
INSERT INTO api_token (name, digest, scopes)
    SELECT CASE n WHEN 1 THEN 'first' ELSE 'first-' || n END, digest, '["admin"]'
    FROM (SELECT digest, row_number() OVER (ORDER BY digest) AS n FROM token);
DROP TABLE token;

-- Every change: written before it is made, and once more when it has ended.
CREATE TABLE audit (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    who          TEXT NOT NULL,
    action       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    address      TEXT NOT NULL,
    status       INTEGER,
    detail       TEXT
) STRICT;
CREATE INDEX audit_at ON audit (at);
