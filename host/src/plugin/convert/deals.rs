//! Deals, tasks, notes and managers: to a CRM adapter, and its answers back, checked.

use super::{Checked, all, at_most};
use crate::{
    card::{self, Assignment, Deal, Person},
    plugin::bindings::{
        exports::patchbay::adapter::{notes, tasks},
        patchbay::adapter::types as wit,
    },
};

/// Open deals of one card: more is a query that forgot its filter.
const DEALS_MAX: usize = 1000;
const MANAGERS_MAX: usize = 10_000;
/// Cards on one page of assignments, all managers together.
const ASSIGNED_CARDS_MAX: usize = 100_000;
const PAGE_BYTES_MAX: usize = 4096;

/// The open deals of a card, the newest first.
pub(in crate::plugin) fn deals(deals: Vec<wit::Deal>) -> Checked<Vec<Deal>> {
    at_most_items("open-deals", "deals", deals.len(), DEALS_MAX)?;
    deals.into_iter().map(deal).collect()
}

/// One deal: its id is what tasks and notes name it by.
pub(in crate::plugin) fn deal(deal: wit::Deal) -> Checked<Deal> {
    let wit::Deal { id, url, title, stage, manager, fields } = deal;
    super::id("deal.id", &id)?;
    Ok(Deal { id, url, title, stage, manager: manager.map(Into::into), fields: all(fields) })
}

/// The id of what was made: a `task` or a `note`.
pub(in crate::plugin) fn id(made: &str, id: String) -> Checked<String> {
    super::id(&format!("{made} id"), &id)?;
    Ok(id)
}

pub(in crate::plugin) fn managers(managers: Vec<wit::Person>) -> Checked<Vec<Person>> {
    at_most_items("list-managers", "managers", managers.len(), MANAGERS_MAX)?;
    managers.into_iter().map(manager).collect()
}

/// One page of assignments. A next page without a name would be the first one again.
pub(in crate::plugin) fn assignments(
    (assignments, next): (Vec<wit::Assignment>, Option<String>),
) -> Checked<(Vec<Assignment>, Option<String>)> {
    at_most_items("list-assignments", "managers", assignments.len(), MANAGERS_MAX)?;
    let cards = assignments.iter().map(|assignment| assignment.cards.len()).sum();
    at_most_items("list-assignments", "cards", cards, ASSIGNED_CARDS_MAX)?;
    if let Some(next) = &next {
        at_most("next-page", next, PAGE_BYTES_MAX)?;
        if next.is_empty() {
            return Err("`next-page` is empty: leave it out instead".to_owned());
        }
    }
    Ok((assignments.into_iter().map(assignment).collect::<Checked<_>>()?, next))
}

fn assignment(wit::Assignment { manager, cards }: wit::Assignment) -> Checked<Assignment> {
    cards.iter().try_for_each(|card| super::id("assignment.cards", card))?;
    // Channels know managers by e-mail too, so an id may be missing here.
    manager.id.iter().try_for_each(|id| super::id("manager.id", id))?;
    Ok(Assignment { manager: manager.into(), cards })
}

/// A manager of the CRM: deals and tasks are given to the id.
fn manager(person: wit::Person) -> Checked<Person> {
    match &person.id {
        Some(id) => super::id("manager.id", id)?,
        None => return Err("`manager.id` is missing".to_owned()),
    }
    Ok(person.into())
}

fn at_most_items(function: &str, items: &str, count: usize, max: usize) -> Checked<()> {
    if count <= max {
        return Ok(());
    }
    Err(format!("`{function}` gave {count} {items}, at most {max} are allowed"))
}

pub(in crate::plugin) fn task(task: card::Task) -> tasks::Task {
    let card::Task { subject, title, text, manager, due } = task;
    tasks::Task { subject: subject.into(), title, text, manager, due }
}

impl From<card::Subject> for wit::Subject {
    fn from(subject: card::Subject) -> Self {
        match subject {
            card::Subject::Card(id) => Self::Card(id),
            card::Subject::Deal(id) => Self::Deal(id),
        }
    }
}

impl From<card::Note> for notes::Note {
    fn from(note: card::Note) -> Self {
        match note {
            card::Note::Text(text) => Self::Text(text),
            card::Note::Transcript(transcript) => Self::Transcript(transcript.into()),
            card::Note::Call(call) => Self::Call(call.into()),
        }
    }
}

impl From<card::Transcript> for wit::Transcript {
    fn from(transcript: card::Transcript) -> Self {
        let card::Transcript { started_at, finished_at, topic, rating, messages } = transcript;
        Self { started_at, finished_at, topic, rating, messages: all(messages) }
    }
}

impl From<card::Message> for wit::Message {
    fn from(card::Message { author, agent, sent_at, text }: card::Message) -> Self {
        let author = match author {
            card::Author::Client => wit::Author::Client,
            card::Author::Agent => wit::Author::Agent,
            card::Author::Bot => wit::Author::Bot,
            card::Author::System => wit::Author::System,
        };
        Self { author, agent: agent.map(Into::into), sent_at, text }
    }
}

impl From<card::Call> for wit::Call {
    fn from(call: card::Call) -> Self {
        let direction = match call.direction {
            card::Direction::Inbound => wit::Direction::Inbound,
            card::Direction::Outbound => wit::Direction::Outbound,
            card::Direction::Internal => wit::Direction::Internal,
        };
        Self {
            id: call.id,
            direction,
            client_number: call.client_number,
            agent_number: call.agent_number,
            line: call.line,
            status: call.status,
            missed: call.missed,
            duration_s: call.duration_s,
            recording_url: call.recording_url,
            rating: call.rating,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw_deal(id: &str) -> wit::Deal {
        wit::Deal {
            id: id.to_owned(),
            url: None,
            title: String::new(),
            stage: None,
            manager: None,
            fields: Vec::new(),
        }
    }

    fn raw_manager(id: Option<&str>) -> wit::Person {
        wit::Person {
            id: id.map(str::to_owned),
            name: None,
            email: None,
            phone: None,
            active: true,
        }
    }

    fn raw_assignment(cards: Vec<String>) -> wit::Assignment {
        wit::Assignment { manager: raw_manager(Some("1")), cards }
    }

    #[test]
    fn a_card_has_at_most_a_thousand_open_deals_with_ids() {
        assert_eq!(deals(vec![raw_deal("1"); 1000]).unwrap().len(), 1000);
        assert!(deals(vec![raw_deal("1"); 1001]).unwrap_err().contains("1001 deals"));
        assert!(deals(vec![raw_deal("")]).unwrap_err().contains("`deal.id` is empty"));
        assert!(deal(raw_deal(&"1".repeat(512))).is_ok());
        assert!(deal(raw_deal(&"1".repeat(513))).unwrap_err().contains("513 bytes"));
    }

    #[test]
    fn what_was_made_has_an_id() {
        assert_eq!(id("task", "7".to_owned()).unwrap(), "7");
        assert!(id("note", String::new()).unwrap_err().contains("`note id` is empty"));
        assert!(id("note", "1".repeat(513)).is_err());
    }

    #[test]
    fn a_manager_can_be_named_by_an_id() {
        assert_eq!(managers(vec![raw_manager(Some("1")); 10_000]).unwrap().len(), 10_000);
        assert!(managers(vec![raw_manager(Some("1")); 10_001]).unwrap_err().contains("10001"));
        assert!(managers(vec![raw_manager(None)]).unwrap_err().contains("missing"));
        assert!(managers(vec![raw_manager(Some(""))]).unwrap_err().contains("empty"));
    }

    #[test]
    fn a_page_of_assignments_is_bounded() {
        let page = |cards, next: Option<&str>| {
            assignments((vec![raw_assignment(cards)], next.map(str::to_owned)))
        };
        assert!(page(vec!["1".to_owned(); 100_000], None).is_ok());
        assert!(page(vec!["1".to_owned(); 100_001], None).unwrap_err().contains("100001 cards"));
        assert!(page(vec![String::new()], None).unwrap_err().contains("`assignment.cards`"));
        assert!(page(Vec::new(), Some(&"p".repeat(4096))).is_ok());
        assert!(page(Vec::new(), Some(&"p".repeat(4097))).is_err());
        assert!(page(Vec::new(), Some("")).unwrap_err().contains("leave it out"));
    }
}
