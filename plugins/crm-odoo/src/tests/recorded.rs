//! What is made of recorded answers.

use patchbay_sdk::Contacts;
use patchbay_sdk::http::{self, Response};
use patchbay_sdk::testing::Host;
use patchbay_sdk::testing::cassettes::{self, Cassettes};
use patchbay_sdk::types::{Error, Field};
use serde_json::json;

use super::stage::{account, body, email, knowing_its_fields, phone};
use crate::Odoo;

pub(super) const SEARCH: &str = "POST /json/2/res.partner/search_read";
pub(super) const LOAD: &str = "POST /json/2/res.partner/load";
pub(super) const WRITE: &str = "POST /json/2/res.partner/write";
pub(super) const READ: &str = "POST /json/2/res.partner/read";
pub(super) const FIELDS: &str = "POST /json/2/res.partner/fields_get";

pub(super) fn recorded() -> Cassettes {
    cassettes::load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
}

fn host() -> Host {
    let host = account();
    knowing_its_fields(&host);
    host
}

fn text(key: &str, text: &str) -> Field {
    Field::text(key, text)
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
    assert_eq!(problems[0].field.as_deref(), Some("manager"));
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
    assert_eq!(keys, ["category_id", "company_type", "email", "name", "phone", "manager"]);
    assert_eq!(specs[1].choices[1], ("company".to_owned(), "Company".to_owned()));
}

#[test]
fn missing_settings_are_named_before_anything_is_sent() {
    let host = Host::new();
    assert!(
        matches!(host.run(Odoo::describe_fields), Err(Error::Invalid(problems)) if problems.len() == 2)
    );
    assert!(host.requests().is_empty());
}
