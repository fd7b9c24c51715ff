//! The optional interfaces of a CRM adapter, against the notebook, which exports them all.

use std::sync::Arc;

use jiff::Timestamp;
use patchbay::{
    account::{Account, Role},
    card::{
        AdapterError, Author, Call, Direction, Field, Identifier, Message, Note, Subject, Task,
        Transcript, Value,
    },
    plugin::{Adapter, Error},
};

use crate::stage::{Stage, account, guest, limits};

const MANAGERS: &str = r#"[{"id": "7", "name": "Vera Example", "email": "vera@example.com"}]"#;

async fn notebook(stage: &Stage) -> Arc<Adapter> {
    let bytes = guest("crm_notebook");
    let (_record, plugin) = stage.plugins.admit(bytes, Timestamp::UNIX_EPOCH).await.unwrap();
    let account = Account {
        plugin: "crm-notebook".parse().unwrap(),
        settings: [("managers".to_owned(), MANAGERS.to_owned())].into(),
        secrets: [].into(),
        grants: Vec::new(),
        ..Account::clone(&account("crm"))
    };
    stage.plugins.bind(plugin, Arc::new(account)).unwrap()
}

async fn card(adapter: &Adapter) -> String {
    let client = [Identifier::Email("anna@example.com".to_owned())];
    let native = adapter.map_fields(&client, &[]).await.unwrap();
    adapter.upsert_contact(None, &native, "card-1").await.unwrap().id
}

fn text(key: &str, value: &str) -> Field {
    Field { key: key.to_owned(), value: Value::Text(value.to_owned()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_is_made_changed_and_listed_while_it_is_open() {
    let stage = Stage::new(limits());
    let adapter = notebook(&stage).await;
    let card = card(&adapter).await;
    let specs = adapter.describe_deal_fields().await.unwrap();
    assert!(specs.iter().any(|spec| spec.key == "title"), "{specs:?}");

    let native = adapter.map_deal_fields(&[text("title", "Ten chairs")]).await.unwrap();
    let made = adapter.upsert_deal(None, &card, &native, Some("7"), "deal-1").await.unwrap();
    assert_eq!(made.title, "Ten chairs");
    assert_eq!(
        made.manager.as_ref().and_then(|person| person.name.as_deref()),
        Some("Vera Example")
    );
    let again = adapter.upsert_deal(None, &card, &native, Some("7"), "deal-1").await.unwrap();
    assert_eq!(again.id, made.id, "one key makes one deal");
    assert_eq!(adapter.open_deals(&card).await.unwrap(), std::slice::from_ref(&made));

    let won = adapter.map_deal_fields(&[text("stage", "won")]).await.unwrap();
    adapter.upsert_deal(Some(&made.id), &card, &won, None, "deal-2").await.unwrap();
    assert_eq!(adapter.open_deals(&card).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_faults_of_a_deal_are_told_by_the_adapter() {
    let stage = Stage::new(limits());
    let adapter = notebook(&stage).await;
    let flag = Field { key: "title".to_owned(), value: Value::Flag(true) };
    let error = adapter.map_deal_fields(&[flag]).await.unwrap_err();
    assert!(matches!(error, Error::Adapter(AdapterError::Invalid(_))), "{error:?}");
    let error = adapter.open_deals("404").await.unwrap_err();
    assert!(matches!(error, Error::Adapter(AdapterError::NotFound(_))), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_and_notes_go_to_cards_and_deals_once_for_each_key() {
    let stage = Stage::new(limits());
    let adapter = notebook(&stage).await;
    let card = card(&adapter).await;
    let deal = adapter.upsert_deal(None, &card, "{}", None, "deal-1").await.unwrap();

    let task = |subject| Task {
        subject,
        title: "Call back".to_owned(),
        text: "About the chairs".to_owned(),
        manager: Some("7".to_owned()),
        due: "2026-01-02T12:00:00+03:00".to_owned(),
    };
    let on_card = task(Subject::Card(card.clone()));
    let first = adapter.create_task(&on_card, "task-1").await.unwrap();
    assert_eq!(adapter.create_task(&on_card, "task-1").await.unwrap(), first);
    let on_deal = task(Subject::Deal(deal.id.clone()));
    assert_ne!(adapter.create_task(&on_deal, "task-2").await.unwrap(), first);

    let subject = Subject::Deal(deal.id);
    let mut ids = Vec::new();
    for (key, note) in
        [("note-1", transcript()), ("note-2", call()), ("note-3", Note::Text("x".to_owned()))]
    {
        let id = adapter.add_note(&subject, &note, key).await.unwrap();
        assert_eq!(adapter.add_note(&subject, &note, key).await.unwrap(), id);
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

fn transcript() -> Note {
    Note::Transcript(Transcript {
        started_at: None,
        finished_at: Some("2026-01-02T12:00:00Z".to_owned()),
        topic: Some("Chairs".to_owned()),
        rating: None,
        messages: vec![Message {
            author: Author::Client,
            agent: None,
            sent_at: None,
            text: "Hello".to_owned(),
        }],
    })
}

fn call() -> Note {
    Note::Call(Call {
        id: "call-1".to_owned(),
        direction: Direction::Inbound,
        client_number: Some("+15550100".to_owned()),
        agent_number: None,
        line: None,
        status: None,
        missed: true,
        duration_s: Some(7),
        recording_url: None,
        rating: None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn managers_are_listed_with_the_cards_they_look_after() {
    let stage = Stage::new(limits());
    let adapter = notebook(&stage).await;
    let managers = adapter.list_managers().await.unwrap();
    assert_eq!(managers.first().unwrap().id.as_deref(), Some("7"));
    assert_eq!(adapter.list_assignments(None).await.unwrap(), (Vec::new(), None));
    let native = adapter.map_fields(&[], &[text("manager", "7")]).await.unwrap();
    let card = adapter.upsert_contact(None, &native, "card-1").await.unwrap();
    let (page, next) = adapter.list_assignments(None).await.unwrap();
    assert_eq!(next, None);
    assert_eq!(page.first().unwrap().cards, [card.id]);
    assert_eq!(page.first().unwrap().manager, *managers.first().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_does_not_export_is_not_called() {
    let stage = Stage::new(limits());
    let notebook = notebook(&stage).await;
    assert!(notebook.has(Role::Deals) && notebook.has(Role::Managers));
    assert!(!notebook.has(Role::Channel));
    let hostile = stage.adapter().await;
    assert!(hostile.has(Role::Contacts) && !hostile.has(Role::Deals));
    let error = hostile.open_deals("1").await.unwrap_err();
    assert!(matches!(error, Error::Unsupported(Role::Deals)), "{error:?}");
    let subject = Subject::Card("1".to_owned());
    let error = hostile.add_note(&subject, &Note::Text("x".to_owned()), "k").await.unwrap_err();
    assert_eq!(error.to_string(), "the plugin does not export `notes`");
}
