//! What a CRM adapter answers, checked.

use super::{Checked, all, id};
use crate::{
    card::{Card, FieldSpec, FieldType},
    plugin::bindings::patchbay::adapter::types as wit,
};

/// The contract allows no more from one lookup.
const CARDS_MAX: usize = 20;
const FIELD_SPECS_MAX: usize = 10_000;

/// The cards of a lookup, best first.
pub(in crate::plugin) fn cards(cards: Vec<wit::Card>) -> Checked<Vec<Card>> {
    if CARDS_MAX < cards.len() {
        return Err(format!(
            "`lookup-client` gave {} cards, at most {CARDS_MAX} are allowed",
            cards.len()
        ));
    }
    cards.into_iter().map(card).collect()
}

/// One card: its id is what every later step names it by.
pub(in crate::plugin) fn card(card: wit::Card) -> Checked<Card> {
    id("card.id", &card.id)?;
    Ok(card.into())
}

/// The fields that `function` describes.
pub(in crate::plugin) fn field_specs(
    function: &str,
    specs: Vec<wit::FieldSpec>,
) -> Checked<Vec<FieldSpec>> {
    if FIELD_SPECS_MAX < specs.len() {
        return Err(format!(
            "`{function}` gave {} fields, at most {FIELD_SPECS_MAX} are allowed",
            specs.len()
        ));
    }
    Ok(all(specs))
}

impl From<wit::FieldSpec> for FieldSpec {
    fn from(spec: wit::FieldSpec) -> Self {
        let wit::FieldSpec { key, title, type_, required, repeated, choices } = spec;
        Self { key, title, r#type: type_.into(), required, repeated, choices }
    }
}

impl From<wit::FieldType> for FieldType {
    fn from(kind: wit::FieldType) -> Self {
        match kind {
            wit::FieldType::Text => Self::Text,
            wit::FieldType::Number => Self::Number,
            wit::FieldType::Flag => Self::Flag,
            wit::FieldType::Instant => Self::Instant,
            wit::FieldType::Choice => Self::Choice,
            wit::FieldType::Phone => Self::Phone,
            wit::FieldType::Email => Self::Email,
            wit::FieldType::Url => Self::Url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(id: &str) -> wit::Card {
        wit::Card {
            id: id.to_owned(),
            url: None,
            manager: None,
            fields: Vec::new(),
            lines: Vec::new(),
            matched: Vec::new(),
        }
    }

    #[test]
    fn a_lookup_gives_at_most_twenty_cards_with_ids() {
        assert_eq!(cards(vec![raw("1"); 20]).unwrap().len(), 20);
        assert!(cards(vec![raw("1"); 21]).unwrap_err().contains("21 cards"));
        assert!(cards(vec![raw("")]).unwrap_err().contains("`card.id` is empty"));
        assert!(card(raw(&"1".repeat(512))).is_ok());
        assert!(card(raw(&"1".repeat(513))).is_err());
    }
}
