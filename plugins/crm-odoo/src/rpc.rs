//! JSON-RPC for Odoo 17 and 18: which interface a server has, who the user is, and calls in its envelope.
//!
//! Both are asked once for an account and kept in the store, until the settings change or the server
//! says that it is not so any more.

use patchbay_sdk::http::{Request, Response};
use patchbay_sdk::kv;
use patchbay_sdk::types::Error;
use serde_json::{Value, json};

use crate::client::{self, Call};
use crate::errors::{self, Effect};
use crate::server::{Api, Server};

const API: &str = "api";
const USER: &str = "user";

/// The first version with JSON-2.
const JSON2_SINCE: u64 = 19;

/// The interface that the setting names, else that of the server's version.
pub(crate) fn api(server: &Server) -> Result<Api, Error> {
    if let Some(api) = server.api {
        return Ok(api);
    }
    let whose = server.base_url.as_str();
    match kept(API, whose)?.as_deref() {
        Some("json-2") => return Ok(Api::Json2),
        Some("json-rpc") => return Ok(Api::JsonRpc),
        _ => {}
    }
    let request = Request::get(format!("{whose}/web/version")).header("accept", "application/json");
    let api = by_version(&client::sent(request, Effect::Read)?)?;
    let name = if api == Api::Json2 { "json-2" } else { "json-rpc" };
    keep(API, whose, name)?;
    Ok(api)
}

/// Servers without this address are older than JSON-2.
fn by_version(response: &Response) -> Result<Api, Error> {
    if response.status == 404 {
        return Ok(Api::JsonRpc);
    }
    let version = client::answer(response, Effect::Read)?;
    let major = version.pointer("/version_info/0");
    // Odoo Online calls its versions between two years `saas~19`.
    let major = match major {
        Some(Value::String(text)) => text.rsplit('~').next().and_then(|text| text.parse().ok()),
        major => major.and_then(Value::as_u64),
    };
    let major = major.ok_or_else(|| errors::unreadable(Effect::Read))?;
    Ok(if JSON2_SINCE <= major { Api::Json2 } else { Api::JsonRpc })
}

/// A server that has no such interface is asked for its version again at the next call.
pub(crate) fn forget_after(server: &Server, error: &Error) {
    if server.api.is_none() && matches!(error, Error::Unsupported(_)) {
        // Kept, it fails the next call in the same words.
        kv::Batch::new().delete(API).commit().unwrap_or_default();
    }
}

/// Calls the method in the name of the user whose key it is.
pub(crate) fn execute(server: &Server, call: &Call) -> Result<Value, Error> {
    let Call { model, method, arguments, effect } = call;
    let mut named = arguments.clone();
    let mut positional = Vec::new();
    // `default_get` and `create` call their argument by other names in each version.
    for first in ["ids", "vals_list", "fields_list"] {
        positional.extend(named.remove(first));
    }
    let database = database(server)?;
    let user = user(server, database)?;
    let arguments = json!([database, user, server.api_key, model, method, positional, named]);
    let answered = post(server, "object", "execute_kw", &arguments, *effect);
    if matches!(answered, Err(Error::Unauthorized(_))) {
        // The user may be another one by now.
        kv::Batch::new().delete(USER).commit()?;
    }
    answered
}

fn database(server: &Server) -> Result<&str, Error> {
    let missing = "is not set: Odoo 18 and older need it";
    server.database.as_deref().ok_or_else(|| Error::invalid("database", missing))
}

/// The number of the user with the login of the settings.
fn user(server: &Server, database: &str) -> Result<u64, Error> {
    let missing = "is not set: Odoo 18 and older need the login of the key's user";
    let login = server.login.as_deref().ok_or_else(|| Error::invalid("login", missing))?;
    let whose = format!("{} {database} {login}", server.base_url);
    if let Some(id) = kept(USER, &whose)?.and_then(|id| id.parse().ok()) {
        return Ok(id);
    }
    let arguments = json!([database, login, server.api_key, {}]);
    let answer = post(server, "common", "authenticate", &arguments, Effect::Read)?;
    // A wrong password is answered with `false`.
    let id = answer.as_u64().ok_or_else(errors::unauthorized)?;
    keep(USER, &whose, &id.to_string())?;
    Ok(id)
}

fn post(
    server: &Server,
    service: &str,
    method: &str,
    arguments: &Value,
    effect: Effect,
) -> Result<Value, Error> {
    let body = json!({
        "jsonrpc": "2.0", "method": "call", "id": 1,
        "params": { "service": service, "method": method, "args": arguments },
    });
    let request = Request::post(format!("{}/jsonrpc", server.base_url))
        .header("accept", "application/json")
        .json(serde_json::to_vec(&body).expect("a value is always JSON"));
    let mut envelope = client::answer(&client::sent(request, effect)?, effect)?;
    if let Some(error) = envelope.get("error").filter(|error| !error.is_null()) {
        return Err(errors::of_envelope(error, effect));
    }
    let is_envelope = envelope.get("jsonrpc").is_some();
    let result = envelope.get_mut("result").map(Value::take);
    // A method without an answer has none in the envelope.
    result.or(is_envelope.then_some(Value::Null)).ok_or_else(|| errors::unreadable(effect))
}

/// What is kept under a name, if it is of these settings.
fn kept(name: &str, whose: &str) -> Result<Option<String>, Error> {
    let Some(value) = kv::get(name)? else { return Ok(None) };
    let text = String::from_utf8(value).unwrap_or_default();
    Ok(text.split_once('\n').filter(|(of, _)| *of == whose).map(|(_, value)| value.to_owned()))
}

fn keep(name: &str, whose: &str, value: &str) -> Result<(), Error> {
    Ok(kv::Batch::new().set(name, format!("{whose}\n{value}")).commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_decides_the_interface() {
        for (status, body, api) in [
            (200, r#"{"version_info":[19,0,0,"final",0,""],"version":"19.0"}"#, Some(Api::Json2)),
            (200, r#"{"version_info":["saas~19",2,0,"final",0,"e"]}"#, Some(Api::Json2)),
            (200, r#"{"version_info":[18,0,0,"final",0,""]}"#, Some(Api::JsonRpc)),
            (404, "<html>", Some(Api::JsonRpc)),
            (200, "<html>", None),
            (200, "{}", None),
            (503, "", None),
        ] {
            let told = by_version(&Response { body: body.into(), ..Response::empty(status) });
            assert_eq!(told.clone().ok(), api, "{body}");
            assert!(api.is_some() || matches!(told, Err(Error::Unavailable(_))), "{told:?}");
        }
    }
}
