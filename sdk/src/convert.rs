//! Short constructors and readers of the contract's types.

use crate::types::{Card, Error, Field, Identifier, Problem, Value};

impl Field {
    /// A field with any value.
    pub fn new(key: impl Into<String>, value: Value) -> Self {
        Self { key: key.into(), value }
    }

    /// A field with one text.
    pub fn text(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(key, Value::Text(value.into()))
    }
}

impl Value {
    /// The text, the instant, or the first of several texts; an empty one is `None`.
    pub fn as_text(&self) -> Option<&str> {
        let text = match self {
            Self::Text(text) | Self::Instant(text) => text,
            Self::Texts(texts) => texts.first()?,
            Self::Empty | Self::Number(_) | Self::Flag(_) | Self::Json(_) => return None,
        };
        (!text.is_empty()).then_some(text.as_str())
    }

    /// Every text that is not empty: of one text one, of several all.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Texts(texts) => {
                texts.iter().map(String::as_str).filter(|text| !text.is_empty()).collect()
            }
            Self::Empty
            | Self::Text(_)
            | Self::Number(_)
            | Self::Flag(_)
            | Self::Instant(_)
            | Self::Json(_) => self.as_text().into_iter().collect(),
        }
    }
}

impl Problem {
    /// A fault of the named field or setting.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), message: message.into() }
    }

    /// A fault that no single field is to blame for.
    pub fn general(message: impl Into<String>) -> Self {
        Self { field: None, message: message.into() }
    }
}

impl Error {
    /// [`Error::Invalid`] with one problem of the named field or setting.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem::new(field, message)])
    }
}

impl Card {
    /// A card with nothing but its id.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            url: None,
            manager: None,
            fields: Vec::new(),
            lines: Vec::new(),
            matched: Vec::new(),
        }
    }

    /// The value of a field.
    pub fn field(&self, key: &str) -> Option<&Value> {
        self.fields.iter().find(|field| field.key == key).map(|field| &field.value)
    }
}

impl Identifier {
    /// An id that another system gave.
    pub fn external(system: impl Into<String>, id: impl Into<String>) -> Self {
        Self::External(crate::types::ExternalId { system: system.into(), id: id.into() })
    }
}
