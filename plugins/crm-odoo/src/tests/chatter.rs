//! Notes and activities in a simulated Odoo.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Author, Error, Message, Subject, Transcript};
use patchbay_sdk::{Notes, Tasks};
use patchbay_sims::Fault;

use super::stage::{Crm, crm};
use crate::Odoo;

fn task(subject: Subject) -> Task {
    Task {
        subject,
        title: "Call back".to_owned(),
        text: "asked about price".to_owned(),
        manager: Some("7".to_owned()),
        due: "2026-12-01T10:00:00Z".to_owned(),
    }
}

fn talk(messages: usize, letters: usize) -> Note {
    let message = |number: usize| Message {
        author: Author::Client,
        agent: None,
        sent_at: None,
        text: format!("{number} {}", "x".repeat(letters)),
    };
    Note::Transcript(Transcript {
        started_at: Some("2026-12-01T10:00:00+02:00".to_owned()),
        finished_at: None,
        topic: Some("Delivery".to_owned()),
        rating: None,
        messages: (0..messages).map(message).collect(),
    })
}

fn note(crm: &Crm, subject: &Subject, note: &Note, key: &str) -> Result<String, Error> {
    crm.run(|| Odoo::add_note(subject.clone(), note.clone(), key.to_owned()))
}

fn messages(crm: &Crm) -> Vec<String> {
    let all = crm.sim().all("mail.message");
    all.iter().map(|message| message["body"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_task_is_an_activity_of_its_deal_or_card() {
    let crm = crm();
    let (card, deal) = crm.add_deal(1);
    let id =
        crm.run(|| Odoo::create_task(task(Subject::Deal(deal.clone())), "k1".to_owned())).unwrap();
    crm.run(|| Odoo::create_task(task(Subject::Card(card)), "k2".to_owned())).unwrap();
    let all = crm.sim().all("mail.activity");
    assert_eq!((all[0]["id"].to_string(), &all[0]["res_model"]), (id, &"crm.lead".into()));
    assert_eq!(
        (all[0]["user_id"].as_u64(), &all[0]["date_deadline"]),
        (Some(7), &"2026-12-01".into())
    );
    assert_eq!(all[1]["res_model"], "res.partner");
}

#[test]
fn a_task_for_nobody_is_that_of_the_keys_user() {
    let crm = crm();
    let (_, deal) = crm.add_deal(1);
    let task = Task { manager: None, ..task(Subject::Deal(deal)) };
    crm.run(|| Odoo::create_task(task, "k".to_owned())).unwrap();
    assert_eq!(crm.sim().all("mail.activity")[0]["user_id"].as_u64(), Some(2));
}

#[test]
fn a_note_is_a_text_and_never_markup() {
    let crm = crm();
    let (card, _) = crm.add_deal(1);
    let text = Note::Text("hello <script>\nand & more".to_owned());
    note(&crm, &Subject::Card(card), &text, "k").unwrap();
    let expected = "<p>hello &lt;script&gt;</p><p>and &amp; more</p><p>[patchbay:k]</p>";
    assert_eq!(messages(&crm), [expected]);
}

#[test]
fn a_long_conversation_is_several_notes_and_the_id_is_that_of_the_first() {
    let crm = crm();
    let (_, deal) = crm.add_deal(1);
    let subject = Subject::Deal(deal);
    let id = note(&crm, &subject, &talk(300, 1_000), "k").unwrap();
    let parts = messages(&crm);
    assert_eq!((id.as_str(), parts.len()), ("1", 3));
    assert!(parts[0].starts_with("<p>Part 1 of 3</p><p>Conversation</p><p>Topic: Delivery</p>"));
    assert!(parts[2].ends_with("<p>[patchbay:k.3]</p>"));
}

#[test]
fn a_repeat_writes_the_parts_that_are_missing_and_no_others() {
    for lost in 1..=3 {
        let crm = crm();
        let (_, deal) = crm.add_deal(1);
        let subject = Subject::Deal(deal);
        let mark =
            if lost == 1 { "[patchbay:k]".to_owned() } else { format!("[patchbay:k.{lost}]") };
        crm.fail_next(&mark, Fault::LostAnswer);
        let first = note(&crm, &subject, &talk(300, 1_000), "k");
        assert!(matches!(first, Err(Error::UnknownOutcome(_))), "{first:?}");
        assert_eq!(messages(&crm).len(), lost);
        assert_eq!(note(&crm, &subject, &talk(300, 1_000), "k").as_deref(), Ok("1"));
        assert_eq!(messages(&crm).len(), 3, "{lost}");
    }
}

#[test]
fn a_key_that_begins_like_another_is_another() {
    let crm = crm();
    let (_, deal) = crm.add_deal(1);
    let subject = Subject::Deal(deal);
    let text = |text: &str| Note::Text(text.to_owned());
    note(&crm, &subject, &text("one"), "k-2").unwrap();
    crm.fail_next("message_post", Fault::Lost);
    assert!(note(&crm, &subject, &text("two"), "k").is_err());
    note(&crm, &subject, &text("two"), "k").unwrap();
    assert_eq!(messages(&crm).len(), 2);
}

#[test]
fn what_does_not_exist_has_no_notes_and_no_tasks() {
    let crm = crm();
    for subject in [
        Subject::Deal("404".to_owned()),
        Subject::Card("404".to_owned()),
        Subject::Card("x".to_owned()),
    ] {
        let told = note(&crm, &subject, &talk(1, 1), "k");
        assert!(matches!(told, Err(Error::NotFound(_))), "{told:?}");
        let told = crm.run(|| Odoo::create_task(task(subject), "k".to_owned()));
        assert!(matches!(told, Err(Error::NotFound(_))), "{told:?}");
    }
    assert!(messages(&crm).is_empty());
}

#[test]
fn a_task_that_was_done_meanwhile_is_not_made_again() {
    let crm = crm();
    let (_, deal) = crm.add_deal(1);
    let create = || Odoo::create_task(task(Subject::Deal(deal.clone())), "k".to_owned());
    crm.fail_next("activity_schedule", Fault::LostAnswer);
    assert!(matches!(crm.run(create), Err(Error::UnknownOutcome(_))));
    crm.sim().set("mail.activity", 1, "active", false.into());
    assert_eq!(crm.run(create).as_deref(), Ok("1"));
    assert_eq!(crm.sim().all("mail.activity").len(), 1);
}
