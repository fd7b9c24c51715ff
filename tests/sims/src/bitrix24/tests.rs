//! The simulator against the documented answers.

use super::*;

fn portal() -> Bitrix24 {
    Bitrix24::new("hooksecret0001")
}

fn ask_at(portal: &mut Bitrix24, now_ms: u64, method: &str, params: &Value) -> (u16, Value) {
    let url = format!("https://portal.example.test/rest/1/hooksecret0001/{method}");
    let request = Request::post(url).json(params.to_string());
    let response = portal.answer(&request, Duration::from_millis(now_ms));
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

fn ask(portal: &mut Bitrix24, method: &str, params: &Value) -> (u16, Value) {
    ask_at(portal, 0, method, params)
}

#[test]
fn a_miss_is_a_list_and_a_hit_is_an_object() {
    let mut portal = portal();
    let id = portal.put_contact(
        &json!({ "name": "Anna" }),
        &["+380 67 123-45-67"],
        &["Anna@example.test"],
    );
    let search = |kind: &str, value: &str| json!({ "entity_type": "CONTACT", "type": kind, "values": [value] });
    let hit = json!({ "CONTACT": [id] });
    for (kind, value, expected) in [
        ("PHONE", "+380671234567", &hit),
        // Another notation is another number.
        ("PHONE", "0671234567", &json!([])),
        ("EMAIL", "anna@EXAMPLE.test", &hit),
        ("EMAIL", "anna@example", &json!([])),
    ] {
        let (status, answer) = ask(&mut portal, "crm.duplicate.findbycomm", &search(kind, value));
        assert_eq!((status, &answer["result"]), (200, expected), "{value}");
    }
    let (status, answer) =
        ask(&mut portal, "crm.duplicate.findbycomm", &json!({ "values": ["x"] }));
    assert_eq!(
        (status, answer["error"].as_str()),
        (400, Some("Communication type is not defined"))
    );
}

#[test]
fn multi_fields_change_by_their_ids() {
    let mut portal = portal();
    let fm = json!([{ "typeId": "PHONE", "valueType": "MOBILE", "value": "+380671234567" }, { "value": "no type" }]);
    let (_, made) = ask(
        &mut portal,
        "crm.item.add",
        &json!({ "entityTypeId": 3, "fields": { "name": "Anna", "fm": fm, "nonsense": 1 } }),
    );
    let item = &made["result"]["item"];
    assert_eq!(
        (item["phone"].as_str(), item["fm"].as_array().unwrap().len()),
        (Some("+380671234567"), 1)
    );
    assert!(item.get("nonsense").is_none());
    let (id, entry) = (item["id"].clone(), item["fm"][0]["id"].to_string());
    let changes = json!({ entry: { "typeId": "PHONE", "value": "+1" }, "n0": { "typeId": "EMAIL", "value": "a@b" }, "n1": { "value": "x" } });
    let (_, answer) = ask(
        &mut portal,
        "crm.item.update",
        &json!({ "entityTypeId": 3, "id": id, "fields": { "fm": changes } }),
    );
    let values: Vec<_> = answer["result"]["item"]["fm"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["value"].clone())
        .collect();
    assert_eq!(values, [json!("+1"), json!("a@b")]);
}

#[test]
fn requests_are_refused_when_the_counter_is_full() {
    let mut portal = portal();
    let mut ask_at = |now_ms| ask_at(&mut portal, now_ms, "user.current", &json!({})).0;
    for _ in 0..50 {
        assert_eq!(ask_at(0), 200);
    }
    assert_eq!((ask_at(0), ask_at(400)), (503, 503));
    // Two fall out in a second.
    assert_eq!((ask_at(1_000), ask_at(1_000), ask_at(1_000)), (200, 200, 503));
}

#[test]
fn a_method_that_takes_too_long_is_blocked_alone() {
    let mut portal = portal();
    portal.costs.insert("crm.item.list".to_owned(), 250.0);
    let list = json!({ "entityTypeId": 3 });
    for taken in [250.0, 500.0] {
        let (status, answer) = ask(&mut portal, "crm.item.list", &list);
        assert_eq!((status, answer["time"]["operating"].as_f64()), (200, Some(taken)));
        assert_eq!(answer["time"]["operating_reset_at"], json!(clock::EXAMPLE_S + 600));
    }
    let (status, answer) = ask(&mut portal, "crm.item.list", &list);
    assert_eq!((status, answer["error"].as_str()), (429, Some("OPERATION_TIME_LIMIT")));
    let batch =
        json!({ "halt": 0, "cmd": { "a": "crm.item.list?entityTypeId=3", "b": "user.current" } });
    let (status, answer) = ask(&mut portal, "batch", &batch);
    assert_eq!((status, answer["result"]["result"]["b"]["ID"].as_str()), (200, Some("1")));
    assert_eq!(answer["result"]["result_error"]["a"]["error"], json!("OPERATION_TIME_LIMIT"));
    assert_eq!(ask_at(&mut portal, 599_999, "crm.item.list", &list).0, 429);
    assert_eq!(ask_at(&mut portal, 600_000, "crm.item.list", &list).0, 200);
}

#[test]
fn a_batch_goes_on_or_halts_and_has_lists_for_empty_maps() {
    let mut portal = portal();
    let cmd = r#"{"halt":HALT,"cmd":{"z":"crm.item.get?entityTypeId=3&id=5","a":"user.current?"}}"#;
    let mut run = |halt: &str| -> Value {
        let request = Request::post("https://p.test/rest/1/hooksecret0001/batch")
            .json(cmd.replace("HALT", halt));
        let response = portal.answer(&request, Duration::ZERO);
        serde_json::from_slice::<Value>(&response.body).unwrap()["result"].take()
    };
    let went_on = run("0");
    assert_eq!(
        (went_on["result_error"]["z"]["error"].as_str(), went_on["result"]["a"]["ID"].as_str()),
        (Some("NOT_FOUND"), Some("1"))
    );
    let halted = run("1");
    assert_eq!((&halted["result"], &halted["result_next"]), (&json!([]), &json!([])));
}

#[test]
fn who_may_not_is_told_so() {
    let mut portal = portal();
    portal.scopes.remove("user_basic");
    let (status, answer) = ask(&mut portal, "user.get", &json!({}));
    assert_eq!((status, answer["error"].as_str()), (401, Some("insufficient_scope")));
    let (status, answer) = ask(&mut portal, "crm.nonsense", &json!({}));
    assert_eq!((status, answer["error"].as_str()), (404, Some("ERROR_METHOD_NOT_FOUND")));
    let request = Request::post("https://p.test/rest/1/wrong/user.current").json("{}");
    assert_eq!(portal.answer(&request, Duration::ZERO).status, 401);
}

#[test]
fn lists_end_and_old_lists_repeat_their_last_page() {
    let mut portal = portal();
    for _ in 0..51 {
        portal.put_contact(&json!({}), &[], &[]);
    }
    let mut list = |start: i64| {
        let (_, answer) = ask(
            &mut portal,
            "crm.item.list",
            &json!({ "entityTypeId": 3, "start": start, "select": ["id"] }),
        );
        (
            answer["result"]["items"].as_array().unwrap().len(),
            answer["next"].as_u64(),
            answer["total"].as_u64(),
        )
    };
    assert_eq!(list(0), (50, Some(50), Some(51)));
    assert_eq!(list(50), (1, None, Some(51)));
    assert_eq!(list(100), (0, None, Some(51)));
    assert_eq!(list(-1), (50, None, None));
    let (_, users) = ask(&mut portal, "user.get", &json!({ "start": 50 }));
    assert_eq!(users["result"].as_array().unwrap().len(), 2);
    let unknown = json!({ "entityTypeId": 3, "filter": { "nonsense": 1 } });
    assert_eq!(ask(&mut portal, "crm.item.list", &unknown).1["error"], json!("INVALID_ARG_VALUE"));
}
