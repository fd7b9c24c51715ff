//! Who the client is and who answered: identifiers, operators, the lane, the episode and the dedup key.

use patchbay_sdk::json::tolerant::Text;
use patchbay_sdk::types::{ExternalId, Identifier, Person};

use crate::happening::Happening;
use crate::manifest::PERSON_ID_IS;
use crate::webhook::{Employee, Webhook};

/// The system of the id that the site and the app gave; `channel-push` gets such an id back.
pub(crate) const PERSON: &str = "livetex-person";
/// The system of LiveTex's own ids of visitors.
const VISITOR: &str = "livetex";

/// A longer text is no id: keys and lanes have to stay below the host's 512 bytes.
const MAX_ID_BYTES: usize = 200;
const MAX_KEY_BYTES: usize = 512;
/// An operator stands at each of his messages: a longer name is cut, a longer id or address none.
const MAX_PERSON_BYTES: usize = 256;

/// Every way to recognise the client, the surest first.
pub(crate) fn identifiers(
    webhook: &Webhook<'_>,
    setting: &dyn Fn(&str) -> Option<String>,
) -> Vec<Identifier> {
    let visitor = &webhook.discourser;
    let mut client = Vec::with_capacity(5);
    if let Some(person) = id(&visitor.person_id) {
        if setting(PERSON_ID_IS).as_deref() == Some("card") {
            client.push(Identifier::Card(person.to_owned()));
        }
        client.push(external(PERSON, person));
    }
    client.extend(visitor.phone.owned().map(Identifier::Phone));
    client.extend(visitor.email.owned().map(Identifier::Email));
    client.extend(id(&visitor.id).map(|id| external(VISITOR, id)));
    client
}

fn external(system: &str, id: &str) -> Identifier {
    Identifier::External(ExternalId { system: system.to_owned(), id: id.to_owned() })
}

fn id<'a>(id: &'a Text<'_>) -> Option<&'a str> {
    id.get().filter(|id| id.len() <= MAX_ID_BYTES)
}

/// The operators, in LiveTex's order.
pub(crate) fn operators(webhook: &Webhook<'_>) -> Vec<Person> {
    webhook.employees.0.iter().map(person).collect()
}

pub(crate) fn person(employee: &Employee<'_>) -> Person {
    Person {
        id: employee.id.owned_within(MAX_PERSON_BYTES),
        name: employee.name.cut(MAX_PERSON_BYTES),
        email: employee.email.owned_within(MAX_PERSON_BYTES),
        phone: None,
        active: true,
    }
}

/// The lane: all of one person, over site, app and messenger. A visitor who is nobody in particular
/// has a lane of their own, and what names no visitor has that of the conversation.
pub(crate) fn lane(webhook: &Webhook<'_>) -> String {
    let ids = [
        ("person", &webhook.discourser.person_id),
        ("visitor", &webhook.discourser.id),
        ("conversation", &webhook.conversation.id),
    ];
    let found = ids.iter().find_map(|(kind, text)| Some((kind, id(text)?)));
    found.map_or_else(|| "conversation:-".to_owned(), |(kind, id)| format!("{kind}:{id}"))
}

/// The conversation: what it opens is opened once, however often it is handed over.
pub(crate) fn episode(webhook: &Webhook<'_>) -> Option<String> {
    Some(format!("conversation:{}", id(&webhook.conversation.id)?))
}

/// What tells two deliveries of one event from two events; `None` where the body cannot.
pub(crate) fn dedup_key(webhook: &Webhook<'_>, happening: Happening) -> Option<String> {
    let conversation = id(&webhook.conversation.id)?;
    let key = match happening {
        // A conversation handed over is assigned again, to another operator.
        Happening::Assigned => {
            let employees = webhook.employees.0.iter().filter_map(|employee| id(&employee.id));
            let employees = employees.collect::<Vec<_>>().join(",");
            (!employees.is_empty()).then(|| format!("assigned:{conversation}:{employees}"))
        }
        // One that goes on after its end ends again, at another time.
        Happening::Closed => {
            Some(format!("closed:{conversation}:{}", id(&webhook.conversation.end_time)?))
        }
        // A rating may be given again, also the one that was given before the last.
        Happening::Rated => None,
    };
    key.filter(|key| key.len() <= MAX_KEY_BYTES)
}
