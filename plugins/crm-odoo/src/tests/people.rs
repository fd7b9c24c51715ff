//! Managers of a simulated Odoo.

use patchbay_sdk::Managers;
use patchbay_sdk::types::Error;
use serde_json::json;

use super::stage::crm;
use crate::Odoo;

#[test]
fn managers_are_all_users_but_those_of_the_portal() {
    let crm = crm();
    let people = crm.run(Odoo::list_managers).unwrap();
    let told: Vec<_> = people
        .iter()
        .map(|it| (it.id.as_deref().unwrap(), it.email.as_deref(), it.active))
        .collect();
    assert_eq!(
        told,
        [("1", None, false), ("2", None, true), ("7", Some("olha@example.test"), true)]
    );
}

#[test]
fn managers_are_read_to_the_last_page() {
    let crm = crm();
    // Three are there already.
    for number in 0..497 {
        crm.sim().add(
            "res.users",
            &json!({ "name": "U", "login": format!("u{number}"), "share": false }),
        );
    }
    let (people, asked) = crm.asked(Odoo::list_managers);
    assert_eq!((people.unwrap().len(), asked.len()), (500, 2));
}

#[test]
fn assignments_come_page_by_page_with_who_they_are() {
    let crm = crm();
    for number in 0..501_u64 {
        let user = if number % 2 == 0 { 7 } else { 2 };
        crm.add_partner(&json!({ "name": "A", "user_id": user }));
    }
    crm.add_partner(&json!({ "name": "nobody's" }));
    let (first, page) = crm.run(|| Odoo::list_assignments(None)).unwrap();
    assert_eq!(first.iter().map(|one| one.cards.len()).sum::<usize>(), 500);
    assert_eq!(first[1].manager.email.as_deref(), Some("olha@example.test"));
    let (second, end) = crm.run(|| Odoo::list_assignments(page)).unwrap();
    assert_eq!((second.len(), second[0].cards.len(), end), (1, 1, None));
    let wrong = crm.run(|| Odoo::list_assignments(Some("x".to_owned())));
    assert!(matches!(wrong, Err(Error::Invalid(_))));
}
