//! Tokens that are given for a code once, and for a refresh token once.

use patchbay_sdk::http::Response;
use serde_json::{Value, json};

use super::hal;

/// One integration that the account's owner has allowed.
#[derive(Debug, Clone)]
pub struct Oauth {
    pub client_id: String,
    pub client_secret: String,
    pub redirect_uri: String,
    /// The code of the redirect, until it is spent.
    pub code: Option<String>,
    /// The refresh token that is good now.
    pub refresh: Option<String>,
    access: Option<String>,
    given: u32,
}

impl Default for Oauth {
    fn default() -> Self {
        Self {
            client_id: "a1b2c3".to_owned(),
            client_secret: "integration-secret".to_owned(),
            redirect_uri: "https://host.example.test/oauth".to_owned(),
            code: Some("code-1".to_owned()),
            refresh: None,
            access: None,
            given: 0,
        }
    }
}

impl Oauth {
    /// Ends the access token before its time.
    pub fn expire(&mut self) {
        self.access = None;
    }

    pub(super) fn is_good(&self, token: &str) -> bool {
        self.access.as_deref() == Some(token)
    }

    pub(super) fn answer(&mut self, body: &Value) -> Response {
        let is = |key: &str, value: &str| body[key] == *value;
        let is_client =
            is("client_id", &self.client_id) && is("client_secret", &self.client_secret);
        if !is_client || !is("redirect_uri", &self.redirect_uri) {
            return refused("Check the `client_id` parameter");
        }
        let spent = match body["grant_type"].as_str() {
            Some("authorization_code") => self.code.take_if(|code| body["code"] == *code),
            Some("refresh_token") => {
                self.refresh.take_if(|refresh| body["refresh_token"] == *refresh)
            }
            _ => return refused("Check the `grant_type` parameter"),
        };
        if spent.is_none() {
            return refused("Token has been revoked");
        }
        self.given += 1;
        let (access, refresh) =
            (format!("access-{}", self.given), format!("refresh-{}", self.given));
        let answer = json!({
            "token_type": "Bearer", "expires_in": 86_400, "access_token": access, "refresh_token": refresh,
        });
        (self.access, self.refresh) = (Some(access), Some(refresh));
        Response::json(200, answer.to_string())
    }
}

fn refused(hint: &str) -> Response {
    hal::problem(400, "Bad Request", &json!({ "hint": hint, "detail": "The request is invalid" }))
}
