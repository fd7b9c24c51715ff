//! A party as Tryton answers it, and the card made of it.

use patchbay_sdk::phone;
use patchbay_sdk::types::{Card, ExternalId, Field, Identifier, Value as FieldValue};
use serde_json::Value;

use crate::client::{self, Call, Order, PARTY};
use crate::server::{self, Server};

/// What is asked of each party.
pub(crate) const FIELDS: [&str; 6] = [
    "name",
    "contact_mechanisms.type",
    "contact_mechanisms.value",
    "contact_mechanisms.value_compact",
    "identifiers.code",
    "identifiers.type",
];

/// What a party is called of whom nothing is known.
pub(crate) const NO_NAME: &str = "Client";

/// A party.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Party {
    pub id: u64,
    name: Option<String>,
    pub mechanisms: Vec<Mechanism>,
    /// Those without a type: the others are numbers of offices.
    identifiers: Vec<String>,
}

/// A way to reach somebody.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mechanism {
    pub kind: String,
    pub value: String,
    /// E.164 where the server has the library for it, else the same as `value`.
    compact: Option<String>,
}

impl Mechanism {
    pub(crate) fn new(kind: &str, value: &str) -> Self {
        Self { kind: kind.to_owned(), value: value.to_owned(), compact: None }
    }

    fn read(record: &Value) -> Option<Self> {
        let text = |field| client::text(record, field).map(str::to_owned);
        Some(Self { kind: text("type")?, value: text("value")?, compact: text("value_compact") })
    }

    pub(crate) fn is_phone(&self) -> bool {
        let is_of_number = |letter: char| letter.is_ascii_digit() || "+-() .".contains(letter);
        match self.kind.as_str() {
            "phone" | "mobile" | "fax" => true,
            "other" => {
                self.value.chars().all(is_of_number) && phone::searched(&self.value).is_some()
            }
            _ => false,
        }
    }

    pub(crate) fn is_number(&self, asked: &str) -> bool {
        self.is_phone() && phone::matches(asked, &self.value, self.compact.as_deref())
    }

    pub(crate) fn is_address(&self, asked: &str) -> bool {
        self.kind == "email" && self.value.to_lowercase() == asked.trim().to_lowercase()
    }

    /// Whether this says what `other` says.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        if other.is_phone() {
            return self.is_number(&other.value);
        }
        self.is_address(&other.value) && other.kind == "email"
            || self.kind == other.kind && self.value == other.value
    }
}

/// The text that stands for another system's id.
pub(crate) fn reference(external: &ExternalId) -> Option<String> {
    let (system, id) = (external.system.trim(), external.id.trim());
    (!system.is_empty() && !id.is_empty()).then(|| format!("{system}:{id}"))
}

impl Party {
    pub(crate) fn read(record: &Value) -> Option<Self> {
        let list = |field: &str| record.get(field).and_then(Value::as_array);
        let untyped = |identifier: &&Value| client::text(identifier, "type").is_none();
        let identifiers = list("identifiers").into_iter().flatten().filter(untyped);
        let mechanisms = list("contact_mechanisms").into_iter().flatten();
        Some(Self {
            id: client::id_of(record)?,
            name: client::text(record, "name").map(str::to_owned),
            mechanisms: mechanisms.filter_map(Mechanism::read).collect(),
            identifiers: identifiers
                .filter_map(|identifier| client::text(identifier, "code").map(str::to_owned))
                .collect(),
        })
    }

    /// The active parties that the domain describes.
    pub(crate) fn search(domain: &Value, limit: u32) -> Call {
        Call::search(PARTY, domain, &FIELDS, Order::OldestFirst, limit)
    }

    pub(crate) fn list(answer: &Value) -> Option<Vec<Self>> {
        client::each(answer, Self::read)
    }

    pub(crate) fn has_identifier(&self, reference: &str) -> bool {
        self.identifiers.iter().any(|code| code == reference)
    }

    pub(crate) fn is_of(&self, identifier: &Identifier) -> bool {
        let mut mechanisms = self.mechanisms.iter();
        match identifier {
            Identifier::Phone(number) => mechanisms.any(|it| it.is_number(number)),
            Identifier::Email(email) => mechanisms.any(|it| it.is_address(email)),
            Identifier::External(external) => {
                reference(external).is_some_and(|reference| self.has_identifier(&reference))
            }
            Identifier::Card(id) => server::id(id) == Some(self.id),
        }
    }

    /// A name that this adapter gave for want of another is none: else nobody would fill it in.
    fn own_name(&self) -> Option<&str> {
        let name = self.name.as_deref()?;
        let is_stand_in = name == NO_NAME
            || self.has_identifier(name)
            || self.mechanisms.iter().any(|it| it.value == name || it.is_number(name));
        (!is_stand_in).then_some(name)
    }

    pub(crate) fn into_card(self, server: &Server) -> Card {
        let of = |wanted: fn(&Mechanism) -> bool| -> Vec<String> {
            self.mechanisms.iter().filter(|it| wanted(it)).map(|it| it.value.clone()).collect()
        };
        let numbers = self.mechanisms.iter().filter(|it| it.is_phone());
        let numbers = numbers.map(|it| it.compact.as_ref().unwrap_or(&it.value).clone());
        let name = self.own_name().map(str::to_owned).into_iter().collect();
        let fields = [
            ("name", name),
            ("phone", numbers.collect()),
            ("email", of(|it| it.kind == "email")),
            ("site", of(|it| it.kind == "website")),
        ];
        let field = |(key, mut values): (&str, Vec<String>)| {
            let value = match values.len() {
                0 => return None,
                1 => FieldValue::Text(values.remove(0)),
                _ => FieldValue::Texts(values),
            };
            Some(Field::new(key, value))
        };
        Card {
            url: Some(server.page_of(PARTY, self.id)),
            fields: fields.into_iter().filter_map(field).collect(),
            ..Card::new(self.id.to_string())
        }
    }
}
