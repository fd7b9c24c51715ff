//! Steps that the rules add or leave out, one by one.

use std::time::Duration;

use patchbay_ledger::{Endpoint, Ledger};
use serde_json::{Value, json};

use super::{NOBODY, Stage, chat, fixture, remarks};
use crate::harness::TestHost;

const PHONE: &str = "+380440000071";

fn all() -> Value {
    json!({ "deals": true, "tasks": true, "notes": true })
}

fn contact(stage: &Stage, phone: &str) -> String {
    let identifiers = json!([format!("phone:{phone}")]);
    stage.ledger.add_contact(&json!({ "identifiers": identifiers, "fields": { "name": "Anna" } }))
}

#[tokio::test]
async fn a_filtered_event_is_done_and_asks_nothing_of_the_crm() {
    let rules = json!({ "filter": "visitor.chats_count > 1" });
    let stage = Stage::new(all(), rules).await;
    let event = stage.send(&chat(1, PHONE, NOBODY)).await;
    assert_eq!(remarks(&event), ["filtered"]);
    assert_eq!(stage.ledger.calls(), 0);
    let mut again = chat(2, PHONE, NOBODY);
    again["visitor"]["chats_count"] = json!(2);
    let event = stage.send(&again).await;
    assert_eq!(remarks(&event), Vec::<String>::new());
    assert_eq!(stage.records("contacts").len(), 1);
    stage.host.stop().await;
}

#[tokio::test]
async fn one_client_in_two_notations_never_has_two_cards() {
    let rules = json!({ "phone": { "country": "UA" } });
    let stage = Stage::new(all(), rules).await;
    stage.ledger.set_latency(Duration::from_millis(20));
    let hook = async |number: u64, phone: &str| {
        let body = chat(number, phone, NOBODY).to_string();
        assert!(stage.host.hook(&stage.url, body).await.status.is_success());
    };
    let notations = [PHONE, "0440000071", "380440000071", "(044) 000-00-71"];
    tokio::join!(
        hook(1, notations[0]),
        hook(2, notations[1]),
        hook(3, notations[2]),
        hook(4, notations[3]),
    );
    stage.host.idle().await;
    let contacts = stage.records("contacts");
    assert_eq!(contacts.len(), 1, "{contacts:?}");
    assert_eq!(stage.ledger.duplicates(), Vec::<String>::new());
    assert_eq!(stage.records("deals").len(), 1);
    assert_eq!(stage.host.mended().await, 0);
    stage.host.stop().await;
}

#[tokio::test]
async fn a_crm_without_tasks_gets_a_note_and_the_journal_says_so() {
    let stage = Stage::on("crm_plain", all(), json!({})).await;
    let event = stage.send(&fixture("offline_message.json")).await;
    let mut told = remarks(&event);
    told.sort();
    assert_eq!(told, ["task-as-note", "unsupported"], "{event}");
    let notes = stage.records("notes");
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0]["text"].as_str().unwrap().starts_with("Answer the offline message\n"));
    assert_eq!(stage.records("deals"), Vec::<Value>::new());
    stage.host.stop().await;
}

#[tokio::test]
async fn a_card_that_lacks_what_the_crm_requires_is_a_dead_letter_that_names_it() {
    let stage = asking().await;
    let event = stage.send(&chat(1, PHONE, NOBODY)).await;
    assert_eq!(event["jobs"][0]["state"], "dead", "{event}");
    let reason = event["jobs"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("tier"), "{reason}");
    assert_eq!(stage.ledger.writes(), []);
    let mapping = json!([{ "field": "contact.tier", "value": "standard" }]);
    stage.rules(all(), json!({ "mapping": mapping })).await;
    stage.send(&chat(2, PHONE, NOBODY)).await;
    let contacts = stage.records("contacts");
    assert_eq!(contacts[0]["fields"]["tier"], "standard", "{contacts:?}");
    assert_eq!(stage.ledger.calls_of(Endpoint::Fields), 1, "the fields are asked for once");
    stage.host.stop().await;
}

#[tokio::test]
async fn a_crm_that_does_not_tell_its_fields_gets_the_card_all_the_same() {
    let stage = asking().await;
    stage.ledger.set_contact_fields(&json!([]));
    stage.ledger.fault_on(Endpoint::Fields, 1, patchbay_ledger::Fault::Status(422));
    let event = stage.send(&chat(1, PHONE, NOBODY)).await;
    assert_eq!(event["attempts"].as_array().unwrap().len(), 1, "{event}");
    assert_eq!(stage.records("contacts").len(), 1);
    stage.host.stop().await;
}

#[tokio::test]
async fn a_crm_that_cannot_tell_its_fields_now_is_asked_again_and_no_phone_is_lost() {
    let stage = asking().await;
    let phones = json!({ "key": "phone", "title": "Phone", "type": "phone", "repeated": true });
    stage.ledger.set_contact_fields(&json!([phones]));
    stage.rules(all(), json!({ "update": "all" })).await;
    stage.ledger.add_contact(&json!({
        "identifiers": ["email:anna@example.com", "phone:+380440000079"],
        "fields": { "name": "Anna" },
    }));
    stage.ledger.fault_on(Endpoint::Fields, 1, patchbay_ledger::Fault::Status(503));
    let mut body = chat(1, PHONE, NOBODY);
    body["visitor"]["email"] = json!("anna@example.com");
    let event = stage.send(&body).await;
    assert_eq!(event["attempts"].as_array().unwrap().len(), 2, "{event}");
    let held = &stage.records("contacts")[0]["identifiers"];
    for phone in ["phone:+380440000079", &format!("phone:{PHONE}")] {
        assert!(held.as_array().unwrap().contains(&json!(phone)), "{held}");
    }
    stage.host.stop().await;
}

#[tokio::test]
async fn a_field_that_the_crm_no_longer_knows_is_asked_for_again_and_the_job_is_done() {
    let stage = asking().await;
    let known = json!([{ "key": "tier", "type": "text" }]);
    stage.ledger.set_contact_fields(&known);
    let mapping = json!({ "field": "contact.tier", "value": "gold" });
    stage.rules(all(), json!({ "mapping": [mapping] })).await;
    stage.send(&chat(1, PHONE, NOBODY)).await;
    assert_eq!(stage.ledger.calls_of(Endpoint::Fields), 1);

    let refuse = |call| {
        let fault = patchbay_ledger::Fault::Status(422);
        stage.ledger.fault_on(Endpoint::CreateContact, call, fault);
    };
    refuse(2);
    let event = stage.send(&chat(2, "+380440000079", NOBODY)).await;
    assert_eq!(event["attempts"].as_array().unwrap().len(), 2, "{event}");
    assert_eq!(stage.ledger.calls_of(Endpoint::Fields), 2);
    assert_eq!(stage.records("contacts").len(), 2);

    // What fields that were told just now do not explain is not tried again.
    [4, 5].into_iter().for_each(refuse);
    let event = stage.send(&chat(3, "+380440000080", NOBODY)).await;
    assert_eq!(event["attempts"].as_array().unwrap().len(), 2, "{event}");
    assert_eq!(event["jobs"][0]["state"], "dead", "{event}");
    assert_eq!(stage.records("contacts").len(), 2);
    stage.host.stop().await;
}

#[tokio::test]
async fn the_task_of_a_manager_who_has_left_is_given_to_somebody_else() {
    let rules = json!({ "responsible": { "agent": false, "pool": "sales" } });
    let stage = Stage::new(all(), rules).await;
    let card = contact(&stage, PHONE);
    let deal = json!({ "card": card, "manager": "m2", "fields": { "title": "Ten" } });
    stage.ledger.add_deal(&deal);
    stage.send(&chat(1, PHONE, NOBODY)).await;
    let manager = &stage.records("tasks")[0]["manager"];
    assert!(*manager == "m1" || *manager == "m3", "{manager}");
    stage.host.stop().await;
}

fn asking_account(stage: &Stage) -> Value {
    let mut account = crate::harness::ledger_account(&stage.ledger);
    account["settings"]["asks-for-fields"] = json!("true");
    account
}

/// An account that is asked for its fields, of which it needs one.
async fn asking() -> Stage {
    let stage = Stage::new(all(), json!({})).await;
    stage.host.put("/accounts/ledger", asking_account(&stage)).await;
    let field = |key: &str, required: bool| json!({ "key": key, "type": "text", "required": required, "repeated": true });
    let fields = json!([field("name", true), field("tier", true), field("phone", true)]);
    stage.ledger.set_contact_fields(&fields);
    stage
}

#[tokio::test]
async fn two_cards_of_one_client_are_reported_and_never_merged() {
    let stage = Stage::new(json!({}), json!({})).await;
    let first = contact(&stage, PHONE);
    let identifiers = json!(["email:anna@example.com"]);
    stage.ledger.add_contact(&json!({ "identifiers": identifiers, "fields": { "name": "A" } }));
    let mut body = chat(1, PHONE, NOBODY);
    body["visitor"]["email"] = json!("anna@example.com");
    let event = stage.send(&body).await;
    assert_eq!(remarks(&event), ["conflict"]);
    assert_eq!(event["jobs"][0]["outcome"]["cards"][0]["id"], first.as_str());
    assert_eq!(stage.records("contacts").len(), 2);
    stage.host.stop().await;
}

#[tokio::test]
async fn a_conversation_that_is_bound_to_a_card_is_known_by_it_from_then_on() {
    let stage = Stage::new(json!({}), json!({})).await;
    stage.ledger.name_contacts("crm-", 2001, Some("https://crm.example.com/contact/"));
    let card = contact(&stage, "+380440000001");
    let mut assigned = fixture("chat_assigned.json");
    for key in ["phone", "email"] {
        assigned["visitor"][key] = Value::Null;
    }
    assigned["assign_to"] = json!(format!("https://crm.example.com/contact/{card}"));
    let event = stage.send(&assigned).await;
    assert_eq!(remarks(&event), Vec::<String>::new());
    assert_eq!(event["jobs"][0]["outcome"]["cards"][0]["id"], card.as_str());

    let mut updated = fixture("chat_accepted.no_contacts.json");
    updated["visitor"]["number"] = assigned["visitor"]["number"].clone();
    let event = stage.send(&updated).await;
    assert_eq!(event["jobs"][0]["outcome"]["cards"][0]["id"], card.as_str(), "{event}");

    assigned["chat_id"] = json!(1);
    assigned["assign_to"] = json!("https://crm.example.org/contact/crm-9");
    let event = stage.send(&assigned).await;
    assert_eq!(remarks(&event), ["unknown-card"]);
    stage.host.stop().await;
}

#[tokio::test]
async fn the_operators_lines_follow_those_of_the_crm_and_reach_the_channel() {
    let lines = json!([{ "title": "Balance", "text": "{{ card.fields.balance }} UAH" }]);
    let stage = Stage::new(json!({}), json!({ "lines": lines })).await;
    stage.ledger.add_contact(&json!({
        "identifiers": [format!("phone:{PHONE}")],
        "fields": { "name": "Anna", "balance": "120" },
        "lines": [{ "title": "Plan", "text": "Gold" }],
    }));
    let answer = stage.host.hook(&stage.url, chat(1, PHONE, NOBODY).to_string()).await;
    let told = answer.json().to_string();
    stage.host.idle().await;
    let event = stage.host.newest().await;
    let lines = &event["jobs"][0]["outcome"]["cards"][0]["lines"];
    assert_eq!(lines[0]["title"], "Plan", "{event}");
    assert_eq!(lines[1]["text"], "120 UAH", "{event}");
    assert!(told.contains("Balance") && told.contains("120 UAH"), "{told}");
    stage.host.stop().await;
}

#[tokio::test]
async fn a_pool_in_use_is_not_taken_away_and_goes_on_giving_managers() {
    let rules = json!({ "responsible": { "pool": "sales" } });
    let stage = Stage::new(json!({ "deals": true }), rules).await;
    let answer = stage.host.api(hyper::Method::DELETE, "/pools/sales", "").await;
    assert!(!answer.status.is_success(), "it is in use: {answer:?}");
    stage.send(&chat(1, PHONE, NOBODY)).await;
    assert_eq!(stage.records("deals")[0]["manager"], "m1");
    stage.host.stop().await;
}

#[tokio::test]
async fn nothing_is_repeated_whatever_call_of_a_full_set_of_rules_fails() {
    for fault in [patchbay_ledger::Fault::CutAfter, patchbay_ledger::Fault::Status(503)] {
        let rules = json!({
            "mapping": [
                { "field": "contact.email", "value": "{{ visitor.number }}@example.com" },
                { "field": "deal.source", "value": "{{ page.title }}" },
            ],
            "responsible": { "pool": "sales" },
            "note": { "source": true },
        });
        let stage = Stage::new(all(), rules).await;
        let calls = come_again(&stage, 1).await;
        for call in 1..=calls {
            stage.ledger.fault_at(stage.ledger.calls() + call, fault);
            come_again(&stage, 1 + call).await;
        }
        assert_eq!(stage.ledger.duplicates(), Vec::<String>::new(), "{fault:?}");
        let wanted = usize::try_from(1 + calls).unwrap();
        for kind in ["contacts", "deals", "tasks", "notes"] {
            assert_eq!(stage.records(kind).len(), wanted, "{kind}: {fault:?}");
        }
        let is_done =
            |deal: &Value| deal["fields"]["source"].is_string() && deal["manager"] == "m3";
        assert!(stage.records("deals").iter().all(is_done), "{fault:?}");
        stage.host.stop().await;
    }
}

/// A client with an open deal starts another chat: the card and the deal are changed, a task and a
/// note are made. Returns how many calls that took.
async fn come_again(stage: &Stage, number: u64) -> u64 {
    let phone = format!("+38044{number:07}");
    let card = contact(stage, &phone);
    stage.ledger.add_deal(&json!({ "card": card, "manager": "m3", "fields": { "title": "Ten" } }));
    let before = stage.ledger.calls();
    let event = stage.send(&chat(number, &phone, NOBODY)).await;
    let job = &event["jobs"][0];
    assert_eq!(job["state"], "done", "{event}");
    let steps: Vec<&Value> = job["steps"].as_array().unwrap().iter().collect();
    let names: Vec<&Value> = steps.iter().map(|step| &step["name"]).collect();
    assert_eq!(names, ["upsert-contact", "update-deal", "task", "source-note"]);
    assert!(steps.iter().all(|step| step["state"] == "done"), "{job}");
    stage.ledger.calls() - before
}

/// Not a rule of an integration, but what its steps share: an account that has changed is asked anew.
#[tokio::test]
async fn what_a_crm_has_told_is_forgotten_when_its_account_changes() {
    let (ledger, host) = (Ledger::open().await, TestHost::start().await);
    let url = host.jivo_to_ledger(&ledger).await;
    let vera = "vera@example.com";
    host.hook(&url, chat(1, "+380440000001", vera).to_string()).await;
    host.hook(&url, chat(2, "+380440000002", vera).to_string()).await;
    host.idle().await;
    assert_eq!(ledger.calls_of(Endpoint::Managers), 1);
    let mut account = crate::harness::ledger_account(&ledger);
    account["title"] = json!("Another title");
    host.put("/accounts/ledger", account).await;
    host.hook(&url, chat(3, "+380440000003", vera).to_string()).await;
    host.idle().await;
    assert_eq!(ledger.calls_of(Endpoint::Managers), 2);
    host.stop().await;
}
