//! The adapter under the test host: recorded answers of a real Odoo 19, and a fake that remembers.

use patchbay_sdk::http::{self, Request, Response};
use patchbay_sdk::testing::cassettes::{self, Cassettes};
use patchbay_sdk::testing::host::placeholder;
use patchbay_sdk::testing::{Host, conformance};
use patchbay_sdk::types::{Error, ExternalId, Field, Identifier, Value as FieldValue};
use patchbay_sdk::{Adapter, Contacts};
use serde_json::{Value, json};

use crate::Odoo;

mod book;
mod fake;

const SEARCH: &str = "POST /json/2/res.partner/search_read";
const LOAD: &str = "POST /json/2/res.partner/load";
const WRITE: &str = "POST /json/2/res.partner/write";
const READ: &str = "POST /json/2/res.partner/read";
const FIELDS: &str = "POST /json/2/res.partner/fields_get";

fn recorded() -> Cassettes {
    cassettes::load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
}

fn host() -> Host {
    Host::new()
        .setting("base-url", "https://odoo.example.test/")
        .setting("database", "odoo_e2e")
        .setting("module", "plughost")
        .secret("api-key", "0123456789")
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn email(address: &str) -> Identifier {
    Identifier::Email(address.to_owned())
}

fn phone(number: &str) -> Identifier {
    Identifier::Phone(number.to_owned())
}

fn text(key: &str, text: &str) -> Field {
    Field { key: key.to_owned(), value: FieldValue::Text(text.to_owned()) }
}

#[test]
fn the_manifest_is_the_same_at_every_call_and_hides_the_key() {
    let manifest = Odoo::describe();
    assert_eq!(manifest, Odoo::describe());
    assert_eq!(manifest.name, "crm-odoo");
    assert_eq!(manifest.egress, ["setting:base-url"]);
    let secret: Vec<_> =
        manifest.settings.iter().filter(|it| it.secret).map(|it| it.key.as_str()).collect();
    assert_eq!(secret, ["api-key"]);
}

#[test]
fn requests_have_the_form_that_was_recorded() {
    let answers = [
        (SEARCH, "05-json2-lookup-by-email"),
        (LOAD, "61-json2-upsert-external-id-create"),
        (READ, "13-json2-contact-read"),
        (WRITE, "12-json2-contact-update"),
        (READ, "13-json2-contact-read"),
        (FIELDS, "16-json2-fields"),
    ];
    let recorded = recorded();
    let host =
        answers.iter().fold(host(), |host, (at, name)| host.exchange(at, recorded.response(name)));
    host.run(|| {
        Odoo::lookup_client(vec![email("anna.test@example.test")]).unwrap();
        Odoo::upsert_contact(None, r#"{"name":"Anna Test"}"#.to_owned(), "jivo_1001".to_owned())
            .unwrap();
        Odoo::upsert_contact(
            Some("6".to_owned()),
            r#"{"function":"Buyer"}"#.to_owned(),
            "k".to_owned(),
        )
        .unwrap();
        Odoo::describe_fields().unwrap();
    });
    assert_eq!(host.requests().len(), answers.len());
    for (request, (_, name)) in host.requests().iter().zip(answers) {
        let path = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let recorded: Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let recorded = &recorded["request"];
        assert_eq!(
            request.url,
            format!("https://odoo.example.test{}", recorded["path"].as_str().unwrap())
        );
        assert_eq!(request.method, recorded["method"]);
        let header = |name: &str| {
            request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        };
        assert_eq!(header("authorization"), Some(format!("bearer {}", placeholder("api-key"))));
        for name in ["x-odoo-database", "content-type"] {
            assert_eq!(header(name).as_deref(), recorded["headers"][name].as_str(), "{name}");
        }
        // `order`, `context` and fewer `allfields` are named arguments that other recordings show.
        for argument in body(request).as_object().unwrap().keys() {
            let is_recorded = recorded["body"].get(argument).is_some();
            assert!(
                is_recorded || ["order", "context", "limit"].contains(&argument.as_str()),
                "{name}: {argument}"
            );
        }
    }
}

#[test]
fn a_recorded_hit_becomes_a_card() {
    let host = host().exchange(SEARCH, recorded().response("05-json2-lookup-by-email"));
    let asked =
        vec![email("ANNA.test@example.test"), phone("+380671234567"), phone("+48111111111")];
    let cards = host.run(|| Odoo::lookup_client(asked.clone())).unwrap();
    assert_eq!(cards.len(), 1);
    assert_eq!(cards[0].id, "6");
    assert_eq!(cards[0].matched, asked[..2]);
    assert_eq!(cards[0].url.as_deref(), Some("https://odoo.example.test/odoo/res.partner/6"));
    assert_eq!(cards[0].manager, None);
    assert!(cards[0].fields.contains(&text("phone", "+380671234567")));
}

#[test]
fn no_hit_is_an_empty_list_and_no_identifier_is_no_request() {
    let host = host().exchange(SEARCH, recorded().response("03-json2-lookup-empty"));
    assert_eq!(host.run(|| Odoo::lookup_client(vec![email("anna.test@example.test")])), Ok(vec![]));
    assert_eq!(host.run(|| Odoo::lookup_client(vec![])), Ok(vec![]));
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn a_national_number_with_a_country_is_found_by_its_international_form() {
    let host = host().exchange(SEARCH, recorded().response("09-json2-lookup-national-as-e164"));
    let cards = host.run(|| Odoo::lookup_client(vec![phone("+380677654321")])).unwrap();
    assert_eq!(cards[0].matched, [phone("+380677654321")]);
    assert!(cards[0].fields.contains(&text("country", "Ukraine")));
}

#[test]
fn a_refused_value_names_its_field() {
    let host = host().exchange(LOAD, recorded().response("65-json2-upsert-bad-user"));
    let native = r#"{"name":"A","user_id":9999}"#.to_owned();
    let Err(Error::Invalid(problems)) =
        host.run(|| Odoo::upsert_contact(None, native, "y".to_owned()))
    else {
        panic!("must be refused")
    };
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].field.as_deref(), Some("user_id"));
    assert!(!problems[0].message.contains("9999"));
    assert_eq!(
        body(&host.requests()[0]),
        json!({
            "fields": ["id", "name", "user_id/.id"], "data": [["plughost.y", "A", "9999"]],
            "context": { "tz": "UTC" },
        })
    );
}

#[test]
fn a_write_whose_answer_is_lost_is_an_unknown_outcome() {
    for failure in [
        http::Error::Interrupted("cut".to_owned()),
        http::Error::ResponseTooLarge("5 MiB".to_owned()),
    ] {
        let answer = failure.clone();
        let host = host().http(move |_| Err(answer.clone()));
        for id in [None, Some("6".to_owned())] {
            let outcome =
                host.run(|| Odoo::upsert_contact(id, r#"{"name":"A"}"#.to_owned(), "k".to_owned()));
            assert!(matches!(outcome, Err(Error::UnknownOutcome(_))), "{failure:?} {outcome:?}");
        }
        let lookup = host.run(|| Odoo::lookup_client(vec![email("a@b.test")]));
        assert!(!matches!(lookup, Err(Error::UnknownOutcome(_))), "{lookup:?}");
    }
}

#[test]
fn a_write_that_never_left_is_unavailable() {
    let host = host().http(|_| Err(http::Error::Unreachable("refused".to_owned())));
    let outcome =
        host.run(|| Odoo::upsert_contact(None, r#"{"name":"A"}"#.to_owned(), "k".to_owned()));
    assert!(matches!(outcome, Err(Error::Unavailable(_))));
}

#[test]
fn a_write_that_cannot_be_read_back_does_not_count_as_not_written() {
    for (status, is_unknown) in [(503, true), (404, true), (200, true), (429, false), (401, false)]
    {
        let host = host()
            .exchange(LOAD, recorded().response("61-json2-upsert-external-id-create"))
            .exchange(READ, Response::empty(status));
        let outcome =
            host.run(|| Odoo::upsert_contact(None, r#"{"name":"A"}"#.to_owned(), "k".to_owned()));
        assert_eq!(
            matches!(outcome, Err(Error::UnknownOutcome(_))),
            is_unknown,
            "{status} {outcome:?}"
        );
        assert!(outcome.is_err());
    }
}

#[test]
fn fields_are_described_as_recorded() {
    let host = host().exchange(FIELDS, recorded().response("16-json2-fields"));
    let specs = host.run(Odoo::describe_fields).unwrap();
    let keys: Vec<_> = specs.iter().map(|spec| spec.key.as_str()).collect();
    assert_eq!(keys, ["company_type", "email", "name", "phone", "user_id"]);
    assert_eq!(specs[0].choices[1], ("company".to_owned(), "Company".to_owned()));
}

#[test]
fn missing_settings_are_named_before_anything_is_sent() {
    let host = Host::new();
    assert!(
        matches!(host.run(Odoo::describe_fields), Err(Error::Invalid(problems)) if problems.len() == 2)
    );
    assert!(host.requests().is_empty());
}

fn fake_host() -> (Host, fake::Shared) {
    let odoo = fake::Shared::default();
    let server = odoo.clone();
    (host().http(move |request| Ok(server.answer(request))), odoo)
}

fn anna() -> [Identifier; 3] {
    let visitor = ExternalId { system: "jivo".to_owned(), id: "2746".to_owned() };
    [phone("+380671234567"), email("anna.test@example.test"), Identifier::External(visitor)]
}

#[test]
fn it_keeps_what_every_crm_adapter_has_to_keep() {
    let (host, odoo) = fake_host();
    let fields = [text("name", "Anna Test"), text("comment", "a <b>")];
    let card = host.run(|| conformance::contacts::<Odoo>(&anna(), &fields, "999999")).unwrap();
    assert_eq!(odoo.partners().len(), 1);
    assert!(card.fields.contains(&text("comment", "a <b>")));
}

#[test]
fn an_update_does_not_write_over_what_the_client_was_known_by() {
    let (host, odoo) = fake_host();
    host.run(|| {
        let native = r#"{"name":"Anna","ref":"A-17"}"#.to_owned();
        let card = Odoo::upsert_contact(None, native, "k1".to_owned()).unwrap();
        let native = Odoo::map_fields(anna().to_vec(), vec![text("city", "Kyiv")]).unwrap();
        Odoo::upsert_contact(Some(card.id), native, "k2".to_owned()).unwrap();
    });
    let partners = odoo.partners();
    assert_eq!(partners[0]["ref"], "A-17");
    assert_eq!(partners[0]["phone"], "+380671234567");
    assert_eq!(partners[0]["city"], "Kyiv");
}

#[test]
fn partners_that_people_made_are_found_however_they_wrote_the_number() {
    let (host, odoo) = fake_host();
    let ids = ["+380 67 123-45-67", "00380671234567", "+380 (50) 111 22 33"]
        .map(|phone| odoo.add(json!({ "name": "Anna", "phone": phone })).to_string());
    let cards = host.run(|| Odoo::lookup_client(vec![phone("+380671234567")])).unwrap();
    assert_eq!(cards.into_iter().map(|card| card.id).collect::<Vec<_>>(), ids[..2]);
}

#[test]
fn a_repeat_after_a_lost_answer_finds_the_card_that_was_made() {
    let (host, odoo) = fake_host();
    let server = odoo.clone();
    let losing = self::host().http(move |request| {
        server.answer(request);
        Err(http::Error::Interrupted("cut".to_owned()))
    });
    let upsert = || Odoo::upsert_contact(None, r#"{"name":"Anna"}"#.to_owned(), "k".to_owned());
    assert!(matches!(losing.run(upsert), Err(Error::UnknownOutcome(_))));
    assert_eq!(host.run(upsert).unwrap().id, "6");
    assert_eq!(odoo.partners().len(), 1);
}

#[test]
fn each_operation_costs_the_requests_that_the_readme_promises() {
    let (host, _) = fake_host();
    let count = |function: &dyn Fn() -> String| {
        let before = host.requests().len();
        let answer = host.run(function);
        (answer, host.requests().len() - before)
    };
    let upsert = |id: Option<&str>, native: &str| {
        Odoo::upsert_contact(id.map(str::to_owned), native.to_owned(), "k".to_owned()).unwrap().id
    };
    let (id, requests) = count(&|| upsert(None, r#"{"name":"Anna","if-empty":{"ref":"jivo:1"}}"#));
    assert_eq!(requests, 2);
    let cost = |native: &str| count(&|| upsert(Some(&id), native)).1;
    assert_eq!(cost(r#"{"city":"Kyiv"}"#), 2);
    assert_eq!(cost(r#"{"city":"Kyiv","if-empty":{"phone":"+1234"}}"#), 3);
    assert_eq!(cost(r#"{"if-empty":{"phone":"+1234"}}"#), 1);
    assert_eq!(cost("{}"), 1);
    assert_eq!(count(&|| Odoo::lookup_client(anna().to_vec()).unwrap().len().to_string()).1, 1);
    assert_eq!(count(&|| Odoo::map_fields(anna().to_vec(), vec![]).unwrap()).1, 0);
}
