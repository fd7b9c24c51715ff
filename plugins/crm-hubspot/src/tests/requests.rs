//! How many requests each flow costs, as the README promises.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Field, Subject, Transcript};
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks};

use super::stage::{PHONE, anna, crm_with_keys, email, phone};
use crate::HubSpot;

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

#[test]
fn an_enquiry_of_a_new_client_costs_six() {
    let crm = crm_with_keys().warm();
    // Asked for once a day.
    crm.run(HubSpot::describe_deal_fields).unwrap();
    let ((), asked) = crm.asked(|| {
        assert_eq!(HubSpot::lookup_client(anna().to_vec()), Ok(Vec::new()));
        let native =
            HubSpot::map_fields(anna().to_vec(), vec![Field::text("name", "Anna")]).unwrap();
        let card = HubSpot::upsert_contact(None, native, key("k")).unwrap();
        assert_eq!(HubSpot::open_deals(card.id.clone()), Ok(Vec::new()));
        let deal = HubSpot::map_deal_fields(vec![Field::text("title", "Chat")]).unwrap();
        let deal = HubSpot::upsert_deal(None, card.id, deal, Some(key("700")), key("k")).unwrap();
        let subject = Subject::Deal(deal.id);
        let due = "2026-12-02T08:00:00Z".to_owned();
        let task = Task {
            subject: subject.clone(),
            title: key("Call"),
            text: key(""),
            manager: None,
            due,
        };
        HubSpot::create_task(task, key("k")).unwrap();
        HubSpot::add_note(subject, talk(), key("k")).unwrap();
    });
    let expected = [
        "POST /crm/v3/objects/contacts/search",
        "POST /crm/v3/objects/contacts",
        "GET /crm/v4/objects/contacts/51/associations/deals",
        "POST /crm/v3/objects/deals",
        "POST /crm/v3/objects/tasks",
        "POST /crm/v3/objects/notes",
    ];
    assert_eq!(asked, expected);
}

#[test]
fn an_update_of_a_known_client_with_an_open_deal_costs_eight() {
    let crm = crm_with_keys().warm();
    let card = crm.sim().add("contacts", &[("phone", PHONE), ("hubspot_owner_id", "700")]);
    let deal = crm.sim().add("deals", &[("dealname", "A"), ("dealstage", "1001")]);
    crm.sim().associate(("contacts", &card), ("deals", &deal));
    let ((), asked) = crm.asked(|| {
        let cards = HubSpot::lookup_client(vec![phone(PHONE)]).unwrap();
        let native = HubSpot::map_fields(anna().to_vec(), vec![]).unwrap();
        HubSpot::upsert_contact(Some(cards[0].id.clone()), native, key("k")).unwrap();
        let deals = HubSpot::open_deals(card.clone()).unwrap();
        let native = HubSpot::map_deal_fields(vec![Field::text("amount", "5")]).unwrap();
        let id = Some(deals[0].id.clone());
        HubSpot::upsert_deal(id, card.clone(), native, None, key("k")).unwrap();
        HubSpot::add_note(Subject::Deal(deal.clone()), talk(), key("k")).unwrap();
    });
    let expected = [
        "POST /crm/v3/objects/contacts/search",
        "GET /crm/v3/objects/contacts/51",
        "PATCH /crm/v3/objects/contacts/51",
        "GET /crm/v4/objects/contacts/51/associations/deals",
        "POST /crm/v3/objects/deals/batch/read",
        "GET /crm/v3/objects/deals/52",
        "PATCH /crm/v3/objects/deals/52",
        "POST /crm/v3/objects/notes",
    ];
    assert_eq!(asked, expected);
}

#[test]
fn each_function_costs_what_the_readme_says() {
    let crm = crm_with_keys();
    let cost = |call: &dyn Fn()| crm.asked(call).1.len();
    let describe = || assert!(HubSpot::describe_fields().is_ok());
    // The account is asked for once.
    assert_eq!((cost(&describe), cost(&describe)), (2, 1));
    assert_eq!(cost(&|| assert!(HubSpot::describe_deal_fields().is_ok())), 2);
    assert_eq!(cost(&|| assert!(HubSpot::list_managers().is_ok())), 2);
    assert_eq!(cost(&|| assert!(HubSpot::list_assignments(None).is_ok())), 1);
    assert_eq!(cost(&|| assert!(HubSpot::map_fields(anna().to_vec(), vec![]).is_ok())), 0);
    let many: Vec<_> = (0..7).map(|number| email(&format!("a{number}@example.test"))).collect();
    assert_eq!(cost(&|| assert!(HubSpot::lookup_client(many.clone()).is_ok())), 2);
    let too_many: Vec<_> =
        (0..30).map(|number| email(&format!("a{number}@example.test"))).collect();
    assert_eq!(cost(&|| assert!(HubSpot::lookup_client(too_many.clone()).is_ok())), 3);
}
