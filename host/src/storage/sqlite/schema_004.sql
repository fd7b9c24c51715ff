-- Trust: versions of plugins, sealed secrets and tokens of OAuth2, API tokens with scopes, the audit log.

-- Versions.

-- Secrets and OAuth2.

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
