//! Faulty settings are named, and the request is kept as unread.

use patchbay_sdk::Adapter;
use patchbay_sdk::about::SettingType;
use patchbay_sdk::types::Error;

use super::{event_with, fixture, host, problem, receive_with};
use crate::Generic;
use crate::template::Template;

#[test]
fn a_faulty_setting_is_named() {
    let cases = [
        ("phone", "{{phone", "never closed"),
        ("name", "name}}", "never opened"),
        ("conversation", "{{a..b}}", "`a..b`"),
        ("kinds", "{\"a\": \"lead\"}", "member `a`"),
        ("kinds", "a", "not JSON"),
        ("message", &"x".repeat(4_097), "4096"),
    ];
    for (key, value, part) in cases {
        let (field, message) = problem(&host().setting(key, value));
        assert_eq!(field, key);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn every_fault_is_named_at_once() {
    let host = host().setting("phone", "{{").setting("email", "}}").setting("kinds", "7");
    let Err(Error::Invalid(problems)) = receive_with(&host, fixture("lead.json")) else {
        panic!("the settings are not refused")
    };
    let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_deref().unwrap()).collect();
    assert_eq!(fields, ["phone", "email", "kinds"]);
}

#[test]
fn an_id_without_its_system_is_refused() {
    let (field, message) =
        problem(&host().setting("external-id", "{{id}}").setting("external-system", ""));
    assert_eq!(field, "external-system");
    assert!(message.contains("external-id"));
}

#[test]
fn an_emptied_setting_reads_nothing() {
    let event = event_with(&host().setting("phone", "").setting("name", ""), fixture("lead.json"));
    assert_eq!(event.client.len(), 1);
    assert!(event.fields.iter().all(|field| field.key != "phone" && field.key != "name"));
}

#[test]
fn every_default_is_a_sound_template() {
    for setting in Generic::describe().settings {
        if let (SettingType::Text, Some(default)) = (setting.type_, &setting.default_value) {
            Template::parse(default).unwrap_or_else(|fault| panic!("{}: {fault}", setting.key));
        }
    }
}
