//! Answers of a portal that cannot or will not, to be used as faults.

use patchbay_sdk::http::Response;
use serde_json::json;

fn failure(status: u16, code: &str, description: &str) -> Response {
    let body = json!({ "error": code, "error_description": description });
    Response::json(status, body.to_string())
}

/// Too many requests: wait a little.
pub fn query_limit() -> Response {
    failure(503, "QUERY_LIMIT_EXCEEDED", "Too many requests")
}

/// A method has taken too much time: it alone is blocked.
pub fn operation_time_limit() -> Response {
    failure(429, "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.")
}

/// The access has expired.
pub fn expired_token() -> Response {
    failure(401, "expired_token", "The access token provided has expired.")
}

/// The server has failed.
pub fn internal() -> Response {
    failure(500, "INTERNAL_SERVER_ERROR", "Internal server error")
}

/// The plan has no REST API.
pub fn paid_plan() -> Response {
    failure(403, "ACCESS_DENIED", "REST API is available only on commercial plans")
}

/// A proxy before the portal has failed.
pub fn bad_gateway() -> Response {
    let body = b"<html><body><h1>502 Bad Gateway</h1></body></html>".to_vec();
    Response { body, ..Response::empty(502) }.with_header("content-type", "text/html")
}

/// An error with the status of a success.
pub fn good_status() -> Response {
    failure(200, "INTERNAL_SERVER_ERROR", "Internal server error")
}
