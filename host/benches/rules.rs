//! What the rules of a typical integration cost for one event.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use patchbay::{
    account::{IntegrationOptions, Mapping, PhoneRule, Rules},
    card::Identifier,
    event::{Event, Kind},
    rules::{book::Rulebook, phone::Standard},
};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FLOW_WEBHOOK: &str = include_str!("../src/rules/fixtures/flow_webhook.telegram.json");

const FILTER: &str =
    "contact.variables.phone | phone is matching('^[+]380') and 'spam' not in contact.tags";

/// Eight mappings, a filter and a phone standard: what a chat with leads is set up with.
fn typical() -> Rules {
    let mapping = [
        ("contact.name", "{{contact.variables.name}}"),
        ("contact.phone", "{{contact.variables.phone}}"),
        ("contact.email", "{{contact.variables.email}}"),
        (
            "contact.cf.chat_telegram",
            "https://chat.example/messengers/chats/{{bot.id}}/contacts/all/{{contact.id}}",
        ),
        ("deal.title", "Chat: {{contact.username}} ({{bot.name}})"),
        ("deal.pipeline", "1"),
        ("deal.stage", "new"),
        ("deal.cf.utm_source", "{{contact.variables.utm_source}}"),
    ];
    let mapping = mapping.map(|(field, value)| Mapping {
        field: field.to_owned(),
        value: value.to_owned(),
        update: None,
    });
    Rules {
        filter: Some(FILTER.to_owned()),
        mapping: mapping.to_vec(),
        phone: PhoneRule { country: Some("UA".to_owned()), digits: Some(12) },
        ..Rules::default()
    }
}

/// The event of the flow's webhook, with its context as the adapter hands it on.
fn event() -> Event {
    let elements: Vec<serde_json::Value> = serde_json::from_str(FLOW_WEBHOOK).unwrap();
    Event {
        dedup_key: None,
        conversation: "chat:1".to_owned(),
        episode: None,
        wants_reply: false,
        occurred_at: None,
        kind: Kind::LeadSubmitted,
        client: vec![Identifier::Phone("+380440000001".to_owned())],
        fields: Vec::new(),
        agents: Vec::new(),
        context: elements.first().map(ToString::to_string),
    }
}

fn read(c: &mut Criterion) {
    let options = IntegrationOptions { deals: true, ..IntegrationOptions::default() };
    let channel = "shop-chat".parse().unwrap();
    let event = event();
    let typical = Rulebook::compile(typical(), options).unwrap();
    assert_eq!(typical.read(&event, &channel, None).contact.len(), 4);
    let mut group = c.benchmark_group("rules");
    group.bench_function("read/typical", |b| {
        b.iter(|| typical.read(black_box(&event), &channel, None));
    });
    let none = Rulebook::compile(Rules::default(), options).unwrap();
    group.bench_function("read/none", |b| {
        b.iter(|| none.read(black_box(&event), &channel, None));
    });
    group.bench_function("compile/typical", |b| {
        b.iter(|| Rulebook::compile(self::typical(), options).unwrap());
    });
    group.finish();
}

fn phone(c: &mut Criterion) {
    let rule = PhoneRule { country: Some("UA".to_owned()), digits: Some(12) };
    let standard = Standard::compile(&rule).unwrap();
    let mut group = c.benchmark_group("phone");
    for (name, text) in [
        ("plus", "+38 (044) 000-00-02"),
        ("national", "044 000 00 02"),
        ("words", "tel. 80440000004"),
    ] {
        group.bench_function(name, |b| b.iter(|| standard.e164(black_box(text)).unwrap()));
    }
    group.finish();
}

criterion_group!(benches, read, phone);
criterion_main!(benches);
