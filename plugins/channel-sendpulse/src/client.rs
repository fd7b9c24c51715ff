//! Who the client is and who answered: identifiers, the operator, the lane, the episode and the dedup key.

use std::borrow::Cow;

use patchbay_sdk::instant;
use patchbay_sdk::json::tolerant::Text;
use patchbay_sdk::types::{Identifier, Person};

use crate::title::Title;
use crate::webhook::Webhook;

/// The system of a contact's id; `channel-push` gets such an id back.
pub(crate) const SYSTEM: &str = "sendpulse";

/// A longer name is no messenger's.
const MAX_SERVICE_BYTES: usize = 32;
/// SendPulse's ids have 24 bytes: a longer text is none.
const MAX_ID_BYTES: usize = 128;
/// The host takes lanes up to 512 bytes.
const MAX_LANE_BYTES: usize = 400;
/// The host takes keys up to 512 bytes; half of a key would be another event's.
const MAX_KEY_BYTES: usize = 512;
/// Fewer digits are no phone, whatever the variable is called.
const MIN_PHONE_DIGITS: usize = 5;

/// The contact of one event.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    webhook: &'a Webhook<'a>,
    /// The messenger in lower case letters, digits and `_`; `-` where it was not named.
    pub(crate) service: Cow<'a, str>,
    pub(crate) id: Option<&'a str>,
}

impl<'a> Client<'a> {
    pub(crate) fn of(webhook: &'a Webhook<'a>) -> Self {
        Self { webhook, service: service(&webhook.service), id: id(&webhook.contact.id) }
    }

    /// Every way to recognise the client, the surest first.
    pub(crate) fn identifiers(&self) -> Vec<Identifier> {
        let phones = self.phones().into_iter().map(|phone| Identifier::Phone(phone.into_owned()));
        let emails = self.emails().into_iter().map(|email| Identifier::Email(email.to_owned()));
        let contact =
            self.id.map(|id| Identifier::external(SYSTEM, format!("{}:{id}", self.service)));
        phones.chain(emails).chain(contact).collect()
    }

    /// What the messenger vouches for comes before what the client has typed.
    pub(crate) fn phones(&self) -> Vec<Cow<'a, str>> {
        let contact = &self.webhook.contact;
        let is_whatsapp = self.service == "whatsapp";
        let sender = Some(&self.webhook.channel_message().from).filter(|_| is_whatsapp);
        let vouched = [contact.phone.get(), sender.and_then(Text::get)];
        let vouched = vouched
            .into_iter()
            .flatten()
            .map(|phone| if is_whatsapp { international(phone) } else { Cow::Borrowed(phone) });
        let mut phones: Vec<Cow<'a, str>> = Vec::with_capacity(1);
        for phone in vouched.chain(contact.variables.phone().map(Cow::Borrowed)) {
            let is_new = phones.iter().all(|known| !digits(known).eq(digits(&phone)));
            if is_new && MIN_PHONE_DIGITS <= digits(&phone).count() {
                phones.push(phone);
            }
        }
        phones
    }

    pub(crate) fn emails(&self) -> Vec<&'a str> {
        let contact = &self.webhook.contact;
        let mut emails: Vec<&'a str> = Vec::with_capacity(1);
        for email in [contact.email.get(), contact.variables.email()].into_iter().flatten() {
            if email.contains('@') && emails.iter().all(|known| !known.eq_ignore_ascii_case(email))
            {
                emails.push(email);
            }
        }
        emails
    }

    /// The name that the client gave, else that of the messenger, else the user name there.
    pub(crate) fn name(&self) -> Option<&'a str> {
        let contact = &self.webhook.contact;
        contact.variables.name().or(contact.name.get()).or(contact.username.get())
    }

    /// The lane: all of one contact in its order. Without an id the next best takes its place.
    pub(crate) fn lane(&self) -> String {
        let contact = &self.webhook.contact;
        let ways = [
            ("contact", self.id),
            ("user", contact.username.get()),
            ("phone", contact.phone.get().or(contact.variables.phone())),
            ("email", contact.email.get().or(contact.variables.email())),
            ("name", self.name()),
        ];
        let found = ways.into_iter().find_map(|(way, id)| Some((way, id?)));
        let (way, id) = found.unwrap_or(("contact", "-"));
        let mut lane = format!("{way}:{}:{id}", self.service);
        lane.truncate(lane.floor_char_boundary(MAX_LANE_BYTES));
        lane
    }

    /// The run of a flow, or the chat that was opened.
    ///
    /// SendPulse names neither. The flows of one contact within one minute are one run, so that
    /// `run_custom_flow` and the webhook that the flow itself sends do not open two deals: which flow
    /// it is does not count, because many flow webhooks have no id of it and a title of their own.
    pub(crate) fn episode(&self, title: Title) -> Option<String> {
        let what = match title {
            Title::OpenChat => "chat",
            Title::RunCustomFlow | Title::FlowWebhook => "flow",
            _ => return None,
        };
        let minute = self.moment_ms()? / 60_000;
        bounded(format!("{what}:{}:{}:{minute}", self.service, self.id?))
    }

    /// What tells two deliveries of one event from two events; `None` where nothing does.
    pub(crate) fn dedup_key(&self, title: Title) -> Option<String> {
        let message = self.webhook.channel_message();
        if matches!(title, Title::IncomingMessage | Title::OutgoingMessage) {
            let own = &self.webhook.info.message.id;
            let ids = [own, &message.mid, &message.id, &message.message_id];
            let id = ids.into_iter().find_map(Text::get)?;
            // A number in Telegram is unique within the chat only.
            return bounded(format!("message:{}:{}:{id}", self.service, self.id?));
        }
        let name = match title {
            Title::FlowWebhook => self.webhook.title.get().unwrap_or("-"),
            known => known.name(),
        };
        let (contact, date) = (self.id?, self.moment_ms()?);
        bounded(format!("{name}:{}:{contact}:{}:{date}", self.service, self.flow()))
    }

    fn flow(&self) -> &'a str {
        self.webhook.info.flow.id.get().or(self.webhook.title.get()).unwrap_or("-")
    }

    pub(crate) fn moment_ms(&self) -> Option<i64> {
        instant::unix_ms(self.webhook.date.get()?)
    }

    /// The operator who wrote, or who ran the flow.
    pub(crate) fn operator(&self) -> Option<Person> {
        let operator = &self.webhook.operator;
        let known = [&operator.user_id, &operator.username, &operator.email];
        known.iter().any(|text| text.get().is_some()).then(|| Person {
            id: operator.user_id.owned(),
            name: operator.username.owned(),
            email: operator.email.owned(),
            phone: None,
            active: true,
        })
    }

    /// Where a manager opens the chat; only for ids that need no escaping.
    pub(crate) fn chat_link(&self) -> Option<String> {
        let is_plain = |id: &&str| {
            id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let bot = id(&self.webhook.bot.id).filter(is_plain)?;
        let contact = self.id.filter(is_plain)?;
        Some(format!("https://login.sendpulse.com/messengers/chats/{bot}/contacts/all/{contact}"))
    }
}

fn service<'a>(service: &'a Text<'_>) -> Cow<'a, str> {
    let is_name = |name: &&str| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        name.len() <= MAX_SERVICE_BYTES && name.bytes().all(letters)
    };
    match service.get().filter(is_name) {
        None => Cow::Borrowed("-"),
        Some(name) if name.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'-') => {
            Cow::Owned(name.to_ascii_lowercase().replace('-', "_"))
        }
        Some(name) => Cow::Borrowed(name),
    }
}

fn id<'a>(id: &'a Text<'_>) -> Option<&'a str> {
    id.get().filter(|id| id.len() <= MAX_ID_BYTES)
}

fn bounded(key: String) -> Option<String> {
    (key.len() <= MAX_KEY_BYTES).then_some(key)
}

fn digits(phone: &str) -> impl Iterator<Item = u8> {
    phone.bytes().filter(u8::is_ascii_digit)
}

/// `WhatsApp` writes numbers with their country and without a plus, which no other reader can know.
fn international(phone: &str) -> Cow<'_, str> {
    let is_whole = (8..=15).contains(&phone.len())
        && !phone.starts_with('0')
        && phone.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole { Cow::Owned(format!("+{phone}")) } else { Cow::Borrowed(phone) }
}
