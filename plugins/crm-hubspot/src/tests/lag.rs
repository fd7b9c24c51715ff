//! A search that is behind, and answers that are lost.

use std::time::Duration;

use patchbay_sdk::types::{Error, Field};
use patchbay_sims::Fault;

use super::stage::{Crm, EMAIL, PHONE, anna, crm, crm_with_keys, email, phone, visitor};

const LAG_S: u64 = 60;

fn lagging(crm: Crm) -> Crm {
    crm.sim().search_lag = Duration::from_secs(LAG_S);
    crm
}

#[test]
fn a_contact_that_was_just_made_is_found_before_the_search_shows_it() {
    let crm = lagging(crm());
    let made = crm.upsert(None, &anna(), &[Field::text("name", "Anna")], "k").unwrap();
    for identifier in anna() {
        let found = crm.lookup(std::slice::from_ref(&identifier));
        assert_eq!(found.len(), 1, "{identifier:?}");
        assert_eq!((&found[0].id, &found[0].matched), (&made.id, &vec![identifier]));
    }
    crm.advance(LAG_S);
    assert_eq!(crm.lookup(&anna()).len(), 1);
}

#[test]
fn a_contact_that_was_just_changed_is_shown_as_it_is_now() {
    let crm = lagging(crm());
    let id = crm.sim().add("contacts", &[("phone", PHONE), ("firstname", "Anna")]);
    crm.upsert(Some(&id), &[email(EMAIL)], &[Field::text("city", "Kyiv")], "k").unwrap();
    let found = crm.lookup(&[phone(PHONE)]);
    assert_eq!(found[0].field("city").and_then(|it| it.as_text()), Some("Kyiv"));
    assert_eq!(crm.lookup(&[email(EMAIL)])[0].id, id);
}

#[test]
fn a_contact_that_was_deleted_meanwhile_is_forgotten() {
    let crm = lagging(crm());
    let made = crm.upsert(None, &anna(), &[], "k").unwrap();
    crm.sim().archive("contacts", &made.id);
    assert_eq!(crm.lookup(&anna()), []);
    let (found, asked) = crm.asked(|| crm.lookup(&anna()));
    assert_eq!((found.len(), asked.len()), (0, 1));
}

#[test]
fn a_repeat_after_a_lost_answer_makes_no_second_contact_with_an_e_mail() {
    let crm = lagging(crm());
    crm.fail_next("/crm/v3/objects/contacts", Fault::LostAnswer);
    let upsert = || crm.upsert(None, &anna(), &[Field::text("name", "Anna")], "k");
    assert!(matches!(upsert(), Err(Error::UnknownOutcome(_))));
    // The search does not show it; the conflict names it, and it is as it was to be.
    let again = upsert().unwrap();
    assert_eq!((again.id.as_str(), crm.contacts().len()), ("51", 1));
    assert_eq!(upsert().unwrap().id, "51");
}

#[test]
fn somebody_else_with_the_e_mail_is_still_a_conflict_in_a_repeat() {
    let crm = lagging(crm());
    crm.fail_next("/crm/v3/objects/contacts", Fault::Lost);
    let upsert = || crm.upsert(None, &anna(), &[Field::text("name", "Anna")], "k");
    assert!(matches!(upsert(), Err(Error::UnknownOutcome(_))));
    crm.sim().add("contacts", &[("email", EMAIL), ("firstname", "Olha")]);
    assert_eq!(upsert(), Err(Error::Conflict(Some("51".to_owned()))));
}

#[test]
fn a_repeat_finds_the_lost_contact_by_its_key() {
    let crm = lagging(crm_with_keys());
    crm.fail_next("/crm/v3/objects/contacts", Fault::LostAnswer);
    let upsert = || crm.upsert(None, &[phone(PHONE)], &[], "k");
    assert!(matches!(upsert(), Err(Error::UnknownOutcome(_))));
    assert_eq!((upsert().unwrap().id.as_str(), crm.contacts().len()), ("51", 1));
    crm.fail_next("/crm/v3/objects/contacts", Fault::Lost);
    let other = || crm.upsert(None, &[phone("+380501112233")], &[], "k2");
    assert!(matches!(other(), Err(Error::UnknownOutcome(_))));
    assert_eq!((other().unwrap().id.as_str(), crm.contacts().len()), ("52", 2));
}

#[test]
fn without_a_key_and_an_e_mail_a_repeat_waits_until_the_search_must_show_it() {
    let crm = lagging(crm());
    let client = [phone(PHONE), visitor("2746")];
    crm.fail_next("/crm/v3/objects/contacts", Fault::LostAnswer);
    let upsert = || crm.upsert(None, &client, &[], "k");
    assert!(matches!(upsert(), Err(Error::UnknownOutcome(_))));
    assert_eq!(upsert(), Err(Error::RateLimited(Some(120_000))));
    crm.advance(40);
    assert_eq!(upsert(), Err(Error::RateLimited(Some(80_000))));
    crm.advance(80);
    assert_eq!((upsert().unwrap().id.as_str(), crm.contacts().len()), ("51", 1));
}

#[test]
fn what_the_search_does_not_show_for_two_minutes_was_not_made() {
    let crm = lagging(crm());
    crm.fail_next("/crm/v3/objects/contacts", Fault::Lost);
    let upsert = || crm.upsert(None, &[phone(PHONE)], &[], "k");
    assert!(matches!(upsert(), Err(Error::UnknownOutcome(_))));
    assert_eq!(upsert(), Err(Error::RateLimited(Some(120_000))));
    crm.advance(119);
    assert_eq!(upsert(), Err(Error::RateLimited(Some(1_000))));
    assert!(crm.contacts().is_empty());
    crm.advance(1);
    assert_eq!((upsert().unwrap().id.as_str(), crm.contacts().len()), ("51", 1));
}

#[test]
fn a_refused_write_is_made_anew_without_a_look_up() {
    let crm = crm().warm();
    let upsert = |key: &str| crm.upsert(None, &anna(), &[], key);
    crm.sim().limits.daily = 0;
    assert!(matches!(upsert("k"), Err(Error::RateLimited(_))));
    assert!(!crm.host.store().contains_key("once/contacts/k"));
    crm.sim().limits.daily = 100;
    let (made, asked) = crm.asked(|| upsert("k"));
    assert_eq!((made.unwrap().id.as_str(), asked.len()), ("51", 1));
}

#[test]
fn old_entries_are_removed_with_later_writes() {
    let crm = crm().warm();
    crm.upsert(None, &anna(), &[], "k1").unwrap();
    assert!(crm.host.store().contains_key("seen/email/anna.test@example.test"));
    crm.advance(2 * 86_400);
    crm.upsert(None, &[phone("+380501112233")], &[], "k2").unwrap();
    let store = crm.host.store();
    assert!(!store.contains_key("seen/email/anna.test@example.test"));
    assert!(store.contains_key("once/contacts/k1"));
    crm.advance(29 * 86_400);
    crm.upsert(None, &[phone("+380501112244")], &[], "k3").unwrap();
    assert!(!crm.host.store().contains_key("once/contacts/k1"));
}
