//! Who the client of a webhook is, and who answered.

use patchbay_sdk::json::tolerant::Text;
use patchbay_sdk::settings;
use patchbay_sdk::types::{ExternalId, Field, Identifier, Person};

use crate::manifest::{CLIENT_SYSTEM, INTEGRATION_ID_IS, INTEGRATION_SYSTEM};
use crate::webhook::{User, Webhook};

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
    ];
    values.into_iter().filter_map(|(key, value)| Some(Field::text(key, value?))).collect()
}

/// The operator whom the event names.
pub(crate) fn agents(webhook: &Webhook<'_>) -> Vec<Person> {
    agent(webhook, &webhook.event.user_id).into_iter().collect()
}

/// The operator of this id, known by name or not.
pub(crate) fn agent(webhook: &Webhook<'_>, id: &Text<'_>) -> Option<Person> {
    let unknown =
        || Some(Person { id: id.owned(), name: None, email: None, phone: None, active: true });
    id.get()?;
    webhook.user(id).map(person).or_else(unknown)
}

fn person(user: &User<'_>) -> Person {
    Person {
        id: user.id.owned(),
        name: user.display_name.owned().or_else(|| user.name.owned()),
        email: user.email.owned(),
        phone: None,
        active: true,
    }
}
