//! Tests of `errors`.

use patchbay_sdk::testing::Host;
use serde_json::json;

use super::*;

fn sent(effect: Effect, body: Option<&Value>) -> Sent<'_> {
    Sent { effect, body, is_deal: false, places: None }
}

fn page(status: u16) -> Response {
    Response { body: b"<html>nginx</html>".to_vec(), ..Response::empty(status) }
}

#[test]
fn each_status_has_its_case() {
    let table = [
        (Response::json(403, "{}"), "Unsupported", "Unsupported"),
        (page(403), "RateLimited(Some(300000))", "RateLimited(Some(300000))"),
        (Response::empty(404), "NotFound", "NotFound"),
        (Response::json(404, r#"{"status":404}"#), "NotFound", "NotFound"),
        (page(404), "Invalid", "Invalid"),
        (Response::json(405, "{}"), "Invalid", "Invalid"),
        (Response::empty(402), "PlanLimit", "PlanLimit"),
        (Response::empty(408), "Unavailable", "UnknownOutcome"),
        (Response::empty(500), "Unavailable", "UnknownOutcome"),
        (page(502), "Unavailable", "UnknownOutcome"),
        (Response::empty(504), "Unavailable", "UnknownOutcome"),
        (page(400), "Invalid", "Invalid"),
        (Response::json(422, "[]"), "Invalid", "Invalid"),
        (
            Response::empty(429).with_header("retry-after", "3"),
            "RateLimited(Some(3000))",
            "RateLimited(Some(3000))",
        ),
        (Response::empty(302), "Invalid", "Invalid"),
    ];
    for (response, read, write) in table {
        let told = |effect| {
            let classified = Host::new().run(|| classify(&response, sent(effect, None)));
            format!("{classified:?}").replacen("Error::", "", 1)
        };
        assert!(told(Effect::Read).starts_with(read), "{} {}", response.status, told(Effect::Read));
        assert!(
            told(Effect::Write).starts_with(write),
            "{} {}",
            response.status,
            told(Effect::Write)
        );
    }
}

fn faults_at(paths: &[&str]) -> Response {
    let errors: Vec<_> = paths
        .iter()
        .map(|path| json!({ "code": "InvalidType", "path": path, "detail": "Anna" }))
        .collect();
    Response::json(
        400,
        json!({ "validation-errors": [{ "request_id": "0", "errors": errors }] }).to_string(),
    )
}

#[test]
fn faults_are_told_by_the_hosts_keys_and_without_the_vendors_sentences() {
    let body = json!([{ "custom_fields_values": [
        { "field_code": "PHONE" }, { "field_id": 104 }, { "field_code": "UTM_SOURCE" },
    ] }]);
    let places = Places { fields: [("city".to_owned(), 104)].into(), ..Places::default() };
    let sent = Sent { places: Some(&places), is_deal: true, ..sent(Effect::Write, Some(&body)) };
    let response = faults_at(&[
        "custom_fields_values.0.values.0.value",
        "0.custom_fields_values.1.values.0.value",
        "custom_fields_values.2.field_code",
        "custom_fields_values.9.field_code",
        "responsible_user_id",
        "name",
        "something.else",
        "",
    ]);
    let Error::Invalid(problems) = classify(&response, sent) else { panic!("must be refused") };
    let keys: Vec<_> = problems.iter().map(|problem| problem.field.as_deref()).collect();
    let expected = [
        Some("phone"),
        Some("city"),
        Some("utm-source"),
        None,
        Some("manager"),
        Some("title"),
        None,
        None,
    ];
    assert_eq!(keys, expected);
    assert!(problems.iter().all(|problem| !problem.message.contains("Anna")));
}

#[test]
fn what_a_record_is_on_and_does_not_exist_is_not_found() {
    for path in ["entity_id", "0.entity_id", "to_entity_id", "_embedded.contacts.0.id"] {
        let error = classify(&faults_at(&[path]), sent(Effect::Write, None));
        assert!(matches!(error, Error::NotFound(_)), "{path} {error:?}");
    }
}

#[test]
fn a_code_that_is_none_is_not_handed_on() {
    for code in ["+380671234567", "", &"A".repeat(65)] {
        assert_eq!(message(code), "amoCRM refuses the value");
    }
    assert!(message(&"A".repeat(64)).contains("AAAA"));
}

#[test]
fn an_answer_with_many_faults_is_told_in_fifty() {
    let paths = vec!["name"; 51];
    let Error::Invalid(problems) = classify(&faults_at(&paths), sent(Effect::Write, None)) else {
        panic!("must be refused")
    };
    assert_eq!(problems.len(), PROBLEMS_MAX);
}

#[test]
fn fields_that_are_not_there_are_told_only_where_nothing_else_is_wrong() {
    let response = |faults: Value| {
        Response::json(400, json!({ "validation-errors": [{ "errors": faults }] }).to_string())
    };
    let missing =
        json!({ "code": "NotSupportedChoice", "path": "custom_fields_values.3.field_code" });
    let choice =
        json!({ "code": "NotSupportedChoice", "path": "custom_fields_values.3.values.0.value" });
    let other = json!({ "code": "InvalidType", "path": "custom_fields_values.3.field_code" });
    assert_eq!(fields_not_there(&response(json!([missing]))), [3]);
    for faults in [json!([missing, choice]), json!([other]), json!([]), json!(null)] {
        assert!(fields_not_there(&response(faults)).is_empty());
    }
    assert!(fields_not_there(&Response::empty(200)).is_empty());
}
