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

-- Access.
