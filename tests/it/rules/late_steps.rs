//! What is remembered of a job whose later steps fail, and what a chat is given once.

use patchbay_ledger::{Endpoint, Fault};
use serde_json::{Value, json};

use super::{NOBODY, Stage, chat, fixture};

const PHONE: &str = "+380440000072";

/// The client of `chat(number)` says more during the chat.
fn updated(number: u64) -> Value {
    let mut body = fixture("chat_updated.introduced.json");
    let begun = chat(number, PHONE, NOBODY);
    for key in ["chat_id", "visitor", "agent"] {
        body[key] = begun[key].clone();
    }
    body
}

/// The beginning of the same chat, before the client has told the phone.
fn anonymous(number: u64) -> Value {
    let mut body = chat(number, PHONE, NOBODY);
    for key in ["phone", "email", "name"] {
        body["visitor"][key] = Value::Null;
    }
    body
}

fn counts(stage: &Stage) -> [usize; 4] {
    ["contacts", "deals", "tasks", "notes"].map(|kind| stage.records(kind).len())
}

#[tokio::test]
async fn a_card_is_known_to_the_next_job_although_the_deal_failed_and_the_search_is_late() {
    let stage = Stage::new(json!({ "deals": true, "tasks": true }), json!({})).await;
    stage.ledger.search_late(true);
    stage.ledger.fault_on(Endpoint::OpenDeals, 1, Fault::Status(503));
    let hook = async |number: u64| {
        let body = chat(number, PHONE, NOBODY).to_string();
        assert!(stage.host.hook(&stage.url, body).await.status.is_success());
    };
    hook(1).await;
    stage.ledger.arrived(3).await;
    hook(2).await;
    stage.host.idle().await;
    assert_eq!(counts(&stage), [1, 1, 1, 0]);
    assert_eq!(stage.ledger.duplicates(), Vec::<String>::new());
    stage.host.stop().await;
}

#[tokio::test]
async fn a_dead_letter_after_the_deal_leaves_the_deal_known() {
    let options = json!({ "deals": true, "tasks": true, "notes": true });
    let stage = Stage::new(options, json!({ "note": { "source": true } })).await;
    stage.ledger.fault_on(Endpoint::CreateNote, 1, Fault::Status(422));
    let event = stage.send(&chat(1, PHONE, NOBODY)).await;
    assert_eq!(event["jobs"][0]["state"], "dead", "{event}");
    assert_eq!(counts(&stage), [1, 1, 0, 0]);
    stage.send(&updated(1)).await;
    assert_eq!(counts(&stage), [1, 1, 0, 0], "the same chat, and its own deal");
    stage.send(&chat(2, PHONE, NOBODY)).await;
    assert_eq!(counts(&stage), [1, 1, 1, 1], "another chat");
    stage.host.stop().await;
}

#[tokio::test]
async fn a_dead_letter_tells_what_was_met_on_its_way() {
    let stage = Stage::new(
        json!({}),
        json!({
            "mapping": [{ "field": "contact.tier", "value": "{{ visitor.name + 1 }}" }],
        }),
    )
    .await;
    let tier = json!({ "key": "tier", "title": "Tier", "type": "text", "required": true });
    stage.ledger.set_contact_fields(&json!([tier]));
    let mut account = crate::harness::ledger_account(&stage.ledger);
    account["settings"]["asks-for-fields"] = json!("true");
    stage.host.put("/accounts/ledger", account).await;
    let event = stage.send(&chat(1, PHONE, NOBODY)).await;
    let job = &event["jobs"][0];
    assert_eq!(job["state"], "dead", "{event}");
    assert_eq!(job["outcome"]["remarks"][0]["kind"], "template", "{event}");
    stage.host.stop().await;
}

#[tokio::test]
async fn who_is_introduced_during_a_chat_is_no_repeat_enquiry_where_only_the_start_opens_deals() {
    let rules = json!({
        "deal": { "events": ["conversation-started"] },
        "note": { "source": true },
    });
    let options = json!({ "deals": true, "tasks": true, "notes": true });
    let stage = Stage::new(options, rules).await;
    let identifiers = json!([format!("phone:{PHONE}")]);
    let card = stage.ledger.add_contact(&json!({ "identifiers": identifiers }));
    stage.ledger.add_deal(&json!({ "card": card, "fields": { "title": "Ten" } }));
    stage.send(&anonymous(1)).await;
    for _ in 0..2 {
        stage.send(&updated(1)).await;
        assert_eq!(counts(&stage), [1, 1, 0, 0]);
    }
    stage.host.stop().await;
}

#[tokio::test]
async fn the_source_of_a_chat_is_noted_once_also_without_deals_and_tasks() {
    let rules = json!({ "note": { "source": true } });
    let stage = Stage::new(json!({ "notes": true }), rules).await;
    stage.send(&chat(1, PHONE, NOBODY)).await;
    assert_eq!(counts(&stage), [1, 0, 0, 1]);
    stage.send(&updated(1)).await;
    stage.send(&updated(1)).await;
    assert_eq!(counts(&stage), [1, 0, 0, 1]);
    stage.send(&chat(2, PHONE, NOBODY)).await;
    assert_eq!(counts(&stage), [1, 0, 0, 2]);
    stage.host.stop().await;
}
