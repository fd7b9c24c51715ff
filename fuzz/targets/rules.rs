//! Templates, filters and mappings of rules over a webhook's body. The body stands after the first line
//! of `---`.
#![no_main]

use std::sync::LazyLock;

use patchbay_floors::{
    account::{IntegrationOptions, LineRule, Mapping, Rules},
    event::Event,
    id::AccountId,
    rules::book::Rulebook,
};

/// Longer than the longest text of a template, and a field's list has at most a hundred of them.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

static EVENT: LazyLock<Event> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../seeds/event.json")).expect("the event is one")
});
static CHANNEL: LazyLock<AccountId> = LazyLock::new(|| "shop".parse().expect("an id"));

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (source, body) = text.split_once("\n---\n").unwrap_or((text, "{}"));
    let mapping =
        |field: &str| Mapping { field: field.to_owned(), value: source.to_owned(), update: None };
    let template = Rules {
        mapping: vec![mapping("contact.phone"), mapping("contact.name"), mapping("deal.title")],
        lines: vec![LineRule { title: "x".to_owned(), text: source.to_owned(), url: None }],
        ..Rules::default()
    };
    let filter = Rules { filter: Some(source.to_owned()), ..Rules::default() };
    for rules in [template, filter] {
        let Ok(book) = Rulebook::compile(rules, IntegrationOptions::default()) else { continue };
        let reading = book.read(&EVENT, &CHANNEL, Some(body.as_bytes()));
        for wanted in reading.contact.iter().chain(&reading.deal) {
            let json = serde_json::to_string(&wanted.field).expect("a field is JSON");
            // Escapes make a text up to six times as long.
            assert!(json.len() < 101 * 6 * OUTPUT_BYTES_MAX);
        }
    }
});
