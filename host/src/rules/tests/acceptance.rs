//! The acceptance table of the default rules, and what no order or repetition may change.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::samples::{ALL_ON, book, card, chat_leads, deal, flow_webhook, lead, phone, read, text};
use crate::{
    account::{IntegrationOptions, Rules, Update},
    card::{Card, Deal, Field, Identifier, Person, Value},
    event::Event,
    rules::{
        book::{self, Rulebook},
        enquiry::DealStep,
        policy::{self, Plan},
        responsible::{self, Choice},
    },
};

#[derive(Deserialize)]
struct Row {
    given: String,
    actions: Vec<String>,
}

fn manager(id: &str) -> Person {
    Person { id: Some(id.to_owned()), name: None, email: None, phone: None, active: true }
}

fn who(rules: &Rules, holder: Option<&Person>, name: &str) -> String {
    match responsible::choose(&rules.responsible, &[], None, holder).choice {
        Choice::Draw(_) => "distribution".to_owned(),
        Choice::Manager(_) => name.to_owned(),
        Choice::Nobody => "nobody".to_owned(),
    }
}

/// What the rules do with a lead, in the words of the table.
fn actions(given: &str) -> Vec<String> {
    let has = |what: &str| given.split(", ").any(|part| part == what);
    let (knows_contact, knows_deal) =
        (has("contact=yes"), has("deal=yes") || has("active deal=yes"));
    let (creates, repeats) = (!has("forbid_create_deal"), !has("forbid_repeat_task"));
    let mut rules = chat_leads();
    rules.contact.create = creates;
    rules.task.on_repeat = repeats;
    rules.responsible.pool = Some("sales-a".parse().unwrap());
    let options = IntegrationOptions { deals: creates, ..ALL_ON };
    let book = Rulebook::compile(rules.clone(), options).unwrap();
    let event = flow_webhook(include_str!("../fixtures/flow_webhook.telegram.json"));
    let reading = read(&book, &event);
    let mut held = card("7", &[text("name", "Old")], &[phone("+380440000001")]);
    held.manager = Some(manager("1"));
    let mut open = deal("3", &[]);
    open.manager = Some(manager("2"));
    // The table's new lead has one thing that the open deal lacks.
    let mut wanted = reading.clone();
    let campaign = Wanted(&mut wanted.deal);
    campaign.add();

    let cards: Vec<Card> = knows_contact.then(|| held.clone()).into_iter().collect();
    let had = knows_deal.then_some(&open);
    let mut done = Vec::new();
    let plan = policy::plan(&book, &event.kind, &reading, &cards, &[]).plan;
    let suffix = if creates && repeats { ":only_empty" } else { "" };
    match plan {
        Plan::Nothing => return vec!["skip".to_owned()],
        Plan::Create { .. } => done.push("create_contact".to_owned()),
        Plan::Update { fields, .. } => {
            assert!(fields.iter().all(|field| field.key != "name"), "only what is empty");
            done.push(format!("update_contact{suffix}"));
        }
        Plan::Show | Plan::Refuse { .. } => {}
    }
    let holder = knows_contact.then_some(&held).and_then(|card| card.manager.as_ref());
    match book.deal_step(&event, had).0 {
        DealStep::Open => {
            let who = who(&rules, holder, "contact.responsible");
            done.push(format!("create_deal:responsible={who}"));
        }
        DealStep::Update if !policy::deal_update(&wanted, &open, &[]).is_empty() => {
            done.push(format!("update_deal{suffix}"));
        }
        DealStep::Update | DealStep::Nothing => {}
    }
    if book.errand(&reading, &event, &held, had, &mut Vec::new()).0.is_some() {
        let holder = had.and_then(|deal| deal.manager.as_ref());
        let who = who(&rules, holder, "deal.responsible");
        done.push(format!("create_task:responsible={who}"));
    }
    done.sort();
    done
}

/// The deal fields of a reading.
struct Wanted<'a>(&'a mut Vec<book::Wanted>);

impl Wanted<'_> {
    fn add(self) {
        let field = text("cf.utm_source", "ads");
        self.0.push(book::Wanted { field, update: Update::OnlyEmpty });
    }
}

#[test]
fn the_default_rules_do_what_the_table_says() {
    let rows: Vec<Row> =
        serde_json::from_str(include_str!("../fixtures/rules.matrix.json")).unwrap();
    assert_eq!(rows.len(), 6);
    for row in rows {
        assert_eq!(actions(&row.given), row.actions, "{}", row.given);
    }
}

/// A CRM that keeps what it is told, and finds cards by phone and e-mail.
#[derive(Debug, Default)]
struct Crm {
    cards: Vec<Card>,
    deals: Vec<(String, Deal)>,
}

impl Crm {
    fn find(&self, client: &[Identifier]) -> Vec<Card> {
        let values = |card: &Card, key: &str| -> Vec<String> {
            let of_key = card.fields.iter().filter(|field| field.key == key);
            of_key
                .flat_map(|field| match &field.value {
                    Value::Text(text) => vec![text.clone()],
                    Value::Texts(texts) => texts.clone(),
                    _ => Vec::new(),
                })
                .collect()
        };
        let matched = |card: &Card| -> Vec<Identifier> {
            let has = |identifier: &&Identifier| match identifier {
                Identifier::Phone(phone) => values(card, "phone").contains(phone),
                Identifier::Email(email) => values(card, "email").contains(email),
                _ => false,
            };
            client.iter().filter(has).cloned().collect()
        };
        let found = self.cards.iter().map(|card| Card { matched: matched(card), ..card.clone() });
        found.filter(|card| !card.matched.is_empty()).collect()
    }

    fn write(&mut self, id: &str, fields: &[Field]) {
        let card = self.cards.iter_mut().find(|card| card.id == id).unwrap();
        for field in fields {
            card.fields.retain(|held| held.key != field.key);
            card.fields.push(field.clone());
        }
    }

    /// What a job does with one event; says whether anything was written.
    fn run(&mut self, book: &Rulebook, event: &Event) -> bool {
        let reading = read(book, event);
        let cards = policy::ranked(self.find(&reading.client), &reading.client, &[]);
        let (id, has_written) = match policy::plan(book, &event.kind, &reading, &cards, &[]).plan {
            Plan::Nothing | Plan::Refuse { .. } => return false,
            Plan::Show => (cards[0].id.clone(), false),
            Plan::Update { card, fields } => {
                self.write(&card, &fields);
                (card, true)
            }
            Plan::Create { fields } => {
                let id = self.cards.len().to_string();
                self.cards.push(card(&id, &fields, &[]));
                (id, true)
            }
        };
        let had = self.deals.iter().find(|(card, _)| *card == id).map(|(_, deal)| deal.clone());
        match book.deal_step(event, had.as_ref()).0 {
            DealStep::Open => {
                let fields = book.deal_fields(&reading, event, &card(&id, &[], &[]));
                self.deals.push((id, deal(&self.deals.len().to_string(), &fields)));
                true
            }
            DealStep::Update => {
                let had = had.unwrap();
                let fields = policy::deal_update(&reading, &had, &[]);
                let (_, deal) = self.deals.iter_mut().find(|(_, deal)| deal.id == had.id).unwrap();
                for field in &fields {
                    deal.fields.retain(|held| held.key != field.key);
                    deal.fields.push(field.clone());
                }
                has_written || !fields.is_empty()
            }
            DealStep::Nothing => has_written,
        }
    }
}

/// One person, who spells the phone as it comes to mind.
fn lead_of_one() -> impl Strategy<Value = Event> {
    let phones = ["+380440000001", "044 000 00 01", "8 (044) 000-00-01", "tel. 0440000001"];
    let names = ["Anna", "Anna Test", ""];
    let emails = ["", "anna@example.com", "Anna@Example.com"];
    (0..phones.len(), 0..names.len(), 0..emails.len()).prop_map(move |(phone, name, email)| {
        lead(&json!({
            "bot": { "id": "b", "name": "Bot" },
            "contact": { "id": "c", "username": "anna", "variables": {
                "name": names[name], "phone": phones[phone], "email": emails[email] } },
        }))
    })
}

fn shuffled() -> impl Strategy<Value = Rules> {
    let updates = prop_oneof![Just(Update::OnlyEmpty), Just(Update::All), Just(Update::NewOnly)];
    (Just(chat_leads().mapping).prop_shuffle(), updates).prop_map(|(mapping, update)| Rules {
        mapping,
        update,
        ..chat_leads()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_order_of_rules_and_no_repetition_makes_a_second_card_or_deal(
        rules in shuffled(),
        events in prop::collection::vec(lead_of_one(), 1..6),
    ) {
        let book = book(rules);
        let mut crm = Crm::default();
        for event in events.iter().chain(&events) {
            crm.run(&book, event);
            let again = crm.run(&book, event);
            prop_assert!(!again, "a repetition wrote: {crm:?}");
        }
        prop_assert_eq!((crm.cards.len(), crm.deals.len()), (1, 1));
    }

    #[test]
    fn the_order_of_the_mapping_changes_nothing(rules in shuffled(), event in lead_of_one()) {
        let sorted = Rules { mapping: chat_leads().mapping, ..rules.clone() };
        let made = |rules| {
            let mut crm = Crm::default();
            crm.run(&book(rules), &event);
            let all = |fields: &[Field]| -> BTreeSet<String> {
                fields.iter().map(|field| format!("{field:?}")).collect()
            };
            (all(&crm.cards[0].fields), all(&crm.deals[0].1.fields))
        };
        prop_assert_eq!(made(rules), made(sorted));
    }
}
