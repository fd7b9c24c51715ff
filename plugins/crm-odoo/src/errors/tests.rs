//! Tests of `errors`.

use patchbay_sdk::http::Response;
use patchbay_sdk::testing::cassettes;

use super::*;

fn classified(response: &Response, effect: Effect) -> Error {
    let refusal = Refusal {
        status: response.status,
        retry_after: response.header("retry-after"),
        body: &response.body,
    };
    classify(refusal, effect)
}

/// The case, and the fields that its problems name.
fn told(error: &Error) -> String {
    match error {
        Error::Invalid(problems) => {
            let fields: Vec<_> =
                problems.iter().map(|problem| problem.field.as_deref().unwrap_or("-")).collect();
            format!("invalid {}", fields.join(","))
        }
        Error::RateLimited(wait) => format!("rate-limited {wait:?}"),
        Error::Conflict(_) => "conflict".to_owned(),
        Error::Unauthorized(_) => "unauthorized".to_owned(),
        Error::PlanLimit(_) => "plan-limit".to_owned(),
        Error::NotFound(_) => "not-found".to_owned(),
        Error::Unsupported(_) => "unsupported".to_owned(),
        Error::Unavailable(_) => "unavailable".to_owned(),
        Error::UnknownOutcome(_) => "unknown-outcome".to_owned(),
    }
}

fn texts(error: &Error) -> String {
    match error {
        Error::Invalid(problems) => problems
            .iter()
            .map(|it| format!("{:?} {}", it.field, it.message))
            .collect::<Vec<_>>()
            .join("\n"),
        Error::Unauthorized(text)
        | Error::PlanLimit(text)
        | Error::NotFound(text)
        | Error::Unsupported(text)
        | Error::Unavailable(text)
        | Error::UnknownOutcome(text) => text.clone(),
        Error::RateLimited(_) | Error::Conflict(_) => String::new(),
    }
}

#[test]
fn every_recorded_error_has_its_case_for_reads_and_writes_alike() {
    let recorded = cassettes::load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
    let expected = [
        ("32-json2-err-bad-key", "unauthorized"),
        ("33-json2-err-no-auth", "unauthorized"),
        ("34-json2-err-unknown-model", "unsupported"),
        ("35-json2-err-unknown-method", "unsupported"),
        ("36-json2-err-private-method", "unsupported"),
        ("37-json2-err-unknown-field", "invalid nope"),
        ("38-json2-err-required", "invalid name"),
        ("39-json2-err-bad-domain-field", "invalid nope"),
        ("40-json2-err-missing-record", "not-found"),
        ("41-json2-err-unexpected-kwarg", "invalid -"),
        ("42-json2-err-not-json", "invalid -"),
        ("43-json2-err-get", "unsupported"),
        ("64-json2-upsert-error", "invalid nope"),
        ("67-json2-err-context-lang", "invalid lang"),
    ];
    let errors: Vec<_> =
        recorded.names().filter(|name| !recorded.response(name).is_success()).collect();
    assert_eq!(errors, expected.map(|(name, _)| name), "every recorded error stands in the table");
    for (name, case) in expected {
        for effect in [Effect::Read, Effect::Write] {
            assert_eq!(told(&classified(&recorded.response(name), effect)), case, "{name}");
        }
    }
}

#[test]
fn a_status_without_a_name_decides_by_what_may_have_happened() {
    for (status, read, write) in [
        (301, "invalid base-url", "invalid base-url"),
        (302, "invalid base-url", "invalid base-url"),
        (400, "invalid -", "invalid -"),
        (401, "unauthorized", "unauthorized"),
        (403, "unsupported", "unsupported"),
        (404, "unsupported", "unsupported"),
        (405, "unsupported", "unsupported"),
        (408, "unavailable", "unknown-outcome"),
        (413, "invalid -", "invalid -"),
        (429, "rate-limited None", "rate-limited None"),
        (500, "unavailable", "unknown-outcome"),
        (502, "unavailable", "unknown-outcome"),
        (503, "unavailable", "unavailable"),
        (504, "unavailable", "unknown-outcome"),
        (524, "unavailable", "unknown-outcome"),
    ] {
        for body in [&b"<html>Anna +380671234567</html>"[..], b"", b"[]", b"{}", b"\xff"] {
            let response = Response { body: body.to_vec(), ..Response::empty(status) };
            assert_eq!(told(&classified(&response, Effect::Read)), read, "{status}");
            assert_eq!(told(&classified(&response, Effect::Write)), write, "{status}");
        }
    }
}

#[test]
fn a_500_is_permanent_or_not_by_the_name_of_the_exception() {
    for (name, case) in [
        ("builtins.ValueError", "invalid -"),
        ("builtins.KeyError", "invalid -"),
        ("builtins.AttributeError", "invalid -"),
        ("odoo.exceptions.UserError", "invalid -"),
        ("odoo.exceptions.AccessDenied", "unauthorized"),
        ("odoo.exceptions.AccessError", "unsupported"),
        ("odoo.exceptions.LockError", "unavailable"),
        ("psycopg2.OperationalError", "unavailable"),
        ("psycopg2.errors.ForeignKeyViolation", "invalid -"),
        ("psycopg2.errors.DataError", "invalid -"),
        ("psycopg2.errors.SerializationFailure", "unavailable"),
        ("psycopg2.errors.LockNotAvailable", "unavailable"),
        ("builtins.MemoryError", "unknown-outcome"),
        ("some.addon.Surprise", "unknown-outcome"),
        ("", "unknown-outcome"),
    ] {
        let body =
            format!(r#"{{"name":"{name}","message":"Anna","arguments":["Anna"],"debug":"trace"}}"#);
        assert_eq!(told(&classified(&Response::json(500, body), Effect::Write)), case, "{name}");
    }
}

#[test]
fn odoo_may_say_how_long_to_wait() {
    for (text, wait) in [
        ("0", Some(0)),
        (" 30 ", Some(30_000)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("-1", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ] {
        let mut response = Response::empty(429);
        response.headers.push(("retry-after".to_owned(), text.to_owned()));
        assert_eq!(classified(&response, Effect::Write), Error::RateLimited(wait), "{text}");
    }
}

#[test]
fn no_text_holds_what_odoo_said() {
    for name in [
        "odoo.exceptions.UserError",
        "builtins.ValueError",
        "psycopg2.DataError",
        "odoo.exceptions.MissingError",
    ] {
        let body = format!(
            r#"{{"name":"{name}","message":"Invalid field 'Anna Test' +380671234567","arguments":["Anna"],"debug":"Traceback Anna"}}"#
        );
        for effect in [Effect::Read, Effect::Write] {
            let text = texts(&classified(&Response::json(500, body.clone()), effect));
            assert!(!text.contains("Anna") && !text.contains("380"), "{text}");
        }
    }
}

#[test]
fn a_row_that_was_locked_is_tried_again() {
    let locked = [(None, "could not serialize access due to concurrent update".to_owned())];
    assert_eq!(told(&refused_row("res.partner", &locked)), "unavailable");
    assert_eq!(told(&refused_row("res.partner", &[])), "invalid -");
    assert_eq!(
        told(&refused_row(
            "res.partner",
            &[(Some("user_id".to_owned()), "No matching record".to_owned())]
        )),
        "invalid manager"
    );
}

#[test]
fn a_field_that_odoo_names_is_told_by_its_key() {
    for (message, field) in [
        ("Wrong value for crm.lead.x_kind: 'Anna'", Some("x_kind")),
        ("Invalid field crm.lead.nope in condition ('nope', '=', 1)", Some("nope")),
        ("Invalid field 'nope' on 'crm.lead'", Some("nope")),
        ("Something else", None),
    ] {
        assert_eq!(named_field(message).as_deref(), field, "{message}");
    }
}

#[test]
fn a_deal_of_a_card_that_is_no_more_is_not_found() {
    let missing = [(Some("partner_id".to_owned()), "No matching record found".to_owned())];
    assert_eq!(told(&refused_row(LEAD, &missing)), "not-found");
    let stage = [(Some("stage_id".to_owned()), "No matching record found".to_owned())];
    assert_eq!(told(&refused_row(LEAD, &stage)), "invalid stage");
}

#[test]
fn an_envelope_is_read_as_a_plain_answer_is() {
    let recorded = cassettes::load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
    for (name, case) in [
        ("50-jsonrpc-err-unknown-field", "invalid nope"),
        ("51-jsonrpc-err-access", "unauthorized"),
        ("52-jsonrpc-err-missing", "not-found"),
        ("53-jsonrpc-err-model", "unsupported"),
    ] {
        let body: Value = serde_json::from_slice(&recorded.response(name).body).unwrap();
        assert_eq!(told(&of_envelope(&body["error"], Effect::Write)), case, "{name}");
    }
}
