//! A preview tells what an attempt would send, and sends nothing.

use patchbay_ledger::{Kind, Write};
use serde_json::{Value, json};

use super::{NOBODY, Stage, chat};

const PHONE: &str = "+380440000071";

fn rules() -> Value {
    json!({
        "mapping": [{ "field": "deal.title", "value": "Chat: {{ visitor.name }}" }],
        "responsible": { "pool": "sales" },
        "note": { "source": true },
    })
}

fn all() -> Value {
    json!({ "deals": true, "tasks": true, "notes": true })
}

fn request(body: &Value) -> Value {
    json!({ "method": "POST", "body": body.to_string(),
        "headers": [["content-type", "application/json"]] })
}

#[tokio::test]
async fn a_preview_shows_what_is_sent_and_sends_nothing() {
    let stage = Stage::new(all(), rules()).await;
    let body = chat(1, PHONE, NOBODY);
    let first = previewed(&stage, &body).await;
    assert_eq!(previewed(&stage, &body).await, first, "nobody's turn was taken");
    assert_eq!(stage.ledger.writes(), []);
    stage.send(&body).await;
    assert_eq!(first, written(&stage.ledger.writes()));

    // The same client again: the card is there, and so is the deal.
    let body = chat(2, PHONE, NOBODY);
    let before = stage.ledger.writes().len();
    let second = previewed(&stage, &body).await;
    assert_eq!(stage.ledger.writes().len(), before);
    stage.send(&body).await;
    assert_eq!(second, written(&stage.ledger.writes()[before..]));
    stage.host.stop().await;
}

#[tokio::test]
async fn a_preview_without_a_look_up_calls_nobody_and_takes_cards_as_told() {
    let stage = Stage::new(all(), rules()).await;
    let body = chat(1, PHONE, NOBODY);
    let input = json!({ "request": request(&body), "look_up": false });
    let preview = stage.preview(input.clone()).await;
    let writes = preview["events"][0]["writes"].as_array().unwrap();
    let steps: Vec<&Value> = writes.iter().map(|write| &write["step"]).collect();
    assert_eq!(steps, ["upsert-contact", "deal", "source-note"], "{preview}");
    let mut assumed = input;
    assumed["cards"] = json!([{ "id": "c7", "url": null, "manager": null, "fields": [],
        "lines": [], "matched": [{ "phone": PHONE }] }]);
    let preview = stage.preview(assumed).await;
    let contact = &preview["events"][0]["writes"][0]["write"]["contact"];
    assert_eq!(contact["id"], "c7", "{preview}");
    assert_eq!(stage.ledger.calls(), 0);
    stage.host.stop().await;
}

#[tokio::test]
async fn every_decision_of_a_preview_has_its_reason() {
    let stage = Stage::new(all(), rules()).await;
    let input = json!({ "request": request(&chat(1, PHONE, NOBODY)) });
    let preview = stage.preview(input).await;
    let decisions = preview["events"][0]["decisions"].as_array().unwrap();
    let told = |rule: &str| {
        let of_rule = decisions.iter().filter(|decision| decision["rule"] == rule);
        of_rule.map(|it| it["because"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for rule in ["mapping[0]", "contact", "deal", "task", "note", "responsible"] {
        assert!(told(rule).iter().any(|because| !because.is_empty()), "{rule}: {decisions:?}");
    }
    stage.host.stop().await;
}

#[tokio::test]
async fn what_the_crm_would_refuse_is_part_of_the_preview() {
    let stage = Stage::new(json!({}), json!({})).await;
    let mut account = crate::harness::ledger_account(&stage.ledger);
    account["settings"]["asks-for-fields"] = json!("true");
    stage.host.put("/accounts/ledger", account).await;
    let tier = json!([{ "key": "tier", "type": "text", "required": true, "repeated": false }]);
    stage.ledger.set_contact_fields(&tier);
    let preview = stage.preview(json!({ "request": request(&chat(1, PHONE, NOBODY)) })).await;
    let event = &preview["events"][0];
    assert_eq!(event["outcome"]["problem"]["invalid"][0]["field"], "tier", "{preview}");
    assert_eq!(event["writes"], json!([]));
    stage.host.stop().await;
}

/// The writes of a preview, as [`written`] tells those of the ledger.
async fn previewed(stage: &Stage, body: &Value) -> Vec<Value> {
    let preview = stage.preview(json!({ "request": request(body) })).await;
    let writes = preview["events"][0]["writes"].as_array().unwrap();
    writes.iter().map(|planned| told(&planned["write"])).collect()
}

/// One write of a preview, without the ids of what is new.
fn told(write: &Value) -> Value {
    let (kind, of) = write.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "contact" => {
            json!({ "contact": of["native"]["fields"], "held": of["native"]["identifiers"] })
        }
        "deal" => json!({ "deal": of["native"]["fields"], "manager": of["manager"] }),
        "task" => {
            json!({ "task": of["title"], "text": of["text"], "manager": of["manager"],
                "of": kind_of(&of["subject"]) })
        }
        "note" => json!({ "note": of["note"]["text"], "of": kind_of(&of["subject"]) }),
        other => panic!("no write of the ledger: {other}"),
    }
}

/// `card` or `deal`: what is new has no id in a preview.
fn kind_of(subject: &Value) -> &str {
    subject.as_object().unwrap().keys().next().unwrap()
}

fn written(writes: &[Write]) -> Vec<Value> {
    let told = |Write { kind, body, .. }: &Write| match kind {
        Kind::Contact => json!({ "contact": body["fields"], "held": body["identifiers"] }),
        Kind::Deal => json!({ "deal": body["fields"], "manager": body["manager"] }),
        Kind::Task => {
            json!({ "task": body["title"], "text": body["text"], "manager": body["manager"],
                "of": kind_of(&body["subject"]) })
        }
        Kind::Note => json!({ "note": body["text"], "of": kind_of(&body["subject"]) }),
    };
    writes.iter().map(told).collect()
}
