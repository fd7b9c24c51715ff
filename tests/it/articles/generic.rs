//! Any sender without an adapter of its own.

use serde_json::{Value, json};

use super::{
    fixture::Folder,
    stage::{Channel, Stage},
};

pub(super) const GENERIC: Folder = Folder("plugins/channel-generic/fixtures");

fn channel(settings: Value) -> Channel {
    Channel {
        vendor: "generic",
        settings,
        options: json!({ "deals": true, "tasks": true, "notes": true }),
        rules: json!({ "phone": { "country": "RU" } }),
        ..Channel::default()
    }
}

#[tokio::test]
async fn a_lead_is_taken_as_json_as_a_form_and_as_get() {
    assert_eq!(GENERIC.requests(), ["lead.form", "lead.get", "lead.json", "lead.nested.json"]);
    let stage = Stage::new().await;
    let url = stage.join(channel(json!({}))).await;
    for (name, title, phone) in [
        ("lead.json", "Общий Пример", "+79000000151"),
        ("lead.form", "Форма Пример", "+79000000153"),
        ("lead.get", "Гет Пример", "+79000000154"),
    ] {
        let answer = stage.replay(GENERIC, name, &url).await;
        assert_eq!(answer.status, 202, "{name}: {answer:?}");
        assert_eq!(answer.json()["status"], "accepted", "{name}");
        let contact = stage.all("contacts").pop().unwrap();
        assert_eq!(contact["fields"]["name"], title);
        assert_eq!(contact["identifiers"][0], format!("phone:{phone}"));
    }
    assert_eq!(stage.counts(), [3, 3, 0, 0]);
    let first = stage.all("contacts")[0]["fields"].clone();
    assert_eq!((&first["source"], &first["comment"]), (&json!("landing-1"), &json!("Перезвоните")));
    assert_eq!((&first["utm-source"], &first["utm-campaign"]), (&json!("vk"), &json!("test")));
    stage.close().await;
}

#[tokio::test]
async fn values_that_lie_deep_are_found_by_templates() {
    let stage = Stage::new().await;
    let settings = json!({
        "phone": "{{data.lead.fields[code=PHONE].value}}",
        "name": "{{data.lead.fields[code=NAME].value}}",
        "dedup-key": "{{meta.request_id}}",
    });
    let url = stage.join(channel(settings)).await;
    stage.replay(GENERIC, "lead.nested.json", &url).await;
    stage.replay(GENERIC, "lead.nested.json", &url).await;
    let contact = stage.one("contacts");
    assert_eq!(contact["fields"]["name"], "Вложен Пример");
    assert_eq!(contact["identifiers"][0], "phone:+79000000152");
    assert_eq!(stage.counts(), [1, 1, 0, 0], "the same request is done once");
    stage.close().await;
}
