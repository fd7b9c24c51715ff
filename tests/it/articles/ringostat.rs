//! The Ringostat article: five moments of a call, the card before it is taken, the task after it was
//! missed, the recording and the source after it was made; and who may send at all.

use hyper::Request;
use serde_json::{Value, json};

use super::{
    fixture::Folder,
    stage::{CARDS, Channel, Stage},
};

pub(super) const RINGOSTAT: Folder = Folder("plugins/channel-ringostat/fixtures");

const KEY: &str = "fake-ringostat-key-000";

fn channel() -> Channel {
    Channel {
        vendor: "ringostat",
        secrets: json!({ "url-key": KEY }),
        options: json!({ "deals": true, "tasks": true, "notes": true }),
        rules: json!({
            "phone": { "country": "UA" },
            "note": { "source": true },
            "responsible": { "default": "m1" },
        }),
        ..Channel::default()
    }
}

/// The client of most calls, known to the CRM.
fn known() -> Value {
    json!({
        "identifiers": ["phone:+380440000011"],
        "fields": { "name": "Олена Тестова", "manager": "m1" },
        "lines": [{ "title": "Баланс", "text": "1250" }],
    })
}

async fn stage() -> (Stage, String) {
    let stage = Stage::new().await;
    stage.ledger.name_contacts("", 1001, Some(CARDS));
    stage.ledger.add_contact(&known());
    let url = stage.join(channel()).await;
    (stage, url)
}

const ALL: [&str; 10] = [
    "v2.before_call",
    "v2.forward_step",
    "v2.answered",
    "v2.after_call.answered",
    "v2.rating_menu",
    "v2.after_call.missed",
    "v2.after_call.callback",
    "v2.after_outgoing",
    "v1.before_call.form",
    "v1.after_call.get",
];

async fn replay_all(stage: &Stage, url: &str) {
    for name in ALL {
        let answer = stage.replay(RINGOSTAT, name, url).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn every_moment_of_a_call_is_taken_over_get_form_and_json() {
    let (stage, url) = stage().await;
    let mut all = ALL.to_vec();
    all.sort_unstable();
    assert_eq!(all, RINGOSTAT.requests());
    replay_all(&stage, &url).await;
    let phones: Vec<String> =
        stage.all("contacts").iter().map(|it| it["identifiers"][0].to_string()).collect();
    assert_eq!(
        phones,
        [
            "\"phone:+380440000011\"",
            "\"phone:+380440000015\"",
            "\"phone:+380440000014\"",
            "\"phone:+380440000013\"",
            "\"phone:+380440000012\"",
        ]
    );
    let before = stage.ledger.records();
    replay_all(&stage, &url).await;
    assert_eq!(stage.ledger.records(), before, "a repeat changes nothing");
    stage.close().await;
}

#[tokio::test]
async fn the_card_is_shown_before_the_call_is_taken() {
    let (stage, url) = stage().await;
    let shown = stage.replay(RINGOSTAT, "v2.before_call", &url).await.json();
    assert_eq!(shown["client"], json!({ "name": "Олена Тестова", "phone": "+380440000011" }));
    assert_eq!(shown["card_url"], "https://crm.example.com/contact/1001");
    assert_eq!(shown["manager"]["name"], "Vera Example");
    assert_eq!(shown["lines"][0]["text"], "1250");
    // Nobody is known under the number of the form: the card is made, and shown as it is.
    let shown = stage.replay(RINGOSTAT, "v1.before_call.form", &url).await.json();
    assert_eq!(shown["client"], json!({ "phone": "+380440000013" }));
    stage.close().await;
}

#[tokio::test]
async fn a_missed_call_becomes_a_task_for_the_manager() {
    let (stage, url) = stage().await;
    stage.replay(RINGOSTAT, "v2.after_call.missed", &url).await;
    let task = stage.one("tasks");
    assert_eq!(task["manager"], "m1");
    assert!(task["text"].as_str().unwrap().contains("380440000011"), "{task}");
    stage.close().await;
}

#[tokio::test]
async fn a_finished_call_leaves_its_recording_and_the_source_of_the_client() {
    let (stage, url) = stage().await;
    stage.replay(RINGOSTAT, "v2.after_call.answered", &url).await;
    let notes = stage.all("notes");
    let call = notes.iter().find_map(|note| note.get("call")).unwrap();
    let recording = "https://app.ringostat.example/recordings/ua1-1760000000.100001.mp3";
    assert_eq!((&call["recording-url"], &call["duration-s"]), (&json!(recording), &json!(95)));
    assert_eq!((&call["direction"], &call["missed"]), (&json!("inbound"), &json!(false)));
    let source = notes.iter().find_map(|note| note["text"].as_str()).unwrap();
    for part in ["google", "brand-test", "насос тест", "https://shop.example.com/?gclid=TEST"]
    {
        assert!(source.contains(part), "{part}: {source}");
    }
    assert_eq!(stage.all("deals")[0]["fields"]["utm-campaign"], "brand-test");
    stage.close().await;
}

#[tokio::test]
async fn the_category_and_value_of_a_call_reach_the_crm() {
    let (stage, mut channel) = (Stage::new().await, channel());
    channel.rules["mapping"] = json!([
        { "field": "contact.category", "value": "{{ category }}", "update": "all" },
        { "field": "contact.value", "value": "{{ category_value }}", "update": "all" },
    ]);
    stage.ledger.add_contact(&known());
    let url = stage.join(channel).await;
    stage.replay(RINGOSTAT, "v2.rating_menu", &url).await;
    let fields = stage.one("contacts")["fields"].clone();
    assert_eq!((&fields["category"], &fields["value"]), (&json!("Цільовий"), &json!("500")));
    stage.close().await;
}

#[tokio::test]
async fn a_callback_is_the_clients_wish_and_an_outgoing_call_is_not() {
    let (stage, url) = stage().await;
    stage.replay(RINGOSTAT, "v2.after_outgoing", &url).await;
    assert_eq!(stage.counts()[1..3], [0, 0], "the company has called");
    stage.replay(RINGOSTAT, "v2.after_call.callback", &url).await;
    assert_eq!(stage.counts()[1..3], [1, 0]);
    stage.close().await;
}

#[tokio::test]
async fn names_that_the_user_typed_are_read_by_a_table_of_aliases() {
    let (preset, url) = stage().await;
    replay_all(&preset, &url).await;
    let renamed = Stage::new().await;
    renamed.ledger.name_contacts("", 1001, Some(CARDS));
    renamed.ledger.add_contact(&known());
    let aliases = RINGOSTAT.json("preset.default.json").to_string();
    let url = renamed.join(Channel { settings: json!({ "aliases": aliases }), ..channel() }).await;
    replay_all(&renamed, &url).await;
    let without_due = |stage: &Stage| {
        let mut records = stage.ledger.records();
        let tasks = records["tasks"].as_array_mut().unwrap();
        for task in tasks {
            drop(task.as_object_mut().unwrap().remove("due"));
        }
        records
    };
    assert_eq!(without_due(&preset), without_due(&renamed), "the preset is what the file says");

    let own = Channel {
        account: "own-names",
        settings: json!({ "aliases": r#"{"caller":["tel"],"recording_url":["zapis"]}"# }),
        ..channel()
    };
    let url = renamed.join(own).await;
    let query = format!(
        "?key={KEY}&event=after_call&call_id=9&tel=0440000099&billsec=9&call_type=in&zapis=https%3A%2F%2Fr.example.com%2F9.mp3"
    );
    let request = Request::get(format!("{url}{query}")).body(http_body_util::Full::default());
    assert_eq!(renamed.host.send(request.unwrap()).await.status, 200);
    renamed.host.idle().await;
    let notes = renamed.all("notes");
    let recording = json!("https://r.example.com/9.mp3");
    assert!(notes.iter().any(|note| note["call"]["recording-url"] == recording), "{notes:#?}");
    preset.close().await;
    renamed.close().await;
}

#[tokio::test]
async fn who_has_another_key_or_address_is_refused_and_reaches_no_crm() {
    let (stage, url) = stage().await;
    let stranger = RINGOSTAT.request("v2.after_call.missed", &url);
    let (mut parts, body) = stranger.into_parts();
    parts.uri = parts.uri.to_string().replace(KEY, "another-key").parse().unwrap();
    let answer = stage.host.send(Request::from_parts(parts, body)).await;
    assert_eq!(answer.status, 403, "{answer:?}");

    let elsewhere = Channel {
        account: "elsewhere",
        settings: json!({ "allowed-ips": "203.0.113.7, 198.51.100.0/24" }),
        ..channel()
    };
    let elsewhere = stage.join(elsewhere).await;
    let answer = stage.replay(RINGOSTAT, "v2.after_call.missed", &elsewhere).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let here =
        Channel { account: "here", settings: json!({ "allowed-ips": "127.0.0.0/8" }), ..channel() };
    let here = stage.join(here).await;
    assert_eq!(stage.counts(), [1, 0, 0, 0]);
    let answer = stage.replay(RINGOSTAT, "v2.after_call.missed", &here).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(stage.counts()[2], 1);
    stage.close().await;
}
