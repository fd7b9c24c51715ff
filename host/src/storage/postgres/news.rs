//! News between the hosts: LISTEN on one connection, NOTIFY on another.
//!
//! Notes are sent after the commit that they tell of, and never in its transaction: the server lets
//! one transaction with a note commit at a time. Many are joined into one.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{Mutex as AsyncMutex, Notify, broadcast, broadcast::error::RecvError},
    time::sleep,
};
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};

use super::{Postgres, Result, connect::Connections, tls::Stream};
use crate::{
    id::{EventId, random_token},
    storage::{News, Peers},
    tasks::Tasks,
};

const CHANNEL: &str = "patchbay";

/// News that wait to be asked for. Whoever is behind by more is told that there is a gap.
const NEWS_MAX: usize = 4096;

/// Events whose end waits to be told; beyond it the others are told that there is a gap.
const SETTLED_MAX: usize = 4096;

/// The server takes notes below 8000 bytes; an id has at most 20 letters with its comma.
const IDS_PER_NOTE: usize = 350;

/// Between two rounds of notes.
const PAUSE: Duration = Duration::from_millis(3);

/// Between the end of a connection and the next one.
const RECONNECT: Duration = Duration::from_millis(250);

/// Both directions.
#[derive(Debug)]
pub(super) struct Newsroom {
    notes: Notes,
    /// What the other hosts have told. One asks at a time.
    heard: AsyncMutex<broadcast::Receiver<News>>,
}

/// What this host has to tell; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes(Arc<Board>);

#[derive(Debug, Default)]
struct Board {
    unsent: Mutex<Unsent>,
    written: Notify,
}

#[derive(Debug, Default)]
struct Unsent {
    work: bool,
    changed: bool,
    gap: bool,
    settled: BTreeSet<i64>,
}

impl Notes {
    /// There may be a job to lease.
    pub(super) fn work(&self) {
        self.write(|unsent| unsent.work = true);
    }

    /// Plugins, accounts or integrations are not what they were.
    pub(super) fn changed(&self) {
        self.write(|unsent| unsent.changed = true);
    }

    /// Something became of the event.
    pub(super) fn settled(&self, event: EventId) {
        self.write(|unsent| {
            if unsent.settled.len() < SETTLED_MAX {
                unsent.settled.insert(event.0);
            } else {
                unsent.gap = true;
            }
        });
    }

    fn write(&self, note: impl FnOnce(&mut Unsent)) {
        note(&mut self.0.unsent.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.written.notify_one();
    }

    fn take(&self) -> Unsent {
        std::mem::take(&mut *self.0.unsent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Unsent {
    /// What goes over the wire, each part with the sender before it.
    fn payloads(&self, host: &str) -> Vec<String> {
        let words = [(self.work, "work"), (self.changed, "changed"), (self.gap, "gap")];
        let words = words.into_iter().filter(|(is_told, _)| *is_told);
        let mut payloads: Vec<String> = words.map(|(_, word)| format!("{host} {word}")).collect();
        let ids: Vec<String> = self.settled.iter().map(ToString::to_string).collect();
        let settled = |ids: &[String]| format!("{host} settled {}", ids.join(","));
        payloads.extend(ids.chunks(IDS_PER_NOTE).map(settled));
        payloads
    }
}

/// What a payload tells; a host ignores its own, and what a newer release may add.
fn read(payload: &str, own: &str) -> Vec<News> {
    let mut words = payload.split(' ');
    if words.next() == Some(own) {
        return Vec::new();
    }
    match (words.next(), words.next()) {
        (Some("work"), _) => vec![News::Work],
        (Some("changed"), _) => vec![News::Changed],
        (Some("gap"), _) => vec![News::Gap],
        (Some("settled"), Some(ids)) => ids
            .split(',')
            .filter_map(|id| id.parse().ok())
            .map(EventId)
            .map(News::Settled)
            .collect(),
        _ => Vec::new(),
    }
}

impl Newsroom {
    pub(super) fn open(connections: &Connections, tasks: &Tasks) -> Self {
        let notes = Notes::default();
        let (heard, receiver) = broadcast::channel(NEWS_MAX);
        let host: Arc<str> = random_token().into();
        let listener = Listener {
            connections: connections.clone(),
            host: Arc::clone(&host),
            heard,
            tasks: tasks.clone(),
        };
        let listener = Arc::new(listener);
        tasks.keep("news of the other hosts", move || listen(Arc::clone(&listener)));
        let teller = Teller {
            connections: connections.clone(),
            host,
            notes: notes.clone(),
            tasks: tasks.clone(),
        };
        let teller = Arc::new(teller);
        tasks.keep("news to the other hosts", move || tell(Arc::clone(&teller)));
        Self { notes, heard: AsyncMutex::new(receiver) }
    }

    pub(super) fn notes(&self) -> Notes {
        self.notes.clone()
    }
}

struct Listener {
    connections: Connections,
    host: Arc<str>,
    heard: broadcast::Sender<News>,
    tasks: Tasks,
}

async fn listen(listener: Arc<Listener>) {
    while !listener.tasks.is_stopping() {
        let heard = tokio::select! {
            () = listener.tasks.stopping() => return,
            heard = listener.hear() => heard,
        };
        if let Err(error) = heard {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "news of the other hosts are not heard: connecting again"
            );
        }
        tokio::select! {
            () = listener.tasks.stopping() => return,
            () = sleep(RECONNECT) => {}
        }
    }
}

impl Listener {
    /// Ends with its connection.
    async fn hear(&self) -> Result<()> {
        let (client, mut connection) = self.connections.connect().await?;
        let subscribe = async {
            client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
            // Whatever was told before may be missing here.
            self.say(News::Gap);
            std::future::pending::<Result<()>>().await
        };
        tokio::select! {
            failed = subscribe => failed,
            ended = self.receive(&mut connection) => ended,
        }
    }

    async fn receive(&self, connection: &mut Connection<Socket, Stream>) -> Result<()> {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(note) = message? {
                for news in read(note.payload(), &self.host) {
                    self.say(news);
                }
            }
        }
        Ok(())
    }

    fn say(&self, news: News) {
        // Nobody listens once the database is closed.
        drop(self.heard.send(news));
    }
}

struct Teller {
    connections: Connections,
    host: Arc<str>,
    notes: Notes,
    tasks: Tasks,
}

async fn tell(teller: Arc<Teller>) {
    while !teller.tasks.is_stopping() {
        match teller.connected().await {
            Ok(()) if teller.tasks.is_stopping() => return,
            Ok(()) => {}
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "news are not told to the other hosts: connecting again"
            ),
        }
        // What was lost on the way, nobody knows.
        teller.notes.write(|unsent| unsent.gap = true);
        tokio::select! {
            () = teller.tasks.stopping() => return,
            () = sleep(RECONNECT) => {}
        }
    }
}

impl Teller {
    /// Ends with its connection, or once the host stops and everything is told.
    async fn connected(&self) -> Result<()> {
        let (client, connection) = self.connections.connect().await?;
        tokio::select! {
            told = self.send_all(&client) => told,
            ended = connection => Ok(ended?),
        }
    }

    async fn send_all(&self, client: &Client) -> Result<()> {
        // A note that a crash loses costs a look at the queue, not a wait for the disk.
        client.batch_execute("SET synchronous_commit = off").await?;
        loop {
            let is_last = tokio::select! {
                () = self.tasks.stopping() => true,
                () = self.notes.0.written.notified() => false,
            };
            let payloads = self.notes.take().payloads(&self.host);
            if !payloads.is_empty() {
                let sql = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload";
                client.execute(sql, &[&CHANNEL, &payloads]).await?;
            }
            if is_last {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }
}

#[async_trait]
impl Peers for Postgres {
    async fn news(&self) -> News {
        match self.news.heard.lock().await.recv().await {
            Ok(news) => news,
            Err(RecvError::Lagged(_)) => News::Gap,
            // The database is closed.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_joined_below_the_size_that_the_server_takes() {
        let settled = (0..1000).map(|id| i64::MAX - id).collect();
        let unsent = Unsent { work: true, changed: true, gap: false, settled };
        let payloads = unsent.payloads(&random_token());
        assert_eq!(payloads.len(), 5, "two words, and three for a thousand ids");
        assert!(payloads.iter().all(|payload| payload.len() < 8000));
        let heard: Vec<News> = payloads.iter().flat_map(|payload| read(payload, "me")).collect();
        assert_eq!((heard[0], heard[1], heard.len()), (News::Work, News::Changed, 1002));
        assert_eq!(heard[1001], News::Settled(EventId(i64::MAX)));
    }

    #[test]
    fn own_notes_and_unknown_ones_are_no_news() {
        assert_eq!(read("me work", "me"), []);
        for odd in ["", "you", "you settled", "you settled x", "you dance"] {
            assert_eq!(read(odd, "me"), [], "{odd}");
        }
    }
}
