//! Which contacts win where the client and the card differ, and what is never merged.

use serde_json::{Value, json};

use super::{
    jivo::JIVO,
    stage::{Channel, Stage},
};

/// The card has the e-mail of the client, and another phone.
fn card() -> Value {
    json!({
        "identifiers": ["email:alina.testova@example.com", "phone:+79000000077"],
        "fields": { "name": "Тестова Алина Игоревна" },
    })
}

async fn after(rules: Value) -> (Stage, Vec<Value>) {
    let stage = Stage::new().await;
    stage.ledger.add_contact(&card());
    let url = stage.join(Channel { vendor: "jivo", rules, ..Channel::default() }).await;
    stage.replay(JIVO, "chat_accepted.user_token", &url).await;
    let contact = stage.one("contacts");
    let identifiers = contact["identifiers"].as_array().unwrap();
    let is_phone = |held: &&Value| held.as_str().unwrap().starts_with("phone:");
    let phones = identifiers.iter().filter(is_phone).cloned().collect();
    (stage, phones)
}

#[tokio::test]
async fn the_phone_of_the_card_stays_the_main_one_and_the_other_is_kept_beside_it() {
    let (stage, phones) = after(json!({})).await;
    assert_eq!(phones, ["phone:+79000000077", "phone:+79000000001"]);
    assert_eq!(stage.one("contacts")["fields"]["name"], "Тестова Алина Игоревна");
    stage.close().await;
}

#[tokio::test]
async fn where_the_operator_says_so_the_phone_of_the_client_becomes_the_main_one() {
    let (stage, phones) = after(json!({ "update": "all" })).await;
    assert_eq!(phones, ["phone:+79000000001", "phone:+79000000077"]);
    assert_eq!(stage.one("contacts")["fields"]["name"], "Тестова Алина");
    stage.close().await;
}

#[tokio::test]
async fn which_contact_wins_can_be_said_for_each_field() {
    let name = json!({ "field": "contact.name", "value": "{{ fields.name }}", "update": "all" });
    let phone = json!({ "field": "contact.phone", "value": "{{ fields.phone }}" });
    let (stage, phones) = after(json!({ "mapping": [name, phone] })).await;
    assert_eq!(phones[0], "phone:+79000000077");
    assert_eq!(stage.one("contacts")["fields"]["name"], "Тестова Алина");
    stage.close().await;
}

#[tokio::test]
async fn a_client_of_two_cards_is_reported_and_the_cards_are_not_merged() {
    let stage = Stage::new().await;
    let one =
        json!({ "identifiers": ["email:alina.testova@example.com"], "fields": { "name": "A" } });
    let other = json!({ "identifiers": ["phone:+79000000001"], "fields": { "name": "B" } });
    stage.ledger.add_contact(&one);
    stage.ledger.add_contact(&other);
    let url = stage.join(Channel { vendor: "jivo", ..Channel::default() }).await;
    stage.replay(JIVO, "chat_accepted.user_token", &url).await;
    let contacts = stage.all("contacts");
    assert_eq!(contacts.len(), 2);
    assert_eq!(contacts[0]["identifiers"], one["identifiers"], "{contacts:#?}");
    assert_eq!(contacts[0]["fields"], one["fields"]);
    // The phone is surer than the e-mail, which stays with the card that it has led to.
    let identifiers = json!(["phone:+79000000001", "external:jivo:ZZtest0001:2746"]);
    assert_eq!(contacts[1]["identifiers"], identifiers);
    assert_eq!(contacts[1]["fields"]["name"], "B");
    assert_eq!(contacts[1]["fields"].get("email"), None);
    assert_eq!(stage.remarks().await, ["conflict"]);
    stage.close().await;
}
