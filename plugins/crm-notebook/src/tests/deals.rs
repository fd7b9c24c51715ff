//! Deals, tasks, notes and managers.

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Call, Deal, Direction, Line, Subject, Transcript};
use patchbay_sdk::{Deals, Managers, Notes, Tasks};

use super::*;

fn upsert_deal(
    id: Option<&str>,
    title: &str,
    stage: Option<&str>,
    key: &str,
) -> Result<Deal, Error> {
    let stage = stage.map(|stage| Field::text("stage", stage));
    let fields = [Field::text("title", title)].into_iter().chain(stage).collect();
    let native = Notebook::map_deal_fields(fields).unwrap();
    Notebook::upsert_deal(id.map(str::to_owned), "1".to_owned(), native, None, key.to_owned())
}

#[test]
fn open_deals_come_newest_first_until_they_are_won_or_lost() {
    let host = Host::new();
    create(&host, "k1", &[], &[]);
    host.run(|| {
        let titles = || -> Vec<String> {
            Notebook::open_deals("1".to_owned())
                .unwrap()
                .into_iter()
                .map(|deal| deal.title)
                .collect()
        };
        upsert_deal(None, "Lamp", None, "d1").unwrap();
        upsert_deal(None, "Chair", None, "d2").unwrap();
        assert_eq!(upsert_deal(None, "Again", None, "d2").unwrap().title, "Chair");
        assert_eq!(titles(), ["Chair", "Lamp"]);
        upsert_deal(Some("2"), "Chair", Some("won"), "d3").unwrap();
        assert_eq!(titles(), ["Lamp"]);
        upsert_deal(Some("2"), "Chair", Some("in-progress"), "d4").unwrap();
        assert_eq!(titles(), ["Chair", "Lamp"]);
    });
}

#[test]
fn a_deal_of_nobody_or_of_another_card_is_not_found() {
    let host = Host::new();
    create(&host, "k1", &[], &[]);
    create(&host, "k2", &[], &[]);
    host.run(|| {
        upsert_deal(None, "Lamp", None, "d1").unwrap();
        let native = || Notebook::map_deal_fields(Vec::new()).unwrap();
        for (id, card) in [(None, "3"), (Some("1"), "2"), (Some("2"), "1")] {
            let id = id.map(str::to_owned);
            let result =
                Notebook::upsert_deal(id, card.to_owned(), native(), None, "d2".to_owned());
            assert!(matches!(result, Err(Error::NotFound(_))), "{card}: {result:?}");
        }
        assert!(matches!(Notebook::open_deals("3".to_owned()), Err(Error::NotFound(_))));
    });
}

#[test]
fn tasks_and_notes_are_stored_once_under_their_subject() {
    let host = Host::new();
    create(&host, "k1", &[], &[]);
    let task = |subject: Subject| Task {
        subject,
        title: "Call back".to_owned(),
        text: "asked for a price".to_owned(),
        manager: None,
        due: "2025-10-10T12:00:00+03:00".to_owned(),
    };
    host.run(|| {
        upsert_deal(None, "Lamp", None, "d1").unwrap();
        for _ in 0..2 {
            assert_eq!(
                Notebook::create_task(task(Subject::Deal("1".to_owned())), "t1".to_owned())
                    .unwrap(),
                "1"
            );
            let note = Note::Call(call());
            assert_eq!(
                Notebook::add_note(Subject::Card("1".to_owned()), note, "n1".to_owned()).unwrap(),
                "1"
            );
        }
        let note = Note::Transcript(Transcript {
            started_at: None,
            finished_at: None,
            topic: Some("delivery".to_owned()),
            rating: None,
            messages: Vec::new(),
        });
        assert_eq!(
            Notebook::add_note(Subject::Card("1".to_owned()), note, "n2".to_owned()).unwrap(),
            "2"
        );
        let nobody = Notebook::create_task(task(Subject::Card("2".to_owned())), "t2".to_owned());
        assert!(matches!(nobody, Err(Error::NotFound(_))), "{nobody:?}");
    });
    let stored: Vec<String> = host
        .store()
        .into_keys()
        .filter(|key| key.starts_with("task/") || key.starts_with("note/"))
        .collect();
    let (one, two) = (format!("{:020}", 1), format!("{:020}", 2));
    let expected = [
        format!("note/card/{one}/{one}"),
        format!("note/card/{one}/{two}"),
        format!("task/deal/{one}/{one}"),
    ];
    assert_eq!(stored, expected);
    let note = host.store()[&expected[0]].clone();
    let note: serde_json::Value = serde_json::from_slice(&note).unwrap();
    assert_eq!(note["call"]["duration-s"], 42);
}

fn call() -> Call {
    Call {
        id: "c1".to_owned(),
        direction: Direction::Inbound,
        client_number: None,
        agent_number: None,
        line: None,
        status: Some("answered".to_owned()),
        missed: false,
        duration_s: Some(42),
        recording_url: None,
        rating: None,
    }
}

const MANAGERS: &str = r#"[{"id": "m1", "name": "Olga", "email": "olga@shop.example.com"}, {"id": "m2", "active": false}]"#;

#[test]
fn managers_are_those_of_the_setting() {
    let host = Host::new().setting("managers", MANAGERS);
    let managers = host.run(Notebook::list_managers).unwrap();
    assert_eq!(managers.iter().map(|person| person.active).collect::<Vec<_>>(), [true, false]);
    assert!(Host::new().run(Notebook::list_managers).unwrap().is_empty());
    let broken = Host::new().setting("managers", "{}").run(Notebook::list_managers);
    assert!(matches!(broken, Err(Error::Invalid(_))));
}

#[test]
fn an_unknown_manager_is_refused_for_a_deal() {
    let host = Host::new().setting("managers", MANAGERS);
    create(&host, "k1", &[], &[]);
    let deal = |manager: &str, key: &str| {
        let native = Notebook::map_deal_fields(Vec::new()).unwrap();
        host.run(|| {
            Notebook::upsert_deal(
                None,
                "1".to_owned(),
                native,
                Some(manager.to_owned()),
                key.to_owned(),
            )
        })
    };
    assert_eq!(deal("m1", "d1").unwrap().manager.unwrap().name.as_deref(), Some("Olga"));
    assert!(matches!(deal("m3", "d2"), Err(Error::Invalid(_))));
}

#[test]
fn assignments_come_in_pages_of_a_hundred_cards() {
    let host = Host::new().setting("managers", MANAGERS);
    for number in 0..101 {
        create(&host, &format!("k{number}"), &[], &[Field::text("manager", "m1")]);
    }
    let (first, next) = host.run(|| Notebook::list_assignments(None)).unwrap();
    assert_eq!((first[0].cards.len(), next.as_deref()), (100, Some("100")));
    assert_eq!(first[0].manager.name.as_deref(), Some("Olga"));
    let (second, next) = host.run(|| Notebook::list_assignments(next)).unwrap();
    assert_eq!((second[0].cards.as_slice(), next), (["101".to_owned()].as_slice(), None));
    let wrong = host.run(|| Notebook::list_assignments(Some("x".to_owned())));
    assert!(matches!(wrong, Err(Error::Invalid(_))));
}

#[test]
fn agents_see_the_chosen_fields_the_open_deal_and_the_notes() {
    let host = Host::new().setting("line-fields", "[\"city\", \"missing\"]");
    create(&host, "k1", &[], &[Field::text("city", "Kazan")]);
    host.run(|| {
        upsert_deal(None, "Lamp", None, "d1").unwrap();
        Notebook::add_note(
            Subject::Card("1".to_owned()),
            Note::Text("called".to_owned()),
            "n1".to_owned(),
        )
        .unwrap();
    });
    let card = host
        .run(|| Notebook::lookup_client(vec![Identifier::Card("1".to_owned())]))
        .unwrap()
        .remove(0);
    let line = |title: &str, text: &str| Line {
        title: title.to_owned(),
        text: text.to_owned(),
        url: None,
    };
    assert_eq!(card.lines, [line("City", "Kazan"), line("Open deal", "Lamp"), line("Notes", "1")]);
}
