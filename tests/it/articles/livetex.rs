//! The LiveTex article: the card of an authorised client for the operator, the conversation for the
//! CRM, and one history over site and app.

use serde_json::{Value, json};

use super::{
    fixture::Folder,
    peer::Peer,
    stage::{CARDS, Channel, Stage},
};

pub(super) const LIVETEX: Folder = Folder("plugins/channel-livetex/fixtures");

const ATTRIBUTES: &str = "/attributes";
const KEY: &str = "fake-livetex-key";

fn channel() -> Channel {
    Channel {
        vendor: "livetex",
        options: json!({ "deals": true, "notes": true }),
        ..Channel::default()
    }
}

/// An account that shows cards to operators.
fn showing(app: &Peer) -> Channel {
    Channel {
        settings: json!({ "attributes-url": format!("{}{ATTRIBUTES}", app.url) }),
        secrets: json!({ "attributes-key": KEY }),
        grants: app.grants(),
        rules: json!({ "push": { "card": true } }),
        ..channel()
    }
}

/// The client whom the site and the app call `crm-1001`.
fn known(lines: &Value) -> Value {
    json!({
        "identifiers": [
            "phone:+79000000021",
            "email:klientov@example.com",
            "external:livetex-person:crm-1001",
        ],
        "fields": { "name": "Клиентов Образец" },
        "lines": lines,
    })
}

#[tokio::test]
async fn a_closed_conversation_is_kept_with_operator_client_times_topic_and_rating() {
    let stage = Stage::new().await;
    let url = stage.join(channel()).await;
    assert_eq!(
        LIVETEX.requests(),
        ["conversation_assigned", "conversation_closed", "conversation_rated"]
    );
    let answer = stage.replay(LIVETEX, "conversation_closed", &url).await;
    assert!(answer.status.is_success(), "{answer:?}");
    assert_eq!(stage.one("contacts")["fields"]["name"], "Клиентов Образец");
    let note = stage.one("notes");
    let transcript = &note["transcript"];
    assert_eq!(transcript["topic"], "Доставка");
    assert!(transcript["rating"].as_str().unwrap().contains('5'), "{transcript}");
    assert_eq!(transcript["started-at"], "2025-10-09T09:00:00Z");
    assert_eq!(transcript["finished-at"], "2025-10-09T09:14:30Z");
    assert_eq!(transcript["messages"][1]["agent"], "Операторова Проба");

    stage.replay(LIVETEX, "conversation_rated", &url).await;
    let notes = stage.all("notes");
    assert_eq!(notes[1]["subject"], note["subject"], "the visitor is known by now");
    assert_eq!(notes[1]["transcript"]["rating"], "negative", "{notes:#?}");
    stage.replay(LIVETEX, "conversation_closed", &url).await;
    assert_eq!(stage.counts(), [1, 0, 0, 2], "a repeat changes nothing");
    stage.close().await;
}

#[tokio::test]
async fn a_visitor_of_a_messenger_who_left_no_contact_gets_no_card() {
    let stage = Stage::new().await;
    let url = stage.join(channel()).await;
    let answer = stage.replay(LIVETEX, "conversation_assigned", &url).await;
    assert!(answer.status.is_success(), "{answer:?}");
    assert_eq!(stage.counts(), [0; 4]);
    stage.close().await;
}

#[tokio::test]
async fn the_operator_sees_the_attributes_of_an_authorised_client() {
    let app = Peer::start(&[(ATTRIBUTES, json!({}))]).await;
    let stage = Stage::new().await;
    stage.ledger.add_contact(&known(&json!([{ "title": "Баланс", "text": "1250" }])));
    let url = stage.join(showing(&app)).await;
    // A visitor nobody has authorised is shown to nobody.
    stage.replay(LIVETEX, "conversation_assigned", &url).await;
    assert_eq!(app.calls(""), []);

    stage.replay(LIVETEX, "conversation_closed", &url).await;

    let designed = LIVETEX.json("out.attributes_push.designed.json");
    let [push] = app.calls(ATTRIBUTES).try_into().unwrap();
    assert_eq!((push.method, push.body), ("POST".to_owned(), designed["body"].clone()));
    let header = designed["headers"]["Authorization"].as_str().unwrap();
    assert_eq!(push.authorization.unwrap(), header.replace("{{LIVETEX_KEY}}", KEY));
    stage.close().await;
}

#[tokio::test]
async fn the_operators_attributes_are_those_that_the_visitor_api_takes() {
    let app = Peer::start(&[(ATTRIBUTES, json!({}))]).await;
    let stage = Stage::new().await;
    stage.ledger.name_contacts("", 1001, Some(CARDS));
    let lines =
        json!([{ "title": "Баланс", "text": "1250" }, { "title": "Статус", "text": "VIP" }]);
    stage.ledger.add_contact(&known(&lines));
    let url = stage.join(showing(&app)).await;
    stage.replay(LIVETEX, "conversation_closed", &url).await;

    let [push] = app.calls(ATTRIBUTES).try_into().unwrap();
    let visitor = LIVETEX.json("out.visitor_attributes.ws.json");
    let mut expected = visitor["attributes"].clone();
    for key in ["name", "phone", "email"] {
        expected[key] = visitor[key].clone();
    }
    assert_eq!(push.body["attributes"], expected);
    // The site and the app name the client as the push does.
    let asked = LIVETEX.json("out.visitor_auth.request.json");
    assert_eq!(push.body["personId"], asked["query"]["customVisitorToken"]);
    stage.close().await;
}

#[tokio::test]
async fn one_client_over_site_and_app_has_one_history() {
    let stage = Stage::new().await;
    let url = stage.join(channel()).await;
    for (visitor, conversation, point) in
        [("v-700001", "lt-9000001", "chat"), ("v-700009", "lt-9000009", "app")]
    {
        let mut body = LIVETEX.json("conversation_closed.json");
        body["Conversation"]["id"] = json!(conversation);
        body["Conversation"]["touchPoint"]["type"] = json!(point);
        body["discourser"] =
            json!({ "id": visitor, "personId": "crm-1001", "phone": "+79000000021" });
        if point == "app" {
            body["discourser"].as_object_mut().unwrap().remove("phone");
        }
        stage.host.hook(&url, body.to_string()).await;
        stage.host.idle().await;
    }
    let card = stage.one("contacts")["id"].clone();
    let notes = stage.all("notes");
    assert_eq!(notes.len(), 2);
    assert!(notes.iter().all(|note| note["subject"]["card"] == card), "{notes:#?}");
    stage.close().await;
}
