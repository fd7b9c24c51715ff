-- Trust: versions of plugins, sealed secrets and tokens of OAuth2, API tokens with scopes, the audit log.

-- Versions.

-- Secrets and OAuth2.

-- The names of the keys that secrets in this database are sealed with; never the keys.
CREATE TABLE sealing_key (
    id           TEXT PRIMARY KEY
);

-- The tokens of an account, sealed, and who obtains new ones until when.
CREATE TABLE oauth_token (
    account      TEXT PRIMARY KEY,
    generation   BIGINT NOT NULL,
    sealed       TEXT,
    owner        TEXT,
    owned_until  BIGINT
);

-- Consents under way, by the digest of their state.
CREATE TABLE oauth_flow (
    state        BYTEA PRIMARY KEY,
    account      TEXT NOT NULL,
    sealed       TEXT NOT NULL,
    until        BIGINT NOT NULL
);

-- What accounts were denied on their way out.
CREATE TABLE denial (
    account      TEXT NOT NULL,
    origin       TEXT NOT NULL,
    method       TEXT NOT NULL,
    reason       TEXT NOT NULL,
    message      TEXT NOT NULL,
    allowing     TEXT,
    first_at     BIGINT NOT NULL,
    last_at      BIGINT NOT NULL,
    count        BIGINT NOT NULL,
    PRIMARY KEY (account, origin, method, reason)
);

-- Access.
