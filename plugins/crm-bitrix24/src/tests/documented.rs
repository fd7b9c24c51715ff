//! Answers as the vendor documents them (`doc-*.json`), played back.

use patchbay_sdk::about::Auth;
use patchbay_sdk::http::Response;
use patchbay_sdk::notes::Note;
use patchbay_sdk::testing::cassettes::{self, Cassettes};
use patchbay_sdk::types::{Error, Field, Subject, Value as FieldValue};
use patchbay_sdk::{Adapter, Contacts, Deals, Managers, Notes, Tasks};
use serde_json::{Value, json};

use super::bench::{self, call, host, phone, task};
use crate::Bitrix24;

fn documented() -> Cassettes {
    cassettes::load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
}

fn result(name: &str) -> Value {
    let body: Value = serde_json::from_slice(&documented().response(name).body).unwrap();
    body["result"].clone()
}

/// A `batch` that answers these.
fn batch(results: &Value, errors: &Value) -> Response {
    let result = json!({ "result": results, "result_error": errors, "result_total": [], "result_next": [], "result_time": [] });
    Response::json(200, json!({ "result": result }).to_string())
}

const BATCH: &str = "POST /rest/1/{{secret:webhook-secret}}/batch";

#[test]
fn the_manifest_is_the_same_at_every_call_and_hides_the_secret() {
    let manifest = Bitrix24::describe();
    assert_eq!(manifest, Bitrix24::describe());
    assert_eq!(manifest.name, "crm-bitrix24");
    assert_eq!(manifest.egress, ["setting:rest-url"]);
    assert_eq!(manifest.rate_limit, Some(2.0));
    assert!(matches!(manifest.auth, Auth::Settings));
    let secrets = manifest.settings.iter().filter(|it| it.secret).map(|it| it.key.as_str());
    assert_eq!(secrets.collect::<Vec<_>>(), ["webhook-secret"]);
}

#[test]
fn the_secret_is_sent_as_a_placeholder_in_the_path_alone() {
    let bench = bench::Bench::new();
    bench.lookup(&[phone("+380671234567")]);
    let request = bench.last_request();
    assert_eq!(request.url, "https://portal.example.test/rest/1/{{secret:webhook-secret}}/batch");
    assert!(!String::from_utf8(request.body).unwrap().contains("secret"));
    assert!(request.headers.iter().all(|(_, value)| !value.contains("secret")));
}

#[test]
fn a_documented_hit_becomes_a_card() {
    let contact = |id: u64| {
        let mut item = result("doc-04-contact-create")["item"].clone();
        item["id"] = json!(id);
        item
    };
    let results = json!({
        "s0": result("doc-01-lookup-phone-hit"),
        "hits": { "items": [contact(275), contact(2297)] },
        "who": result("doc-14-managers"),
    });
    let host = host().exchange(BATCH, batch(&results, &json!([])));
    let cards = host.run(|| Bitrix24::lookup_client(vec![phone("+380671234567")])).unwrap();
    let ids: Vec<&str> = cards.iter().map(|card| card.id.as_str()).collect();
    assert_eq!(ids, ["275", "2297"]);
    assert_eq!(cards[0].field("name"), Some(&FieldValue::Text("Anna Test".to_owned())));
    assert_eq!(cards[0].manager.as_ref().unwrap().name.as_deref(), Some("Olha Manager"));
    assert_eq!(cards[0].matched, [phone("+380671234567")]);
}

#[test]
fn a_documented_miss_is_no_card() {
    let results =
        json!({ "s0": result("doc-02-lookup-phone-miss"), "hits": { "items": [] }, "who": [] });
    let host = host().exchange(BATCH, batch(&results, &json!([])));
    assert_eq!(host.run(|| Bitrix24::lookup_client(vec![phone("+380501112233")])), Ok(Vec::new()));
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn documented_answers_to_writes_are_read() {
    let cassettes = documented();
    let host = host()
        .exchange(BATCH, batch(&json!({ "item": result("doc-04-contact-create"), "who": [] }), &json!([])))
        .exchange(BATCH, batch(&json!({ "item": result("doc-06-contact-update-fm"), "who": [] }), &json!([])))
        .exchange(
            BATCH,
            batch(&json!({ "card": result("doc-04-contact-create"), "deal": result("doc-08-deal-create") }), &json!([])),
        )
        .exchange("POST /rest/1/{{secret:webhook-secret}}/crm.activity.todo.add", cassettes.response("doc-09-todo"))
        .exchange("POST /rest/1/{{secret:webhook-secret}}/crm.timeline.comment.add", cassettes.response("doc-12-note"))
        .exchange(
            BATCH,
            batch(&json!({ "owner": { "item": { "id": 2653 } }, "call": result("doc-13-call-activity-by-webhook") }), &json!([])),
        );
    host.run(|| {
        let native = r#"{"fields":{"name":"Anna"}}"#.to_owned();
        let key = |key: &str| key.to_owned();
        let made = Bitrix24::upsert_contact(None, native.clone(), key("k1")).unwrap();
        assert_eq!(made.id, "2653");
        let changed = Bitrix24::upsert_contact(Some(made.id), native, key("k2")).unwrap();
        let phones = ["+380671234567", "+380501112233"].map(str::to_owned).to_vec();
        assert_eq!(changed.field("phone"), Some(&FieldValue::Texts(phones)));
        let deal = r#"{"fields":{"title":"Call from Ringostat"}}"#.to_owned();
        let deal = Bitrix24::upsert_deal(None, key("2653"), deal, None, key("k3")).unwrap();
        assert_eq!((deal.id.as_str(), deal.stage.as_deref()), ("352", Some("NEW")));
        let subject = || Subject::Card("2653".to_owned());
        assert_eq!(Bitrix24::create_task(task(subject()), key("k4")).unwrap(), "999");
        let note = Note::Text("hello".to_owned());
        assert_eq!(Bitrix24::add_note(subject(), note, key("k5")).unwrap(), "1001");
        assert_eq!(Bitrix24::add_note(subject(), Note::Call(call()), key("k6")).unwrap(), "7943");
    });
    assert_eq!(host.exchanges_left(), [""; 0]);
}

#[test]
fn documented_lists_are_read() {
    let deals = json!({ "card": result("doc-04-contact-create"), "deals": result("doc-07-deal-find-open"), "who": [] });
    let fields = json!({ "fields": result("doc-15-describe-fields"), "d0": [], "d1": [], "d2": [], "d3": [] });
    let host = host()
        .exchange(BATCH, batch(&deals, &json!([])))
        .exchange(BATCH, batch(&json!({ "u0": result("doc-14-managers") }), &json!([])))
        .exchange(BATCH, batch(&fields, &json!([])));
    host.run(|| {
        let deals = Bitrix24::open_deals("2653".to_owned()).unwrap();
        assert_eq!((deals[0].id.as_str(), deals[0].title.as_str()), ("351", "Call"));
        assert_eq!(deals[0].manager.as_ref().unwrap().id.as_deref(), Some("6"));
        assert!(deals[0].fields.contains(&Field::text("title", "Call")));
        let managers = Bitrix24::list_managers().unwrap();
        assert_eq!(managers[0].email.as_deref(), Some("olha@example.test"));
        let specs = Bitrix24::describe_fields().unwrap();
        let keys: Vec<&str> = specs.iter().map(|spec| spec.key.as_str()).collect();
        assert_eq!(keys, ["name", "phone", "email", "site", "manager"]);
    });
}

#[test]
fn documented_refusals_are_told_apart() {
    let cassettes = documented();
    for (name, expected) in [
        ("doc-17-err-rate-limit", "RateLimited(None)"),
        ("doc-18-err-operating-limit", "RateLimited(Some(60000))"),
        ("doc-19-err-expired-token", "Unauthorized"),
        ("doc-20-err-bad-webhook", "Unauthorized"),
        ("doc-21-err-scope", "Unauthorized"),
        ("doc-22-err-paid-plan", "PlanLimit"),
        ("doc-23-err-internal", "Unavailable"),
        ("doc-03-lookup-err-no-type", "Invalid"),
        ("doc-10-todo-err", "NotFound"),
    ] {
        let host = host().exchange(BATCH, cassettes.response(name));
        let error = host.run(|| Bitrix24::lookup_client(vec![phone("+380671234567")])).unwrap_err();
        let error = format!("{error:?}");
        assert!(error.starts_with(&format!("Error::{expected}")), "{name}: {error}");
    }
}

#[test]
fn a_part_of_a_batch_may_fail() {
    let body: Value =
        serde_json::from_slice(&documented().response("doc-16-batch-partial-error").body).unwrap();
    let (results, errors) = (&body["result"]["result"], &body["result"]["result_error"]);
    let mut contact = result("doc-04-contact-create")["item"].clone();
    contact["id"] = json!(2653);
    // The search has answered, the names of managers are out of reach.
    let results = json!({ "s0": results["find"], "hits": { "items": [contact] } });
    let host = host().exchange(BATCH, batch(&results, errors));
    let cards = host.run(|| Bitrix24::lookup_client(vec![phone("+380671234567")])).unwrap();
    let manager = cards[0].manager.as_ref().unwrap();
    assert_eq!((manager.id.as_deref(), manager.name.as_deref()), (Some("1"), None));
    // The search itself has failed: nobody knows whether there is such a client.
    let errors = json!({ "s0": { "error": "insufficient_scope", "error_description": "" } });
    let host = bench::host().exchange(BATCH, batch(&json!([]), &errors));
    let error = host.run(|| Bitrix24::lookup_client(vec![phone("+380671234567")]));
    assert!(matches!(error, Err(Error::Unauthorized(_))), "{error:?}");
}
