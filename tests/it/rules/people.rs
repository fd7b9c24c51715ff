//! Who looks after whom: agents, pools, and what the CRM is asked for it.

use patchbay_ledger::Endpoint;
use serde_json::{Value, json};

use super::{NOBODY, Stage, chat, remarks};

fn deals() -> Value {
    json!({ "deals": true })
}

fn by_pool() -> Value {
    json!({ "responsible": { "pool": "sales" } })
}

fn phone(number: u64) -> String {
    format!("+38044{number:07}")
}

/// The managers of the deals, in their order.
fn managers(stage: &Stage) -> Vec<Value> {
    stage.records("deals").iter().map(|deal| deal["manager"].clone()).collect()
}

#[tokio::test]
async fn a_pool_takes_turns_and_passes_over_who_has_left_also_after_a_restart() {
    let mut stage = Stage::new(deals(), by_pool()).await;
    for number in 1..=3 {
        stage.send(&chat(number, &phone(number), NOBODY)).await;
    }
    stage.host.restart().await;
    stage.url = stage.host.jivo_account(json!({ "plugin": "channel-jivo" })).await;
    stage.send(&chat(4, &phone(4), NOBODY)).await;
    assert_eq!(managers(&stage), ["m1", "m3", "m1", "m3"]);
    let of_contacts: Vec<Value> =
        stage.records("contacts").iter().map(|it| it["fields"]["manager"].clone()).collect();
    assert_eq!(of_contacts, managers(&stage), "one draw is for card and deal");
    stage.host.stop().await;
}

#[tokio::test]
async fn the_managers_are_asked_for_once_in_a_while_and_only_where_a_rule_needs_them() {
    let stage = Stage::new(deals(), json!({ "responsible": { "agent": false } })).await;
    stage.send(&chat(1, &phone(1), "vera@example.com")).await;
    assert_eq!(stage.ledger.calls_of(Endpoint::Managers), 0);
    assert_eq!(managers(&stage), [Value::Null]);
    stage.rules(deals(), by_pool()).await;
    for number in 2..=5 {
        stage.send(&chat(number, &phone(number), NOBODY)).await;
    }
    assert_eq!(stage.ledger.calls_of(Endpoint::Managers), 1);
    stage.host.stop().await;
}

#[tokio::test]
async fn an_agent_whom_the_crm_knows_looks_after_the_client() {
    let stage = Stage::new(deals(), by_pool()).await;
    stage.send(&chat(1, &phone(1), "IRA@example.com")).await;
    stage.send(&chat(2, &phone(2), NOBODY)).await;
    assert_eq!(managers(&stage), ["m3", "m1"], "the agent takes nobody's turn");
    stage.host.stop().await;
}

#[tokio::test]
async fn the_least_loaded_manager_is_next_and_loads_are_counted_over_pages() {
    let stage = Stage::new(deals(), by_pool()).await;
    stage.pool("least-loaded").await;
    stage.ledger.set_page(1);
    for number in 11..=13 {
        let manager = if number == 13 { "m3" } else { "m1" };
        let identifiers = json!([format!("phone:{}", phone(number))]);
        let fields = json!({ "manager": manager });
        stage.ledger.add_contact(&json!({ "identifiers": identifiers, "fields": fields }));
    }
    for number in 1..=3 {
        stage.send(&chat(number, &phone(number), NOBODY)).await;
    }
    let made = managers(&stage);
    assert_eq!(made.first(), Some(&json!("m3")), "one card against two: {made:?}");
    assert!(made.contains(&json!("m1")), "what was given since counts too: {made:?}");
    assert_eq!(stage.ledger.calls_of(Endpoint::Assignments), 2, "two pages, once");
    stage.host.stop().await;
}

#[tokio::test]
async fn loads_are_counted_up_to_fifty_pages_and_the_journal_says_so() {
    for (pages, expected) in [(50_u64, Vec::new()), (51, vec!["unsupported"])] {
        let stage = Stage::new(deals(), by_pool()).await;
        stage.pool("least-loaded").await;
        stage.ledger.set_page(1);
        for number in 101..101 + pages {
            let identifiers = json!([format!("phone:{}", phone(number))]);
            let fields = json!({ "manager": format!("other-{number}") });
            stage.ledger.add_contact(&json!({ "identifiers": identifiers, "fields": fields }));
        }
        let event = stage.send(&chat(1, &phone(1), NOBODY)).await;
        assert_eq!(remarks(&event), expected, "{pages}");
        assert_eq!(stage.ledger.calls_of(Endpoint::Assignments), 50);
        stage.host.stop().await;
    }
}

#[tokio::test]
async fn a_pool_of_whom_nobody_is_left_leaves_it_to_the_default_or_to_the_crm() {
    let rules = json!({ "responsible": { "pool": "sales", "default": "oleg@example.com" } });
    let stage = Stage::new(deals(), rules).await;
    stage.ledger.set_managers(&json!([
        { "id": "m1", "email": "vera@example.com", "active": false },
        { "id": "m2", "email": "oleg@example.com", "active": true },
    ]));
    let only = json!({ "crm": "ledger", "members": [{ "manager": "m1" }] });
    stage.host.put("/pools/sales", only).await;
    stage.send(&chat(1, &phone(1), NOBODY)).await;
    stage.rules(deals(), by_pool()).await;
    let event = stage.send(&chat(2, &phone(2), NOBODY)).await;
    assert_eq!(managers(&stage), [json!("m2"), Value::Null]);
    assert_eq!(remarks(&event), ["no-manager"]);
    stage.host.stop().await;
}

#[tokio::test]
async fn managers_that_cannot_be_asked_for_put_the_job_off() {
    let stage = Stage::new(deals(), by_pool()).await;
    // A look-up comes first.
    stage.ledger.fault_on(Endpoint::Managers, 1, patchbay_ledger::Fault::Status(503));
    let event = stage.send(&chat(1, &phone(1), NOBODY)).await;
    let outcomes: Vec<&Value> =
        event["attempts"].as_array().unwrap().iter().map(|it| &it["outcome"]).collect();
    assert_eq!(outcomes, ["transient", "done"]);
    assert_eq!(managers(&stage), ["m1"], "the turn was not lost");
    stage.host.stop().await;
}
