//! The description of the API for programs.

use axum::{http::header, response::IntoResponse};

/// OpenAPI 3.1, kept by hand beside the routes; a test compares the two.
const OPENAPI: &str = include_str!("../../openapi.json");

/// `GET /openapi.json`
pub(super) async fn show() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let described: serde_json::Value = serde_json::from_str(super::OPENAPI).unwrap();
        let described: BTreeSet<String> =
            described["paths"].as_object().unwrap().keys().cloned().collect();
        let source = include_str!("../http.rs");
        let (api, rest) =
            source.split_once("Router::new()").unwrap().1.split_once("Router::new()").unwrap();
        let paths = |text: &str, prefix: &str| -> Vec<String> {
            let routes = text.split(".route(").skip(1).filter_map(|rest| rest.split('"').nth(1));
            routes.map(|path| format!("{prefix}{}", path.replace("{*", "{"))).collect()
        };
        let routes: BTreeSet<String> =
            paths(api, "/api/v1").into_iter().chain(paths(rest, "")).collect();
        assert_eq!(routes, described);
    }
}
