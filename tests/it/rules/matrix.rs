//! Each row of the acceptance table, told in its own words by what was written.

use std::path::Path;

use patchbay_ledger::{Kind, Write};
use serde_json::{Value, json};

use super::{NOBODY, Stage, chat};

const PHONE: &str = "+380440000071";

/// What the CRM holds before the event, and what the integration is set to.
struct Row {
    given: &'static str,
    has_contact: bool,
    has_deal: bool,
    options: Value,
    /// On top of those of all rows.
    rules: Value,
}

fn rows() -> [Row; 6] {
    let all = || json!({ "deals": true, "tasks": true });
    let no_deals = || json!({ "deals": false, "tasks": true });
    let row = |given, has_contact, has_deal, options| {
        let rules = json!({});
        Row { given, has_contact, has_deal, options, rules }
    };
    [
        row("contact=no, deal=no", false, false, all()),
        row("contact=yes, active deal=no", true, false, all()),
        row("contact=yes, active deal=yes", true, true, all()),
        Row {
            rules: json!({ "contact": { "create": false } }),
            ..row("contact=no, deal=no, forbid_create_deal", false, false, no_deals())
        },
        row("contact=yes, deal=no, forbid_create_deal", true, false, no_deals()),
        Row {
            rules: json!({ "task": { "on_repeat": false } }),
            ..row("contact=yes, deal=yes, forbid_repeat_task", true, true, all())
        },
    ]
}

#[tokio::test]
async fn every_row_of_the_acceptance_table_holds() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = table.join("../host/src/rules/fixtures/rules.matrix.json");
    let table: Vec<Value> = serde_json::from_slice(&std::fs::read(table).unwrap()).unwrap();
    assert_eq!(table.len(), rows().len());
    for (row, expected) in rows().into_iter().zip(table) {
        assert_eq!(row.given, expected["given"]);
        let told = actions(&row).await;
        let actions = expected["actions"].as_array().unwrap();
        let mut wanted: Vec<&str> = actions.iter().map(|it| it.as_str().unwrap()).collect();
        wanted.retain(|action| *action != "skip");
        wanted.sort_unstable();
        let is_so = told.len() == wanted.len()
            && told.iter().zip(&wanted).all(|(told, wanted)| told.starts_with(wanted));
        assert!(is_so, "{}: {told:?} and not {wanted:?}", row.given);
    }
}

/// What the event of an unknown page comes to, sorted.
async fn actions(row: &Row) -> Vec<String> {
    let mut rules = json!({
        "responsible": { "pool": "sales" },
        "mapping": [
            { "field": "deal.title", "value": "Chat: {{ visitor.name }}" },
            { "field": "deal.source", "value": "{{ page.title }}" },
        ],
    });
    rules.as_object_mut().unwrap().extend(row.rules.as_object().unwrap().clone());
    let stage = Stage::new(row.options.clone(), rules).await;
    if row.has_contact {
        let fields = json!({ "name": "Anna", "manager": "m3" });
        let identifiers = json!([format!("phone:{PHONE}")]);
        let card =
            stage.ledger.add_contact(&json!({ "identifiers": identifiers, "fields": fields }));
        if row.has_deal {
            let fields = json!({ "title": "Ten chairs" });
            stage.ledger.add_deal(&json!({ "card": card, "manager": "m1", "fields": fields }));
        }
    }
    let before = stage.ledger.records();
    let mut body = chat(1, PHONE, NOBODY);
    body["visitor"]["email"] = json!("anna@example.com");
    let event = stage.send(&body).await;
    assert_eq!(event["jobs"][0]["state"], "done", "{}: {event}", row.given);
    let writes = stage.ledger.writes();
    let mut told: Vec<String> = writes.iter().map(|write| action(&stage, &before, write)).collect();
    told.sort_unstable();
    stage.host.stop().await;
    told
}

/// A write in the table's words.
fn action(stage: &Stage, before: &Value, write: &Write) -> String {
    let record = |kind: &str| {
        let records = stage.records(kind);
        records.into_iter().find(|record| record["id"] == write.id.as_str()).unwrap()
    };
    match (write.kind, write.is_new) {
        (Kind::Contact, true) => {
            let contact = record("contacts");
            assert_eq!(contact["fields"]["manager"], "m1", "the first of the pool: {contact}");
            "create_contact".to_owned()
        }
        (Kind::Contact, false) => {
            let contact = record("contacts");
            assert_eq!(contact["fields"]["name"], "Anna", "{contact}");
            let identifiers = contact["identifiers"].as_array().unwrap();
            assert!(identifiers.contains(&json!("email:anna@example.com")), "{contact}");
            "update_contact:only_empty".to_owned()
        }
        (Kind::Deal, true) => {
            let deal = record("deals");
            assert_eq!(deal["fields"]["source"], "Насосы — Пример-Магазин", "{deal}");
            let is_held = before["contacts"][0]["fields"]["manager"] == "m3";
            let wanted = if is_held { "m3" } else { "m1" };
            assert_eq!(deal["manager"], wanted, "{deal}");
            let who = if is_held { "contact.responsible" } else { "distribution" };
            format!("create_deal:responsible={who}")
        }
        (Kind::Deal, false) => {
            let deal = record("deals");
            assert_eq!(deal["fields"]["title"], "Ten chairs", "{deal}");
            assert_eq!(deal["fields"]["source"], "Насосы — Пример-Магазин", "{deal}");
            "update_deal:only_empty".to_owned()
        }
        (Kind::Task, _) => {
            let task = record("tasks");
            assert_eq!(task["manager"], before["deals"][0]["manager"], "{task}");
            assert_eq!(task["subject"]["deal"], before["deals"][0]["id"], "{task}");
            "create_task:responsible=deal.responsible".to_owned()
        }
        (Kind::Note, _) => "create_note".to_owned(),
    }
}
