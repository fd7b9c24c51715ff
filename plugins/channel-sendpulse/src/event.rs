//! Typed events of SendPulse to the events of the contract.

use patchbay_sdk::channel::{Event, Kind, Response};
use patchbay_sdk::instant::from_unix;
use patchbay_sdk::types::{Author, Message};

use crate::client::Client;
use crate::manifest::BOT_IDS;
use crate::parse::{Element, Fault};
use crate::title::Title;
use crate::webhook::Webhook;
use crate::{fields, said};

/// The answer to every webhook: its body is ignored.
pub(crate) fn ok() -> Response {
    Response::empty(200)
}

/// For somebody who opens the URL in a browser.
pub(crate) fn not_a_post() -> Response {
    Response::not_allowed("POST", "This address takes SendPulse's webhooks, sent with POST.\n")
}

/// One event for each element. `setting` reads the account's settings.
pub(crate) fn events(
    elements: &[Element<'_>],
    setting: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Event>, Fault> {
    let sound = || elements.iter().filter(|element| element.webhook.is_event());
    if sound().next().is_none() {
        return Err(Fault::NoEvent);
    }
    if let Some(bots) = setting(BOT_IDS).filter(|bots| names(bots).next().is_some()) {
        let is_own = |bot: Option<&str>| names(&bots).any(|own| bot == Some(own));
        if !sound().all(|element| is_own(element.webhook.bot.id.get())) {
            return Err(Fault::ForeignBot);
        }
    }
    Ok(elements.iter().map(event).collect())
}

/// Ids are parted by commas, spaces or lines.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ';', ' ', '\n', '\r', '\t']).filter(|name| !name.is_empty())
}

fn event(element: &Element<'_>) -> Event {
    let webhook = &element.webhook;
    let client = Client::of(webhook);
    if !webhook.is_event() {
        return unreadable(&client);
    }
    let title = Title::of(webhook.title.get());
    let occurred_at = client.moment_ms().and_then(|moment| from_unix(moment / 1_000));
    Event {
        dedup_key: client.dedup_key(title),
        conversation: client.lane(),
        episode: client.episode(title),
        wants_reply: false,
        kind: kind(webhook, title, occurred_at.clone()),
        occurred_at,
        client: client.identifiers(),
        fields: fields::fields(webhook, &client, title),
        agents: client.operator().into_iter().collect(),
        context: element.context.map(str::to_owned),
    }
}

/// What stands between good events and is none costs them nothing.
fn unreadable(client: &Client<'_>) -> Event {
    Event {
        dedup_key: None,
        conversation: client.lane(),
        episode: None,
        wants_reply: false,
        occurred_at: None,
        kind: Kind::Ignored("not an event".to_owned()),
        client: Vec::new(),
        fields: Vec::new(),
        agents: Vec::new(),
        context: Some("{}".to_owned()),
    }
}

fn kind(webhook: &Webhook<'_>, title: Title, sent_at: Option<String>) -> Kind {
    match title {
        // A subscription says nothing of a wish: it brings what is known up to date.
        Title::NewSubscriber => Kind::ClientUpdated,
        Title::OpenChat => Kind::ConversationStarted,
        Title::RunCustomFlow | Title::FlowWebhook => Kind::LeadSubmitted,
        // Instagram sends the company's own messages back under the client's title.
        Title::IncomingMessage if webhook.channel_message().is_echo.0 => {
            Kind::Ignored("incoming_message:echo".to_owned())
        }
        Title::IncomingMessage => Kind::MessageReceived(Message {
            author: Author::Client,
            agent: None,
            sent_at,
            text: said::text(webhook),
        }),
        // A message of the company makes nobody a client.
        Title::OutgoingMessage | Title::LinkClick | Title::Unsubscribe | Title::BotBlock => {
            Kind::Ignored(title.name().to_owned())
        }
    }
}
