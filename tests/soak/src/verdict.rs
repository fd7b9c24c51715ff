//! The check of a soak: what was accepted against what came of it. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use patchbay_ledger::{Kind, Write};
use serde_json::Value;

use crate::{
    journal::Entry,
    lanes::{self, Expected},
    send::Answered,
    site::{MANAGERS, SOURCE},
    webhook::{Visitor, Webhook},
};

/// Faults of one sort that are told; the rest is counted.
const TOLD_MAX: usize = 5;

/// All that is known when a soak has ended.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) sent: &'a [Answered],
    /// In the order of acceptance.
    pub(crate) journal: &'a [Entry],
    /// In the order in which they came about.
    pub(crate) writes: &'a [Write],
    pub(crate) records: &'a Value,
    pub(crate) duplicates: Vec<String>,
}

/// Everything that is not as promised; empty where all is well.
pub(crate) fn faults(evidence: &Evidence<'_>) -> Vec<String> {
    let webhooks: HashMap<u64, Webhook> =
        evidence.sent.iter().map(|sent| (sent.webhook.number, sent.webhook)).collect();
    let expected = lanes::expected(evidence.journal, &webhooks);
    let owners = owners(evidence, &webhooks);
    let sorts = [
        ("lost or twice in the journal", lost(evidence)),
        ("accepted in the wrong order", misplaced(evidence)),
        ("not done", undone(evidence)),
        ("not done as the rules say", expected.faults.clone()),
        ("a client without a card or a deal, or with two", clients(evidence, &expected)),
        ("effects that no event explains, or twice", unexplained(evidence, &owners)),
        ("steps without their effect", ineffective(evidence)),
        ("effects in the wrong order", disordered(evidence, &owners)),
        ("effects on somebody else", astray(evidence, &owners)),
        ("duplicates in the ledger", evidence.duplicates.clone()),
    ];
    sorts.into_iter().flat_map(|(sort, found)| shortened(sort, found)).collect()
}

fn shortened(sort: &str, mut found: Vec<String>) -> Vec<String> {
    let count = found.len();
    found.truncate(TOLD_MAX);
    if TOLD_MAX < count {
        found.push(format!("and {} more", count - TOLD_MAX));
    }
    found.into_iter().map(|fault| format!("{sort}: {fault}")).collect()
}

/// The event that each idempotency key belongs to: its place in the journal and its visitor.
fn owners<'a>(
    evidence: &'a Evidence<'_>,
    webhooks: &HashMap<u64, Webhook>,
) -> HashMap<&'a str, (usize, Visitor)> {
    let mut owners = HashMap::new();
    for (place, entry) in evidence.journal.iter().enumerate() {
        let Some(webhook) = webhooks.get(&entry.number) else { continue };
        for step in entry.jobs.iter().flat_map(|job| &job.steps) {
            owners.insert(step.key.as_str(), (place, webhook.visitor));
        }
    }
    owners
}

fn lost(evidence: &Evidence<'_>) -> Vec<String> {
    let mut times: HashMap<u64, u32> = HashMap::new();
    for entry in evidence.journal {
        *times.entry(entry.number).or_default() += 1;
    }
    let answered: HashSet<u64> = evidence.sent.iter().map(|sent| sent.webhook.number).collect();
    let lost = evidence.sent.iter().filter_map(|sent| match times.get(&sent.webhook.number) {
        Some(1) => None,
        Some(times) => Some(format!("webhook {} makes {times} events", sent.webhook.number)),
        None => Some(format!("webhook {} was answered and makes no event", sent.webhook.number)),
    });
    let unsent = evidence.journal.iter().filter(|entry| !answered.contains(&entry.number));
    lost.chain(unsent.map(|entry| format!("event {} was sent by nobody", entry.event))).collect()
}

/// What was answered before the next one was sent comes before it.
fn misplaced(evidence: &Evidence<'_>) -> Vec<String> {
    let places: HashMap<u64, usize> =
        evidence.journal.iter().enumerate().map(|(place, entry)| (entry.number, place)).collect();
    let pairs = evidence
        .sent
        .iter()
        .filter_map(|sent| Some((*places.get(&sent.after?)?, *places.get(&sent.webhook.number)?)));
    let event = |place: usize| evidence.journal[place].event;
    let wrong = pairs.filter(|(earlier, later)| later <= earlier);
    wrong
        .map(|(earlier, later)| format!("{} was sent after {}", event(later), event(earlier)))
        .collect()
}

fn undone(evidence: &Evidence<'_>) -> Vec<String> {
    let is_undone = |entry: &&Entry| !matches!(entry.jobs.as_slice(), [job] if job.state == "done");
    let states = |entry: &Entry| -> Vec<String> {
        entry.jobs.iter().map(|job| format!("{} after {}", job.state, job.attempts)).collect()
    };
    let undone = evidence.journal.iter().filter(is_undone);
    undone.map(|entry| format!("event {} has the jobs {:?}", entry.event, states(entry))).collect()
}

fn clients(evidence: &Evidence<'_>, expected: &Expected) -> Vec<String> {
    let mut cards: BTreeMap<u64, u32> = BTreeMap::new();
    let mut persons: HashMap<&str, u64> = HashMap::new();
    let mut faults = Vec::new();
    for contact in items(&evidence.records["contacts"]) {
        let id = contact["id"].as_str().unwrap_or_default();
        match person_of(contact) {
            Some(person) => {
                *cards.entry(person).or_default() += 1;
                persons.insert(id, person);
            }
            None => faults.push(format!("the card {id} is nobody's")),
        }
    }
    let mut deals: BTreeMap<u64, u32> = BTreeMap::new();
    for deal in items(&evidence.records["deals"]) {
        match persons.get(deal["card"].as_str().unwrap_or_default()) {
            Some(person) => *deals.entry(*person).or_default() += 1,
            None => faults.push(format!("the deal {} is nobody's", deal["id"])),
        }
        if !MANAGERS.iter().any(|manager| deal["manager"] == *manager) {
            faults.push(format!("the deal {} is none of the pool's", deal["id"]));
        }
        if deal["fields"]["source"] != SOURCE {
            faults.push(format!("the deal {} has no source", deal["id"]));
        }
    }
    faults.extend(uneven("card", &cards, &expected.clients));
    faults.extend(uneven("deal", &deals, &expected.enquirers));
    faults
}

/// Whoever has not exactly one although expected, or has one although not.
fn uneven(what: &str, counts: &BTreeMap<u64, u32>, expected: &HashSet<u64>) -> Vec<String> {
    let few = expected.iter().filter(|person| !counts.contains_key(person));
    let few = few.map(|person| format!("person {person} has no {what}"));
    let many = counts.iter().filter(|(person, count)| !expected.contains(person) || 1 < **count);
    let many = many.map(|(person, count)| format!("person {person} has {count} {what}s"));
    few.chain(many).collect()
}

/// The person whose phone the card has.
fn person_of(contact: &Value) -> Option<u64> {
    let phones = items(&contact["identifiers"]).filter_map(|held| {
        let digits = held.as_str()?.strip_prefix("phone:+7900")?;
        digits.parse::<u64>().ok()?.checked_sub(1_000_000)
    });
    let mut phones: Vec<u64> = phones.collect();
    phones.dedup();
    if let [person] = phones.as_slice() { Some(*person) } else { None }
}

fn unexplained(evidence: &Evidence<'_>, owners: &HashMap<&str, (usize, Visitor)>) -> Vec<String> {
    let mut made = HashSet::new();
    let mut faults = Vec::new();
    for write in evidence.writes {
        let key = write.key.as_deref().unwrap_or_default();
        if !owners.contains_key(key) {
            faults.push(format!("no event has the key of {}", write.id));
        }
        if write.is_new && !made.insert(key) {
            faults.push(format!("{} was made with a key that had made another", write.id));
        }
    }
    faults
}

/// Each step that the journal knows is in the ledger.
fn ineffective(evidence: &Evidence<'_>) -> Vec<String> {
    let steps = without_effect(evidence.journal, evidence.writes).into_iter();
    let wrong = steps.filter(|(entry, step)| !may_be_adopted(entry, step));
    wrong.map(|(entry, step)| format!("the {step} of event {} is not there", entry.event)).collect()
}

/// Deals that a job has taken for its own and another one had made.
pub(crate) fn adopted(journal: &[Entry], writes: &[Write]) -> usize {
    let steps = without_effect(journal, writes).into_iter();
    steps.filter(|(entry, step)| may_be_adopted(entry, step)).count()
}

/// A job whose earlier attempt broke off in the middle of its deal takes the client's open deal for
/// the one it made. Another channel of the client may have made it in between.
fn may_be_adopted(entry: &Entry, step: &str) -> bool {
    step == "deal" && 1 < entry.outcomes.len()
}

/// The steps that are done and made no record.
fn without_effect<'a>(journal: &'a [Entry], writes: &[Write]) -> Vec<(&'a Entry, &'a str)> {
    let new = writes.iter().filter(|write| write.is_new);
    let made: HashMap<&str, Kind> =
        new.map(|write| (write.key.as_deref().unwrap_or_default(), write.kind)).collect();
    let mut without = Vec::new();
    for entry in journal {
        for step in entry.jobs.iter().flat_map(|job| &job.steps).filter(|step| step.is_done) {
            let kind = match step.name.as_str() {
                "deal" => Kind::Deal,
                "task" => Kind::Task,
                "note" | "source-note" => Kind::Note,
                _ => continue,
            };
            if made.get(step.key.as_str()) != Some(&kind) {
                without.push((entry, step.name.as_str()));
            }
        }
    }
    without
}

/// The effects of one visitor's events come in the order of the events.
fn disordered(evidence: &Evidence<'_>, owners: &HashMap<&str, (usize, Visitor)>) -> Vec<String> {
    let mut latest: HashMap<Visitor, usize> = HashMap::new();
    let mut faults = Vec::new();
    let event = |place: usize| evidence.journal[place].event;
    for write in evidence.writes {
        let Some((place, visitor)) = owners.get(write.key.as_deref().unwrap_or_default()) else {
            continue;
        };
        let latest = latest.entry(*visitor).or_insert(*place);
        if *place < *latest {
            let (late, early) = (event(*place), event(*latest));
            faults.push(format!("{} of event {late} came after one of {early}", write.id));
        }
        *latest = (*latest).max(*place);
    }
    faults
}

/// Each effect is on the card of the event's client, or on its deal.
fn astray(evidence: &Evidence<'_>, owners: &HashMap<&str, (usize, Visitor)>) -> Vec<String> {
    let by_id = |list: &str| -> HashMap<&str, &Value> {
        let items = items(&evidence.records[list]);
        items.filter_map(|item| Some((item["id"].as_str()?, item))).collect()
    };
    let (contacts, deals) = (by_id("contacts"), by_id("deals"));
    let card_of = |write: &Write| -> Option<String> {
        let subject = &write.body["subject"];
        let of_deal = |deal: &str| deals.get(deal).and_then(|deal| deal["card"].as_str());
        let card = match write.kind {
            Kind::Contact => Some(write.id.as_str()),
            Kind::Deal => write.body["card"].as_str(),
            Kind::Task | Kind::Note => {
                subject["card"].as_str().or_else(|| of_deal(subject["deal"].as_str()?))
            }
        };
        card.map(str::to_owned)
    };
    let is_astray = |write: &&Write| {
        let Some((_, visitor)) = owners.get(write.key.as_deref().unwrap_or_default()) else {
            return false;
        };
        let contact = card_of(write).and_then(|card| contacts.get(card.as_str()).copied());
        contact.and_then(person_of) != Some(visitor.person)
    };
    let astray = evidence.writes.iter().filter(is_astray);
    astray.map(|write| format!("{} is not with the client of its event", write.id)).collect()
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests;
