//! The card as the attributes that an operator sees, and what answers mean.

use patchbay_sdk::ChannelPush;
use patchbay_sdk::http;
use patchbay_sdk::testing::{Host, host::placeholder, webhooks::matches};
use patchbay_sdk::types::{Card, Error, ExternalId, Field, Identifier, Line, Value};
use serde_json::{Value as Json, json};

use super::{FIXTURES, event, fixture, host};
use crate::LiveTex;

fn line(title: &str, text: &str, url: Option<&str>) -> Line {
    Line { title: title.to_owned(), text: text.to_owned(), url: url.map(str::to_owned) }
}

fn card() -> Card {
    let phones = ["+79000000021", "+79000000022"].map(str::to_owned).to_vec();
    Card {
        fields: vec![
            Field::text("name", "Клиентов Образец"),
            Field::new("phone", Value::Texts(phones)),
            Field::text("email", "klientov@example.com"),
            Field::text("comment", "not for the operator"),
        ],
        lines: vec![line("Баланс", "1250", None)],
        ..Card::new("1001")
    }
}

fn person(id: &str) -> ExternalId {
    ExternalId { system: "livetex-person".to_owned(), id: id.to_owned() }
}

fn push(host: &Host, card: Card) -> Result<(), Error> {
    host.run(|| LiveTex::push_card(person("crm-1001"), card))
}

fn answering(host: Host, status: u16) -> Host {
    host.http(move |_| Ok(http::Response::empty(status)))
}

fn attributes(host: &Host) -> Json {
    let body: Json = serde_json::from_slice(&host.requests()[0].body).unwrap();
    body["attributes"].clone()
}

#[test]
fn the_card_is_pushed_by_the_id_that_the_event_brought() {
    let path = format!("{FIXTURES}/out.attributes_push.designed.json");
    let expected: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let client = event(fixture("conversation_closed")).client.into_iter();
    let client = client.filter_map(|identifier| match identifier {
        Identifier::External(external) => Some(external),
        _ => None,
    });
    let host = answering(host(), 200);
    let first = client.clone().next().unwrap();
    assert_eq!(host.run(|| LiveTex::push_card(first, card())), Ok(()));
    let [request] = host.requests().try_into().unwrap();
    assert_eq!(
        (request.method.as_str(), request.url.as_str()),
        ("POST", "https://attributes.example.com/v1/push")
    );
    let body: Json = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(matches(&expected["body"], &body), Ok(()));
    let authorization = format!("Bearer {}", placeholder("attributes-key"));
    assert!(request.headers.contains(&("Authorization".to_owned(), authorization)));
    assert!(request.headers.contains(&("content-type".to_owned(), "application/json".to_owned())));
}

#[test]
fn the_key_goes_where_the_settings_say() {
    let custom =
        host().setting("attributes-auth-header", "X-Key").setting("attributes-auth-scheme", "");
    let custom = answering(custom, 204);
    assert_eq!(push(&custom, card()), Ok(()));
    let key = ("X-Key".to_owned(), placeholder("attributes-key"));
    assert!(custom.requests()[0].headers.contains(&key));

    let bare = Host::new().setting("attributes-url", "https://attributes.example.com/");
    let bare = answering(bare, 200);
    assert_eq!(push(&bare, card()), Ok(()));
    assert_eq!(bare.requests()[0].headers.len(), 1, "the content type");
}

#[test]
fn the_address_of_the_card_is_an_attribute() {
    let url = "https://crm.example.com/contact/1001";
    let with = |host: Host, url: &str| {
        let host = answering(host, 200);
        push(&host, Card { url: Some(url.to_owned()), ..Card::new("1001") }).unwrap();
        attributes(&host)
    };
    assert_eq!(with(host(), url), json!({"Карточка": url}));
    assert_eq!(with(host().setting("card-url-attribute", "CRM"), url), json!({"CRM": url}));
    assert_eq!(with(host().setting("card-url-attribute", ""), url), json!({}));
    for wrong in ["javascript:alert(1)", "https://a b", &format!("https://{}", "a".repeat(2_041))] {
        assert_eq!(with(host(), wrong), json!({}), "{wrong}");
    }
    let longest = format!("https://{}", "a".repeat(2_040));
    assert_eq!(with(host(), &longest), json!({"Карточка": longest}));
}

#[test]
fn lines_are_shown_in_their_order_and_replace_nothing() {
    let lines = vec![
        line("Статус", " VIP\u{7}\n gold ", None),
        line("phone", "another", None),
        line("Статус", "second", None),
        line("Заказ", "", Some("https://crm.example.com/order/7")),
        line(" ", "no title", None),
        line("Пусто", " ", Some("ftp://x")),
        line("Долго", &"я".repeat(1_001), None),
    ];
    let host = answering(host(), 200);
    assert_eq!(push(&host, Card { lines, ..card() }), Ok(()));
    let expected = json!({
        "name": "Клиентов Образец",
        "phone": "+79000000021",
        "email": "klientov@example.com",
        "Статус": "VIP gold",
        "Заказ": "https://crm.example.com/order/7",
        "Долго": "я".repeat(1_000),
    });
    assert_eq!(attributes(&host), expected);
    let body = String::from_utf8(host.requests().remove(0).body).unwrap();
    assert!(body.find("Статус") < body.find("Заказ") && body.find("Заказ") < body.find("Долго"));
}

#[test]
fn attributes_are_shown_up_to_the_limit() {
    let count = |count: usize| {
        let lines = (0..count).map(|number| line(&number.to_string(), "x", None)).collect();
        let host = answering(host(), 200);
        push(&host, Card { lines, ..Card::new("1") }).unwrap();
        attributes(&host).as_object().unwrap().len()
    };
    assert_eq!((count(50), count(51)), (50, 50));
}

#[test]
fn a_visitor_without_a_person_is_shown_no_card() {
    let visitor = ExternalId { system: "livetex".to_owned(), id: "v-700002".to_owned() };
    let host = host();
    let pushed = host.run(|| LiveTex::push_card(visitor, card()));
    assert!(matches!(pushed, Err(Error::Unsupported(text)) if text.contains("personId")));
    assert!(host.requests().is_empty());
    let tagged = host.run(|| LiveTex::tag(person("crm-1001"), "CRM".to_owned()));
    assert!(matches!(tagged, Err(Error::Unsupported(_))));
}

#[test]
fn without_an_address_the_setting_is_named() {
    let Err(Error::Invalid(problems)) = push(&Host::new(), card()) else { panic!("no address") };
    assert_eq!(problems[0].field.as_deref(), Some("attributes-url"));
}

#[test]
fn answers_mean_what_the_host_has_to_do() {
    let answer = |status: u16| push(&answering(host(), status), card()).unwrap_err();
    assert!(
        matches!(answer(302), Error::Invalid(problems) if problems[0].field.as_deref() == Some("attributes-url"))
    );
    assert!(matches!(answer(400), Error::Invalid(_)));
    assert!(matches!(answer(401), Error::Unauthorized(_)));
    assert!(matches!(answer(402), Error::PlanLimit(_)));
    assert!(matches!(answer(403), Error::Unsupported(_)));
    assert!(matches!(answer(404), Error::NotFound(_)));
    assert!(matches!(answer(408), Error::UnknownOutcome(_)));
    assert!(matches!(answer(422), Error::Invalid(_)));
    assert!(matches!(answer(500), Error::UnknownOutcome(_)));
    assert!(matches!(answer(503), Error::Unavailable(_)));
    assert_eq!(answer(429), Error::RateLimited(None));
    let lost = host().http(|_| Err(http::Error::Interrupted("cut".to_owned())));
    assert!(matches!(push(&lost, card()), Err(Error::UnknownOutcome(_))));
    let down = host().http(|_| Err(http::Error::Unreachable("down".to_owned())));
    assert!(matches!(push(&down, card()), Err(Error::Unavailable(_))));
}
