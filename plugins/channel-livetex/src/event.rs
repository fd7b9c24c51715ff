//! A typed webhook to the event of the contract.

use patchbay_sdk::channel::{Event, Kind, Response};
use patchbay_sdk::instant;
use patchbay_sdk::json::Source;
use patchbay_sdk::transcript::name;
use patchbay_sdk::types::{Field, Person};

use crate::happening::Happening;
use crate::webhook::Webhook;
use crate::{client, transcript};

/// The value of `source`: by it clients of this channel are found in the CRM.
const SOURCE: &str = "LiveTex";
const USUAL_FIELDS: usize = 9;

/// The answer to every webhook.
pub(crate) fn ok() -> Response {
    Response::empty(200)
}

/// For somebody who opens the URL in a browser.
pub(crate) fn not_a_post() -> Response {
    Response::not_allowed("POST", "This address takes LiveTex's webhooks, sent with POST.\n")
}

/// The one event of a webhook. `setting` reads the account's settings.
pub(crate) fn event(
    webhook: &Webhook<'_>,
    source: Source<'_>,
    query: &str,
    setting: &dyn Fn(&str) -> Option<String>,
) -> Event {
    let happening = Happening::of(query, webhook);
    let agents = client::operators(webhook);
    Event {
        dedup_key: client::dedup_key(webhook, happening),
        conversation: client::lane(webhook),
        episode: client::episode(webhook),
        wants_reply: false,
        occurred_at: occurred_at(webhook, happening),
        kind: kind(webhook, happening, &agents),
        client: client::identifiers(webhook, setting),
        fields: fields(webhook, &agents),
        agents,
        context: source.changed.then(|| source.text.to_owned()),
    }
}

fn kind(webhook: &Webhook<'_>, happening: Happening, agents: &[Person]) -> Kind {
    match happening {
        // An operator takes the client: the enquiry, and the moment to show the card.
        Happening::Assigned => Kind::ConversationStarted,
        // A rating is written down like an end, and no more than an end does it open a deal.
        Happening::Closed | Happening::Rated => {
            Kind::ConversationFinished(transcript::transcript(webhook, happening, agents))
        }
    }
}

/// When a rating was given is not told.
fn occurred_at(webhook: &Webhook<'_>, happening: Happening) -> Option<String> {
    match happening {
        Happening::Assigned => webhook.conversation.start_time.get().and_then(instant::read),
        Happening::Closed => webhook.conversation.end_time.get().and_then(instant::read),
        Happening::Rated => None,
    }
}

/// The fields of the client, each key once and none of them empty.
fn fields(webhook: &Webhook<'_>, agents: &[Person]) -> Vec<Field> {
    let (visitor, conversation) = (&webhook.discourser, &webhook.conversation);
    let operators = agents.iter().filter_map(name).collect::<Vec<_>>().join(", ");
    let texts = [
        ("name", visitor.name.get()),
        ("phone", visitor.phone.get()),
        ("email", visitor.email.get()),
        ("source", Some(SOURCE)),
        ("livetex-topic", conversation.topic.name.get()),
        ("livetex-touch-point", conversation.touch_point.name.get()),
        ("livetex-touch-point-type", conversation.touch_point.kind.get()),
        ("livetex-rating", transcript::rating(&conversation.rate)),
        ("livetex-rating-comment", conversation.rate.comment.get()),
        ("livetex-operator", Some(operators.as_str()).filter(|names| !names.is_empty())),
    ];
    let mut fields = Vec::with_capacity(USUAL_FIELDS);
    fields.extend(texts.iter().filter_map(|(key, text)| Some(Field::text(*key, (*text)?))));
    fields
}
