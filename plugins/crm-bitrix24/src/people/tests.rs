//! Employees and assignments, page by page.

use patchbay_sdk::Managers;
use patchbay_sims::bitrix24::User;

use super::*;
use crate::Bitrix24;
use crate::tests::bench::Bench;

#[test]
fn employees_are_read_to_the_end_with_those_who_left() {
    for (count, requests_expected) in
        [(2, 1), (49, 1), (50, 2), (51, 2), (549, 2), (550, 3), (551, 3), (1_200, 3)]
    {
        let bench = Bench::new();
        let user = |id: u64| User { is_active: id != 2, ..User::new(id, "Olha", "Manager") };
        bench.portal().users = (1..=count).map(user).collect();
        let (managers, requests) = bench.counted(|| Bitrix24::list_managers().unwrap());
        assert_eq!((managers.len() as u64, requests), (count, requests_expected));
        assert_eq!((managers[0].active, managers[1].active), (true, false));
        assert_eq!(managers[1].name.as_deref(), Some("Olha Manager"));
    }
}

#[test]
fn assignments_are_read_to_the_end_page_by_page() {
    for (count, pages) in [(0, 1), (50, 1), (499, 1), (501, 2)] {
        let bench = Bench::new();
        for index in 0..count {
            let manager = if index % 2 == 0 { 1 } else { 6 };
            bench.portal().put_contact(&json!({ "assignedById": manager }), &[], &[]);
        }
        bench.portal().put_contact(&json!({ "assignedById": 0 }), &[], &[]);
        let (mut cards, mut token, mut read) = (BTreeSet::new(), None, 0);
        loop {
            let (assignments, next) = bench.host.run(|| Bitrix24::list_assignments(token)).unwrap();
            read += 1;
            for assignment in assignments {
                assert!(assignment.manager.email.is_some());
                for card in assignment.cards {
                    assert!(cards.insert(card), "a card stands twice");
                }
            }
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(cards.len(), count);
        assert!(read == pages || read == pages + 1, "{count}: {read}");
    }
    let wrong = Bench::new().host.run(|| Bitrix24::list_assignments(Some("x".to_owned())));
    assert!(matches!(wrong, Err(Error::Invalid(_))));
}

#[test]
fn a_user_is_read_in_all_shapes() {
    let user = |value: Value| person(&Record::of(value).unwrap());
    let odd = json!({ "ID": 7, "ACTIVE": "N", "NAME": null, "LAST_NAME": " Seller ", "EMAIL": {}, "WORK_PHONE": [], "UF_PHONE_INNER": 102 });
    let odd = user(odd).unwrap();
    assert_eq!(
        (odd.id.as_deref(), odd.name.as_deref(), odd.active),
        (Some("7"), Some("Seller"), false)
    );
    assert_eq!((odd.email, odd.phone.as_deref()), (None, Some("102")));
    assert_eq!(user(json!({ "NAME": "Olha" })), None);
    assert!(user(json!({ "ID": "8", "ACTIVE": {} })).unwrap().active);
}
