//! Several cards that match one client: what leads to another card stays with it.

use std::borrow::Cow;

use super::{
    book::{Reading, Wanted},
    identity, phone,
};
use crate::card::{Card, Field, Identifier, Value};

/// What of a reading may go on the first card.
///
/// An identifier that truly led to another card, and not to the first, is left out with the values
/// that say the same: written on the first card too, it would make the two harder to tell apart.
pub fn of_the_first<'a>(reading: &'a Reading, cards: &[Card]) -> Cow<'a, Reading> {
    let foreign = foreign(&reading.client, cards);
    if foreign.is_empty() {
        return Cow::Borrowed(reading);
    }
    let mut own = reading.clone();
    own.client.retain(|identifier| !foreign.contains(&identifier));
    own.contact = reading.contact.iter().filter_map(|wanted| without(wanted, &foreign)).collect();
    Cow::Owned(own)
}

/// The identifiers of the client that are another card's.
pub fn foreign<'a>(client: &'a [Identifier], cards: &[Card]) -> Vec<&'a Identifier> {
    let Some((first, others)) = cards.split_first() else { return Vec::new() };
    let is_of = |card: &Card, wanted: &Identifier| {
        card.matched.iter().any(|matched| identity::is_same(matched, wanted))
    };
    let is_foreign = |wanted: &&Identifier| {
        !is_of(first, wanted) && others.iter().any(|other| is_of(other, wanted))
    };
    client.iter().filter(is_foreign).collect()
}

/// The value without what is another card's; `None` where nothing is left.
fn without(wanted: &Wanted, foreign: &[&Identifier]) -> Option<Wanted> {
    let is_foreign = |text: &String| foreign.iter().any(|identifier| says(text, identifier));
    let value = match &wanted.field.value {
        Value::Text(text) if is_foreign(text) => return None,
        Value::Texts(texts) => {
            let own: Vec<String> = texts.iter().filter(|it| !is_foreign(it)).cloned().collect();
            (!own.is_empty()).then_some(Value::Texts(own))?
        }
        value => value.clone(),
    };
    let field = Field { key: wanted.field.key.clone(), value };
    Some(Wanted { field, update: wanted.update })
}

/// Whether a text is this phone or e-mail, and nothing more.
fn says(text: &str, identifier: &Identifier) -> bool {
    match identifier {
        Identifier::Phone(number) => {
            !text.chars().any(char::is_alphabetic) && phone::digits(text) == phone::digits(number)
        }
        Identifier::Email(address) => text.trim().eq_ignore_ascii_case(address),
        Identifier::External(_) | Identifier::Card(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::Rules,
        event::Kind,
        rules::tests::samples::{book, card, email, event, external, phone, read, text, texts},
    };

    const PHONE: &str = "+380440000001";
    const OTHER_PHONE: &str = "+380440000002";

    fn told(fields: &[Field]) -> Reading {
        let client = [phone(PHONE), phone(OTHER_PHONE), email("a@example.com"), external("7")];
        read(&book(Rules::default()), &event(Kind::ClientUpdated, &client, fields))
    }

    fn fields(reading: &Reading) -> Vec<Field> {
        reading.contact.iter().map(|wanted| wanted.field.clone()).collect()
    }

    #[test]
    fn what_leads_to_another_card_stays_off_the_first() {
        let reading = told(&[
            text("name", "Test"),
            texts("phone", &[PHONE, OTHER_PHONE]),
            text("email", "A@example.com"),
            text("comment", "call +380440000002"),
        ]);
        let cards = [
            card("1", &[], &[phone("380 44 000 00 01")]),
            card("2", &[], &[phone(OTHER_PHONE), email("A@Example.com")]),
        ];
        let own = of_the_first(&reading, &cards);
        assert_eq!(own.client, [phone(PHONE), external("7")]);
        let mut kept = fields(&own);
        kept.sort_by(|one, other| one.key.cmp(&other.key));
        let comment = text("comment", "call +380440000002");
        assert_eq!(kept, [comment, text("name", "Test"), texts("phone", &[PHONE])]);
    }

    #[test]
    fn what_both_cards_have_and_what_neither_has_is_written() {
        let reading =
            told(&[texts("phone", &[PHONE, OTHER_PHONE]), text("email", "a@example.com")]);
        let both = [phone(PHONE), email("a@example.com")];
        let cards = [card("1", &[], &both), card("2", &[], &both[..1]), card("3", &[], &[])];
        let own = of_the_first(&reading, &cards);
        assert!(matches!(own, Cow::Borrowed(_)));
        assert!(matches!(of_the_first(&reading, &[]), Cow::Borrowed(_)));
    }
}
