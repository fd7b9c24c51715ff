//! Documented answers, read as the vendor writes them.

use patchbay_sdk::notes::Note;
use patchbay_sdk::types::Subject;
use patchbay_sdk::{Managers, Notes, Tasks, http};

use super::notes::{call, task};
use super::*;

/// What a lookup makes of this answer.
fn looked_up(response: Response) -> Result<Vec<Card>, Error> {
    let host = host().http(move |_| Ok(response.clone()));
    host.run(|| AmoCrm::lookup_client(vec![phone("+380671234567")]))
}

/// What a new card makes of this answer.
fn created(response: Response) -> Result<Card, Error> {
    upsert(&host().http(move |_| Ok(response.clone())), None, "k", &anna(), &[])
}

#[test]
fn a_documented_hit_becomes_a_card() {
    let cards = looked_up(recorded().response("doc-01-lookup-hit")).unwrap();
    assert_eq!(cards.len(), 1);
    assert_eq!((cards[0].id.as_str(), &cards[0].matched), ("3", &vec![phone("+380671234567")]));
    assert_eq!(cards[0].url.as_deref(), Some("https://demo.example.test/contacts/detail/3"));
    assert_eq!(cards[0].manager.as_ref().unwrap().id.as_deref(), Some("7"));
    assert_eq!(cards[0].fields, [text("name", "Anna Test"), text("phone", "+380671234567")]);
}

#[test]
fn nothing_found_is_an_answer_without_content() {
    assert_eq!(looked_up(recorded().response("doc-02-lookup-miss")), Ok(Vec::new()));
}

#[test]
fn documented_managers_and_fields_are_read() {
    let host =
        host().exchange("GET /api/v4/users", recorded().response("doc-12-managers")).exchange(
            "GET /api/v4/contacts/custom_fields",
            recorded().response("doc-13-describe-fields"),
        );
    let managers = host.run(AmoCrm::list_managers).unwrap();
    assert_eq!(managers[0].email.as_deref(), Some("olha@example.test"));
    assert!(managers[0].active);
    let specs = host.run(AmoCrm::describe_fields).unwrap();
    let keys: Vec<_> = specs.iter().map(|spec| spec.key.as_str()).collect();
    assert_eq!(keys, ["name", "phone", "email", "tag", "manager"]);
}

#[test]
fn documented_writes_are_read() {
    let recorded = recorded();
    let card = created(recorded.response("doc-03-contact-create")).unwrap();
    assert_eq!(card.id, "3");
    let host = host()
        .exchange("GET /api/v4/contacts/3", Response::json(200, r#"{"id":3,"name":"Anna"}"#))
        .exchange("PATCH /api/v4/contacts", recorded.response("doc-04-contact-update"));
    let card = upsert(&host, Some("3"), "k", &[], &[text("POSITION", "Buyer")]).unwrap();
    assert_eq!(card.field("POSITION"), Some(&FieldValue::Text("Buyer".to_owned())));
    let host = self::host()
        .exchange("POST /api/v4/tasks", recorded.response("doc-08-task"))
        .exchange("POST /api/v4/leads/notes", recorded.response("doc-09-note"))
        .exchange("POST /api/v4/contacts/notes", recorded.response("doc-10-note-call"));
    let (deal, card) = (Subject::Deal("11".to_owned()), Subject::Card("3".to_owned()));
    let task = host.run(|| AmoCrm::create_task(task(deal.clone()), "k".to_owned()));
    assert_eq!(task.as_deref(), Ok("7087"));
    let note = Note::Text("Hello".to_owned());
    assert_eq!(host.run(|| AmoCrm::add_note(deal, note, "k1".to_owned())).as_deref(), Ok("76610"));
    let call = Note::Call(call());
    assert_eq!(host.run(|| AmoCrm::add_note(card, call, "k2".to_owned())).as_deref(), Ok("76611"));
}

#[test]
fn a_refused_value_is_named_as_the_host_knows_it() {
    let answer = recorded().response("doc-14-err-validation");
    let host = host().http(move |_| Ok(answer.clone()));
    let Err(Error::Invalid(problems)) = upsert(&host, None, "k", &[], &[text("cf_1", "x")]) else {
        panic!("must be refused")
    };
    assert_eq!(problems[0].field.as_deref(), Some("cf_1"));
    assert!(problems[0].message.contains("NotSupportedChoice"));
    // The vendor's own sentence may repeat the value.
    assert!(!problems[0].message.contains("The value you selected"));
}

#[test]
fn errors_are_told_apart() {
    let recorded = recorded();
    for (name, expected) in [
        ("doc-15-err-unauthorized", "Unauthorized"),
        ("doc-16-err-rate", "RateLimited(None)"),
        ("doc-17-err-ip-block", "RateLimited(Some(300000))"),
    ] {
        for told in [
            format!("{:?}", looked_up(recorded.response(name)).unwrap_err()),
            format!("{:?}", created(recorded.response(name)).unwrap_err()),
        ] {
            assert!(told.contains(expected), "{name}: {told}");
        }
    }
}

#[test]
fn the_host_says_why_there_is_no_token() {
    let refused = Response { body: b"connect the account again".to_vec(), ..Response::empty(401) };
    let answer = looked_up(refused.with_header("x-patchbay", "token-refused"));
    assert_eq!(answer, Err(Error::Unauthorized("connect the account again".to_owned())));
}

#[test]
fn a_write_whose_answer_is_lost_is_an_unknown_outcome_and_a_read_is_not() {
    let lost = http::Error::Interrupted("cut".to_owned());
    let host = host().http(move |_| Err(lost.clone()));
    let outcome = upsert(&host, None, "k", &anna(), &[]);
    assert!(matches!(outcome, Err(Error::UnknownOutcome(_))), "{outcome:?}");
    let lookup = host.run(|| AmoCrm::lookup_client(anna().to_vec()));
    assert!(matches!(lookup, Err(Error::Unavailable(_))), "{lookup:?}");
    let host = self::host().http(|_| Err(http::Error::Unreachable("refused".to_owned())));
    assert!(matches!(upsert(&host, None, "k", &anna(), &[]), Err(Error::Unavailable(_))));
}
