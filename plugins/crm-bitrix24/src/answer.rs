//! What comes back: the envelope of one answer, and the answers of a `batch` inside it.

use patchbay_sdk::http::Response;
use patchbay_sdk::types::Error;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::budget;
use crate::call::Command;
use crate::envelope::{Batch, Envelope, Object};
use crate::errors::{self, Effect, Refusal};

/// The result of a method that was called alone.
pub(crate) fn single(response: &Response, command: &Command) -> Result<Value, Error> {
    let envelope: Envelope<Value> = envelope(response, command.method, command.effect)?;
    if let Some(time) = &envelope.time.0 {
        budget::note(command.method, time);
    }
    envelope.result.ok_or_else(|| errors::unreadable(command.effect))
}

/// The answers of all commands. A `batch` answers `200` also where each of them has failed.
pub(crate) fn batch(
    response: &Response,
    commands: &[Command],
    effect: Effect,
) -> Result<Answers, Error> {
    let envelope: Envelope<Object<Batch>> = envelope(response, "batch", effect)?;
    let batch = envelope.result.and_then(|result| result.0);
    let Some(Batch { result: Some(result), result_error, result_time }) = batch else {
        return Err(errors::unreadable(effect));
    };
    let times = result_time.0.unwrap_or_default();
    for command in commands {
        if let Some(Object(Some(time))) = times.get(&command.name) {
            budget::note(command.method, time);
        }
    }
    let of = |command: &Command| (command.name.clone(), (command.method, command.effect));
    Ok(Answers {
        results: result.0.unwrap_or_default(),
        errors: result_error.0.unwrap_or_default(),
        commands: commands.iter().map(of).collect(),
    })
}

/// The answers of one `batch`.
#[derive(Debug)]
pub(crate) struct Answers {
    results: Map<String, Value>,
    errors: Map<String, Value>,
    commands: Vec<(String, (&'static str, Effect))>,
}

impl Answers {
    /// The answer of a command, or its error. Each answer is taken once.
    pub(crate) fn take(&mut self, name: &str) -> Result<Value, Error> {
        let command = self.commands.iter().find(|(own, _)| own == name);
        let (method, effect) = command.map_or(("batch", Effect::Write), |(_, command)| *command);
        if let Some(error) = self.errors.remove(name) {
            return Err(refused(&error, method, effect));
        }
        self.results.remove(name).ok_or_else(|| errors::unreadable(effect))
    }
}

fn refused(error: &Value, method: &str, effect: Effect) -> Error {
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    // Some places give the code as a number, and some errors as a bare text.
    let code = error.get("error").map_or_else(
        || error.as_str().unwrap_or_default().to_owned(),
        |code| code.as_str().map_or_else(|| code.to_string(), str::to_owned),
    );
    let description = text("error_description");
    errors::classify(Refusal { status: None, code: &code, description, method }, effect)
}

/// An answer that is no error.
fn envelope<T: DeserializeOwned>(
    response: &Response,
    method: &'static str,
    effect: Effect,
) -> Result<Envelope<T>, Error> {
    if let Some(error) = of_the_host(response) {
        return Err(error);
    }
    let body = serde_json::from_slice::<Object<Envelope<T>>>(&response.body).unwrap_or_default().0;
    let code = body.as_ref().map(|body| &body.error).filter(|error| !error.is_null());
    let code = code.map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned));
    if response.is_success() && code.is_none() {
        return body.ok_or_else(|| errors::unreadable(effect));
    }
    let code = code.unwrap_or_default();
    let description = body.as_ref().and_then(|body| body.error_description.as_str());
    let description = description.unwrap_or_default();
    let refusal = Refusal { status: Some(response.status), code: &code, description, method };
    Err(errors::classify(refusal, effect))
}

/// What the host answered in the place of Bitrix24: nothing was sent.
fn of_the_host(response: &Response) -> Option<Error> {
    match (response.status, response.header("x-patchbay")?) {
        (401, "token-refused") => {
            Some(Error::Unauthorized(String::from_utf8_lossy(&response.body).into_owned()))
        }
        (429, _) => Some(Error::RateLimited(response.retry_after_ms())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::Host;
    use serde_json::json;

    use super::*;

    fn commands() -> Vec<Command> {
        vec![
            Command::read("find", "crm.duplicate.findbycomm", json!({})),
            Command::write("add", "crm.item.add", json!({})),
        ]
    }

    fn read(status: u16, body: &Value) -> Result<Answers, Error> {
        let response = Response::json(status, body.to_string());
        Host::new().run(|| batch(&response, &commands(), Effect::Write))
    }

    #[test]
    fn each_command_of_a_batch_has_its_own_end() {
        let mut answers = read(
            200,
            &json!({ "result": {
                "result": { "find": { "CONTACT": [1] } },
                "result_error": { "add": { "error": "NOT_FOUND", "error_description": "" } },
                "result_total": [], "result_next": [], "result_time": [],
            } }),
        )
        .unwrap();
        assert_eq!(answers.take("find"), Ok(json!({ "CONTACT": [1] })));
        assert!(matches!(answers.take("add"), Err(Error::NotFound(_))));
    }

    #[test]
    fn a_command_without_answer_and_error_is_open() {
        let empty = json!({ "result": { "result": [], "result_error": [] } });
        let mut answers = read(200, &empty).unwrap();
        assert!(matches!(answers.take("find"), Err(Error::Unavailable(_))));
        assert!(matches!(answers.take("add"), Err(Error::UnknownOutcome(_))));
    }

    #[test]
    fn an_error_inside_a_good_status_is_an_error() {
        let error =
            json!({ "error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests" });
        assert_eq!(read(200, &error).unwrap_err(), Error::RateLimited(None));
        for result in [json!({}), json!([]), json!({ "result": { "add": 1 } })] {
            let error = json!({ "error": "QUERY_LIMIT_EXCEEDED", "result": result });
            assert_eq!(read(200, &error).unwrap_err(), Error::RateLimited(None), "{error}");
        }
        // A command's error may be a bare text, or have a number for its code.
        for error in [json!("NOT_FOUND"), json!({ "error": "NOT_FOUND" })] {
            let mut answers =
                read(200, &json!({ "result": { "result": {}, "result_error": { "add": error } } }))
                    .unwrap();
            assert!(matches!(answers.take("add"), Err(Error::NotFound(_))));
        }
        let number =
            json!({ "result": { "result": {}, "result_error": { "add": { "error": 100 } } } });
        assert!(matches!(read(200, &number).unwrap().take("add"), Err(Error::Invalid(_))));
    }

    #[test]
    fn what_cannot_be_read_may_have_been_written() {
        for body in [
            json!(null),
            json!([]),
            json!("ok"),
            json!({}),
            json!({ "result": [] }),
            json!({ "result": {} }),
        ] {
            assert!(matches!(read(200, &body), Err(Error::UnknownOutcome(_))), "{body}");
        }
        let page = Response { body: b"<html>".to_vec(), ..Response::empty(200) };
        let read = batch(&page, &commands(), Effect::Read).unwrap_err();
        assert!(matches!(read, Error::Unavailable(_)), "{read:?}");
    }

    #[test]
    fn the_hosts_own_answers_are_handed_on() {
        let refused = Response { body: b"renew it".to_vec(), ..Response::empty(401) }
            .with_header("x-patchbay", "token-refused");
        let error = batch(&refused, &commands(), Effect::Write).unwrap_err();
        assert_eq!(error, Error::Unauthorized("renew it".to_owned()));
        let limited = Response::empty(429)
            .with_header("x-patchbay", "rate-limited")
            .with_header("retry-after", "7");
        let error = batch(&limited, &commands(), Effect::Write).unwrap_err();
        assert_eq!(error, Error::RateLimited(Some(7_000)));
    }
}
