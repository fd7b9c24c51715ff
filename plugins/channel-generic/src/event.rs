//! A request to the events of the contract.

use std::borrow::Cow;
use std::collections::BTreeSet;

use patchbay_sdk::channel::{Event, Kind, Request};
use patchbay_sdk::form::Pair;
use patchbay_sdk::instant;
use patchbay_sdk::json::Node;
use patchbay_sdk::types::{Author, Call, Direction, ExternalId, Field, Identifier, Message, Value};

use crate::fields;
use crate::input::{self, Fault};
use crate::kind::KindName;
use crate::manifest::{
    CONVERSATION, DEDUP_KEY, DURATION, EMAIL, EPISODE, EXTERNAL_ID, EXTERNAL_SYSTEM, KIND, MESSAGE,
    NAME, OCCURRED_AT, PHONE, RECORDING_URL, SOURCE,
};
use crate::options::Options;

/// A list of more objects is refused, as the host would refuse its events.
pub(crate) const ITEMS_MAX: usize = 1_000;
/// The host takes no longer lane, episode or key.
pub(crate) const KEY_BYTES_MAX: usize = 512;
/// Longer names of ignored events are cut.
const NAME_CHARS_MAX: usize = 64;
/// Fewer digits are no phone.
const PHONE_DIGITS_MIN: usize = 5;
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Reads the events of a request, one for each object. `query` is what counts of its URL.
pub(crate) fn read(
    request: &Request,
    query: &str,
    options: &Options<'_>,
) -> Result<Vec<Event>, Fault> {
    let input = input::read(request, query)?;
    let mut node = Node::read(&input.text).map_err(Fault::Json)?;
    if let Node::List(items) = &node {
        return list(items, request, options);
    }
    let Node::Object(members) = &mut node else { return Err(Fault::NotAnObject) };
    let mut is_as_received = input.is_as_received;
    let missing = missing(members, &input.query);
    is_as_received &= missing.is_empty();
    members.extend(missing);
    let event = Reading { body: &node, request, options, index: None }.event();
    let event = event.ok_or(Fault::NothingRecognised)?;
    let context = (!is_as_received).then(|| json(&node));
    Ok(vec![Event { context, ..event }])
}

/// The parameters of the URL that the object does not name, each name once.
fn missing<'a>(
    members: &[(Cow<'_, str>, Node<'_>)],
    query: &'a [Pair],
) -> Vec<(Cow<'a, str>, Node<'a>)> {
    // Few bodies have both; with many of each, every pair for every member would be too slow.
    let mut known: BTreeSet<&str> = BTreeSet::new();
    if !query.is_empty() {
        known.extend(members.iter().map(|(name, _)| name.as_ref()));
    }
    let new = query.iter().filter(|(name, _)| known.insert(name));
    new.map(|(name, value)| (name.as_str().into(), Node::Text(value.as_str().into()))).collect()
}

/// An item in which nothing is recognised is ignored, unless all are so.
fn list(items: &[Node<'_>], request: &Request, options: &Options<'_>) -> Result<Vec<Event>, Fault> {
    if !options.accept_lists {
        return Err(Fault::ListNotAccepted);
    }
    if ITEMS_MAX < items.len() {
        return Err(Fault::TooManyItems { max: ITEMS_MAX });
    }
    let is_object = |item: &Node<'_>| matches!(item, Node::Object(_));
    if let Some(index) = items.iter().position(|item| !is_object(item)) {
        return Err(Fault::ItemNotAnObject { index });
    }
    let reading = |index: usize| (index, items.get(index));
    let mut is_any_recognised = false;
    let mut events = Vec::with_capacity(items.len());
    for (index, item) in (0..items.len()).map(reading) {
        let Some(body) = item else { break };
        let reading = Reading { body, request, options, index: Some(index) };
        let event = reading.event();
        is_any_recognised |= event.is_some();
        let event = event.unwrap_or_else(|| reading.ignored("nothing recognised"));
        events.push(Event { context: Some(json(body)), ..event });
    }
    match (is_any_recognised, events.is_empty()) {
        (true, _) => Ok(events),
        (false, true) => Err(Fault::EmptyList),
        (false, false) => Err(Fault::NothingRecognised),
    }
}

fn json(node: &Node<'_>) -> String {
    let mut text = String::new();
    node.write(&mut text);
    text
}

/// One object that becomes one event.
struct Reading<'a> {
    body: &'a Node<'a>,
    request: &'a Request,
    options: &'a Options<'a>,
    /// Set where the object is one of a list.
    index: Option<usize>,
}

impl Reading<'_> {
    /// `None` where there is nobody and nothing to tell of.
    fn event(&self) -> Option<Event> {
        let client = self.client();
        let message = self.render(MESSAGE);
        let result = self.render(KIND);
        let kind = self.options.kinds.of(result.as_deref());
        let is_job = !matches!(kind, None | Some(KindName::Ignored));
        if is_job && client.is_empty() && message.is_none() && self.render(NAME).is_none() {
            return None;
        }
        let dedup_key = self.dedup_key();
        let conversation = self.conversation(&client);
        let episode = self.render(EPISODE).filter(|text| text.len() <= KEY_BYTES_MAX);
        let kind = match kind {
            Some(KindName::Ignored) | None => Kind::Ignored(shortened(result.as_deref())),
            Some(name) => {
                let id = episode.clone().or_else(|| dedup_key.clone());
                let id =
                    id.unwrap_or_else(|| format!("{conversation}@{}", self.request.received_at));
                self.kind(name, id, &client, message.clone())
            }
        };
        Some(Event {
            dedup_key,
            conversation,
            episode,
            wants_reply: false,
            occurred_at: self.render(OCCURRED_AT).as_deref().and_then(instant::read),
            kind,
            fields: self.fields(message),
            client,
            agents: Vec::new(),
            context: None,
        })
    }

    fn ignored(&self, reason: &str) -> Event {
        Event {
            dedup_key: self.dedup_key(),
            conversation: self.conversation(&[]),
            episode: None,
            wants_reply: false,
            occurred_at: None,
            kind: Kind::Ignored(reason.to_owned()),
            client: Vec::new(),
            fields: Vec::new(),
            agents: Vec::new(),
            context: None,
        }
    }

    fn render(&self, key: &str) -> Option<String> {
        self.options.render(key, self.body)
    }

    fn client(&self) -> Vec<Identifier> {
        let values = |key: &str| self.options.values(key, self.body).into_iter();
        let phones = values(PHONE).filter(|text| PHONE_DIGITS_MIN <= digits(text).len());
        let emails = values(EMAIL).filter(|text| text.contains('@'));
        let id = self.render(EXTERNAL_ID).zip(self.render(EXTERNAL_SYSTEM));
        let external = id.map(|(id, system)| ExternalId { system: system.to_lowercase(), id });
        let named = phones.map(Identifier::Phone).chain(emails.map(Identifier::Email));
        named.chain(external.map(Identifier::External)).collect()
    }

    /// The template's value, else what the client is recognised by; nobody's event is alone.
    fn conversation(&self, client: &[Identifier]) -> String {
        let told = self.render(CONVERSATION);
        let lanes = client.iter().map(|identifier| match identifier {
            Identifier::Phone(phone) => format!("phone:{}", digits(phone)),
            Identifier::Email(email) => format!("email:{}", email.to_lowercase()),
            Identifier::External(id) => format!("external:{}:{}", id.system, id.id),
            Identifier::Card(card) => format!("card:{card}"),
        });
        let fitting = told.into_iter().chain(lanes).find(|lane| lane.len() <= KEY_BYTES_MAX);
        fitting.unwrap_or_else(|| {
            format!("alone:{}:{}", self.request.received_at, self.index.unwrap_or_default())
        })
    }

    /// The template's value, else the header's; a longer one than the host takes is left out.
    fn dedup_key(&self) -> Option<String> {
        let header = || {
            let sent = str::from_utf8(self.request.header(IDEMPOTENCY_KEY)?).ok()?.trim();
            let place = self.index.map(|index| format!(":{index}")).unwrap_or_default();
            (!sent.is_empty()).then(|| format!("{sent}{place}"))
        };
        self.render(DEDUP_KEY).or_else(header).filter(|key| key.len() <= KEY_BYTES_MAX)
    }

    fn kind(
        &self,
        name: KindName,
        id: String,
        client: &[Identifier],
        message: Option<String>,
    ) -> Kind {
        match (name, message) {
            (KindName::ConversationStarted, _) => Kind::ConversationStarted,
            (KindName::ClientUpdated, _) => Kind::ClientUpdated,
            (KindName::MessageReceived, Some(text)) => Kind::MessageReceived(Message {
                author: Author::Client,
                agent: None,
                sent_at: None,
                text,
            }),
            (KindName::OfflineMessage, Some(text)) => Kind::OfflineMessage(text),
            (KindName::CallStarted, _) => Kind::CallStarted(self.call(id, client)),
            (KindName::CallAnswered, _) => Kind::CallAnswered(self.call(id, client)),
            (KindName::CallFinished, _) => Kind::CallFinished(self.call(id, client)),
            (KindName::CallMissed, _) => {
                Kind::CallFinished(Call { missed: true, ..self.call(id, client) })
            }
            // Without a text the contacts are still those of somebody who wanted something.
            (
                KindName::LeadSubmitted
                | KindName::MessageReceived
                | KindName::OfflineMessage
                | KindName::Ignored,
                _,
            ) => Kind::LeadSubmitted,
        }
    }

    fn call(&self, id: String, client: &[Identifier]) -> Call {
        let number = client.iter().find_map(|identifier| match identifier {
            Identifier::Phone(phone) => Some(phone.clone()),
            _ => None,
        });
        let is_web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        Call {
            id,
            direction: Direction::Inbound,
            client_number: number,
            agent_number: None,
            line: None,
            status: None,
            missed: false,
            duration_s: self.render(DURATION).and_then(|text| text.parse().ok()),
            recording_url: self.render(RECORDING_URL).filter(is_web),
            rating: None,
        }
    }

    /// Each key once and none of them empty.
    fn fields(&self, message: Option<String>) -> Vec<Field> {
        let several = |key: &str| {
            let mut values = self.options.values(key, self.body);
            match values.len() {
                0 => None,
                1 => values.pop().map(|value| Field::text(key, value)),
                _ => Some(Field::new(key, Value::Texts(values))),
            }
        };
        let one = |key: &str| self.render(key).map(|text| Field::text(key, text));
        let comment = message.map(|text| Field::text("comment", text));
        let told = [one(NAME), several(PHONE), several(EMAIL), comment, one(SOURCE)];
        told.into_iter().flatten().chain(fields::usual(self.body)).collect()
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn shortened(name: Option<&str>) -> String {
    let name = name.unwrap_or("ignored").chars().filter(|c| !c.is_control());
    name.take(NAME_CHARS_MAX).collect()
}
