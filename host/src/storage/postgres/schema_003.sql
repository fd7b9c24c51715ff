-- Trust: versions of plugins, sealed secrets and tokens of OAuth2, API tokens with scopes, the audit log.

-- Versions.

-- Secrets and OAuth2.

-- Access.
