//! What each event of a lane must have done, by the rules and by the order of acceptance.

use std::collections::{HashMap, HashSet};

use crate::{
    journal::{Entry, Step},
    webhook::{Event, Visitor, Webhook},
};

const NOTHING: &[&[&str]] = &[&[]];

/// What is known of one visitor of one channel after some events.
#[derive(Debug, Default)]
struct Lane {
    /// An earlier event told the contacts: the visitor's number leads to the card since then.
    is_introduced: bool,
    /// Chats and messages whose enquiry was dealt with.
    episodes: HashSet<(bool, u64)>,
}

/// What the clients must have in the CRM.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// People with a card.
    pub(crate) clients: HashSet<u64>,
    /// People with a deal.
    pub(crate) enquirers: HashSet<u64>,
    pub(crate) faults: Vec<String>,
}

/// Walks through the journal in its order; `webhooks` are those that were sent, by number.
pub(crate) fn expected(journal: &[Entry], webhooks: &HashMap<u64, Webhook>) -> Expected {
    let mut lanes: HashMap<Visitor, Lane> = HashMap::new();
    let mut expected = Expected::default();
    for entry in journal {
        let Some(webhook) = webhooks.get(&entry.number) else { continue };
        let Webhook { visitor, event, .. } = *webhook;
        let lane = lanes.entry(visitor).or_default();
        lane.is_introduced |= event.is_introduced();
        let wanted = if lane.is_introduced {
            expected.clients.insert(visitor.person);
            // What tells of an enquiry without being one opens nothing, and leaves it to be opened.
            let is_first = is_enquiry(event) && lane.episodes.insert(event.episode());
            if is_first {
                expected.enquirers.insert(visitor.person);
            }
            wanted(event, is_first)
        } else {
            NOTHING
        };
        let done = followed(entry);
        if !wanted.contains(&done.as_slice()) {
            expected.faults.push(format!(
                "event {} ({event:?} of {visitor:?}) has the steps {done:?}, not {wanted:?}",
                entry.event
            ));
        }
    }
    expected
}

fn is_enquiry(event: Event) -> bool {
    !matches!(event, Event::Finished { .. })
}

/// The steps after the card that an event may have, in their order. Which event of a client makes
/// the deal is not told by the order: the client's channels are lanes of their own.
fn wanted(event: Event, is_first: bool) -> &'static [&'static [&'static str]] {
    match event {
        Event::Accepted { .. } | Event::Updated { .. } if is_first => {
            &[&["deal", "source-note"], &["source-note", "task"]]
        }
        Event::Accepted { .. } | Event::Updated { .. } => NOTHING,
        Event::Finished { .. } => &[&["note"]],
        Event::Offline { .. } => {
            &[&["deal", "note", "source-note", "task"], &["note", "source-note", "task"]]
        }
    }
}

/// The names of the steps that were done after the card, sorted.
fn followed(entry: &Entry) -> Vec<&str> {
    let steps = entry.jobs.iter().flat_map(|job| &job.steps);
    let is_wanted = |step: &&Step| step.is_done && step.name != "upsert-contact";
    let mut names: Vec<&str> = steps.filter(is_wanted).map(|step| step.name.as_str()).collect();
    names.sort_unstable();
    names
}
