//! The plugin's own conformance run: cases that its author recorded, played before it is let in.

use std::{pin::Pin, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use wasmparser::{Parser, Payload};
use wasmtime::component::InstancePre;

use super::{
    Error, Observer, Plugin, Plugins, Stage, error::Refusal, exports::Exports, state::CallState,
};
use crate::account::PluginRecord;

mod call;
mod case;
pub(super) mod compare;
mod stand;

use self::case::Expected;
pub(super) use self::case::{Body, Case};

/// The bytes of a section with cases.
const SECTION_BYTES_MAX: usize = 256 << 10;
const CASES_MAX: usize = 200;

/// What is in the section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(rename = "version")]
    _version: u32,
    cases: Vec<Case>,
}

/// What every version of the section says.
#[derive(Debug, Deserialize)]
struct Versioned {
    version: u32,
}

/// How many cases a component carries, or why the gate would not read them.
pub fn count_cases(component: &[u8]) -> Result<usize, Refusal> {
    Ok(read(component)?.len())
}

/// The cases of a component; none where it has no section for them.
pub(super) fn read(component: &[u8]) -> Result<Vec<Case>, Refusal> {
    let mut found = None;
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        // What is damaged was told by the gate.
        match payload {
            Ok(Payload::Version { .. }) => depth = depth.saturating_add(1),
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::CustomSection(section))
                if depth == 1 && section.name() == patchbay_cases::SECTION =>
            {
                if found.replace(section.data()).is_some() {
                    return Err(Refusal::Cases("is there twice".to_owned()));
                }
            }
            Ok(_) => {}
            Err(_damaged) => break,
        }
    }
    found.map_or_else(|| Ok(Vec::new()), |section| parse(section).map_err(Refusal::Cases))
}

fn parse(section: &[u8]) -> Result<Vec<Case>, String> {
    if SECTION_BYTES_MAX < section.len() {
        let size = section.len();
        return Err(format!("has {size} bytes, at most {SECTION_BYTES_MAX} are allowed"));
    }
    let unreadable = |error: serde_json::Error| format!("cannot be read: {error}");
    let Versioned { version } = serde_json::from_slice(section).map_err(unreadable)?;
    if version != patchbay_cases::VERSION {
        let offered = patchbay_cases::VERSION;
        return Err(format!("has version {version}, this host reads {offered}"));
    }
    let Section { cases, .. } = serde_json::from_slice(section).map_err(unreadable)?;
    match cases.len() {
        0 => Err("has no cases: leave it out instead".to_owned()),
        1..=CASES_MAX => Ok(cases),
        count => Err(format!("has {count} cases, at most {CASES_MAX} are allowed")),
    }
}

impl Plugins {
    /// Plays every case in an instance of its own. The first that fails is told, and ends the run.
    pub(super) async fn conform(
        &self,
        (record, pre): (&PluginRecord, &InstancePre<CallState>),
        cases: &[Case],
        observer: &Observer,
    ) -> Result<(), Refusal> {
        let plugin =
            Arc::new(self.unwatched(record.clone(), pre, &Exports::find(pre, &record.roles)?));
        let limit_ms = self.0.limits.conformance_ms.get();
        let until = Instant::now() + Duration::from_millis(limit_ms.into());
        let of = u32::try_from(cases.len()).unwrap_or(u32::MAX);
        for (case, number) in cases.iter().zip(1..) {
            observer(Stage::Conformance { case: number, of });
            // Behind a pointer: see `attempt::Work`.
            let played: Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + '_>> =
                Box::pin(self.play(&plugin, case));
            let late = |_elapsed| Refusal::CasesTime { case: case.name.0.clone(), limit_ms };
            timeout_at(until, played).await.map_err(late)??;
        }
        Ok(())
    }

    async fn play(&self, plugin: &Arc<Plugin>, case: &Case) -> Result<(), Refusal> {
        let fails = |fault| Refusal::Case { case: case.name.0.clone(), fault };
        let (mut adapter, mut tape) = stand::adapter(self, plugin, case).map_err(fails)?;
        let mut result = case.call.run(&adapter).await;
        if let Err(Error::CpuSpent { .. }) = result {
            // A machine that was busy with something else looks the same, but seldom twice.
            (adapter, tape) = stand::adapter(self, plugin, case).map_err(fails)?;
            result = case.call.run(&adapter).await;
        }
        if let Err(error @ (Error::MemorySharedOut(_) | Error::Busy(_) | Error::Host(_))) = result {
            return Err(Refusal::Host(error.into()));
        }
        // What was asked wrongly explains what came of it, unless the plugin broke.
        let is_broken = result.as_ref().is_err_and(|error| !matches!(error, Error::Adapter(_)));
        let asked = if is_broken { None } else { tape.fault() };
        let fault = asked.or_else(|| difference(case, result));
        match fault {
            Some(fault) => Err(fails(adapter.bound.door.scrub(&fault))),
            None => Ok(()),
        }
    }
}

/// The first difference between the result and what the case expects.
fn difference(case: &Case, result: Result<Value, Error>) -> Option<String> {
    let extent = case.call.extent();
    let told = match (&case.expect, result) {
        (Expected::Ok(expected), Ok(found)) => {
            compare::first(&json!({ "ok": expected }), &json!({ "ok": found }), extent)
        }
        (Expected::Error(expected), Err(Error::Adapter(error))) => {
            let found = named(json!(error), expected);
            let (expected, found) = (json!({ "error": expected }), json!({ "error": found }));
            compare::first(&expected, &found, compare::Extent::Named)
        }
        (Expected::Ok(_), Err(Error::Adapter(error))) => {
            let error = compare::shown(&json!(error));
            return Some(format!("expected a result, found the error {error}"));
        }
        (Expected::Error(expected), Ok(found)) => {
            let (expected, found) = (compare::shown(expected), compare::shown(&found));
            return Some(format!("expected the error {expected}, found the result {found}"));
        }
        (_, Err(error)) => return Some(error.to_string()),
    };
    told.map(|difference| difference.to_string())
}

/// The name of the error alone, where the case says no more of it.
fn named(error: Value, expected: &Value) -> Value {
    let name = error.as_object().and_then(|members| members.keys().next().cloned());
    match name {
        Some(name) if expected.is_string() => name.into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(count: usize, note: &str) -> Vec<u8> {
        let case = json!({
            "name": note,
            "call": { "map-fields": { "fields": [] } },
            "expect": { "ok": {} },
        });
        json!({ "version": 1, "cases": vec![case; count] }).to_string().into_bytes()
    }

    #[track_caller]
    fn check(section: &[u8], expected: &str) {
        let told = parse(section).unwrap_err();
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn cases_are_taken_up_to_the_last_one() {
        assert_eq!(parse(&section(200, "x")).unwrap().len(), 200);
        check(&section(201, "x"), "has 201 cases, at most 200 are allowed");
        check(&section(0, "x"), "leave it out");
    }

    #[test]
    fn a_section_is_taken_up_to_its_last_byte() {
        let mut bytes = section(1, "x");
        bytes.resize(256 << 10, b' ');
        assert_eq!(parse(&bytes).unwrap().len(), 1);
        bytes.push(b' ');
        check(&bytes, "has 262145 bytes, at most 262144 are allowed");
    }

    #[test]
    fn what_is_no_list_of_cases_is_told_in_words() {
        check(b"{", "cannot be read: EOF");
        check(br#"{"cases": []}"#, "missing field `version`");
        check(br#"{"version": 2, "what": 1}"#, "has version 2, this host reads 1");
        check(br#"{"version": 1, "cases": [{"nam": 1}]}"#, "unknown field `nam`");
        check(&section(1, "a\nb"), "a case's `name` is one line of 1 to 120 bytes");
        let unknown = String::from_utf8(section(1, "x")).unwrap().replace("map-fields", "map");
        check(unknown.as_bytes(), "unknown variant `map`");
    }

    #[test]
    fn the_name_of_an_error_is_enough() {
        let error = json!({ "unavailable": "down" });
        assert_eq!(named(error.clone(), &json!("unavailable")), "unavailable");
        assert_eq!(named(error.clone(), &json!({ "unavailable": "down" })), error);
    }
}
