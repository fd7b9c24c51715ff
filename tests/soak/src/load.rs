//! Conversations at a steady rate, whatever becomes of them.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use patchbay_ledger::Draw;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    send::{Sender, Sent},
    site::{CHANNELS, Site},
    webhook::{Event, Visitor, Webhook},
};

/// Conversations at the same time at most.
const CONVERSATIONS_MAX: usize = 2000;

/// People who may come again.
const RECENT: usize = 100;

/// Of a thousand conversations, those of somebody who has not been there before.
const NEW: u64 = 300;

/// Of a thousand webhooks, those whose answer the next one does not wait for.
const OVERLAPPING: u64 = 30;

/// Webhooks of a conversation on average, times 100: see [`plan`].
const MEAN_TIMES_100: u64 = 224;

#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) site: Arc<Site>,
    /// Webhooks a second.
    pub(crate) rate: u32,
    pub(crate) length: Duration,
}

/// Numbers for webhooks, chats and offline messages.
#[derive(Debug, Default)]
struct Numbers(AtomicU64);

impl Numbers {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Load {
    /// Sends for the length of the load, and until every sender has its answer.
    pub(crate) async fn run(&self, mut draw: Draw) -> Sent {
        let sender = Sender::new(Arc::clone(&self.site));
        let numbers = Arc::new(Numbers::default());
        let pause = Duration::from_micros(10_000 * MEAN_TIMES_100 / u64::from(self.rate));
        let mut people = People::default();
        let mut conversations = JoinSet::new();
        let started = Instant::now();
        let mut due = started;
        while due < started + self.length {
            sleep_until(due).await;
            due += pause;
            while conversations.try_join_next().is_some() {}
            if CONVERSATIONS_MAX <= conversations.len() {
                sender.hold_back();
                continue;
            }
            let visitor = people.next(&mut draw);
            let events = plan(&numbers, &mut draw);
            let conversation = Conversation {
                sender: sender.clone(),
                numbers: Arc::clone(&numbers),
                visitor,
                draw: draw.fork(),
            };
            conversations.spawn(conversation.run(events));
        }
        conversations.join_all().await;
        sender.finish()
    }
}

/// Who comes next.
#[derive(Debug, Default)]
struct People {
    count: u64,
    recent: VecDeque<u64>,
}

impl People {
    fn next(&mut self, draw: &mut Draw) -> Visitor {
        let channel = draw.place(CHANNELS);
        let known = self.recent.get(draw.place(self.recent.len())).copied();
        let person = known.filter(|_| !draw.happens(NEW)).unwrap_or_else(|| {
            self.count += 1;
            self.recent.push_back(self.count);
            if RECENT < self.recent.len() {
                self.recent.pop_front();
            }
            self.count
        });
        Visitor { person, channel }
    }
}

/// The events of one conversation: an offline message; a chat of a known client, in which the
/// contacts may change; or a chat of somebody who tells the contacts later.
fn plan(numbers: &Numbers, draw: &mut Draw) -> Vec<Event> {
    let chat = numbers.next();
    match draw.below(100) {
        ..25 => vec![Event::Offline { message: chat }],
        25..55 => vec![Event::Accepted { chat, is_known: true }, Event::Finished { chat }],
        55..80 => vec![
            Event::Accepted { chat, is_known: true },
            Event::Updated { chat },
            Event::Finished { chat },
        ],
        _ => vec![
            Event::Accepted { chat, is_known: false },
            Event::Updated { chat },
            Event::Finished { chat },
        ],
    }
}

/// One conversation and its own chance.
#[derive(Debug)]
struct Conversation {
    sender: Sender,
    numbers: Arc<Numbers>,
    visitor: Visitor,
    draw: Draw,
}

impl Conversation {
    async fn run(mut self, events: Vec<Event>) {
        let mut overlapping = JoinSet::new();
        let mut after = None;
        for event in events {
            let webhook = Webhook { number: self.numbers.next(), visitor: self.visitor, event };
            let sending = self.sender.clone().send(webhook, after, self.draw.fork());
            if self.draw.happens(OVERLAPPING) {
                overlapping.spawn(sending);
            } else {
                sending.await;
                after = Some(webhook.number);
            }
            sleep(Duration::from_millis(self.draw.between(20, 1000))).await;
        }
        overlapping.join_all().await;
    }
}
