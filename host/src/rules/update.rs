//! Which of two values wins on a record that exists.

use super::{book::Wanted, phone::Standard};
use crate::{
    account::Update,
    card::{Field, FieldSpec, FieldType, Value},
};

/// What changes on a record: nothing that would stay the same, and a phone or an e-mail that loses
/// stays as an additional one where the field holds several.
pub(super) fn changes(
    wanted: &[Wanted],
    held: &[Field],
    specs: &[FieldSpec],
    standard: &Standard,
) -> Vec<Field> {
    let mut changed = Vec::new();
    for wanted in wanted.iter().filter(|wanted| wanted.update != Update::NewOnly) {
        let Field { key, value } = &wanted.field;
        let held = Held::of(key, held, specs);
        if let Some(value) = held.overlay(value, wanted.update, standard) {
            changed.push(Field { key: key.clone(), value });
        }
    }
    changed
}

/// How two values of a field are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    Phone,
    Email,
    Other,
}

/// What a record has for one key.
struct Held {
    texts: Vec<String>,
    notation: Notation,
    is_repeated: bool,
}

impl Held {
    fn of(key: &str, fields: &[Field], specs: &[FieldSpec]) -> Self {
        let notation = notation(key, specs);
        let of_key = fields.iter().filter(|field| field.key == key);
        let texts: Vec<String> = of_key.flat_map(|field| texts(&field.value)).collect();
        let is_of_key = |spec: &&FieldSpec| {
            spec.key == key
                || (key == "phone" && spec.r#type == FieldType::Phone)
                || (key == "email" && spec.r#type == FieldType::Email)
        };
        let is_repeated =
            1 < texts.len() || specs.iter().filter(is_of_key).any(|spec| spec.repeated);
        Self { texts, notation, is_repeated }
    }

    /// The value to write; `None` where the record stays as it is.
    fn overlay(&self, value: &Value, update: Update, standard: &Standard) -> Option<Value> {
        if self.texts.is_empty() {
            return Some(value.clone());
        }
        let is_held = |text: &String, among: &[String]| {
            among.iter().any(|held| self.notation.is_same(held, text, standard))
        };
        let told = texts(value);
        let new: Vec<String> =
            told.iter().filter(|it| !is_held(it, &self.texts)).cloned().collect();
        if new.is_empty() {
            return None;
        }
        let is_address = self.notation != Notation::Other;
        let both = |first: &[String], then: Vec<String>| {
            Some(Value::Texts(first.iter().cloned().chain(then).collect()))
        };
        match update {
            Update::OnlyEmpty if self.is_repeated && is_address => both(&self.texts, new),
            Update::OnlyEmpty | Update::NewOnly => None,
            Update::All if self.is_repeated => {
                let old = self.texts.iter().filter(|held| !is_held(held, &told)).cloned();
                both(&told, old.collect())
            }
            Update::All => Some(value.clone()),
        }
    }
}

impl Notation {
    fn is_same(self, one: &str, other: &str, standard: &Standard) -> bool {
        match self {
            Self::Phone => standard.is_same(one, other),
            Self::Email => one.trim().to_lowercase() == other.trim().to_lowercase(),
            Self::Other => one.trim() == other.trim(),
        }
    }
}

fn notation(key: &str, specs: &[FieldSpec]) -> Notation {
    let of_spec = || specs.iter().find(|spec| spec.key == key).map(|spec| spec.r#type);
    match key {
        "phone" => Notation::Phone,
        "email" => Notation::Email,
        _ => match of_spec() {
            Some(FieldType::Phone) => Notation::Phone,
            Some(FieldType::Email) => Notation::Email,
            _ => Notation::Other,
        },
    }
}

/// The values that are not empty, as texts: a CRM may give a number where a text was written.
fn texts(value: &Value) -> Vec<String> {
    let all = match value {
        Value::Empty => Vec::new(),
        Value::Text(text) | Value::Instant(text) | Value::Json(text) => vec![text.clone()],
        Value::Texts(texts) => texts.clone(),
        Value::Number(number) => vec![number.to_string()],
        Value::Flag(flag) => vec![flag.to_string()],
    };
    all.into_iter().filter(|text| !text.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests;
