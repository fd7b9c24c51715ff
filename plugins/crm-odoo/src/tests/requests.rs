//! How many requests each flow costs, as the README promises.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Field, Subject, Transcript};
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks};
use patchbay_sims::Fault;

use super::stage::{PHONE, anna, crm, phone};
use crate::Odoo;

fn key(text: &str) -> String {
    text.to_owned()
}

fn talk() -> Note {
    Note::Transcript(Transcript {
        started_at: None,
        finished_at: None,
        topic: None,
        rating: None,
        messages: Vec::new(),
    })
}

fn task(subject: Subject) -> Task {
    let due = key("2026-12-02T08:00:00Z");
    Task { subject, title: key("Call"), text: key(""), manager: None, due }
}

#[test]
fn an_enquiry_of_a_new_client_costs_eight() {
    let crm = crm().warm();
    let ((), asked) = crm.asked(|| {
        assert_eq!(Odoo::lookup_client(anna().to_vec()), Ok(Vec::new()));
        let native = Odoo::map_fields(anna().to_vec(), vec![Field::text("name", "Anna")]).unwrap();
        let card = Odoo::upsert_contact(None, native, key("k")).unwrap();
        assert_eq!(Odoo::open_deals(card.id.clone()), Ok(Vec::new()));
        let deal = Odoo::map_deal_fields(vec![Field::text("title", "Chat")]).unwrap();
        let deal = Odoo::upsert_deal(None, card.id, deal, Some(key("7")), key("k")).unwrap();
        let subject = Subject::Deal(deal.id);
        Odoo::create_task(task(subject.clone()), key("k")).unwrap();
        Odoo::add_note(subject, talk(), key("k")).unwrap();
    });
    let expected = [
        "res.partner/search_read",
        "res.partner/load",
        "res.partner/read",
        "crm.lead/search_read",
        "crm.lead/load",
        "crm.lead/read",
        "crm.lead/activity_schedule",
        "crm.lead/message_post",
    ];
    assert_eq!(asked, expected);
}

#[test]
fn an_update_of_a_known_client_with_an_open_deal_costs_eight() {
    let crm = crm().warm();
    let (card, deal) = crm.add_deal(1);
    crm.sim().set("res.partner", card.parse().unwrap(), "phone", PHONE.into());
    let ((), asked) = crm.asked(|| {
        let cards = Odoo::lookup_client(vec![phone(PHONE)]).unwrap();
        let native = Odoo::map_fields(anna().to_vec(), vec![]).unwrap();
        Odoo::upsert_contact(Some(cards[0].id.clone()), native, key("k")).unwrap();
        let deals = Odoo::open_deals(card.clone()).unwrap();
        let native = Odoo::map_deal_fields(vec![Field::text("title", "B")]).unwrap();
        Odoo::upsert_deal(Some(deals[0].id.clone()), card.clone(), native, None, key("k")).unwrap();
        Odoo::add_note(Subject::Deal(deal.clone()), talk(), key("k")).unwrap();
    });
    let expected = [
        "res.partner/search_read",
        "res.partner/read",
        "res.partner/write",
        "res.partner/read",
        "crm.lead/search_read",
        "crm.lead/write",
        "crm.lead/read",
        "crm.lead/message_post",
    ];
    assert_eq!(asked, expected);
}

#[test]
fn each_function_costs_what_the_readme_says() {
    let crm = crm();
    let cost = |call: &dyn Fn()| crm.asked(call).1.len();
    let lookup = || assert!(Odoo::lookup_client(anna().to_vec()).is_ok());
    // The names of the own fields are asked for once.
    assert_eq!((cost(&lookup), cost(&lookup)), (2, 1));
    assert_eq!(cost(&|| assert!(Odoo::lookup_client(vec![]).is_ok())), 0);
    assert_eq!(cost(&|| assert!(Odoo::describe_fields().is_ok())), 1);
    assert_eq!(cost(&|| assert!(Odoo::describe_deal_fields().is_ok())), 3);
    assert_eq!(cost(&|| assert!(Odoo::list_managers().is_ok())), 1);
    assert_eq!(cost(&|| assert!(Odoo::map_fields(anna().to_vec(), vec![]).is_ok())), 0);
    let (card, _) = crm.add_deal(1);
    assert_eq!(cost(&|| assert!(Odoo::list_assignments(None).is_ok())), 2);
    let upsert = |native: &str, of: &str| {
        cost(&|| {
            let (id, native) = (Some(card.clone()), native.to_owned());
            assert!(Odoo::upsert_contact(id, native, key(of)).is_ok());
        })
    };
    assert_eq!(upsert(r#"{"city":"Kyiv"}"#, "k1"), 2);
    assert_eq!(upsert(r#"{"city":"Kyiv"}"#, "k1"), 1);
    assert_eq!(upsert(r#"{"city":"Kyiv","if-empty":{"phone":"+1234"}}"#, "k2"), 3);
    assert_eq!(upsert(r#"{"if-empty":{"phone":"+1234"}}"#, "k3"), 1);
    assert_eq!(upsert("{}", "k4"), 1);
}

#[test]
fn a_repeat_costs_a_look_up_only_where_an_answer_was_lost() {
    let crm = crm().warm();
    let (_, deal) = crm.add_deal(1);
    let subject = Subject::Deal(deal);
    let note = || Odoo::add_note(subject.clone(), Note::Text(key("a")), key("k"));
    let create = || Odoo::create_task(task(subject.clone()), key("k"));
    crm.fail_next("message_post", Fault::LostAnswer);
    crm.fail_next("activity_schedule", Fault::Lost);
    assert!(crm.run(note).is_err() && crm.run(create).is_err());
    assert_eq!(crm.asked(note).1, ["mail.message/search_read"]);
    assert_eq!(crm.asked(create).1, ["mail.activity/search_read", "crm.lead/activity_schedule"]);
    assert!(crm.asked(note).1.is_empty() && crm.asked(create).1.is_empty());
}
