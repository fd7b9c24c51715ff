//! An integration of LeadBox in the words of ours.

use serde_json::{Value, json};

/// What an operator would set.
pub(super) struct Translated {
    /// The collection of managers.
    pub(super) pool: String,
    pub(super) options: Value,
    pub(super) rules: Value,
}

pub(super) fn translated(leadbox: &Value) -> Translated {
    check_members(leadbox);
    let is_set = |rule: &str| leadbox["rules"][rule] == true;
    let pool = leadbox["responsible"]["collection"].as_str().unwrap().to_owned();
    let mapping = leadbox["mapping"].as_array().unwrap().iter().map(mapping);
    let mut rules = json!({
        // LeadBox fills what the operator has mapped, and nothing else.
        "own_fields": false,
        "mapping": mapping.collect::<Vec<_>>(),
        "update": leadbox["rules"]["update"].as_str().unwrap().replace('_', "-"),
        "phone": phone(&leadbox["phone"]),
        "contact": { "create": !is_set("forbid_create_deal") },
        "task": { "on_repeat": !is_set("forbid_repeat_task") },
        "responsible": { "pool": pool },
        "push": { "tag": leadbox["after"]["sendpulse_tag"] },
    });
    rules["filter"] = filter(&leadbox["filter"]);
    let options = json!({ "deals": !is_set("forbid_create_deal"), "tasks": true });
    Translated { pool, options, rules }
}

/// Whatever this translation does not know fails: no rule of LeadBox is passed over in silence.
fn check_members(leadbox: &Value) {
    let known: [(&str, &[&str]); 6] = [
        (
            "",
            &[
                "after",
                "crm",
                "filter",
                "mapping",
                "name",
                "phone",
                "responsible",
                "rules",
                "source",
            ],
        ),
        ("/responsible", &["collection", "strategy"]),
        ("/rules", &["forbid_create_deal", "forbid_repeat_task", "update"]),
        ("/phone", &["code", "digits", "trim"]),
        ("/after", &["sendpulse_tag"]),
        ("/mapping/0", &["key", "value"]),
    ];
    for (place, members) in known {
        let told = leadbox.pointer(place).unwrap().as_object().unwrap();
        let unknown: Vec<&String> =
            told.keys().filter(|name| !members.contains(&name.as_str())).collect();
        assert!(unknown.is_empty(), "{place} has {unknown:?}");
    }
    // What has no rule of its own here: where the webhook comes from and goes to is the channel and
    // the CRM of the integration, a pool takes turns unless it says otherwise, and the trunk prefix
    // is known with the country.
    assert_eq!((&leadbox["source"], &leadbox["crm"]), (&json!("sendpulse"), &json!("main")));
    assert_eq!(leadbox["responsible"]["strategy"], "round_robin");
    assert_eq!(leadbox["phone"]["trim"], "0");
}

/// `contact.cf.x` is the field `x`; LeadBox calls the title of a deal its name.
fn mapping(mapping: &Value) -> Value {
    let key = mapping["key"].as_str().unwrap().replace(".cf.", ".");
    let field = if key == "deal.name" { "deal.title".to_owned() } else { key };
    json!({ "field": field, "value": mapping["value"] })
}

/// By the code of the country alone: LeadBox knows no other.
fn phone(phone: &Value) -> Value {
    let country = match phone["code"].as_str() {
        Some("380") => "UA",
        Some("7") => "RU",
        code => panic!("which country has the code {code:?}?"),
    };
    json!({ "country": country, "digits": phone["digits"] })
}

/// A list of groups, of which one has to hold: in each, `all` of the conditions or `any`.
fn filter(filter: &Value) -> Value {
    let group = |group: &Value| {
        let (members, with) = match (group["all"].as_array(), group["any"].as_array()) {
            (Some(all), None) => (all, " and "),
            (None, Some(any)) => (any, " or "),
            _ => panic!("neither all nor any: {group}"),
        };
        let conditions: Vec<String> = members.iter().map(condition).collect();
        format!("({})", conditions.join(with))
    };
    let groups: Vec<String> = filter.as_array().unwrap().iter().map(group).collect();
    if groups.is_empty() { Value::Null } else { json!(groups.join(" or ")) }
}

fn condition(condition: &Value) -> String {
    let field = condition["field"].as_str().unwrap();
    let field = field.trim_start_matches("{{").trim_end_matches("}}").trim();
    // JSON's quotes and escapes are those of an expression.
    let value = condition["value"].to_string();
    match condition["op"].as_str().unwrap() {
        "equals" => format!("{field} == {value}"),
        "not_equals" => format!("{field} != {value}"),
        "contains" => format!("{field} is containing {value}"),
        "not_contains" => format!("{field} is not containing {value}"),
        "regex" => format!("{field} is matching {value}"),
        "is_empty" => format!("{field} is empty"),
        "is_not_empty" => format!("{field} is not empty"),
        "matches_phone" => format!("({field} | phone) is matching {value}"),
        op => panic!("no such operator: {op}"),
    }
}

#[test]
fn every_operator_of_leadbox_has_its_expression() {
    let with = |op: &str| json!({ "field": "{{contact.tags}}", "op": op, "value": "spam" });
    for (op, expression) in [
        ("equals", r#"contact.tags == "spam""#),
        ("not_equals", r#"contact.tags != "spam""#),
        ("contains", r#"contact.tags is containing "spam""#),
        ("not_contains", r#"contact.tags is not containing "spam""#),
        ("regex", r#"contact.tags is matching "spam""#),
        ("is_empty", "contact.tags is empty"),
        ("is_not_empty", "contact.tags is not empty"),
        ("matches_phone", r#"(contact.tags | phone) is matching "spam""#),
    ] {
        assert_eq!(condition(&with(op)), expression);
    }
    let any = json!([{ "any": [with("is_empty"), with("equals")] }, { "all": [with("regex")] }]);
    assert_eq!(
        filter(&any),
        r#"(contact.tags is empty or contact.tags == "spam") or (contact.tags is matching "spam")"#
    );
}
