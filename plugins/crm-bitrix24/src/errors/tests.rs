//! A table of refusals.

use patchbay_sdk::testing::Host;
use proptest::prelude::*;

use super::*;

fn refused(status: Option<u16>, code: &str, description: &str, effect: Effect) -> Error {
    let refusal = Refusal { status, code, description, method: "crm.item.add" };
    Host::new().run(|| classify(refusal, effect))
}

fn read(status: u16, code: &str, description: &str) -> Error {
    refused(Some(status), code, description, Effect::Read)
}

#[track_caller]
fn check(error: &Error, expected: &str) {
    let told = format!("{error:?}");
    assert!(told.starts_with(&format!("Error::{expected}")), "{told} is no {expected}");
}

#[test]
fn codes_decide_whatever_their_status() {
    for (code, expected) in [
        ("QUERY_LIMIT_EXCEEDED", "RateLimited(None)"),
        ("OPERATION_TIME_LIMIT", "RateLimited(Some(60000))"),
        ("OVERLOAD_LIMIT", "Unauthorized"),
        ("expired_token", "Unauthorized"),
        ("NO_AUTH_FOUND", "Unauthorized"),
        ("INVALID_CREDENTIALS", "Unauthorized"),
        ("user_access_error", "Unauthorized"),
        ("PORTAL_DELETED", "Unauthorized"),
        ("insufficient_scope", "Unauthorized"),
        ("INVALID_REQUEST", "Unauthorized"),
        ("ERROR_METHOD_NOT_FOUND", "Unsupported"),
        ("NOT_FOUND", "NotFound"),
        ("OWNER_NOT_FOUND", "NotFound"),
        ("allowed_only_intranet_user", "Unsupported"),
        ("CREATE_DYNAMIC_ITEM_RESTRICTED", "PlanLimit"),
    ] {
        for status in [None, Some(200), Some(400), Some(401), Some(403), Some(503)] {
            for effect in [Effect::Read, Effect::Write] {
                check(&refused(status, code, "", effect), expected);
            }
        }
    }
}

#[test]
fn one_code_for_a_right_and_for_a_plan_is_told_apart() {
    check(
        &read(403, "ACCESS_DENIED", "REST API is available only on commercial plans"),
        "PlanLimit",
    );
    check(&read(401, "ACCESS_DENIED", "REST is available only by subscription"), "PlanLimit");
    check(&read(401, "ACCESS_DENIED", ""), "PlanLimit");
    check(
        &read(400, "ACCESS_DENIED", "You do not have permission to view this item"),
        "Unsupported",
    );
    check(&read(400, "", "Access denied."), "Unsupported");
    check(&read(403, "Access denied", ""), "Unsupported");
    check(&refused(None, "ACCESS_DENIED", "", Effect::Write), "Unsupported");
}

#[test]
fn a_status_decides_where_no_code_does() {
    for (status, of_a_read, of_a_write) in [
        (302, "Unauthorized", "Unauthorized"),
        (400, "Invalid", "Invalid"),
        (401, "Unauthorized", "Unauthorized"),
        (402, "PlanLimit", "PlanLimit"),
        (403, "Unsupported", "Unsupported"),
        (404, "Unauthorized", "Unauthorized"),
        (408, "Unavailable", "UnknownOutcome"),
        (429, "RateLimited(None)", "RateLimited(None)"),
        (500, "Unavailable", "UnknownOutcome"),
        (502, "Unavailable", "UnknownOutcome"),
        (503, "Unavailable", "UnknownOutcome"),
    ] {
        check(&refused(Some(status), "", "", Effect::Read), of_a_read);
        check(&refused(Some(status), "", "", Effect::Write), of_a_write);
    }
    check(&refused(None, "INTERNAL_SERVER_ERROR", "", Effect::Write), "UnknownOutcome");
    check(&refused(None, "INTERNAL_SERVER_ERROR", "", Effect::Read), "Unavailable");
    check(&refused(None, "something new", "", Effect::Write), "Invalid");
}

#[test]
fn fields_are_named_by_their_canonical_keys() {
    for (description, field) in [
        ("Invalid value for field \"STAGE_ID\"", Some("stage")),
        ("Invalid value for field \"ASSIGNED_BY_ID\"", Some("manager")),
        ("Invalid value for field \"ufCrm_1\"", Some("ufCrm_1")),
        ("The field RESPONSIBLE_ID is not defined or invalid", Some("manager")),
        ("Invalid filter: field 'id' has invalid value", Some("id")),
        ("Invalid value for field \"\u{418}\u{43c}\u{44f}\"", None),
        ("Required fields are missing", None),
        ("A field was wrong", None),
        ("", None),
    ] {
        let Error::Invalid(problems) = read(400, "100", description) else {
            panic!("{description}")
        };
        assert_eq!(problems[0].field.as_deref(), field, "{description}");
    }
}

proptest! {
    #[test]
    fn any_refusal_has_a_case_and_hands_no_words_on(
        status in proptest::option::of(100_u16..600),
        code in ".{0,30}",
        secret in "[0-9]{9}",
    ) {
        let error = refused(status, &code, &format!("field \"+{secret}\" of {secret}"), Effect::Write);
        let told = format!("{error:?}");
        prop_assert!(!told.contains(&secret));
    }
}
