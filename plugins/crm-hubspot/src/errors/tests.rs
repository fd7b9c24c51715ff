//! Tests of `errors`.

use serde_json::json;

use super::*;

const DAILY_MS: u64 = 7;

fn classified(status: u16, body: &Value, effect: Effect) -> Error {
    classify(&Response::json(status, body.to_string()), effect, || DAILY_MS)
}

fn refused(body: &Value) -> Error {
    classified(400, body, Effect::Write)
}

fn problems(body: &Value) -> Vec<(Option<String>, String)> {
    match refused(body) {
        Error::Invalid(problems) => problems.into_iter().map(|it| (it.field, it.message)).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_status_has_one_meaning() {
    let general = |text: &str| Error::Invalid(vec![Problem::general(text)]);
    let nothing = json!({});
    let cases = [
        (404, &nothing, not_found()),
        (409, &nothing, Error::Conflict(None)),
        (402, &nothing, plan_limit()),
        (423, &nothing, Error::RateLimited(Some(2_000))),
        (477, &nothing, Error::RateLimited(Some(60_000))),
        (429, &nothing, Error::RateLimited(None)),
        (415, &nothing, general("HubSpot answered 415")),
        (503, &nothing, Error::Unavailable("HubSpot answered 503".to_owned())),
        (522, &nothing, Error::Unavailable("HubSpot answered 522".to_owned())),
    ];
    for (status, body, expected) in cases {
        for effect in [Effect::Read, Effect::Write] {
            assert_eq!(classified(status, body, effect), expected, "{status}");
        }
    }
    for status in [408, 500, 502, 504, 520, 524] {
        let read = classified(status, &nothing, Effect::Read);
        assert!(matches!(read, Error::Unavailable(_)), "{status}: {read:?}");
        let write = classified(status, &nothing, Effect::Write);
        assert!(matches!(write, Error::UnknownOutcome(_)), "{status}: {write:?}");
    }
    assert!(matches!(classified(302, &nothing, Effect::Read), Error::Invalid(_)));
    assert!(matches!(classified(401, &nothing, Effect::Read), Error::Unauthorized(_)));
}

#[test]
fn categories_decide_where_the_status_does_not() {
    let category = |name: &str| json!({ "category": name, "message": "m" });
    assert_eq!(refused(&category("OBJECT_NOT_FOUND")), not_found());
    assert_eq!(refused(&category("RATE_LIMITS")), Error::RateLimited(None));
    assert_eq!(refused(&category("PROPERTY_LIMIT_EXCEEDED")), plan_limit());
    assert_eq!(refused(&category("EXPIRED_AUTHENTICATION")), refused_credentials());
    assert!(matches!(refused(&category("MISSING_SCOPES")), Error::Unsupported(_)));
    let page = Response { body: b"<html>".to_vec(), ..Response::empty(403) };
    assert!(matches!(classify(&page, Effect::Write, || 0), Error::Unavailable(_)));
    let item = of_item(&category("CONFLICT"), Effect::Write);
    assert_eq!(item, Error::Conflict(None));
    assert!(matches!(of_item(&json!({}), Effect::Read), Error::Unavailable(_)));
    assert!(matches!(of_item(&json!({}), Effect::Write), Error::UnknownOutcome(_)));
}

#[test]
fn each_policy_has_its_wait() {
    let wait = |policy: &str, headers: &[(&str, &str)]| {
        let body = json!({ "errorType": "RATE_LIMIT", "policyName": policy });
        let response =
            headers.iter().fold(Response::json(429, body.to_string()), |it, (name, value)| {
                it.with_header(*name, *value)
            });
        classify(&response, Effect::Read, || DAILY_MS)
    };
    let window = "x-hubspot-ratelimit-interval-milliseconds";
    for (policy, headers, expected) in [
        ("DAILY", &[][..], Some(DAILY_MS)),
        ("SECONDLY", &[], Some(1_000)),
        ("TEN_SECONDLY_ROLLING", &[], Some(10_000)),
        ("TEN_SECONDLY_ROLLING", &[(window, "2500")], Some(2_500)),
        ("TEN_SECONDLY_ROLLING", &[(window, "86400000")], Some(10_000)),
        ("SOMETHING_NEW", &[], None),
        // The host's own limit, which has no body to speak of.
        ("", &[("retry-after", "7"), ("x-patchbay", "rate-limited")], Some(7_000)),
    ] {
        assert_eq!(wait(policy, headers), Error::RateLimited(expected), "{policy} {headers:?}");
    }
}

#[test]
fn the_id_of_a_conflict_is_read_out_of_the_words() {
    for (message, expected) in [
        ("Contact already exists. Existing ID: 51", Some("51")),
        ("Contact already exists. Existing ID:6001. Try again", Some("6001")),
        ("Contact already exists. Existing ID: ", None),
        ("Existing ID: abc", None),
        ("", None),
    ] {
        let error = classified(409, &json!({ "message": message }), Effect::Write);
        assert_eq!(error, Error::Conflict(expected.map(str::to_owned)), "{message}");
    }
}

#[test]
fn a_unique_value_of_another_record_is_a_conflict() {
    let message = r#"Property values were not valid: [{"isValid":false,"message":"Cannot set PropertyValueCoordinates{portalId=1, value=k} on 12. 51 already has that value.","error":"CONFLICTING_UNIQUE_VALUE","name":"patchbay_key"}]"#;
    let body = json!({ "category": "VALIDATION_ERROR", "message": message });
    assert_eq!(refused(&body), Error::Conflict(Some("51".to_owned())));
    let entry = json!({ "code": "CONFLICTING_UNIQUE_VALUE", "message": "?" });
    let body = json!({ "category": "VALIDATION_ERROR", "message": "?", "errors": [entry] });
    assert_eq!(refused(&body), Error::Conflict(None));
}

#[test]
fn faults_are_read_from_the_message_and_from_the_list() {
    let told = problems(&json!({
        "category": "VALIDATION_ERROR",
        "message": r#"Property values were not valid: [{"isValid":false,"message":"a@b is wrong","error":"INVALID_EMAIL","name":"email"},{"error":"ODD_CODE","name":"lastname"}]"#,
        "errors": [
            { "message": "x", "code": "REQUIRED_FIELD", "context": { "properties": ["dealstage"] } },
            { "message": "x", "code": "not a code", "context": { "propertyName": ["state"] } },
            { "message": "x", "in": "two words" },
        ],
    }));
    let pair = |field: Option<&str>, text: &str| (field.map(str::to_owned), text.to_owned());
    let expected = [
        pair(Some("email"), "is no e-mail address that HubSpot takes"),
        pair(Some("name"), "HubSpot refused the value (ODD_CODE)"),
        pair(Some("stage"), "is required"),
        pair(Some("region"), "HubSpot refused the value"),
        pair(None, "HubSpot refused the value"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn words_of_hubspot_are_never_handed_on() {
    let bodies = [
        json!({ "category": "VALIDATION_ERROR", "message": "anna@example.test is wrong" }),
        json!({ "category": "VALIDATION_ERROR", "message": "x [{\"error\":\"anna@example.test\",\"name\":\"anna@example.test\"}]" }),
        json!({ "category": "SOMETHING_NEW", "message": "anna@example.test" }),
        json!({ "category": "MISSING_SCOPES", "errors": [{ "context": { "requiredScopes": ["anna@example.test"] } }] }),
        json!({ "category": "CONFLICT", "message": "anna@example.test" }),
    ];
    for body in bodies {
        for status in [400, 403, 409, 500] {
            let told = format!("{:?}", classified(status, &body, Effect::Write));
            assert!(!told.contains("anna"), "{told}");
        }
    }
}

#[test]
fn problems_are_told_up_to_a_limit() {
    let list = |count: usize| {
        let faults: Vec<Value> = (0..count).map(|it| json!({ "name": format!("p{it}") })).collect();
        json!({ "category": "VALIDATION_ERROR", "message": format!("x {}", Value::Array(faults)) })
    };
    assert_eq!((problems(&list(20)).len(), problems(&list(21)).len()), (20, 20));
}
