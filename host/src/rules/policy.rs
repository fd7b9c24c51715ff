//! What an event changes on a card: only what the card lacks.

use super::{
    book::{Reading, Rulebook},
    conflict,
    decision::Decision,
    identity, update,
};
use crate::{
    card::{Card, Deal, Field, FieldSpec, FieldType, Identifier, Problem, Value},
    event::{Kind, Remark, RemarkKind},
};

/// The fields that an event may fill in on a card that exists. What describes one visit
/// (page, referrer, campaign) is set on a new card only.
pub(super) const KEYS_FILLED_IN: &[&str] = &["name", "phone", "email", "comment"];

/// Cards that a conflict names.
const CARDS_TOLD_MAX: usize = 10;

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
    /// The CRM would refuse the new card, and so would it every attempt: the operator has to act.
    Refuse {
        problems: Vec<Problem>,
    },
}

/// A plan, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub plan: Plan,
    pub decisions: Vec<Decision>,
    pub remarks: Vec<Remark>,
}

impl Planned {
    fn of(plan: Plan) -> Self {
        Self { plan, decisions: Vec::new(), remarks: Vec::new() }
    }
}

/// Decides from what was read and the cards that were found, the best first: see `ranked`.
///
/// `specs` are the CRM's fields of a contact; empty where it does not tell them.
pub fn plan(
    rulebook: &Rulebook,
    kind: &Kind,
    reading: &Reading,
    cards: &[Card],
    specs: &[FieldSpec],
) -> Planned {
    let mut planned = Planned::of(Plan::Nothing);
    let sure = sure_matches(cards, &reading.client);
    if let [_, _, ..] = sure.as_slice() {
        let (told, more) = sure.split_at(sure.len().min(CARDS_TOLD_MAX));
        let more =
            if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        planned.remarks.push(Remark {
            kind: RemarkKind::Conflict,
            text: format!(
                "{} cards match the client: {}{more}. The first is worked on, none is merged",
                sure.len(),
                told.join(", ")
            ),
        });
    }
    let asks_only =
        matches!(kind, Kind::ClientAsked | Kind::ManagersAsked(_) | Kind::ConversationAssigned(_));
    let (plan, decided, because) = match cards.first() {
        Some(card) if asks_only => {
            let because = format!("`{}` changes nothing", kind.name());
            (Plan::Show, format!("card {}", card.id), because)
        }
        Some(card) => fill_in(&conflict::of_the_first(reading, cards), card, specs),
        None if asks_only => {
            (Plan::Nothing, "nothing".to_owned(), format!("`{}` makes nothing", kind.name()))
        }
        None => make(rulebook, reading, specs, &mut planned.remarks),
    };
    planned.decisions.push(Decision::new("contact", decided, because));
    planned.plan = plan;
    planned
}

fn fill_in(reading: &Reading, card: &Card, specs: &[FieldSpec]) -> (Plan, String, String) {
    let fields = update::changes(&reading.contact, &card.fields, specs, &reading.standard);
    if fields.is_empty() {
        let decided = format!("card {} stays as it is", card.id);
        return (Plan::Show, decided, "it has all that the rules give it".to_owned());
    }
    let keys: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
    let decided = format!("card {} gets {}", card.id, keys.join(", "));
    let because = "the card lacks it, or the rules say that the event's value wins".to_owned();
    (Plan::Update { card: card.id.clone(), fields }, decided, because)
}

/// A card for a client who has none.
fn make(
    rulebook: &Rulebook,
    reading: &Reading,
    specs: &[FieldSpec],
    remarks: &mut Vec<Remark>,
) -> (Plan, String, String) {
    let mut nothing = |remark: Option<&str>, because: &str| {
        remarks.extend(
            remark.map(|text| Remark { kind: RemarkKind::Forbidden, text: text.to_owned() }),
        );
        (Plan::Nothing, "nothing".to_owned(), because.to_owned())
    };
    let fields: Vec<&Field> = reading.contact.iter().map(|wanted| &wanted.field).collect();
    let is_client = identity::can_make_a_card(&reading.client)
        || identity::can_keep_as_received(&reading.client, &fields);
    if !is_client {
        let has_phone = fields.iter().any(|field| field.key == "phone");
        let remark = "the phone is none by the phone standard, and nothing else tells who the \
                      client is: no card was made";
        return nothing(has_phone.then_some(remark), "no phone and no e-mail tells who this is");
    }
    if !rulebook.rules().contact.create {
        let text = "`rules.contact.create` is off: no card was made for an unknown client";
        return nothing(Some(text), "`rules.contact.create` is off, and no card matches");
    }
    let problems = unfilled(specs, &fields, &reading.client);
    if !problems.is_empty() {
        let because = "the CRM needs fields that nothing fills".to_owned();
        return (Plan::Refuse { problems }, "refused".to_owned(), because);
    }
    let fields = fields.into_iter().cloned().collect();
    (Plan::Create { fields }, "a new card".to_owned(), "no card matches the client".to_owned())
}

/// The fields that the CRM needs for a new card and that nothing fills.
fn unfilled(specs: &[FieldSpec], fields: &[&Field], client: &[Identifier]) -> Vec<Problem> {
    let has = |key: &str| fields.iter().any(|field| field.key == key);
    let is_filled = |spec: &FieldSpec| match spec.r#type {
        _ if has(&spec.key) => true,
        FieldType::Phone => {
            has("phone") || client.iter().any(|it| matches!(it, Identifier::Phone(_)))
        }
        FieldType::Email => {
            has("email") || client.iter().any(|it| matches!(it, Identifier::Email(_)))
        }
        // Told once the card has its manager.
        _ => spec.key == "manager",
    };
    let needed = specs.iter().filter(|spec| spec.required && !is_filled(spec));
    let problem = |spec: &FieldSpec| Problem {
        field: Some(spec.key.clone()),
        message: format!(
            "the CRM makes no card without \u{201c}{}\u{201d}: map `contact.{}` in \
             `rules.mapping`, with a default where the event may lack it",
            spec.title, spec.key
        ),
    };
    needed.map(problem).collect()
}

/// The cards that name an identifier of the client, by their ids.
fn sure_matches<'a>(cards: &'a [Card], client: &[Identifier]) -> Vec<&'a str> {
    cards.iter().filter(|card| 0 < score(card, client)).map(|card| card.id.as_str()).collect()
}

/// What the mapping changes on an open deal; empty where it has all. `specs` as in `plan`.
///
/// Every deal has a pipeline and a stage, also where the CRM does not tell them: only `all` moves it.
pub fn deal_update(reading: &Reading, deal: &Deal, specs: &[FieldSpec]) -> Vec<Field> {
    let text =
        |key: &str, text: &str| Field { key: key.to_owned(), value: Value::Text(text.to_owned()) };
    let mut held = deal.fields.clone();
    let has = |held: &[Field], key: &str| {
        held.iter().any(|field| field.key == key && !is_empty(&field.value))
    };
    if !has(&held, "title") {
        held.push(text("title", &deal.title));
    }
    for key in ["stage", "pipeline"] {
        if !has(&held, key) {
            let known = deal.stage.as_deref().filter(|_| key == "stage");
            held.push(text(key, known.unwrap_or("?")));
        }
    }
    update::changes(&reading.deal, &held, specs, &reading.standard)
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
/// The best matches the most identifiers; of two, the one that the surer identifier led to; of two
/// again, the one that the CRM gave first.
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
    let mut scored: Vec<(usize, usize, Card)> = cards
        .into_iter()
        .map(|card| (score(&card, client), surest(&card, client), card))
        .filter(|(score, _, card)| is_kept(*score, card))
        .collect();
    scored.sort_by_key(|(score, surest, _)| (std::cmp::Reverse(*score), *surest));
    scored.into_iter().map(|(_, _, card)| card).collect()
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
            && told
                .all(|it| held.iter().all(|held| !identity::is_same(&of((*held).to_owned()), it)))
    };
    differs("phone", Identifier::Phone, |it| matches!(it, Identifier::Phone(_)))
        || differs("email", Identifier::Email, |it| matches!(it, Identifier::Email(_)))
}

fn score(card: &Card, client: &[Identifier]) -> usize {
    client
        .iter()
        .filter(|wanted| card.matched.iter().any(|matched| identity::is_same(matched, wanted)))
        .count()
}

/// The place of the surest identifier that led to the card.
fn surest(card: &Card, client: &[Identifier]) -> usize {
    client
        .iter()
        .position(|wanted| card.matched.iter().any(|matched| identity::is_same(matched, wanted)))
        .unwrap_or(client.len())
}

#[cfg(test)]
mod tests;
