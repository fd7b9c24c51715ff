//! Who the client of a webhook is, and who answered.

use patchbay_sdk::json::tolerant::Text;
use patchbay_sdk::types::{ExternalId, Field, Identifier, Person};
use patchbay_sdk::{settings, transcript};

use crate::manifest::{CLIENT_SYSTEM, INTEGRATION_ID_IS, INTEGRATION_SYSTEM};
use crate::webhook::{User, Webhook};

/// An operator stands at each of his messages: longer names are cut, longer ids and addresses none.
pub(crate) const MAX_PERSON_BYTES: usize = 256;
/// The value of `source`: by it clients of this channel are found in the CRM.
const SOURCE: &str = "iQChannels";

/// Every way to recognise the client, the surest first.
pub(crate) fn identifiers(webhook: &Webhook<'_>) -> Vec<Identifier> {
    let mut identifiers = Vec::with_capacity(4);
    if let Some(client) = webhook.client() {
        identifiers.extend(client.integration_id.owned().map(integrated));
        identifiers.extend(client.phone.owned().map(Identifier::Phone));
        identifiers.extend(client.email.owned().map(Identifier::Email));
    }
    identifiers.extend(webhook.client_id().map(|id| external(CLIENT_SYSTEM, id.to_owned())));
    identifiers
}

/// The id under which the chat server's client is known outside: a card's, or another system's.
pub(crate) fn integrated(id: String) -> Identifier {
    match settings::get(INTEGRATION_ID_IS).as_deref() {
        Some("external") => external(INTEGRATION_SYSTEM, id),
        _ => Identifier::Card(id),
    }
}

fn external(system: &str, id: String) -> Identifier {
    let system = settings::get(system).unwrap_or_default();
    Identifier::External(ExternalId { system, id })
}

pub(crate) fn fields(webhook: &Webhook<'_>) -> Vec<Field> {
    let client = webhook.client();
    let of_client = |value: Option<&Text<'_>>| value.and_then(Text::owned);
    let values = [
        ("name", of_client(client.map(|client| &client.name))),
        ("phone", of_client(client.map(|client| &client.phone))),
        ("email", of_client(client.map(|client| &client.email))),
        ("source", Some(SOURCE.to_owned())),
        ("iqchannels-channel", webhook.channel().map(str::to_owned)),
        ("iqchannels-ticket", webhook.ticket_id().map(str::to_owned)),
        (
            "iqchannels-operator",
            agent(webhook).as_ref().and_then(transcript::name).map(str::to_owned),
        ),
    ];
    values.into_iter().filter_map(|(key, value)| Some(Field::text(key, value?))).collect()
}

/// The operator whom the event names, known by name or not.
pub(crate) fn agent(webhook: &Webhook<'_>) -> Option<Person> {
    let id = &webhook.event.user_id;
    known_or_not(id, webhook.user(id))
}

/// The operator of this id.
pub(crate) fn known_or_not(id: &Text<'_>, user: Option<&User<'_>>) -> Option<Person> {
    let id = id.owned_within(MAX_PERSON_BYTES)?;
    let name = user.and_then(|user| {
        user.display_name.cut(MAX_PERSON_BYTES).or_else(|| user.name.cut(MAX_PERSON_BYTES))
    });
    let email = user.and_then(|user| user.email.owned_within(MAX_PERSON_BYTES));
    Some(Person { id: Some(id), name, email, phone: None, active: true })
}
