//! What an integration's rules say of deal, task and notes.

use super::{
    book::{Reading, Rulebook, Words, failed},
    decision::Decision,
    enquiry::{self, DealStep, Errand},
    template::Template,
};
use crate::{
    card::{Card, Deal, Field, Note, Value},
    event::{Event, Kind, Remark},
    id::AccountId,
};

/// Steps of a job, as the journal names them.
pub const NOTE: &str = "note";
pub const SOURCE_NOTE: &str = "source-note";

/// The longest title of a task, in characters.
const TITLE_CHARS_MAX: usize = 250;

impl Rulebook {
    /// Whether this event opens a deal for a client who has none.
    pub fn opens_deal(&self, event: &Event) -> bool {
        self.options().deals && enquiry::is_enquiry(event) && self.is_chosen(event)
    }

    /// Whether the operator lets events of this kind open deals.
    fn is_chosen(&self, event: &Event) -> bool {
        let events = &self.rules().deal.events;
        events.is_empty() || events.iter().any(|name| name == event.kind.name())
    }

    /// Whether the chat, call or form counts as dealt with after this event. A client introduced
    /// during a chat leaves it to the chat's own enquiry where only that may open a deal.
    pub fn settles_enquiry(&self, event: &Event) -> bool {
        enquiry::is_enquiry(event) && !self.waits_for_enquiry(event)
    }

    fn waits_for_enquiry(&self, event: &Event) -> bool {
        matches!(event.kind, Kind::ClientUpdated) && self.options().deals && !self.is_chosen(event)
    }

    /// What becomes of the deal: `had` is the open one that the client had before this event.
    pub fn deal_step(&self, event: &Event, had: Option<&Deal>) -> (DealStep, Decision) {
        let name = event.kind.name();
        let told =
            |step, decided: String, because: &str| (step, Decision::new("deal", decided, because));
        let nothing = |because: &str| told(DealStep::Nothing, "nothing".to_owned(), because);
        match had {
            _ if !enquiry::is_enquiry(event) => nothing(&format!("`{name}` is no enquiry")),
            Some(deal) if self.maps_deals() => {
                let decided = format!("deal {} is brought up to date", deal.id);
                told(DealStep::Update, decided, "it is open, and the mapping has fields for it")
            }
            Some(deal) => nothing(&format!("deal {} is open", deal.id)),
            None if self.opens_deal(event) => {
                told(DealStep::Open, "a new deal".to_owned(), "the client has no open one")
            }
            None if self.options().deals => {
                nothing(&format!("`rules.deal.events` does not name `{name}`"))
            }
            None => nothing("the option `deals` is off"),
        }
    }

    /// The fields of a new deal: title, source and campaign, overlaid by what the mapping says.
    pub fn deal_fields(&self, reading: &Reading, event: &Event, card: &Card) -> Vec<Field> {
        let mut fields = enquiry::deal_fields(event, card);
        if !self.rules().own_fields {
            fields.retain(|field| field.key == "title");
        }
        fields.retain(|own| reading.deal.iter().all(|mapped| mapped.field.key != own.key));
        fields.extend(reading.deal.iter().map(|mapped| mapped.field.clone()));
        fields
    }

    /// The task of an event, with the operator's words. `had` as in `deal_step`.
    pub fn errand(
        &self,
        reading: &Reading,
        event: &Event,
        card: &Card,
        had: Option<&Deal>,
        remarks: &mut Vec<Remark>,
    ) -> (Option<Errand>, Decision) {
        let none = |because: &str| (None, Decision::new("task", "nothing", because));
        if !self.options().tasks {
            return none("the option `tasks` is off");
        }
        let built_in = enquiry::errand(event, had).filter(|_| !self.waits_for_enquiry(event));
        let Some(built_in) = built_in else {
            return none("the event asks nobody to do anything");
        };
        let (words, place, because) = match &event.kind {
            Kind::OfflineMessage(_) => {
                (&self.offline_message, "task.offline_message", "the client has left a message")
            }
            Kind::CallFinished(call) if enquiry::is_missed(call) => {
                (&self.missed_call, "task.missed_call", "the client was missed")
            }
            _ if !self.rules().task.on_repeat => return none("`rules.task.on_repeat` is off"),
            _ => (&self.repeat, "task.repeat", "the client's deal is open"),
        };
        let errand = self.worded(built_in, words, place, reading, (card, had), remarks);
        let decision = Decision::new("task", format!("task: {}", errand.title), because);
        (Some(errand), decision)
    }

    /// The built-in words, but where the operator's say something.
    fn worded(
        &self,
        built_in: Errand,
        words: &Words,
        place: &str,
        reading: &Reading,
        (card, had): (&Card, Option<&Deal>),
        remarks: &mut Vec<Remark>,
    ) -> Errand {
        if words.title.is_none() && words.text.is_none() {
            return built_in;
        }
        let root = reading.context.with(card, had).root();
        let mut word = |part: &str, template: &Option<Template>, otherwise: String| {
            let Some(template) = template else { return otherwise };
            match self.templates.text(template, root.clone()) {
                Ok(text) if !text.is_empty() => text,
                Ok(_) => otherwise,
                Err(failure) => {
                    remarks.push(failed(&format!("{place}.{part}"), failure));
                    otherwise
                }
            }
        };
        let title = word("title", &words.title, built_in.title);
        let text = word("text", &words.text, built_in.text);
        Errand { title: title.chars().take(TITLE_CHARS_MAX).collect(), text }
    }

    /// What is written down, each with the name of its step: the event's own note, and where the
    /// enquiry came from, once for what `is_known` is said of. Empty where the integration writes
    /// no notes.
    pub fn notes(
        &self,
        reading: &Reading,
        event: &Event,
        channel: &AccountId,
        is_known: bool,
    ) -> (Vec<(&'static str, Note)>, Decision) {
        let none = |because: &str| (Vec::new(), Decision::new("note", "nothing", because));
        if !self.options().notes {
            return none("the option `notes` is off");
        }
        let message = || enquiry::message_note(event).filter(|_| self.rules().note.messages);
        let own = enquiry::note(event).or_else(message).map(|note| (NOTE, note));
        let is_told = self.rules().note.source && self.settles_enquiry(event) && !is_known;
        let source = is_told.then(|| (SOURCE_NOTE, Note::Text(source_of(reading, event, channel))));
        let notes: Vec<(&str, Note)> = own.into_iter().chain(source).collect();
        if notes.is_empty() {
            return none("there is nothing to write down of it, or it was written down before");
        }
        let names: Vec<&str> = notes.iter().map(|(name, _)| *name).collect();
        let decided = names.join(", ");
        (notes, Decision::new("note", decided, "the option `notes` is on"))
    }
}

/// Where an enquiry came from, one line each: channel, page, referrer, campaign.
fn source_of(reading: &Reading, event: &Event, channel: &AccountId) -> String {
    const LINES: &[(&str, &str)] = &[
        ("Source", "source"),
        ("Site", "site"),
        ("Page", "page-url"),
        ("Page title", "page-title"),
        ("Referrer", "referrer"),
        ("Campaign source", "utm-source"),
        ("Medium", "utm-medium"),
        ("Campaign", "utm-campaign"),
        ("Term", "utm-term"),
        ("Content", "utm-content"),
    ];
    let mapped = || reading.contact.iter().map(|wanted| &wanted.field);
    let mut text = format!("Channel: {channel}");
    for (title, key) in LINES {
        let found = mapped().chain(&event.fields).find_map(|field| match &field.value {
            Value::Text(value) if field.key == *key && !value.trim().is_empty() => Some(value),
            _ => None,
        });
        if let Some(value) = found {
            text.extend(["\n", title, ": ", value.trim()]);
        }
    }
    text
}

#[cfg(test)]
mod tests;
