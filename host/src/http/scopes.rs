//! The scope that each route of the API needs. `openapi.json` says the same; a test compares them.

use axum::http::Method;

use crate::access::Scope::{self, Admin, Install, Operate, Read};

/// Method, path below `/api/v1`, and the scope it needs. A route that does not stand here needs
/// `admin`.
const ROUTES: &[(Method, &str, Scope)] = &[
    (Method::GET, "/plugins", Read),
    (Method::POST, "/plugins", Install),
    (Method::GET, "/plugins/{name}/versions", Read),
    (Method::POST, "/plugins/{name}/activate", Install),
    // Whoever uploads does not say yes to what the upload asks for.
    (Method::POST, "/plugins/{name}/approve", Operate),
    (Method::POST, "/plugins/{name}/rollback", Install),
    (Method::POST, "/plugins/{name}/shadow", Read),
    (Method::GET, "/accounts", Read),
    (Method::GET, "/accounts/{id}", Read),
    (Method::PUT, "/accounts/{id}", Operate),
    (Method::GET, "/accounts/{id}/cards", Read),
    (Method::GET, "/accounts/{id}/denials", Read),
    (Method::GET, "/accounts/{id}/oauth", Read),
    (Method::POST, "/accounts/{id}/oauth", Operate),
    (Method::POST, "/accounts/{id}/webhook-token", Operate),
    (Method::GET, "/integrations", Read),
    (Method::GET, "/integrations/{id}", Read),
    (Method::PUT, "/integrations/{id}", Operate),
    (Method::POST, "/integrations/{id}/preview", Read),
    (Method::POST, "/integrations/{id}/test", Operate),
    (Method::GET, "/pools", Read),
    (Method::GET, "/pools/{id}", Read),
    (Method::PUT, "/pools/{id}", Operate),
    (Method::DELETE, "/pools/{id}", Operate),
    (Method::GET, "/events", Read),
    (Method::GET, "/events/{id}", Read),
    (Method::GET, "/dead-letters", Read),
    (Method::POST, "/dead-letters/replay", Operate),
    (Method::POST, "/dead-letters/{job}/replay", Operate),
    (Method::GET, "/lanes", Read),
    (Method::POST, "/lanes/{lane}/resume", Operate),
    (Method::POST, "/forget", Operate),
    (Method::GET, "/tokens", Admin),
    (Method::POST, "/tokens", Admin),
    (Method::DELETE, "/tokens/{name}", Admin),
    (Method::GET, "/audit", Admin),
];

/// The scope for a route, as axum names it.
pub(super) fn needed(method: &Method, path: &str) -> Scope {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    // axum answers HEAD wherever it answers GET.
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let found = ROUTES.iter().find(|(own, route, _)| own == method && *route == path);
    found.map_or(Admin, |(_, _, scope)| *scope)
}

/// Whether the audit log tells of it: whatever is not only looked at.
pub(super) fn is_change(method: &Method, path: &str) -> bool {
    !matches!(*method, Method::GET | Method::HEAD) && needed(method, path) != Read
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const OPENAPI: &str = include_str!("../../openapi.json");

    /// Every operation of the API with the scope that its description names.
    fn described() -> BTreeMap<(String, String), Vec<String>> {
        let openapi: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let mut described = BTreeMap::new();
        for (path, methods) in openapi["paths"].as_object().unwrap() {
            let Some(path) = path.strip_prefix("/api/v1") else { continue };
            for (method, operation) in methods.as_object().unwrap() {
                if method == "parameters" {
                    continue;
                }
                let scopes = operation["security"][0]["token"].as_array();
                let scopes = scopes.into_iter().flatten().map(|it| it.as_str().unwrap().to_owned());
                described.insert((method.to_uppercase(), path.to_owned()), scopes.collect());
            }
        }
        described
    }

    #[test]
    fn every_route_needs_the_scope_that_its_description_names() {
        let own: BTreeMap<(String, String), Vec<String>> = ROUTES
            .iter()
            .map(|(method, path, scope)| {
                ((method.to_string(), (*path).to_owned()), vec![scope.name().to_owned()])
            })
            .collect();
        assert_eq!(own.len(), ROUTES.len(), "a route stands twice");
        assert_eq!(own, described());
    }

    #[test]
    fn every_change_is_told_and_no_look() {
        for (method, path, scope) in ROUTES {
            let expected = *method != Method::GET && *scope != Read;
            assert_eq!(is_change(method, &format!("/api/v1{path}")), expected, "{method} {path}");
        }
        assert!(!is_change(&Method::HEAD, "/api/v1/accounts"));
    }

    #[test]
    fn what_nobody_thought_of_is_for_admins() {
        assert_eq!(needed(&Method::PATCH, "/api/v1/accounts/{id}"), Admin);
        assert_eq!(needed(&Method::GET, "/api/v1/new"), Admin);
        assert_eq!(needed(&Method::HEAD, "/api/v1/accounts"), Read);
    }
}
