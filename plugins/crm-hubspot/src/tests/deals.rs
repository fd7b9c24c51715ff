//! Deals: open ones, new ones, changed ones.

use patchbay_sdk::Deals;
use patchbay_sdk::types::{Deal, Error, Field, FieldType};
use patchbay_sims::Fault;
use serde_json::json;

use super::stage::{Crm, crm, crm_with_keys, with};
use crate::HubSpot;

impl Crm {
    fn contact(&self) -> String {
        self.sim().add("contacts", &[("firstname", "Anna")])
    }

    fn deal(&self, card: &str, properties: &[(&str, &str)]) -> String {
        let deal = self.sim().add("deals", properties);
        self.sim().associate(("contacts", card), ("deals", &deal));
        deal
    }

    fn upsert_deal(
        &self,
        id: Option<&str>,
        card: &str,
        fields: &[Field],
        key: &str,
    ) -> Result<Deal, Error> {
        self.run(|| {
            let native = HubSpot::map_deal_fields(fields.to_vec()).unwrap();
            let manager = Some("700".to_owned()).filter(|_| id.is_none());
            HubSpot::upsert_deal(
                id.map(str::to_owned),
                card.to_owned(),
                native,
                manager,
                key.to_owned(),
            )
        })
    }

    fn open(&self, card: &str) -> Vec<String> {
        let deals = self.run(|| HubSpot::open_deals(card.to_owned())).unwrap();
        deals.into_iter().map(|deal| deal.id).collect()
    }
}

fn title(text: &str) -> Vec<Field> {
    vec![Field::text("title", text)]
}

#[test]
fn open_deals_are_those_neither_won_nor_lost_the_newest_first() {
    let crm = crm();
    let card = crm.contact();
    let first = crm.deal(&card, &[("dealname", "A"), ("dealstage", "qualifiedtobuy")]);
    crm.deal(&card, &[("dealname", "B"), ("dealstage", "closedwon")]);
    crm.deal(&card, &[("dealname", "C"), ("dealstage", "1002")]);
    let last = crm.deal(&card, &[("dealname", "D"), ("dealstage", "1001")]);
    let other = crm.contact();
    crm.deal(&other, &[("dealname", "E"), ("dealstage", "1001")]);
    assert_eq!(crm.open(&card), [last, first]);
    assert_eq!(crm.run(|| HubSpot::open_deals("999".to_owned())), Err(crate::errors::not_found()));
    assert!(matches!(crm.run(|| HubSpot::open_deals("x".to_owned())), Err(Error::NotFound(_))));
}

#[test]
fn deals_are_read_to_the_last_page() {
    let crm = crm();
    let card = crm.contact();
    for _ in 0..7 {
        crm.deal(&card, &[("dealname", "A"), ("dealstage", "1001")]);
    }
    crm.sim().page_max = 2;
    assert_eq!(crm.open(&card).len(), 7);
}

#[test]
fn a_deal_that_was_just_made_is_open_at_once() {
    let crm = crm();
    crm.sim().search_lag = std::time::Duration::from_mins(1);
    let card = crm.contact();
    let made = crm.upsert_deal(None, &card, &title("Call from Ringostat"), "k").unwrap();
    assert_eq!(crm.open(&card), std::slice::from_ref(&made.id));
    assert_eq!(
        (made.title.as_str(), made.stage.as_deref()),
        ("Call from Ringostat", Some("appointmentscheduled"))
    );
    assert_eq!(made.manager.unwrap().id.as_deref(), Some("700"));
    let address = format!("https://app-eu1.hubspot.com/contacts/123456/record/0-3/{}", made.id);
    assert_eq!(made.url, Some(address));
    // The mark is no part of the comment.
    assert!(made.fields.iter().all(|field| field.key != "comment"));
}

#[test]
fn a_new_deal_stands_where_the_settings_or_the_fields_say() {
    let placed = |settings: &[(&str, &str)], fields: &[Field]| {
        let crm = with(settings);
        let card = crm.contact();
        crm.upsert_deal(None, &card, fields, "k").map(|_| {
            let deal = crm.sim().all("deals").remove(0);
            (
                deal["pipeline"].as_str().unwrap().to_owned(),
                deal["dealstage"].as_str().unwrap().to_owned(),
            )
        })
    };
    let expect = |pipeline: &str, stage: &str| Ok((pipeline.to_owned(), stage.to_owned()));
    let first = expect("default", "appointmentscheduled");
    assert_eq!(placed(&[], &[]), first);
    assert_eq!(placed(&[("pipeline", "5000")], &[]), expect("5000", "1001"));
    assert_eq!(placed(&[("stage", "contractsent")], &[]), expect("default", "contractsent"));
    // HubSpot takes no stage of another pipeline.
    let stage = |id: &str| vec![Field::text("stage", id)];
    assert_eq!(placed(&[("pipeline", "default")], &stage("1001")), expect("5000", "1001"));
    let both = [Field::text("pipeline", "5000"), Field::text("stage", "1002")];
    assert_eq!(placed(&[], &both), expect("5000", "1002"));
    let refused = placed(&[], &stage("nowhere"));
    assert!(
        matches!(&refused, Err(Error::Invalid(problems)) if problems[0].field.as_deref() == Some("stage")),
        "{refused:?}"
    );
    let mixed = [Field::text("pipeline", "5000"), Field::text("stage", "closedwon")];
    let refused = placed(&[], &mixed);
    assert!(
        matches!(&refused, Err(Error::Invalid(problems)) if problems[0].field.as_deref() == Some("stage")),
        "{refused:?}"
    );
}

#[test]
fn a_repeat_makes_no_second_deal() {
    for crm in [crm(), crm_with_keys()] {
        let card = crm.contact();
        let upsert = |key: &str| crm.upsert_deal(None, &card, &title("A"), key);
        let first = upsert("k1").unwrap();
        assert_eq!(upsert("k1").map(|deal| deal.id), Ok(first.id));
        crm.fail_next("/crm/v3/objects/deals", Fault::LostAnswer);
        assert!(matches!(upsert("k2"), Err(Error::UnknownOutcome(_))));
        assert_eq!(upsert("k2").map(|deal| deal.title), Ok("A".to_owned()));
        crm.fail_next("/crm/v3/objects/deals", Fault::Lost);
        assert!(matches!(upsert("k3"), Err(Error::UnknownOutcome(_))));
        upsert("k3").unwrap();
        let count = crm.sim().all("deals").len();
        assert_eq!((count, crm.faults_left()), (3, 0));
    }
}

#[test]
fn a_deal_is_changed_and_keeps_its_mark() {
    let crm = crm();
    let card = crm.contact();
    let made = crm.upsert_deal(None, &card, &[Field::text("comment", "first")], "k1").unwrap();
    let fields = [
        Field::text("stage", "qualifiedtobuy"),
        Field::text("comment", "second"),
        Field::text("amount", "1500"),
    ];
    let changed = crm.upsert_deal(Some(&made.id), &card, &fields, "k2").unwrap();
    assert_eq!(
        (changed.stage.as_deref(), changed.title.as_str()),
        (Some("qualifiedtobuy"), "Deal")
    );
    let deal = crm.sim().all("deals").remove(0);
    assert_eq!(deal["description"], "second\n[patchbay:k1]");
    assert!(changed.fields.contains(&Field::text("comment", "second")));
    assert!(changed.fields.contains(&Field::text("amount", "1500")));
    let cleared = [Field::new("closedate", patchbay_sdk::types::Value::Empty)];
    crm.sim().set("deals", &made.id, "closedate", "2026-12-02T08:00:00Z");
    crm.upsert_deal(Some(&made.id), &card, &cleared, "k").unwrap();
    assert_eq!(crm.sim().all("deals").remove(0).get("closedate"), None);
    let (again, asked) = crm.asked(|| crm.upsert_deal(Some(&made.id), &card, &fields, "k3"));
    assert_eq!((again.unwrap().id, asked.len()), (made.id, 1));
}

#[test]
fn a_deal_of_another_contact_is_not_changed() {
    let crm = crm();
    let (card, other) = (crm.contact(), crm.contact());
    let deal = crm.deal(&card, &[("dealname", "A"), ("dealstage", "1001")]);
    let loose = crm.sim().add("deals", &[("dealname", "B"), ("dealstage", "1001")]);
    for (id, card) in [
        (deal.as_str(), other.as_str()),
        (&loose, &card),
        ("999", &card),
        ("x", &card),
        (&deal, "y"),
    ] {
        let answer = crm.upsert_deal(Some(id), card, &title("C"), "k");
        assert!(matches!(answer, Err(Error::NotFound(_))), "{id} {card}: {answer:?}");
    }
    assert!(crm.sim().all("deals").iter().all(|deal| deal["dealname"] != "C"));
}

#[test]
fn a_deal_on_a_contact_that_is_gone_is_not_found() {
    let crm = crm();
    let answer = crm.upsert_deal(None, "999", &title("A"), "k");
    assert_eq!(answer, Err(crate::errors::not_found()));
    assert!(crm.sim().all("deals").is_empty());
}

#[test]
fn where_the_flag_lacks_the_stage_says_whether_a_deal_is_open() {
    let crm = crm().warm();
    let card = crm.contact();
    crm.deal(&card, &[("dealname", "A"), ("dealstage", "1001")]);
    let bare = |id: &str, stage: &str| json!({ "id": id, "properties": { "dealstage": stage } });
    let results = json!({ "status": "COMPLETE", "results": [bare("1", "closedlost"), bare("2", "contractsent"), bare("3", "")] });
    crm.answer_next("/crm/v3/objects/deals/batch/read", 200, &results);
    assert_eq!(crm.open(&card), ["3", "2"]);
}

#[test]
fn deal_fields_are_described_with_pipelines_and_stages() {
    let crm = crm_with_keys();
    let specs = crm.run(HubSpot::describe_deal_fields).unwrap();
    let spec = |key: &str| specs.iter().find(|spec| spec.key == key).unwrap();
    let choices =
        |key: &str| spec(key).choices.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>();
    assert_eq!(choices("pipeline"), ["default", "5000"]);
    assert_eq!(choices("stage").len(), 7);
    assert!(spec("stage").choices.contains(&("1001".to_owned(), "Service: Asked".to_owned())));
    assert_eq!((spec("amount").type_, spec("title").type_), (FieldType::Number, FieldType::Text));
    assert!(specs.iter().all(|spec| spec.key != "patchbay_key" && spec.key != "hs_is_closed"));
}

#[test]
fn a_deal_needs_a_manager_that_can_be_one() {
    let crm = crm();
    let card = crm.contact();
    let upsert = |manager: &str| {
        crm.run(|| {
            HubSpot::upsert_deal(
                None,
                card.clone(),
                "{}".to_owned(),
                Some(manager.to_owned()),
                "k".to_owned(),
            )
        })
    };
    for manager in ["olha", "999"] {
        let answer = upsert(manager);
        assert!(
            matches!(&answer, Err(Error::Invalid(problems)) if problems[0].field.as_deref() == Some("manager")),
            "{answer:?}"
        );
    }
}
