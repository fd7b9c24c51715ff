//! Deals in a simulated Odoo.

use patchbay_sdk::Deals;
use patchbay_sdk::types::{Deal, Error, Field, FieldType, Value as FieldValue};
use serde_json::json;

use super::stage::{Crm, crm};
use crate::Odoo;

fn upsert(
    crm: &Crm,
    id: Option<&str>,
    card: &str,
    fields: &[Field],
    manager: Option<&str>,
    key: &str,
) -> Result<Deal, Error> {
    crm.run(|| {
        let native = Odoo::map_deal_fields(fields.to_vec()).unwrap();
        let (id, manager) = (id.map(str::to_owned), manager.map(str::to_owned));
        Odoo::upsert_deal(id, card.to_owned(), native, manager, key.to_owned())
    })
}

fn open(crm: &Crm, card: &str) -> Vec<String> {
    let deals = crm.run(|| Odoo::open_deals(card.to_owned())).unwrap();
    deals.into_iter().map(|deal| deal.id).collect()
}

#[test]
fn open_deals_are_neither_won_nor_lost_nor_leads_and_the_newest_is_first() {
    let crm = crm();
    let (card, first) = crm.add_deal(1);
    let partner: u64 = card.parse().unwrap();
    let deal = |more: serde_json::Value| {
        let mut values = json!({ "name": "D", "type": "opportunity", "partner_id": partner });
        values.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        crm.sim().add("crm.lead", &values)
    };
    deal(json!({ "stage_id": 4 }));
    deal(json!({ "active": false }));
    deal(json!({ "type": "lead" }));
    deal(json!({ "partner_id": 1 }));
    let no_stage = deal(json!({}));
    crm.sim().set("crm.lead", no_stage, "stage_id", json!(false));
    let last = deal(json!({ "stage_id": 2 }));
    assert_eq!(open(&crm, &card), [last.to_string(), no_stage.to_string(), first]);
    assert!(open(&crm, "404").is_empty());
    assert!(open(&crm, "x").is_empty());
}

#[test]
fn a_new_deal_is_an_opportunity_of_its_card() {
    let crm = crm();
    let (card, _) = crm.add_deal(4);
    let fields = [
        Field::text("title", "Chat on the site"),
        Field::text("comment", "a <b>"),
        Field::text("stage", "2"),
        Field::text("pipeline", "1"),
        Field::new("expected_revenue", FieldValue::Number(1500.0)),
        Field::text("utm-source", "ad"),
    ];
    let deal = upsert(&crm, None, &card, &fields, Some("7"), "k").unwrap();
    assert_eq!((deal.title.as_str(), deal.stage.as_deref()), ("Chat on the site", Some("2")));
    assert_eq!(deal.manager.unwrap().id.as_deref(), Some("7"));
    let url = format!("https://odoo.example.test/odoo/crm.lead/{}", deal.id);
    assert_eq!(deal.url, Some(url));
    let kept = crm.sim().all("crm.lead").pop().unwrap();
    assert_eq!((&kept["type"], &kept["expected_revenue"]), (&json!("opportunity"), &json!(1500.0)));
    assert_eq!(kept["partner_id"].to_string(), card);
    assert_eq!(open(&crm, &card), [deal.id]);
}

#[test]
fn a_deal_without_a_title_has_one_all_the_same() {
    let crm = crm();
    let (card, _) = crm.add_deal(4);
    assert_eq!(upsert(&crm, None, &card, &[], None, "k").unwrap().title, "Enquiry");
}

#[test]
fn a_deal_is_changed_and_read_again() {
    let crm = crm();
    let (card, id) = crm.add_deal(1);
    let deal = upsert(&crm, Some(&id), &card, &[Field::text("stage", "2")], None, "k").unwrap();
    assert_eq!((deal.id.as_str(), deal.stage.as_deref()), (id.as_str(), Some("2")));
    let (again, asked) = crm.asked(|| {
        Odoo::upsert_deal(Some(id.clone()), card.clone(), "{}".to_owned(), None, "k2".to_owned())
    });
    assert_eq!((again.unwrap().id, asked), (id, vec!["crm.lead/read".to_owned()]));
}

#[test]
fn what_does_not_exist_is_not_found() {
    let crm = crm();
    let (card, _) = crm.add_deal(1);
    let title = [Field::text("title", "A")];
    for (id, card) in
        [(None, "404"), (None, "x"), (Some("404"), card.as_str()), (Some("x"), card.as_str())]
    {
        let told = upsert(&crm, id, card, &title, None, "k");
        assert!(matches!(told, Err(Error::NotFound(_))), "{id:?} {card}: {told:?}");
    }
    assert_eq!(crm.sim().all("crm.lead").len(), 1);
}

#[test]
fn a_stage_that_is_none_is_named_by_its_key() {
    let crm = crm();
    let (card, _) = crm.add_deal(1);
    let Err(Error::Invalid(problems)) =
        upsert(&crm, None, &card, &[Field::text("stage", "99")], None, "k")
    else {
        panic!("there is no such stage")
    };
    assert_eq!(problems[0].field.as_deref(), Some("stage"));
    let by_name = crm.run(|| Odoo::map_deal_fields(vec![Field::text("stage", "Won")]));
    assert_eq!(by_name.unwrap_err()[0].field.as_deref(), Some("stage"));
}

#[test]
fn the_choices_of_stage_and_pipeline_are_those_of_the_database() {
    let specs = crm().run(Odoo::describe_deal_fields).unwrap();
    let choices = |key: &str| {
        let spec = specs.iter().find(|spec| spec.key == key).unwrap();
        assert_eq!(spec.type_, FieldType::Choice);
        spec.choices.clone()
    };
    let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    assert_eq!(choices("stage"), [pair("1", "New"), pair("2", "Qualified"), pair("4", "Won")]);
    assert_eq!(choices("pipeline"), [pair("1", "Sales")]);
}

#[test]
fn a_repeat_of_a_finished_write_changes_nothing() {
    let crm = crm().warm();
    let (card, _) = crm.add_deal(4);
    let title = [Field::text("title", "A")];
    let deal = upsert(&crm, None, &card, &title, None, "k").unwrap();
    crm.sim().set("crm.lead", deal.id.parse().unwrap(), "name", json!("B"));
    let again = upsert(&crm, None, &card, &title, None, "k").unwrap();
    assert_eq!((again.id, again.title.as_str()), (deal.id, "B"));
}
