//! Odoo 18 and the way to it: JSON-RPC.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Error, Field, Subject, Value as FieldValue};
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks};
use patchbay_sims::Fault;
use patchbay_sims::odoo::Odoo as Sim;
use serde_json::{Value, json};

use super::stage::{Crm, PHONE, anna, body, phone, with};
use crate::Odoo;

fn odoo_18() -> Sim {
    let mut sim = Sim::default();
    sim.version = 18;
    sim
}

fn older() -> Crm {
    with(odoo_18(), &[("api", "auto"), ("login", "admin"), ("phone-fields", "mobile")])
}

fn recorded(name: &str) -> Value {
    let path = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_whole_enquiry_goes_over_json_rpc() {
    let crm = older();
    let phones = FieldValue::Texts(vec![PHONE.to_owned(), "+380501112233".to_owned()]);
    let card = crm.upsert(None, &anna(), &[Field::new("phone", phones)], "k").unwrap();
    assert_eq!(crm.partners()[0]["mobile"], "+380501112233");
    assert_eq!(
        card.url,
        Some(format!(
            "https://odoo.example.test/web#id={}&model=res.partner&view_type=form",
            card.id
        ))
    );
    assert_eq!(crm.lookup(&[phone("+380501112233")])[0].id, card.id);
    crm.run(|| {
        let deal = Odoo::upsert_deal(None, card.id.clone(), "{}".to_owned(), None, "k".to_owned())
            .unwrap();
        assert_eq!(Odoo::open_deals(card.id.clone()).unwrap()[0].id, deal.id);
        let subject = Subject::Deal(deal.id);
        let task = Task {
            subject: subject.clone(),
            title: "Call".to_owned(),
            text: String::new(),
            manager: None,
            due: "2026-12-01T10:00:00Z".to_owned(),
        };
        // It answers `mail.activity(1,)`.
        assert_eq!(Odoo::create_task(task, "k".to_owned()).as_deref(), Ok("1"));
        assert_eq!(
            Odoo::add_note(subject, Note::Text("a".to_owned()), "k".to_owned()).as_deref(),
            Ok("1")
        );
        assert_eq!(Odoo::list_managers().unwrap().len(), 3);
        Odoo::describe_fields().unwrap();
        Odoo::describe_deal_fields().unwrap();
    });
}

#[test]
fn the_version_and_the_user_are_asked_for_once() {
    let crm = older();
    let (_, first) = crm.asked(|| Odoo::lookup_client(anna().to_vec()).unwrap());
    assert_eq!(first, ["/web/version", "/jsonrpc", "/jsonrpc", "/jsonrpc"]);
    let (_, second) = crm.asked(|| Odoo::lookup_client(anna().to_vec()).unwrap());
    assert_eq!(second, ["/jsonrpc"]);
}

#[test]
fn a_server_of_19_is_spoken_to_with_json_2() {
    let crm = with(Sim::default(), &[("api", "auto")]);
    let (_, asked) = crm.asked(|| Odoo::lookup_client(anna().to_vec()).unwrap());
    assert_eq!(asked, ["/web/version", "res.partner/fields_get", "res.partner/search_read"]);
    // Moved to an older one: the next call asks again.
    crm.sim().version = 18;
    assert!(matches!(crm.run(|| Odoo::lookup_client(anna().to_vec())), Err(Error::Unsupported(_))));
    let (told, asked) = crm.asked(|| Odoo::lookup_client(anna().to_vec()));
    assert_eq!(asked[0], "/web/version");
    assert!(
        matches!(told, Err(Error::Invalid(problems)) if problems[0].field.as_deref() == Some("login"))
    );
}

#[test]
fn the_envelope_is_that_of_the_recordings() {
    let crm = older();
    crm.run(|| Odoo::lookup_client(anna().to_vec())).unwrap();
    let requests = crm.host.requests();
    for (request, name) in
        [(&requests[1], "45-jsonrpc-login"), (&requests[3], "47-jsonrpc-search-read")]
    {
        let (sent, recorded) = (body(request), recorded(name)["request"]["body"].clone());
        for member in
            ["/jsonrpc", "/method", "/id", "/params/service", "/params/method", "/params/args/0"]
        {
            assert_eq!(sent.pointer(member), recorded.pointer(member), "{name} {member}");
        }
        let kinds = |body: &Value| -> Vec<String> {
            let arguments = body["params"]["args"].as_array().unwrap().iter();
            arguments.map(|it| it.to_string().chars().next().unwrap().to_string()).collect()
        };
        assert_eq!(kinds(&sent), kinds(&recorded), "{name}");
    }
}

#[test]
fn a_wrong_password_is_told_in_a_200_by_false() {
    let crm = older();
    "another".clone_into(&mut crm.sim().key);
    assert!(matches!(
        crm.run(|| Odoo::lookup_client(anna().to_vec())),
        Err(Error::Unauthorized(_))
    ));
}

#[test]
fn a_user_that_is_refused_is_asked_for_again() {
    let crm = older();
    crm.run(|| Odoo::lookup_client(anna().to_vec())).unwrap();
    crm.answer_next("search_read", 200, &recorded("51-jsonrpc-err-access")["response"]["body"]);
    assert!(matches!(
        crm.run(|| Odoo::lookup_client(anna().to_vec())),
        Err(Error::Unauthorized(_))
    ));
    let (_, asked) = crm.asked(|| Odoo::lookup_client(anna().to_vec()).unwrap());
    assert_eq!(asked.len(), 2);
}

#[test]
fn what_json_rpc_needs_is_named() {
    for (key, settings) in [
        ("login", [("api", "json-rpc"), ("database", "d")]),
        ("database", [("api", "json-rpc"), ("database", "")]),
    ] {
        let crm = with(odoo_18(), &settings);
        let Err(Error::Invalid(problems)) = crm.run(Odoo::list_managers) else { panic!("{key}") };
        assert_eq!(problems[0].field.as_deref(), Some(key));
    }
}

#[test]
fn a_lost_answer_in_an_envelope_is_an_unknown_outcome_of_a_write_only() {
    let crm = older();
    crm.run(|| Odoo::lookup_client(anna().to_vec())).unwrap();
    crm.fail_next("\"load\"", Fault::LostAnswer);
    let write = || crm.upsert(None, &anna(), &[], "k");
    assert!(matches!(write(), Err(Error::UnknownOutcome(_))));
    write().unwrap();
    assert_eq!(crm.partners().len(), 1);
    crm.answer_next(
        "search_read",
        200,
        &json!({ "jsonrpc": "2.0", "id": 1, "error": { "data": { "name": "odd" } } }),
    );
    assert!(matches!(crm.run(|| Odoo::lookup_client(anna().to_vec())), Err(Error::Unavailable(_))));
}
