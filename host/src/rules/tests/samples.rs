//! Events, cards and rules for the tests of the rules.

use serde_json::Value as Json;

use crate::{
    account::{IntegrationOptions, Mapping, PhoneRule, Rules, Update},
    card::{
        Call, Card, Deal, Direction, ExternalId, Field, FieldSpec, FieldType, Identifier, Value,
    },
    event::{Event, Kind},
    id::AccountId,
    rules::book::{Reading, Rulebook},
};

pub(in crate::rules) fn text(key: &str, value: &str) -> Field {
    Field { key: key.to_owned(), value: Value::Text(value.to_owned()) }
}

pub(in crate::rules) fn texts(key: &str, values: &[&str]) -> Field {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Field { key: key.to_owned(), value: Value::Texts(values) }
}

pub(in crate::rules) fn phone(text: &str) -> Identifier {
    Identifier::Phone(text.to_owned())
}

pub(in crate::rules) fn email(text: &str) -> Identifier {
    Identifier::Email(text.to_owned())
}

pub(in crate::rules) fn external(id: &str) -> Identifier {
    Identifier::External(ExternalId { system: "site".to_owned(), id: id.to_owned() })
}

pub(in crate::rules) fn event(kind: Kind, client: &[Identifier], fields: &[Field]) -> Event {
    Event {
        dedup_key: None,
        conversation: "chat:1".to_owned(),
        episode: None,
        wants_reply: false,
        occurred_at: None,
        kind,
        client: client.to_vec(),
        fields: fields.to_vec(),
        agents: Vec::new(),
        context: None,
    }
}

/// A lead whose context this is.
pub(in crate::rules) fn lead(context: &Json) -> Event {
    let context = Some(context.to_string());
    Event { context, ..event(Kind::LeadSubmitted, &[], &[]) }
}

pub(in crate::rules) fn missed_call() -> Kind {
    Kind::CallFinished(Call {
        id: "1".to_owned(),
        direction: Direction::Inbound,
        client_number: Some("+380440000001".to_owned()),
        agent_number: None,
        line: None,
        status: None,
        missed: true,
        duration_s: None,
        recording_url: None,
        rating: None,
    })
}

pub(in crate::rules) fn card(id: &str, fields: &[Field], matched: &[Identifier]) -> Card {
    Card {
        id: id.to_owned(),
        url: None,
        manager: None,
        fields: fields.to_vec(),
        lines: Vec::new(),
        matched: matched.to_vec(),
    }
}

pub(in crate::rules) fn deal(id: &str, fields: &[Field]) -> Deal {
    Deal {
        id: id.to_owned(),
        url: None,
        title: "Chat".to_owned(),
        stage: None,
        manager: None,
        fields: fields.to_vec(),
    }
}

pub(in crate::rules) fn spec(
    key: &str,
    r#type: FieldType,
    required: bool,
    repeated: bool,
) -> FieldSpec {
    FieldSpec {
        key: key.to_owned(),
        title: format!("The {key}"),
        r#type,
        required,
        repeated,
        choices: Vec::new(),
    }
}

pub(in crate::rules) fn mapping(field: &str, value: &str) -> Mapping {
    Mapping { field: field.to_owned(), value: value.to_owned(), update: None }
}

pub(in crate::rules) const ALL_ON: IntegrationOptions = IntegrationOptions {
    on_dead_letter: crate::account::OnDeadLetter::Continue,
    deals: true,
    tasks: true,
    notes: true,
};

pub(in crate::rules) fn channel() -> AccountId {
    "shop-chat".parse().unwrap()
}

pub(in crate::rules) fn book(rules: Rules) -> Rulebook {
    Rulebook::compile(rules, ALL_ON).unwrap()
}

pub(in crate::rules) fn read(book: &Rulebook, event: &Event) -> Reading {
    book.read(event, &channel(), None)
}

/// The integration of the acceptance table: `fixtures/integration.default.json` in our words.
pub(in crate::rules) fn chat_leads() -> Rules {
    Rules {
        mapping: vec![
            mapping("contact.name", "{{contact.variables.name}}"),
            mapping("contact.phone", "{{contact.variables.phone}}"),
            mapping("contact.email", "{{contact.variables.email}}"),
            mapping(
                "contact.cf.chat_telegram",
                "https://chat.example/messengers/chats/{{bot.id}}/contacts/all/{{contact.id}}",
            ),
            mapping("deal.title", "Chat: {{contact.username}} ({{bot.name}})"),
            mapping("deal.pipeline", "1"),
            mapping("deal.stage", "new"),
            mapping("deal.cf.utm_source", "{{contact.variables.utm_source}}"),
        ],
        update: Update::OnlyEmpty,
        phone: PhoneRule { country: Some("UA".to_owned()), digits: Some(12) },
        ..Rules::default()
    }
}

/// The only event of a fixture.
pub(in crate::rules) fn flow_webhook(json: &str) -> Event {
    let events: Vec<Json> = serde_json::from_str(json).unwrap();
    lead(&events[0])
}
