//! Tags and variables as the API wants them, and what its answers mean.

use patchbay_sdk::about::Auth;
use patchbay_sdk::testing::Host;
use patchbay_sdk::types::{Card, Error, ExternalId, Identifier, Person};
use patchbay_sdk::{Adapter, ChannelPush, http};
use serde_json::{Value as Json, json};

use super::{FIXTURES, event, fixture, host};
use crate::SendPulse;

const DONE: &str = r#"{"success":true}"#;

fn stored(name: &str) -> Json {
    let path = format!("{FIXTURES}/{name}.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn contact(id: &str) -> ExternalId {
    ExternalId { system: "sendpulse".to_owned(), id: id.to_owned() }
}

fn tag(host: &Host, client: ExternalId) -> Result<(), Error> {
    host.run(|| SendPulse::tag(client, "CRM".to_owned()))
}

fn sent(host: &Host) -> Vec<(String, Json)> {
    let sent = host.requests().into_iter();
    sent.map(|request| (request.url, serde_json::from_slice(&request.body).unwrap())).collect()
}

#[test]
fn a_tag_is_set_by_the_id_that_the_event_brought() {
    let event = event(fixture("flow_webhook.telegram"));
    let client = event.client.into_iter().find_map(|identifier| match identifier {
        Identifier::External(external) => Some(external),
        _ => None,
    });
    let answer = stored("api.set_tag.response").to_string();
    let host = host().exchange("POST /telegram/contacts/setTag", http::Response::json(200, answer));
    assert_eq!(tag(&host, client.unwrap()), Ok(()));
    let expected = stored("api.set_tag.request");
    let [request] = host.requests().try_into().unwrap();
    assert_eq!(
        (request.method, request.url),
        ("POST".to_owned(), expected["url"].as_str().unwrap().to_owned())
    );
    assert_eq!(serde_json::from_slice::<Json>(&request.body).unwrap(), expected["body"]);
    let content_type = ("content-type".to_owned(), "application/json".to_owned());
    assert_eq!(request.headers, [content_type], "the host adds the token");
}

#[test]
fn each_messenger_has_its_path() {
    let cases = [
        ("instagram", "instagram"),
        ("messenger", "messenger"),
        ("facebook", "messenger"),
        ("whatsapp", "whatsapp"),
        ("viber", "viber"),
        ("vk", "vk"),
        ("live_chat", "livechat"),
        ("livechat", "livechat"),
        ("tiktok", "tiktok"),
    ];
    for (service, path) in cases {
        let expected = format!("POST /{path}/contacts/setTag");
        let host = host().exchange(&expected, http::Response::json(200, DONE));
        assert_eq!(tag(&host, contact(&format!("{service}:c1"))), Ok(()), "{service}");
    }
}

#[test]
fn a_proxy_may_stand_before_the_api() {
    let host = host()
        .setting("api-url", "http://127.0.0.1:8080/")
        .exchange("POST /viber/contacts/setTag", http::Response::json(200, DONE));
    assert_eq!(tag(&host, contact("viber:c1")), Ok(()));
    assert_eq!(sent(&host)[0].0, "http://127.0.0.1:8080/viber/contacts/setTag");
}

#[test]
fn a_client_of_another_channel_gets_no_tag() {
    let jivo = ExternalId { system: "jivo".to_owned(), id: "telegram:c1".to_owned() };
    for client in [jivo, contact("c1"), contact("-:c1"), contact("telegram:")] {
        let host = host();
        assert!(matches!(tag(&host, client), Err(Error::Unsupported(_))));
        assert!(host.requests().is_empty());
    }
    let host = host();
    let empty = host.run(|| SendPulse::tag(contact("viber:c1"), " ".to_owned()));
    assert!(matches!(empty, Err(Error::Invalid(_))));
}

#[test]
fn a_card_is_written_into_the_variables_that_the_settings_name() {
    let manager = Person {
        id: Some("5".to_owned()),
        name: Some("Менеджер Тест".to_owned()),
        email: None,
        phone: None,
        active: true,
    };
    let url = "https://crm.example.com/contact/1001".to_owned();
    let card = Card { url: Some(url.clone()), manager: Some(manager), ..Card::new("1001") };
    let push = |host: &Host, card: &Card| {
        host.run(|| SendPulse::push_card(contact("telegram:c1"), card.clone()))
    };
    let done = || http::Response::json(200, DONE);
    let path = "POST /telegram/contacts/setVariable";

    let both = host()
        .setting("card-url-variable", "crm_card")
        .setting("manager-variable", "менеджер")
        .exchange(path, done())
        .exchange(path, done());
    assert_eq!(push(&both, &card), Ok(()));
    let expected = [
        json!({"contact_id": "c1", "variable_name": "crm_card", "variable_value": url}),
        json!({"contact_id": "c1", "variable_name": "менеджер", "variable_value": "Менеджер Тест"}),
    ];
    assert_eq!(sent(&both).into_iter().map(|(_, body)| body).collect::<Vec<_>>(), expected);

    let bare = host().setting("manager-variable", "m");
    assert_eq!(push(&bare, &Card::new("1001")), Ok(()), "nothing to write");
    let unset = push(&host(), &card);
    assert!(matches!(unset, Err(Error::Unsupported(text)) if text.contains("`card-url-variable`")));
}

#[test]
fn answers_mean_what_the_host_has_to_do() {
    let answer = |status: u16, body: &str| {
        let host = host().http({
            let response = http::Response::json(status, body);
            move |_| Ok(response.clone())
        });
        tag(&host, contact("telegram:c1")).unwrap_err()
    };
    assert!(matches!(answer(401, "{}"), Error::Unauthorized(_)));
    assert!(matches!(answer(402, ""), Error::PlanLimit(_)));
    assert!(matches!(answer(403, "{}"), Error::Unsupported(_)));
    assert!(matches!(answer(404, "{}"), Error::NotFound(_)));
    assert!(
        matches!(answer(302, ""), Error::Invalid(problems) if problems[0].field.as_deref() == Some("api-url"))
    );
    assert!(matches!(answer(413, ""), Error::Invalid(_)));
    assert!(matches!(answer(408, ""), Error::UnknownOutcome(_)));
    assert!(matches!(answer(500, "{}"), Error::UnknownOutcome(_)));
    assert!(matches!(answer(503, ""), Error::Unavailable(_)));
    assert!(matches!(answer(200, "<html>"), Error::UnknownOutcome(_)));
    assert_eq!(answer(429, ""), Error::RateLimited(None));

    let refused =
        r#"{"success":false,"errors":{"contact_id":["+380440000001 is wrong"],"a b":[]}}"#;
    for status in [200, 400, 422] {
        let Error::Invalid(problems) = answer(status, refused) else { panic!("{status}") };
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].field.as_deref(), Some("contact_id"));
        assert!(!problems[0].message.contains("380"));
    }
    assert!(matches!(answer(400, "[]"), Error::Invalid(_)));
}

#[test]
fn a_wait_is_as_long_as_the_api_asks() {
    let waits = |_: &http::Request| {
        let headers = vec![("retry-after".to_owned(), "7".to_owned())];
        Ok(http::Response { headers, ..http::Response::empty(429) })
    };
    assert_eq!(tag(&host().http(waits), contact("vk:c1")), Err(Error::RateLimited(Some(7_000))));
}

#[test]
fn a_token_that_the_host_did_not_get_is_told_in_the_hosts_words() {
    let text = "the token endpoint refused the credentials: `invalid_client`";
    let refused = move |_: &http::Request| {
        let response = http::Response { body: text.into(), ..http::Response::empty(401) };
        Ok(response.with_header("x-patchbay", "token-refused"))
    };
    let answer = tag(&host().http(refused), contact("vk:c1"));
    assert_eq!(answer, Err(Error::Unauthorized(text.to_owned())));
}

#[test]
fn a_lost_answer_is_told_from_one_never_asked() {
    let lost = host().http(|_| Err(http::Error::Interrupted("cut".to_owned())));
    assert!(matches!(tag(&lost, contact("vk:c1")), Err(Error::UnknownOutcome(_))));
    let down = host().http(|_| Err(http::Error::Unreachable("down".to_owned())));
    assert!(matches!(tag(&down, contact("vk:c1")), Err(Error::Unavailable(_))));
}

#[test]
fn the_host_is_told_how_to_get_the_token() {
    let manifest = SendPulse::describe();
    let Auth::Oauth2(oauth2) = manifest.auth else { panic!("client credentials") };
    let expected = stored("api.token.request");
    let setting = |key: &str| manifest.settings.iter().find(|setting| setting.key == key).unwrap();
    let (key, path) =
        oauth2.token_url.strip_prefix("setting:").and_then(|rest| rest.split_once('/')).unwrap();
    let origin = setting(key).default_value.as_deref().unwrap();
    assert_eq!(format!("{origin}/{path}"), expected["url"].as_str().unwrap());
    assert_eq!(oauth2.authorize_url, None);
    let secret = |key| setting(key).secret;
    assert_eq!((secret("client-id"), secret("client-secret")), (false, true));
}
