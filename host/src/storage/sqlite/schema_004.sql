-- Trust: versions of plugins, sealed secrets and tokens of OAuth2, API tokens with scopes, the audit log.

-- Versions.

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
