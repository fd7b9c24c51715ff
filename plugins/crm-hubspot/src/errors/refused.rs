//! A refused record: which properties are at fault, told by their canonical keys.

use patchbay_sdk::types::{Error, Problem};
use serde_json::Value;

use super::{message, not_found};
use crate::names;

/// Most faults told of one record.
const PROBLEMS_MAX: usize = 20;

/// One property at fault, and HubSpot's code for it.
struct Fault<'a> {
    property: Option<&'a str>,
    code: &'a str,
    message: &'a str,
}

/// What a refused record means.
pub(super) fn record(body: &Value) -> Error {
    let listed = listed(message(body));
    let entries = body.get("errors").and_then(Value::as_array);
    let entries = entries.map(Vec::as_slice).unwrap_or_default();
    let faults: Vec<Fault<'_>> = listed.iter().chain(entries).map(fault).collect();
    let conflict = faults.iter().find_map(|fault| unique_conflict(fault.code, fault.message));
    if let Some(conflict) = conflict.or_else(|| unique_conflict("", message(body))) {
        return conflict;
    }
    let mut problems: Vec<Problem> = Vec::new();
    for fault in faults.iter().take(PROBLEMS_MAX) {
        let problem = problem(fault);
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    if problems.is_empty() {
        // Records that are to be joined to one that is gone are refused without a property.
        if says_missing(message(body)) {
            return not_found();
        }
        problems.push(Problem::general("HubSpot refused the record"));
    }
    Error::Invalid(problems)
}

/// The value is another record's: the id of that record where the words tell it.
fn unique_conflict(code: &str, message: &str) -> Option<Error> {
    let told = message.split_once(" already has that value");
    if told.is_none() && !code.contains("CONFLICTING_UNIQUE") {
        return None;
    }
    let id = told.and_then(|(before, _)| before.rsplit([' ', '.']).next());
    Some(Error::Conflict(id.filter(|id| names::is_id(id)).map(str::to_owned)))
}

/// The list that stands as JSON in the message: `Property values were not valid: [{…}]`.
fn listed(message: &str) -> Vec<Value> {
    let list = message.find("[{").and_then(|start| message.get(start..));
    list.and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default()
}

fn fault(entry: &Value) -> Fault<'_> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let context = entry.get("context").and_then(|context| {
        let names = ["propertyName", "properties", "name"];
        let name = names.iter().find_map(|name| context.get(*name))?;
        name.as_array().and_then(|names| names.first()).unwrap_or(name).as_str()
    });
    Fault {
        property: text("name")
            .or(context)
            .or_else(|| text("in"))
            .filter(|name| names::is_name(name)),
        code: text("error").or_else(|| text("code")).unwrap_or_default(),
        message: text("message").unwrap_or_default(),
    }
}

fn problem(fault: &Fault<'_>) -> Problem {
    let text = match fault.code {
        "PROPERTY_DOESNT_EXIST" | "PROPERTY_NOT_FOUND" => "HubSpot has no such property".to_owned(),
        "INVALID_EMAIL" => "is no e-mail address that HubSpot takes".to_owned(),
        "INVALID_OPTION" => "is none of the choices that describe-fields tells".to_owned(),
        "INVALID_OWNER_ID" => "is no owner in HubSpot".to_owned(),
        "READ_ONLY_VALUE" => "is filled by HubSpot itself".to_owned(),
        "REQUIRED_FIELD" => "is required".to_owned(),
        code if is_code(code) => format!("HubSpot refused the value ({code})"),
        _ => "HubSpot refused the value".to_owned(),
    };
    Problem { field: fault.property.map(|name| names::canonical(name).to_owned()), message: text }
}

fn is_code(code: &str) -> bool {
    (1..=60).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn says_missing(message: &str) -> bool {
    let message = message.to_lowercase();
    ["do not exist", "does not exist", "not found", "could not find"]
        .iter()
        .any(|words| message.contains(words))
}
