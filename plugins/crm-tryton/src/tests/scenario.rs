//! What is tried on a Tryton without clients, recorded or real: each operation with the requests that
//! the README promises.

use patchbay_sdk::notes::Note;
use patchbay_sdk::testing::Host;
use patchbay_sdk::types::{
    Author, Card, Deal, Error, Field, Identifier, Message, Native, Subject, Transcript, Value,
};
use patchbay_sdk::{Contacts, Deals, Managers, Notes};

use super::bench::{email, named, phone};
use crate::Tryton;

const NOBODY: &str = "999999";

/// Runs it all.
pub(super) fn play(host: &Host) {
    let card = contacts(host);
    let deal = deals(host, &card);
    notes(host, &card, &deal);
    people(host, &card);
    flows(host);
}

/// What `call` answers, after exactly so many requests.
#[track_caller]
fn counted<T>(host: &Host, requests: usize, call: impl FnOnce() -> T) -> T {
    let before = host.requests().len();
    let answer = host.run(call);
    let asked: Vec<String> = host.requests()[before..]
        .iter()
        .map(|request| format!("{} {}", request.method, request.url))
        .collect();
    assert_eq!(asked.len(), requests, "{asked:#?}");
    answer
}

fn anna() -> [Identifier; 3] {
    let external = Identifier::external("jivo", "2746");
    [phone("+380671234567"), email("anna_test@example.test"), external]
}

fn upsert(id: Option<&str>, client: &[Identifier], fields: Vec<Field>, key: &str) -> Card {
    let native = Tryton::map_fields(client.to_vec(), fields).unwrap();
    Tryton::upsert_contact(id.map(str::to_owned), native, key.to_owned()).unwrap()
}

fn contacts(host: &Host) -> Card {
    let fields = named("Anna Test");
    let native = || Tryton::map_fields(anna().to_vec(), fields.clone()).unwrap();
    let nobody = counted(host, 1, || {
        Tryton::upsert_contact(Some(NOBODY.to_owned()), native(), "unknown".to_owned())
    });
    assert!(matches!(nobody, Err(Error::NotFound(_))), "{nobody:?}");
    assert_eq!(counted(host, 1, || Tryton::lookup_client(anna().to_vec())), Ok(Vec::new()));
    let create = || upsert(None, &anna(), fields.clone(), "create");
    let card = counted(host, 1, create);
    assert_eq!(counted(host, 2, create), card, "a repeat makes no second one");
    for client in anna() {
        let found = counted(host, 2, || Tryton::lookup_client(vec![client.clone()])).unwrap();
        assert_eq!((&found[0].id, found[0].matched.as_slice()), (&card.id, &[client][..]));
    }
    // Another client, and one whose address would match if `_` were a wildcard.
    let external = [Identifier::external("telegram", "77")];
    let unnamed = counted(host, 1, || upsert(None, &external, Vec::new(), "unnamed"));
    assert_eq!(unnamed.field("name"), None, "a name that stands in is none");
    let similar = [email("annaxtest@example.test"), phone("(067) 765-43-21")];
    counted(host, 1, || upsert(None, &similar, named("Anna Other"), "similar"));
    let found = counted(host, 2, || Tryton::lookup_client(vec![email("ANNA_TEST@example.test")]));
    assert_eq!(found.unwrap().iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), [&card.id]);
    let found = counted(host, 2, || Tryton::lookup_client(vec![phone("+380677654321")])).unwrap();
    assert_eq!(found[0].field("name").and_then(Value::as_text), Some("Anna Other"));
    assert!(
        counted(host, 1, || Tryton::lookup_client(vec![phone("+380509999999")]))
            .unwrap()
            .is_empty()
    );
    // What is new is added, and what is known is not written again.
    let more =
        [phone("+380 67 123 45 67"), phone("+380501112233"), email("anna@work.example.test")];
    let id = Some(card.id.as_str());
    let updated = counted(host, 3, || upsert(id, &more, named("Anna Tested"), "update"));
    let texts = |key: &str| updated.field(key).map(Value::texts).unwrap_or_default();
    assert_eq!(texts("name"), ["Anna Tested"]);
    assert_eq!(texts("phone"), ["+380671234567", "+380501112233"]);
    assert_eq!(texts("email"), ["anna_test@example.test", "anna@work.example.test"]);
    assert_eq!(counted(host, 2, || upsert(id, &more, Vec::new(), "again")), updated);
    updated
}

fn deal_of(fields: &[Field]) -> Native {
    Tryton::map_deal_fields(fields.to_vec()).unwrap()
}

fn upsert_deal(
    id: Option<&str>,
    card: &str,
    fields: &[Field],
    manager: Option<&str>,
) -> Result<Deal, Error> {
    let (id, manager) = (id.map(str::to_owned), manager.map(str::to_owned));
    Tryton::upsert_deal(id, card.to_owned(), deal_of(fields), manager, "deal".to_owned())
}

fn deals(host: &Host, card: &Card) -> Deal {
    let open = || Tryton::open_deals(card.id.clone()).unwrap();
    assert_eq!(counted(host, 1, open), []);
    let fields = [
        Field::text("title", "Chat from the shop"),
        Field::new("amount", Value::Number(1500.5)),
        Field::text("stage", "opportunity"),
        Field::text("comment", "Wants two"),
    ];
    let create = || upsert_deal(None, &card.id, &fields, Some("2"));
    let deal = counted(host, 4, create).unwrap();
    assert_eq!(
        (deal.title.as_str(), deal.stage.as_deref()),
        ("Chat from the shop", Some("opportunity"))
    );
    assert_eq!(deal.fields, [fields[1].clone(), fields[3].clone()]);
    let manager = deal.manager.as_ref().unwrap();
    assert_eq!((manager.name.as_deref(), manager.active), (Some("Petro Seller"), true));
    assert_eq!(manager.email.as_deref(), Some("petro.seller@example.test"));
    assert_eq!(counted(host, 1, create).unwrap(), deal, "a repeat makes no second one");
    assert_eq!(counted(host, 1, open), std::slice::from_ref(&deal));
    let found = counted(host, 2, || Tryton::lookup_client(anna().to_vec())).unwrap();
    assert_eq!(found[0].manager, deal.manager, "who has the open deal looks after the client");
    assert_eq!(found[0].matched, anna());

    let title = [Field::text("title", "Two lamps")];
    let renamed =
        counted(host, 2, || upsert_deal(Some(&deal.id), &card.id, &title, Some("1"))).unwrap();
    assert_eq!((renamed.title.as_str(), &renamed.id), ("Two lamps", &deal.id));
    let missing = |answer: Result<Deal, Error>| {
        assert!(matches!(answer, Err(Error::NotFound(_))), "{answer:?}");
    };
    missing(counted(host, 1, || upsert_deal(Some(NOBODY), &card.id, &title, None)));
    let nobody = counted(host, 2, || {
        Tryton::upsert_deal(None, NOBODY.to_owned(), deal_of(&title), None, "nobody".to_owned())
    });
    missing(nobody);
    let strange = counted(host, 3, || {
        let manager = Some(NOBODY.to_owned());
        Tryton::upsert_deal(None, card.id.clone(), deal_of(&title), manager, "strange".to_owned())
    });
    assert!(matches!(strange, Err(Error::Invalid(_))), "{strange:?}");

    // A second one, which is lost: only the first stays open.
    let second =
        || Tryton::upsert_deal(None, card.id.clone(), deal_of(&title), None, "second".to_owned());
    let second = counted(host, 3, second).unwrap();
    assert_eq!(
        counted(host, 1, open).iter().map(|it| &it.id).collect::<Vec<_>>(),
        [&second.id, &deal.id]
    );
    let lost = [Field::text("stage", "lost")];
    let lost = counted(host, 2, || upsert_deal(Some(&second.id), &card.id, &lost, None)).unwrap();
    assert_eq!(lost.stage.as_deref(), Some("lost"));
    let back = [Field::text("stage", "opportunity")];
    let refused = counted(host, 2, || upsert_deal(Some(&second.id), &card.id, &back, None));
    let Err(Error::Invalid(problems)) = refused else { panic!("{refused:?}") };
    assert_eq!(problems[0].field.as_deref(), Some("stage"));
    assert_eq!(counted(host, 1, open), [renamed]);
    deal
}

fn notes(host: &Host, card: &Card, deal: &Deal) {
    let add =
        |subject: Subject, note: Note, key: &str| Tryton::add_note(subject, note, key.to_owned());
    let of_card = || Subject::Card(card.id.clone());
    let text = || Note::Text("Asked for a lamp\n100% sure".to_owned());
    let first = counted(host, 2, || add(of_card(), text(), "note_1")).unwrap();
    assert_eq!(counted(host, 1, || add(of_card(), text(), "note_1")).unwrap(), first);
    // `_` is no wildcard, and a key that begins like another is another.
    for key in ["noteX1", "note_", "NOTE_1"] {
        assert_ne!(counted(host, 2, || add(of_card(), text(), key)).unwrap(), first, "{key}");
    }
    let message = Message {
        author: Author::Client,
        agent: None,
        sent_at: Some("2026-01-02T10:00:00Z".to_owned()),
        text: "Good morning".to_owned(),
    };
    let transcript = Transcript {
        started_at: None,
        finished_at: None,
        topic: Some("Lamps".to_owned()),
        rating: None,
        messages: vec![message],
    };
    let of_deal = Subject::Deal(deal.id.clone());
    counted(host, 2, || add(of_deal, Note::Transcript(transcript), "note_2")).unwrap();
    let unknown = counted(host, 3, || add(Subject::Card(NOBODY.to_owned()), text(), "note_3"));
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
}

fn people(host: &Host, card: &Card) {
    let managers = counted(host, 1, Tryton::list_managers).unwrap();
    let told: Vec<_> = managers.iter().map(|it| (it.name.as_deref().unwrap(), it.active)).collect();
    assert_eq!(told, [("Olena Seller", true), ("Petro Seller", true), ("Left Seller", false)]);
    let (assignments, next) = counted(host, 1, || Tryton::list_assignments(None)).unwrap();
    assert_eq!((assignments.len(), next), (1, None));
    assert_eq!(assignments[0].manager, managers[0]);
    assert_eq!(assignments[0].cards, std::slice::from_ref(&card.id));
    let page = counted(host, 1, || Tryton::list_assignments(Some("1".to_owned()))).unwrap();
    assert_eq!(page, (Vec::new(), None));
    let wrong = counted(host, 0, || Tryton::list_assignments(Some("first".to_owned())));
    assert!(matches!(wrong, Err(Error::Invalid(_))), "{wrong:?}");
}

/// The enquiries of README's first table, as the host goes through them.
fn flows(host: &Host) {
    let client = [phone("+380931112233"), email("new@example.test")];
    let lookup = || Tryton::lookup_client(client.to_vec()).unwrap();
    let note = |deal: &Deal, key: &str| {
        let note = Note::Text("Good morning".to_owned());
        Tryton::add_note(Subject::Deal(deal.id.clone()), note, key.to_owned()).unwrap()
    };
    counted(host, 8, || {
        assert!(lookup().is_empty());
        let card = upsert(None, &client, named("New Test"), "flow-contact");
        assert!(Tryton::open_deals(card.id.clone()).unwrap().is_empty());
        let native = deal_of(&[Field::text("title", "First")]);
        let deal =
            Tryton::upsert_deal(None, card.id, native, None, "flow-deal".to_owned()).unwrap();
        note(&deal, "flow-note");
    });
    counted(host, 10, || {
        let card = lookup().remove(0);
        upsert(Some(&card.id), &[phone("+380931112244")], Vec::new(), "flow-update");
        let deal = Tryton::open_deals(card.id.clone()).unwrap().remove(0);
        let title = [Field::text("title", "Second")];
        let deal = upsert_deal(Some(&deal.id), &card.id, &title, None).unwrap();
        note(&deal, "flow-second-note");
    });
}
