//! What is removed leaves the file: its pages, and its bytes.

use super::*;
use crate::storage::{
    Keep,
    suite::{self, at},
};

fn keep(bytes_max: Option<u64>) -> Keep {
    Keep { journal_since: at(0), traces_since: at(0), bytes_max, rows_max: 1000 }
}

async fn number(sqlite: &Sqlite, pragma: &'static str) -> u64 {
    let read = move |db: &Connection| {
        Ok(db.query_row(&format!("PRAGMA {pragma}"), (), |row| {
            row.get::<_, u32>(0).map(u64::from)
        })?)
    };
    sqlite.writer.write(read).await.unwrap()
}

async fn bytes_used(sqlite: &Sqlite) -> u64 {
    let pages = number(sqlite, "page_count").await - number(sqlite, "freelist_count").await;
    pages * number(sqlite, "page_size").await
}

#[tokio::test]
async fn beyond_the_size_the_oldest_webhooks_go_and_the_file_shrinks() {
    let backend = Embedded::new().await;
    let journal = &backend.stores.journal;
    let unfinished = accept_one(&backend.stores, 0, "k", "chat-1").await;
    let mut requests = Vec::new();
    for second in 1..=40 {
        let mut answered = webhook(second, NewReading::Answered);
        answered.request.body = vec![7; 20_000].into();
        requests.push(journal.accept(answered).await.unwrap().request);
    }
    let full = bytes_used(&backend.sqlite).await;
    let pages = number(&backend.sqlite, "page_count").await;
    let expired = journal.expire(keep(Some(full))).await.unwrap();
    assert_eq!(expired.requests, 0, "exactly as large as it may be");

    let expired = journal.expire(keep(Some(full - 200_000))).await.unwrap();
    assert!((5..=12).contains(&expired.requests), "{expired:?}");
    assert!(!expired.is_more);
    assert!(bytes_used(&backend.sqlite).await <= full - 200_000);
    assert!(number(&backend.sqlite, "page_count").await < pages, "the file gives its pages back");
    let left: Vec<_> = journal
        .webhooks(None, suite::all())
        .await
        .unwrap()
        .items
        .iter()
        .rev()
        .map(|view| view.request)
        .collect();
    let gone = usize::try_from(expired.requests).unwrap();
    assert_eq!(left[1..], requests[gone..], "the oldest have gone");
    assert_eq!(lease_one(&backend.stores, 50).await.event_id, unfinished, "work stays");
}

#[tokio::test]
async fn the_bytes_of_an_erased_webhook_are_overwritten() {
    const SECRET: &str = "+79000000003";
    let Embedded { stores, sqlite, folder } = Embedded::new().await;
    let mut told = webhook(0, NewReading::Answered);
    told.request.body = format!("{SECRET}{}", "x".repeat(30_000)).repeat(3).into();
    stores.journal.accept(told).await.unwrap();
    let path = folder.path().join("patchbay.db");
    let holds_it = || {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend(std::fs::read(folder.path().join("patchbay.db-wal")).unwrap_or_default());
        bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
    };
    assert!(holds_it());
    let phone = crate::card::Identifier::Phone(SECRET.to_owned());
    assert_eq!(stores.journal.forget(&phone, at(1)).await.unwrap().requests, 1);
    drop(stores);
    sqlite.close().await;
    assert!(!holds_it());
}
