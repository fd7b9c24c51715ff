//! Calls of methods: one alone as JSON, or up to fifty in one `batch`, which counts as one request.

use patchbay_sdk::http::{self, Request};
use patchbay_sdk::types::Error;
use serde_json::{Value, json};

use crate::answer::{self, Answers};
use crate::errors::Effect;
use crate::params;
use crate::portal::Portal;

/// Commands that Bitrix24 takes in one `batch`.
pub(crate) const COMMANDS_MAX: usize = 50;

/// Records in one page of any list.
pub(crate) const PAGE: usize = 50;

/// A contact's number among the types of records.
pub(crate) const CONTACT: u32 = 3;

/// A deal's number among the types of records.
pub(crate) const DEAL: u32 = 2;

/// One method with its parameters, and the name that its answer gets in a `batch`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    pub name: String,
    pub method: &'static str,
    pub params: Value,
    pub effect: Effect,
}

impl Command {
    pub(crate) fn read(name: impl Into<String>, method: &'static str, params: Value) -> Self {
        Self { name: name.into(), method, params, effect: Effect::Read }
    }

    pub(crate) fn write(name: impl Into<String>, method: &'static str, params: Value) -> Self {
        Self { name: name.into(), method, params, effect: Effect::Write }
    }

    /// Reads one contact or deal; where it does not exist, the answer is an error.
    pub(crate) fn get(name: &str, entity_type: u32, id: u64) -> Self {
        Self::read(name, "crm.item.get", json!({ "entityTypeId": entity_type, "id": id }))
    }
}

/// What becomes of the commands after one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnError {
    GoOn,
    Halt,
}

/// Calls one method alone.
pub(crate) fn call(portal: &Portal, command: &Command) -> Result<Value, Error> {
    let body = serde_json::to_vec(&command.params).expect("a value is always JSON");
    let request = request(portal, command.method, body);
    let response = request.send().map_err(|error| lost(error, command.effect))?;
    answer::single(&response, command)
}

/// Calls them in a row within one request. Each command's own error stays with it.
pub(crate) fn batch(
    portal: &Portal,
    commands: &[Command],
    on_error: OnError,
) -> Result<Answers, Error> {
    let text = |text: &str| serde_json::to_string(text).expect("a text is always JSON");
    // Written by hand: a JSON map would put the commands into the order of their names.
    let line = |command: &Command| {
        let query = params::query(&command.params);
        format!("{}:{}", text(&command.name), text(&format!("{}?{query}", command.method)))
    };
    let cmd: Vec<String> = commands.iter().map(line).collect();
    let halt = u8::from(on_error == OnError::Halt);
    let body = format!("{{\"halt\":{halt},\"cmd\":{{{}}}}}", cmd.join(","));
    let writes = commands.iter().any(|command| command.effect == Effect::Write);
    let effect = if writes { Effect::Write } else { Effect::Read };
    let response = request(portal, "batch", body).send().map_err(|error| lost(error, effect))?;
    answer::batch(&response, commands, effect)
}

fn lost(error: http::Error, effect: Effect) -> Error {
    match effect {
        Effect::Read => error.into(),
        Effect::Write => http::after_write(error),
    }
}

fn request(portal: &Portal, method: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::post(portal.method_url(method)).header("accept", "application/json").json(body)
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::http::Response;
    use patchbay_sdk::testing::Host;

    use super::*;
    use crate::portal;

    #[test]
    fn commands_of_a_batch_are_queries_in_their_order() {
        let answer = r#"{"result":{"result":[],"result_error":[]}}"#;
        let host = Host::new().http(move |_| Ok(Response::json(200, answer)));
        let commands = [
            Command::read("z", "user.get", json!({ "FILTER": { "ID": 1 } })),
            Command::write("a", "crm.item.add", json!({ "entityTypeId": 3 })),
        ];
        host.run(|| batch(&portal::example(), &commands, OnError::Halt)).unwrap();
        let requests = host.requests();
        assert_eq!(requests[0].url, "https://portal.example.test/rest/1/hooksecret/batch");
        assert_eq!(requests[0].value_of("content-type"), Some("application/json"));
        let body = String::from_utf8(requests[0].body.clone()).unwrap();
        // Carried out in this order: a later command reads the answer of an earlier one.
        let (first, second) = (body.find("\"z\":").unwrap(), body.find("\"a\":").unwrap());
        assert!(first < second, "{body}");
        assert!(body.contains("user.get?FILTER[ID]=1") && body.contains("\"halt\":1"), "{body}");
    }

    #[test]
    fn a_lost_answer_is_unknown_only_where_something_was_to_be_written() {
        let host = Host::new().http(|_| Err(http::Error::Interrupted("cut".to_owned())));
        let read = Command::read("a", "user.current", json!({}));
        let write = Command::write("a", "crm.item.add", json!({}));
        let portal = portal::example();
        host.run(|| {
            let of = |command: &Command| call(&portal, command).unwrap_err();
            assert_eq!(of(&read), Error::Unavailable("cut".to_owned()));
            assert_eq!(of(&write), Error::UnknownOutcome("cut".to_owned()));
            let both = batch(&portal, &[read.clone(), write.clone()], OnError::Halt).unwrap_err();
            assert_eq!(both, Error::UnknownOutcome("cut".to_owned()));
        });
    }
}
