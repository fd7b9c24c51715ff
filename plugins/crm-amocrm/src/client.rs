//! Calls of the API v4: pure builders of requests, and the functions that send them.

use patchbay_sdk::http::{self, Request, Response};
use patchbay_sdk::log;
use patchbay_sdk::types::Error;
use serde_json::Value;

use crate::account::{Account, Places};
use crate::errors::{self, Effect, Sent};

/// Most records on one page.
pub(crate) const PAGE_RECORDS: usize = 250;

/// Most pages that one call of the adapter reads: the host allows 16 requests.
const PAGES_MAX: usize = 12;

/// Why a write was not answered with an id.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub error: Error,
    /// It may have been carried out all the same: it is looked for before it is repeated.
    pub is_open: bool,
}

impl Failure {
    fn is_open(error: &Error) -> bool {
        matches!(error, Error::UnknownOutcome(_))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let is_open = Self::is_open(&error);
        Self { error, is_open }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// One request to the API.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    method: &'static str,
    /// Below `/api/v4`, with its query.
    path: String,
    body: Option<Value>,
}

pub(crate) fn get(path: impl Into<String>) -> Call {
    Call { method: "GET", path: path.into(), body: None }
}

pub(crate) fn post(path: impl Into<String>, body: Value) -> Call {
    Call { method: "POST", path: path.into(), body: Some(body) }
}

pub(crate) fn patch(path: impl Into<String>, body: Value) -> Call {
    Call { method: "PATCH", path: path.into(), body: Some(body) }
}

impl Call {
    fn effect(&self) -> Effect {
        if self.body.is_some() { Effect::Write } else { Effect::Read }
    }

    fn request(&self, account: &Account) -> Request {
        let url = format!("{}/api/v4{}", account.origin, self.path);
        let request = Request::new(self.method, url).header("accept", "application/json");
        let request = match &account.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            // The host adds the token that it has obtained.
            None => request,
        };
        match &self.body {
            Some(body) => request.json(serde_json::to_vec(body).expect("a value is always JSON")),
            None => request,
        }
    }

    /// The answer, whatever its status.
    pub(crate) fn fetch(&self, account: &Account) -> Result<Response, Error> {
        self.request(account).send().map_err(|error| match self.effect() {
            Effect::Read => error.into(),
            Effect::Write => http::after_write(error),
        })
    }

    /// What the answer says; `None` for one without content, which is how lists are empty.
    pub(crate) fn read(
        &self,
        response: &Response,
        places: Option<&Places>,
    ) -> Result<Option<Value>, Error> {
        let effect = self.effect();
        if !response.is_success() {
            let is_deal = self.path.starts_with("/leads");
            let sent = Sent { effect, body: self.body.as_ref(), is_deal, places };
            return Err(errors::classify(response, sent));
        }
        if response.status == 204 {
            return Ok(None);
        }
        let body = serde_json::from_slice(&response.body).ok();
        body.map(Some).ok_or_else(|| errors::unreadable(effect))
    }

    /// The same for a write, with whether it may have been carried out all the same.
    pub(crate) fn outcome(
        &self,
        response: &Response,
        places: Option<&Places>,
    ) -> Result<Option<Value>, Failure> {
        // The vendor does not promise that a write which came too fast has done nothing. What the
        // host itself holds back was never sent.
        let is_too_fast = response.status == 429 && response.header("x-patchbay").is_none();
        self.read(response, places).map_err(|error| {
            let is_open = is_too_fast || Failure::is_open(&error);
            Failure { error, is_open }
        })
    }

    pub(crate) fn send(
        &self,
        account: &Account,
        places: Option<&Places>,
    ) -> Result<Option<Value>, Error> {
        self.read(&self.fetch(account)?, places)
    }

    /// The id of the first record that was written.
    pub(crate) fn write(
        &self,
        account: &Account,
        records: &str,
        places: Option<&Places>,
    ) -> Result<u64, Failure> {
        let answer = self.outcome(&self.fetch(account)?, places)?;
        Ok(written(answer, records)?)
    }
}

/// The id of the first record that an answer to a write names.
pub(crate) fn written(answer: Option<Value>, records: &str) -> Result<u64, Error> {
    let written = answer.map(|answer| embedded(answer, records)).unwrap_or_default();
    let id = written.first().and_then(|record| record.get("id")).and_then(Value::as_u64);
    id.ok_or_else(|| errors::unreadable(Effect::Write))
}

/// The records of a list. PHP writes `[]` for an object without members, and `null` for a list.
pub(crate) fn embedded(mut answer: Value, records: &str) -> Vec<Value> {
    let list = answer.get_mut("_embedded").and_then(|embedded| embedded.get_mut(records));
    match list.map(Value::take) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

/// One page of a list, its number counted from 1, and whether another one follows.
pub(crate) fn page(
    account: &Account,
    path: &str,
    number: usize,
    records: &str,
) -> Result<(Vec<Value>, bool), Error> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let more = if query.is_empty() { "" } else { "&" };
    let call = get(format!("{path}?page={number}&limit={PAGE_RECORDS}{more}{query}"));
    let Some(answer) = call.send(account, None)? else { return Ok((Vec::new(), false)) };
    let next = answer.get("_links").and_then(|links| links.get("next"));
    let has_next = next.is_some_and(|next| !next.is_null());
    Ok((embedded(answer, records), has_next))
}

/// Every record of a list: a short page does not end it, only one without a next page or without
/// records does.
pub(crate) fn all(account: &Account, path: &str, records: &str) -> Result<Vec<Value>, Error> {
    let mut all = Vec::new();
    for number in 1..=PAGES_MAX {
        let (list, has_next) = page(account, path, number, records)?;
        let is_last = !has_next || list.is_empty();
        all.extend(list);
        if is_last {
            return Ok(all);
        }
    }
    log::warn(format!("{records}: more than {PAGES_MAX} pages, the rest is left out"));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::Host;
    use serde_json::json;

    use super::*;
    use crate::account;

    fn list(ids: &[u64], next: &Value) -> Response {
        let records: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        let body = json!({ "_links": { "next": next }, "_embedded": { "users": records } });
        Response::json(200, body.to_string())
    }

    #[test]
    fn without_a_token_of_its_own_a_request_leaves_it_to_the_host() {
        let with = get("/users").request(&account::example());
        assert_eq!(with.value_of("authorization"), Some("Bearer {{secret:token}}"));
        let account = Account { token: None, ..account::example() };
        assert_eq!(get("/users").request(&account).value_of("authorization"), None);
    }

    #[test]
    fn a_list_is_read_to_its_end_and_short_pages_do_not_end_it() {
        let next = json!({ "href": "https://demo.example.test/next" });
        let host = Host::new()
            .exchange("GET /api/v4/users?page=1&limit=250", list(&[1, 2], &next))
            .exchange("GET /api/v4/users?page=2&limit=250", list(&[3], &next))
            .exchange("GET /api/v4/users?page=3&limit=250", Response::empty(204));
        let users = host.run(|| all(&account::example(), "/users", "users")).unwrap();
        assert_eq!(users.len(), 3);
        let host = Host::new().exchange("GET /api/v4/users", list(&[1], &Value::Null));
        assert_eq!(host.run(|| all(&account::example(), "/users", "users")).unwrap().len(), 1);
    }

    #[test]
    fn a_list_that_never_ends_is_left_after_twelve_pages() {
        let next = json!({ "href": "x" });
        let host = Host::new().http(move |_| Ok(list(&[1], &next)));
        let users = host.run(|| all(&account::example(), "/users", "users")).unwrap();
        assert_eq!((users.len(), host.requests().len()), (PAGES_MAX, PAGES_MAX));
        assert_eq!(host.log_lines().len(), 1);
    }

    #[test]
    fn empty_things_of_php_are_empty() {
        for empty in [json!([]), json!(null), json!({ "users": null }), json!({ "users": [] })] {
            let host = Host::new()
                .http(move |_| Ok(Response::json(200, json!({ "_embedded": empty }).to_string())));
            assert_eq!(host.run(|| all(&account::example(), "/users", "users")), Ok(Vec::new()));
        }
    }

    #[test]
    fn an_accepted_write_without_an_id_leaves_open_what_happened() {
        for body in ["", "{}", r#"{"_embedded":{"leads":[{}]}}"#, "<html>"] {
            let host = Host::new().http(move |_| Ok(Response::json(200, body)));
            let call = post("/leads", json!([{}]));
            let outcome = host.run(|| call.write(&account::example(), "leads", None));
            let is_unknown = |failure: &Failure| matches!(failure.error, Error::UnknownOutcome(_));
            assert!(
                outcome.is_err_and(|failure| failure.is_open && is_unknown(&failure)),
                "{body}"
            );
        }
    }
}
