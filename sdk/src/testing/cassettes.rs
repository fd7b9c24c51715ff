//! Recorded exchanges with a CRM, one a file, played back by method, path and body.
//!
//! A file holds `request` with `method`, `path` (with its query), `headers` and `body`, and `response`
//! with `status`, `headers` and `body`. A body is JSON, a text, or `null` for none.

use std::path::Path;

use serde_json::Value;

use super::{fail, names, read_json};
use crate::http;

/// What was recorded in a folder.
#[derive(Debug, Clone)]
pub struct Cassettes {
    exchanges: Vec<Exchange>,
}

/// One recorded request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The name of its file, without `.json`.
    pub name: String,
    method: String,
    path: String,
    body: Value,
    response: http::Response,
}

/// Reads every `*.json` of the folder that holds a request and its response; fails the test where one cannot be read.
#[track_caller]
pub fn load(dir: impl AsRef<Path>) -> Cassettes {
    let dir = dir.as_ref();
    let read = |name| exchange(&read_json(&dir.join(format!("{name}.json"))), name);
    Cassettes { exchanges: names(dir, ".json").into_iter().filter_map(read).collect() }
}

fn exchange(file: &Value, name: String) -> Option<Exchange> {
    let request = file.get("request").filter(|request| request.is_object())?;
    let response = file.get("response").filter(|response| response.is_object())?;
    let text = |key| request.get(key).and_then(Value::as_str).map(str::to_owned);
    let (Some(method), Some(path)) = (text("method"), text("path")) else {
        fail(&format!("`{name}` names no `request.method` or no `request.path`"))
    };
    let body = request.get("body").cloned().unwrap_or_default();
    let response = to_response(response, &name);
    Some(Exchange { name, method, path, body, response })
}

fn to_response(response: &Value, name: &str) -> http::Response {
    let status = response
        .get("status")
        .and_then(Value::as_u64)
        .and_then(|status| u16::try_from(status).ok());
    let Some(status) = status else { fail(&format!("`{name}` names no `response.status`")) };
    let headers = response.get("headers").and_then(Value::as_object);
    let header =
        |(key, value): (&String, &Value)| Some((key.to_lowercase(), value.as_str()?.to_owned()));
    let body = match response.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(json) => json.to_string().into_bytes(),
    };
    http::Response {
        status,
        headers: headers.into_iter().flatten().filter_map(header).collect(),
        body,
    }
}

impl Cassettes {
    /// The answer recorded for this method, path with query, and body; JSON is compared as JSON.
    ///
    /// Where nothing fits, the error names what was recorded for the same path.
    pub fn answer(&self, request: &http::Request) -> Result<http::Response, http::Error> {
        let path = super::host::path_of(&request.url);
        let same_place =
            |exchange: &&Exchange| exchange.method == request.method && exchange.path == path;
        let mut near = self.exchanges.iter().filter(same_place);
        if let Some(exchange) =
            near.clone().find(|exchange| is_same_body(&exchange.body, &request.body))
        {
            return Ok(exchange.response.clone());
        }
        let near: Vec<&str> = near.by_ref().map(|exchange| exchange.name.as_str()).collect();
        let got = format!("{} {path} {}", request.method, String::from_utf8_lossy(&request.body));
        Err(http::Error::Denied(format!(
            "nothing was recorded for `{got}`; other bodies at this path: {near:?}"
        )))
    }

    /// The recorded answer of one file, for scripts in an order of their own.
    #[track_caller]
    pub fn response(&self, name: &str) -> http::Response {
        let found = self.exchanges.iter().find(|exchange| exchange.name == name);
        found.map_or_else(
            || fail(&format!("no exchange is called `{name}`")),
            |exchange| exchange.response.clone(),
        )
    }

    /// The names of all exchanges, in the order of their files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.exchanges.iter().map(|exchange| exchange.name.as_str())
    }
}

fn is_same_body(recorded: &Value, sent: &[u8]) -> bool {
    match recorded {
        Value::Null => sent.is_empty(),
        Value::String(text) if text.as_bytes() == sent => true,
        recorded => serde_json::from_slice::<Value>(sent).is_ok_and(|sent| sent == *recorded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cassettes() -> Cassettes {
        load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/cassettes"))
    }

    #[test]
    fn a_body_is_compared_as_json() {
        let request = http::Request::post("https://crm.example.com/search?limit=1");
        let answer =
            cassettes().answer(&request.json(r#"{"limit": 1, "phone": "+79000000001"}"#)).unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        assert_eq!(answer.body, br#"{"id":7}"#);
    }

    #[test]
    fn another_body_is_told_with_what_was_recorded_there() {
        let request = http::Request::post("https://crm.example.com/search?limit=1").json("{}");
        let Err(http::Error::Denied(text)) = cassettes().answer(&request) else {
            panic!("nothing fits")
        };
        assert!(text.contains("1-search"), "{text}");
    }

    #[test]
    fn no_body_fits_only_no_body() {
        let request = http::Request::new("DELETE", "https://crm.example.com/cards/7");
        assert_eq!(cassettes().answer(&request).unwrap(), http::Response::empty(204));
        assert!(cassettes().answer(&request.json("{}")).is_err());
    }

    #[test]
    fn a_file_without_a_request_is_left_out() {
        assert_eq!(cassettes().names().collect::<Vec<_>>(), ["1-search", "2-remove"]);
        assert_eq!(cassettes().response("2-remove").status, 204);
    }
}
