//! What an account has before anybody works in it: users, custom fields and pipelines.

use serde_json::{Value, json};

/// Won and lost, in every pipeline.
const CLOSED: [(u64, &str); 2] = [(142, "Closed - won"), (143, "Closed - lost")];

pub(super) fn account() -> Value {
    json!({
        "id": 1, "name": "Demo", "subdomain": "demo", "country": "UA", "currency": "UAH",
        "current_user_id": 7, "is_unsorted_on": true, "_links": {}, "_embedded": [],
    })
}

pub(super) fn users() -> Vec<Value> {
    vec![
        user(7, "Olha Manager", "olha@example.test", true),
        user(8, "Petro Seller", "Petro@Example.test", true),
        user(9, "Gone Colleague", "gone@example.test", false),
    ]
}

pub(super) fn user(id: u64, name: &str, email: &str, is_active: bool) -> Value {
    json!({
        "id": id, "name": name, "email": email, "lang": "en",
        "rights": { "is_admin": id == 7, "is_free": false, "is_active": is_active },
    })
}

/// One custom field; choices are numbered from its own number on.
fn field(id: u64, name: &str, kind: &str, code: Option<&str>, choices: &[&str]) -> Value {
    let choice =
        |(at, value): (u64, &&str)| json!({ "id": id * 100 + at, "value": value, "sort": at });
    let enums: Vec<Value> = (0..).zip(choices).map(choice).collect();
    let enums = if enums.is_empty() { Value::Null } else { Value::Array(enums) };
    json!({
        "id": id, "name": name, "type": kind, "code": code, "enums": enums, "account_id": 1,
        "is_api_only": false, "is_predefined": code.is_some(), "required_statuses": [],
    })
}

pub(super) fn contact_fields() -> Vec<Value> {
    let places = ["WORK", "WORKDD", "MOB", "FAX", "HOME", "OTHER"];
    vec![
        field(101, "Phone", "multitext", Some("PHONE"), &places),
        field(102, "Email", "multitext", Some("EMAIL"), &["WORK", "PRIV", "OTHER"]),
        field(103, "Position", "text", Some("POSITION"), &[]),
        field(104, "City", "text", None, &[]),
        field(105, "Comment", "textarea", None, &[]),
        field(106, "Ids", "textarea", None, &[]),
        field(107, "Segment", "select", None, &["Retail", "Wholesale"]),
        field(108, "Interests", "multiselect", None, &["Tea", "Coffee", "Cocoa"]),
        field(109, "Agreed", "checkbox", None, &[]),
        field(110, "Birthday", "birthday", None, &[]),
        field(111, "Orders", "numeric", None, &[]),
        field(112, "Contract", "file", None, &[]),
    ]
}

pub(super) fn lead_fields() -> Vec<Value> {
    let tracking =
        ["UTM_SOURCE", "UTM_MEDIUM", "UTM_CAMPAIGN", "UTM_TERM", "UTM_CONTENT", "REFERRER"];
    let tracking = (201..).zip(tracking);
    let mut fields: Vec<Value> = tracking
        .map(|(id, code)| field(id, &code.to_lowercase(), "tracking_data", Some(code), &[]))
        .collect();
    fields.push(field(211, "Page", "url", None, &[]));
    fields.push(field(212, "Delivery", "select", None, &["Post", "Courier"]));
    fields
}

fn pipeline(id: u64, name: &str, stages: &[(u64, &str)]) -> Value {
    let unsorted = [(id * 100, "Incoming")];
    let all = unsorted.iter().chain(stages).chain(&CLOSED);
    let stage = |(stage, name): &(u64, &str)| {
        json!({
            "id": stage, "name": name, "pipeline_id": id, "is_editable": *stage > 143,
            "type": i32::from(*stage == id * 100), "color": "#fffeb2",
        })
    };
    json!({
        "id": id, "name": name, "is_main": id == 31, "is_archive": false, "is_unsorted_on": true,
        "_embedded": { "statuses": all.map(stage).collect::<Vec<_>>() },
    })
}

pub(super) fn pipelines() -> Vec<Value> {
    let mut archived = pipeline(33, "Old", &[(3_301, "Was")]);
    archived["is_archive"] = json!(true);
    vec![
        pipeline(31, "Sales", &[(3_101, "First contact"), (3_102, "Negotiation")]),
        pipeline(32, "Service", &[(3_201, "Accepted")]),
        archived,
    ]
}
