//! What an event changes on a card: only what the card lacks.

use super::{identity, phone};
use crate::{
    card::{Card, Field, Identifier, Value},
    event::{Event, Kind},
};

/// The fields that an event may fill in on a card that exists. What describes one visit
/// (page, referrer, campaign) is set on a new card only.
const KEYS_FILLED_IN: &[&str] = &["name", "phone", "email", "comment"];

/// The keys whose meaning every CRM adapter knows. Any other key is one channel's or one CRM's
/// own: what a channel calls `x` is not what a CRM calls so, unless an operator maps it.
const CANONICAL_KEYS: &[&str] = &[
    "name",
    "phone",
    "email",
    "comment",
    "source",
    "site",
    "page-url",
    "page-title",
    "referrer",
    "utm-source",
    "utm-medium",
    "utm-campaign",
    "utm-term",
    "utm-content",
    "country",
    "region",
    "city",
    "tag",
];

/// What to do for one event in the CRM.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Nobody is known and nobody is made.
    Nothing,
    /// The first card has all that the event knows.
    Show,
    Update {
        card: String,
        fields: Vec<Field>,
    },
    Create {
        fields: Vec<Field>,
    },
}

/// Decides from the event and the cards that were found, best first.
pub fn plan(event: &Event, client: &[Identifier], cards: &[Card]) -> Plan {
    let asks_only = matches!(event.kind, Kind::ClientAsked | Kind::ManagersAsked(_));
    match cards.first() {
        None if asks_only || !identity::can_make_a_card(client) => Plan::Nothing,
        None => Plan::Create { fields: canonical(identity::normal_fields(&event.fields)) },
        Some(_) if asks_only => Plan::Show,
        Some(card) => {
            let fields = missing(card, &identity::normal_fields(&event.fields));
            if fields.is_empty() {
                Plan::Show
            } else {
                Plan::Update { card: card.id.clone(), fields }
            }
        }
    }
}

fn canonical(mut fields: Vec<Field>) -> Vec<Field> {
    fields.retain(|field| CANONICAL_KEYS.contains(&field.key.as_str()));
    fields
}

/// The fields that the card has no value for.
fn missing(card: &Card, fields: &[Field]) -> Vec<Field> {
    let is_wanted = |field: &&Field| KEYS_FILLED_IN.contains(&field.key.as_str());
    let is_missing = |field: &&Field| {
        !card.fields.iter().any(|held| held.key == field.key && !is_empty(&held.value))
    };
    fields.iter().filter(is_wanted).filter(is_missing).cloned().collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Empty => true,
        Value::Text(text) | Value::Instant(text) | Value::Json(text) => text.trim().is_empty(),
        Value::Texts(texts) => texts.iter().all(|text| text.trim().is_empty()),
        Value::Number(_) | Value::Flag(_) => false,
    }
}

/// The cards that really match, best first. A CRM's own comparison is never trusted.
///
/// A card that names what it matched, and none of it was asked for, is somebody else's and is
/// left out. One that names nothing is kept last: its CRM cannot tell. So is one that only a link
/// of the past leads to, unless it contradicts the client: people share computers.
pub fn ranked(cards: Vec<Card>, client: &[Identifier], linked: &[String]) -> Vec<Card> {
    let is_kept = |score: usize, card: &Card| {
        let is_linked = linked.contains(&card.id);
        0 < score
            || (is_linked && !contradicts(card, client))
            || (!is_linked && card.matched.is_empty())
    };
    let mut scored: Vec<(usize, Card)> = cards
        .into_iter()
        .map(|card| (score(&card, client), card))
        .filter(|(score, card)| is_kept(*score, card))
        .collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, card)| card).collect()
}

/// Whether the card has other phones, or other e-mails, than the client.
fn contradicts(card: &Card, client: &[Identifier]) -> bool {
    let values = |key: &str| -> Vec<&str> {
        let of_key = card.fields.iter().filter(|field| field.key == key);
        let texts = of_key.flat_map(|field| match &field.value {
            Value::Text(text) => std::slice::from_ref(text),
            Value::Texts(texts) => texts.as_slice(),
            _ => &[],
        });
        texts.map(String::as_str).filter(|text| !text.trim().is_empty()).collect()
    };
    let differs = |key: &str, of: fn(String) -> Identifier, is_kind: fn(&Identifier) -> bool| {
        let held = values(key);
        let mut told = client.iter().filter(|it| is_kind(it)).peekable();
        told.peek().is_some()
            && !held.is_empty()
            && told.all(|it| held.iter().all(|held| !is_same(&of((*held).to_owned()), it)))
    };
    differs("phone", Identifier::Phone, |it| matches!(it, Identifier::Phone(_)))
        || differs("email", Identifier::Email, |it| matches!(it, Identifier::Email(_)))
}

fn score(card: &Card, client: &[Identifier]) -> usize {
    client
        .iter()
        .filter(|wanted| card.matched.iter().any(|matched| is_same(matched, wanted)))
        .count()
}

fn is_same(one: &Identifier, other: &Identifier) -> bool {
    match (one, other) {
        (Identifier::Phone(one), Identifier::Phone(other)) => {
            phone::digits(one) == phone::digits(other)
        }
        (Identifier::Email(one), Identifier::Email(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(key: &str, value: &str) -> Field {
        Field { key: key.to_owned(), value: Value::Text(value.to_owned()) }
    }

    fn event(kind: Kind, fields: Vec<Field>) -> Event {
        Event {
            dedup_key: None,
            conversation: "chat:1".to_owned(),
            episode: None,
            wants_reply: false,
            occurred_at: None,
            kind,
            client: Vec::new(),
            fields,
            agents: Vec::new(),
            context: None,
        }
    }

    fn card(id: &str, fields: Vec<Field>, matched: Vec<Identifier>) -> Card {
        Card { id: id.to_owned(), url: None, manager: None, fields, lines: Vec::new(), matched }
    }

    fn by_phone() -> Vec<Identifier> {
        vec![Identifier::Phone("+79000000001".to_owned())]
    }

    #[test]
    fn an_unknown_client_with_a_phone_becomes_a_card_with_all_fields() {
        let event =
            event(Kind::ClientUpdated, vec![text("name", "Test"), text("utm-source", "ad")]);
        let fields = vec![text("name", "Test"), text("utm-source", "ad")];
        assert_eq!(plan(&event, &by_phone(), &[]), Plan::Create { fields });
    }

    #[test]
    fn what_only_the_channel_has_a_word_for_does_not_reach_the_crm() {
        let event = event(
            Kind::ClientUpdated,
            vec![text("name", "Test"), text("shop-department", "Sales"), text("city", "Test")],
        );
        let fields = vec![text("name", "Test"), text("city", "Test")];
        assert_eq!(plan(&event, &by_phone(), &[]), Plan::Create { fields });
    }

    #[test]
    fn only_empty_fields_are_filled_in() {
        let event = event(
            Kind::ClientUpdated,
            vec![text("name", "New"), text("email", "a@example.com"), text("utm-source", "ad")],
        );
        let held = card("1", vec![text("name", "Old"), text("email", " ")], Vec::new());
        let fields = vec![text("email", "a@example.com")];
        assert_eq!(
            plan(&event, &by_phone(), &[held]),
            Plan::Update { card: "1".to_owned(), fields }
        );
    }

    #[test]
    fn a_full_card_is_only_shown() {
        let event = event(Kind::ClientUpdated, vec![text("name", "New")]);
        let held = card("1", vec![text("name", "Old")], Vec::new());
        assert_eq!(plan(&event, &by_phone(), &[held]), Plan::Show);
    }

    #[test]
    fn asking_changes_nothing() {
        let asked = event(Kind::ClientAsked, vec![text("name", "New")]);
        assert_eq!(plan(&asked, &by_phone(), &[]), Plan::Nothing);
        assert_eq!(plan(&asked, &by_phone(), &[card("1", Vec::new(), Vec::new())]), Plan::Show);
    }

    #[test]
    fn the_card_that_matches_more_stands_first() {
        let client = vec![
            Identifier::Phone("+79000000001".to_owned()),
            Identifier::Email("a@example.com".to_owned()),
        ];
        let phone_only =
            card("1", Vec::new(), vec![Identifier::Phone("7 900 000 00 01".to_owned())]);
        let both = card(
            "2",
            Vec::new(),
            vec![
                Identifier::Phone("+79000000001".to_owned()),
                Identifier::Email("A@example.com".to_owned()),
            ],
        );
        let ids: Vec<String> =
            ranked(vec![phone_only, both], &client, &[]).into_iter().map(|card| card.id).collect();
        assert_eq!(ids, ["2", "1"]);
    }

    #[test]
    fn a_card_that_matched_something_else_is_left_out() {
        let other = vec![Identifier::Phone("+79000000002".to_owned())];
        let cards = vec![
            card("unsure", Vec::new(), Vec::new()),
            card("foreign", Vec::new(), other),
            card("sure", Vec::new(), by_phone()),
        ];
        let ids: Vec<String> =
            ranked(cards, &by_phone(), &[]).into_iter().map(|card| card.id).collect();
        assert_eq!(ids, ["sure", "unsure"]);
    }
}
