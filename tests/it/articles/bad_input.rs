//! What rules and clients can get wrong: it costs a field or an event, and never a card or the host.

use serde_json::{Value, json};

use super::{
    jivo::JIVO,
    sendpulse::SENDPULSE,
    stage::{Channel, Stage},
};

fn sendpulse(rules: Value) -> Channel {
    let options = json!({ "deals": true, "tasks": true, "notes": true });
    Channel { vendor: "sendpulse", options, rules, ..Channel::default() }
}

/// A flow's webhook of a contact with these variables.
fn lead(contact: &str, variables: &Value) -> String {
    let mut body = SENDPULSE.json("flow_webhook.telegram.json");
    body[0]["contact"]["id"] = json!(contact);
    body[0]["contact"]["variables"] = variables.clone();
    body.to_string()
}

#[tokio::test]
async fn a_template_that_fails_costs_its_field_alone_and_the_journal_says_so() {
    let stage = Stage::new().await;
    let rules = json!({ "mapping": [
        { "field": "contact.age", "value": "{{ contact.variables.name | int }}" },
        { "field": "contact.nick", "value": "{{ contact.username }}" },
    ] });
    let url = stage.join(sendpulse(rules)).await;
    stage.replay(SENDPULSE, "flow_webhook.telegram", &url).await;
    let fields = stage.one("contacts")["fields"].clone();
    assert_eq!((&fields["nick"], &fields["age"]), (&json!("olena_test"), &Value::Null));
    assert_eq!(stage.remarks().await, ["template"]);
    stage.close().await;
}

#[tokio::test]
async fn a_template_that_loops_or_grows_is_bounded_and_the_rest_goes_on() {
    let stage = Stage::new().await;
    let many = "{% for a in contact.variables.list %}{% for b in contact.variables.list %}{{ a }}{% endfor %}{% endfor %}";
    let rules = json!({ "mapping": [
        { "field": "contact.long", "value": many },
        { "field": "contact.nick", "value": "{{ contact.username }}" },
    ] });
    let url = stage.join(sendpulse(rules)).await;
    let list = vec!["x".repeat(100); 1000];
    let variables = json!({ "phone": "+380440000001", "list": list });
    stage.host.hook(&url, lead("c1", &variables)).await;
    stage.host.idle().await;
    let fields = stage.one("contacts")["fields"].clone();
    assert_eq!((&fields["nick"], &fields["long"]), (&json!("olena_test"), &Value::Null));
    assert_eq!(stage.remarks().await, ["template"]);
    stage.close().await;
}

#[tokio::test]
async fn what_an_event_brings_is_never_evaluated() {
    let stage = Stage::new().await;
    let name = "{{ 7 * 7 }}{% for a in b %}";
    let mapping = json!([{ "field": "contact.name", "value": "{{ contact.variables.name }}" }]);
    let url = stage.join(sendpulse(json!({ "mapping": mapping }))).await;
    let variables = json!({ "phone": "+380440000001", "name": name });
    stage.host.hook(&url, lead("c1", &variables)).await;
    stage.host.idle().await;
    assert_eq!(stage.one("contacts")["fields"]["name"], name);
    stage.close().await;
}

#[tokio::test]
async fn a_filter_on_what_is_not_there_is_not_true_and_no_fault() {
    for filter in [
        "contact.nothing.at.all == 'x'",
        "contact.variables.age > 18",
        "'vip' in contact.nothing",
        "nobody.knows is matching '^a'",
    ] {
        let stage = Stage::new().await;
        let url = stage.join(sendpulse(json!({ "filter": filter }))).await;
        let answer = stage.replay(SENDPULSE, "flow_webhook.telegram", &url).await;
        assert!(answer.status.is_success(), "{filter}: {answer:?}");
        assert_eq!(stage.counts(), [0; 4], "{filter}");
        assert!(stage.remarks().await.contains(&"filtered".to_owned()), "{filter}");
        stage.close().await;
    }
}

#[tokio::test]
async fn phones_that_are_none_make_no_card_and_merge_nobody() {
    let stage = Stage::new().await;
    let url = stage.join(sendpulse(json!({ "phone": { "country": "UA" } }))).await;
    for (place, phone) in ["не скажу", "123", "+", "нет телефона 1", "----"].iter().enumerate()
    {
        let contact = format!("c{place}");
        let answer = stage.host.hook(&url, lead(&contact, &json!({ "phone": phone }))).await;
        assert!(answer.status.is_success(), "{phone}: {answer:?}");
        stage.host.idle().await;
        assert_eq!(stage.counts(), [0; 4], "{phone}");
    }
    // What looks like a number and is none stays as it was received, on a card for each contact.
    for place in 0..2 {
        let variables = json!({ "phone": "00000000000000000000" });
        stage.host.hook(&url, lead(&format!("e{place}"), &variables)).await;
        stage.host.idle().await;
    }
    assert_eq!(stage.counts()[0], 2, "{:#?}", stage.all("contacts"));
    // With an e-mail they are people, and each is somebody else.
    for place in 0..3 {
        let email = format!("person{place}@example.com");
        let variables = json!({ "phone": "123-456", "email": email });
        stage.host.hook(&url, lead(&format!("d{place}"), &variables)).await;
        stage.host.idle().await;
    }
    assert_eq!(stage.counts()[0], 5, "{:#?}", stage.all("contacts"));
    stage.host.stop().await;
}

#[tokio::test]
async fn five_thousand_cards_for_one_phone_are_a_conflict_and_cost_no_deadline() {
    let stage = Stage::new().await;
    for number in 0..5_000 {
        let name = format!("Клиент {number}");
        let contact = json!({ "identifiers": ["phone:+79000000002"], "fields": { "name": name } });
        stage.ledger.add_contact(&contact);
    }
    let url = stage.join(Channel { vendor: "jivo", ..Channel::default() }).await;
    let answer = stage.replay(JIVO, "chat_accepted.unknown_with_phone", &url).await.json();
    assert_eq!(answer["contact_info"]["name"], "Клиент 0", "{answer}");
    assert_eq!(stage.remarks().await, ["conflict"]);
    assert_eq!(stage.counts()[0], 5_000);
    stage.host.stop().await;
}

#[tokio::test]
async fn rules_that_contradict_each_other_are_refused_with_their_field() {
    let stage = Stage::new().await;
    stage.join(Channel { vendor: "jivo", ..Channel::default() }).await;
    let name = |value: &str| json!({ "field": "contact.name", "value": value });
    for (rules, field) in [
        (json!({ "mapping": [name("a"), name("b")] }), "rules.mapping[1].field"),
        (json!({ "mapping": [{ "field": "name", "value": "a" }] }), "rules.mapping[0].field"),
        (json!({ "mapping": [name("{{ a")] }), "rules.mapping[0].value"),
        (json!({ "filter": "a ==" }), "rules.filter"),
        (json!({ "deal": { "events": ["offline-message"] } }), "rules.deal.events"),
        (json!({ "task": { "repeat": { "title": "Again" } } }), "rules.task.repeat"),
        (json!({ "note": { "source": true } }), "rules.note.source"),
        (json!({ "responsible": { "pool": "nobody-made-it" } }), "rules.responsible.pool"),
        (json!({ "phone": { "country": "Narnia" } }), "rules.phone.country"),
        (json!({ "lines": [{ "title": "", "text": "x" }] }), "rules.lines[0].title"),
    ] {
        let body = json!({ "channel": "jivo", "crm": "crm", "rules": rules });
        let refusal = stage.refusal("jivo-to-crm", &body).await;
        assert!(refusal.contains(&format!("\"{field}\"")), "{field}: {refusal}");
    }
    stage.host.stop().await;
}
