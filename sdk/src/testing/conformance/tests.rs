//! One adapter with a fault that the test chooses: each check has one that fails it.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;

mod crm;
mod faulty;
mod followup;

use self::crm::Crm;
use self::faulty::Faulty;

fn client(number: usize) -> Client {
    let identifiers = vec![
        Identifier::Phone(format!("+7900000{number:04}")),
        Identifier::Email(format!("alina{number}@example.com")),
        Identifier::external("jivo", format!("visitor-{number}")),
    ];
    Client { identifiers, fields: vec![Field::text("name", "Alina Testova")] }
}

/// What a run of the suite tells of the fault.
fn told(fault: &str, run: fn(&Suite<'_>) -> Result<(), String>) -> Result<(), String> {
    let crm = Rc::new(RefCell::new(Crm::default()));
    let server = Rc::clone(&crm);
    let host = Host::new()
        .setting("fault", fault)
        .http(move |request| Ok(server.borrow_mut().answer(request)));
    let count = |record: Record| match record {
        Record::Task => crm.borrow().of("task"),
        Record::Note => crm.borrow().of("note"),
    };
    run(&Suite { host: &host, client: &client, unknown_id: "404", count: &count, wait: &|_| {} })
}

#[track_caller]
fn check(run: fn(&Suite<'_>) -> Result<(), String>, faults: &[(&str, &str)]) {
    assert_eq!(told("none", run), Ok(()));
    for (fault, words) in faults {
        let told = told(fault, run);
        assert!(told.as_ref().is_err_and(|told| told.contains(words)), "{fault}: {told:?}");
    }
}

#[test]
fn each_fault_of_contacts_is_found() {
    check(
        |suite| suite.contacts::<Faulty>().map(drop),
        &[
            ("no-problems", "has no answer"),
            ("tells", "tells the value"),
            ("impure", "answers differently"),
            ("undescribed", "describes nothing"),
            ("untitled-field", "without a key or a title"),
            ("twice-described", "describes `name` twice"),
            ("choices", "has choices for `name`"),
            ("stranger", "a look-up of nobody"),
            ("chatty", "sends 18 requests"),
            ("credulous", "should be not-found"),
            ("forgetful-card", "made two cards"),
            ("blind", "finds 0"),
            ("one-eyed", "is not found by Identifier::Email"),
            ("silent", "does not tell"),
            ("literal", "by the notation"),
            ("moving", "a change of card"),
            ("short-key", "is too long"),
            ("fat", "a request of"),
            ("careless", "made 2 records"),
            ("optimist", "has written 1 and lost an answer"),
        ],
    );
}

#[test]
fn each_fault_of_deals_is_found() {
    check(
        |suite| suite.deals::<Faulty>().map(drop),
        &[
            ("half-deals", "is exported, and says that it is unsupported"),
            ("haunted", "has open deals already"),
            ("forgetful-deal", "made two deals"),
            ("untitled", "which nobody gave it"),
            ("closed", "should be open alone"),
            ("stubborn", "should be changed"),
            ("of-anybody", "should be open alone"),
            ("oldest-first", "open deals should be"),
            ("short-key", "is too long"),
            ("careless", "made 2 records"),
            ("optimist", "has written 1 and lost an answer"),
        ],
    );
}

#[test]
fn each_fault_of_tasks_and_notes_is_found() {
    let common = [
        ("of-anybody", "should be not-found"),
        ("short-key", "is too long"),
        ("careless", "made 2 records"),
        ("optimist", "has written 1 and lost an answer"),
    ];
    check(|suite| suite.tasks::<Faulty>().map(drop), &common);
    check(|suite| suite.notes::<Faulty>().map(drop), &common);
    let twice = "twice under one key made 2 records";
    check(
        |suite| suite.tasks::<Faulty>().map(drop),
        &[("half-tasks", "is unsupported"), ("forgetful-task", twice)],
    );
    check(
        |suite| suite.notes::<Faulty>().map(drop),
        &[
            ("half-notes", "is unsupported"),
            ("forgetful-note", twice),
            ("endless-notes", "a request of"),
        ],
    );
}

#[test]
fn each_fault_of_managers_is_found() {
    check(
        |suite| suite.managers::<Faulty>().map(drop),
        &[
            ("nobody", "names nobody"),
            ("nameless", "one without an id"),
            ("twins", "names `7` twice"),
            ("unmanaged", "a manager without an id"),
            ("shared", "names card `1` twice"),
            ("endless", "more than 1000 pages"),
            ("any-page", "of a strange page"),
        ],
    );
}

#[test]
fn each_request_of_a_flow_is_counted() {
    let is_cheap = |suite: &Suite<'_>| {
        suite.costs::<Faulty>(Costs { new_client: 5, changed_client: 5, known_client: 3 })
    };
    check(is_cheap, &[("chatty", "sends 18 requests"), ("talkative", "new_client: 6,")]);
}
