//! Senders as they are: each webhook is repeated until it is answered, and some once more.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use patchbay_ledger::Draw;
use tokio::time::{Instant, sleep};

use crate::{site::Site, webhook::Webhook};

/// How long a sender waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of a thousand requests, those whose sender hangs up before there is an answer.
const HANGING_UP: u64 = 20;

/// Of a thousand webhooks, those that are sent again although they were answered.
const SENT_AGAIN: u64 = 50;

/// A webhook that was answered 2xx.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) webhook: Webhook,
    /// The webhook of the same conversation that was answered before this one was sent.
    pub(crate) after: Option<u64>,
}

/// What all senders have seen.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) answered: Vec<Answered>,
    /// Of webhooks that the sender wants to show something for, in microseconds.
    pub(crate) replies_us: Vec<u64>,
    /// Of all others.
    pub(crate) acks_us: Vec<u64>,
    /// Requests without an answer.
    pub(crate) unanswered: u64,
    /// Requests with another answer than 2xx.
    pub(crate) refused: u64,
    pub(crate) again: u64,
    /// Conversations that did not begin because too many were going on.
    pub(crate) held_back: u64,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    site: Arc<Site>,
    sent: Arc<Mutex<Sent>>,
}

impl Sender {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self { site, sent: Arc::default() }
    }

    pub(crate) fn hold_back(&self) {
        self.note(|sent| sent.held_back += 1);
    }

    pub(crate) fn finish(self) -> Sent {
        let mut all = Sent::default();
        self.note(|sent| std::mem::swap(sent, &mut all));
        all
    }

    /// Sends until there is an answer.
    pub(crate) async fn send(self, webhook: Webhook, after: Option<u64>, mut draw: Draw) {
        let body = webhook.body();
        loop {
            let hangs_up = draw.happens(HANGING_UP);
            let patience =
                if hangs_up { Duration::from_millis(draw.between(1, 50)) } else { PATIENCE };
            let started = Instant::now();
            let status = self.post(&webhook, body.clone(), patience, &mut draw).await;
            let took_us = u64::try_from(started.elapsed().as_micros()).unwrap();
            if let Some(200..300) = status {
                self.note(|sent| {
                    let wants_reply = webhook.event.wants_reply();
                    if wants_reply { &mut sent.replies_us } else { &mut sent.acks_us }
                        .push(took_us);
                    sent.answered.push(Answered { webhook, after });
                });
                break;
            }
            self.note(|sent| match status {
                None => sent.unanswered += 1,
                Some(_) => sent.refused += 1,
            });
            sleep(Duration::from_millis(draw.between(50, 500))).await;
        }
        if draw.happens(SENT_AGAIN) {
            self.note(|sent| sent.again += 1);
            // Whatever the answer is: the first one was enough.
            self.post(&webhook, body, PATIENCE, &mut draw).await;
        }
    }

    async fn post(
        &self,
        webhook: &Webhook,
        body: bytes::Bytes,
        patience: Duration,
        draw: &mut Draw,
    ) -> Option<u16> {
        let up = self.site.up();
        let seat = up.get(draw.place(up.len()))?;
        let url = self.site.hook(seat, webhook.visitor.channel);
        self.site.web.post(&url, body, patience).await
    }

    fn note(&self, note: impl FnOnce(&mut Sent)) {
        note(&mut self.sent.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
