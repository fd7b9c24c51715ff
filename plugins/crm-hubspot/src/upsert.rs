//! Creating a contact once for each key, and changing one.

use patchbay_sdk::kv::Batch;
use patchbay_sdk::log;
use patchbay_sdk::types::{Card, Error, Identifier, Problem};
use serde_json::{Map, Value, json};

use crate::contact::{self, CONTACTS, Cards};
use crate::object::Object;
use crate::once::{Known, Once};
use crate::recent::LAG_MS;
use crate::request::Call;
use crate::server::Server;
use crate::{clock, errors, lookup, map, names, recent};

/// What a contact is called where nothing is known: HubSpot wants a name or an e-mail.
const NO_NAME: &str = "Client";

/// A record that `map` made.
#[derive(Debug, Clone, Default, PartialEq)]
struct Native {
    properties: Map<String, Value>,
    phones: Vec<String>,
    emails: Vec<String>,
    external: Option<String>,
}

pub(crate) fn upsert(
    server: &Server,
    id: Option<&str>,
    contact: &str,
    key: &str,
) -> Result<Card, Error> {
    let native = Native::parse(contact)?;
    match id {
        None => create(server, native, key),
        Some(id) if names::is_id(id) => update(server, id, native),
        Some(_) => Err(errors::not_found()),
    }
}

/// One request; one or two more where an earlier answer was lost.
fn create(server: &Server, native: Native, key: &str) -> Result<Card, Error> {
    let once = Once::new(CONTACTS, key)?;
    let known = once.known()?;
    if let Known::Done(id) = &known {
        return Ok(Cards::new(server)?.card(&read(server, id, &Map::new())?, Vec::new()));
    }
    let properties = native.for_a_new_one(server, key);
    if let Known::Sent { missed_ms } = known
        && let Some(contact) = sent_before(server, &once, &properties, missed_ms, key)?
    {
        once.done(&contact.id, recent::remember(Batch::new(), server, &contact));
        return Ok(Cards::new(server)?.card(&contact, Vec::new()));
    }
    let made = once.write(&known, || {
        keeping_one_email(&properties, |properties| {
            let properties = Value::Object(properties.clone());
            Call::create(CONTACTS, &properties, &json!([])).send(server, Object::read)
        })
    });
    let contact = match made {
        Ok(mut made) => {
            made.overlay(&as_written(&properties, made.properties()));
            made
        }
        Err(Error::Conflict(Some(id))) if known != Known::New => ours(server, id, &properties)?,
        Err(error) => return Err(error),
    };
    once.done(&contact.id, recent::remember(Batch::new(), server, &contact));
    Ok(Cards::new(server)?.card(&contact, Vec::new()))
}

/// The contact with this id if it is as a lost write would have made it. Else it is somebody's, and the
/// host looks at it before it goes on.
fn ours(server: &Server, id: String, properties: &Map<String, Value>) -> Result<Object, Error> {
    let contact = read(server, &id, properties)?;
    let differs = !contact.differing(properties.clone()).is_empty();
    if differs { Err(Error::Conflict(Some(id))) } else { Ok(contact) }
}

/// The contact of an earlier attempt, where one is found. An e-mail is looked for by the write itself:
/// HubSpot has no second contact with it.
fn sent_before(
    server: &Server,
    once: &Once,
    properties: &Map<String, Value>,
    missed_ms: Option<u64>,
    key: &str,
) -> Result<Option<Object>, Error> {
    if let Some(property) = &server.key_property {
        let asked = contact::asked(server);
        return match Call::read(CONTACTS, key, Some(property), &asked).send(server, Object::read) {
            Err(Error::NotFound(_)) => Ok(None),
            found => found.map(Some),
        };
    }
    let text = |name: &str| properties.get(name).and_then(Value::as_str);
    if text(names::EMAIL).is_some() {
        return Ok(None);
    }
    let phones = [names::PHONE, names::MOBILE].into_iter().filter_map(text);
    let phones = phones.map(|phone| Identifier::Phone(phone.to_owned()));
    let external = server.external_property.as_deref().and_then(text);
    let external = external.and_then(|text| text.split_once(':'));
    let external = external.map(|(system, id)| Identifier::external(system, id));
    let any_of: Vec<Identifier> = external.into_iter().chain(phones).collect();
    if any_of.is_empty() {
        return Ok(None);
    }
    if let Some((found, _)) = lookup::contacts(server, &any_of)?.into_iter().next() {
        return ours(server, found.id, properties).map(Some);
    }
    let now = clock::unix_ms();
    let waited = missed_ms.map_or(0, |missed| now.saturating_sub(missed));
    if missed_ms.is_none() {
        once.missed(now)?;
    }
    // What the search does not show for so long was not made.
    if waited < LAG_MS { Err(Error::RateLimited(Some(LAG_MS - waited))) } else { Ok(None) }
}

/// Two requests; one where nothing is to be changed.
fn update(server: &Server, id: &str, native: Native) -> Result<Card, Error> {
    let mut contact = read(server, id, &native.properties)?;
    let named = native.properties.clone();
    let mut wanted = contact.differing(native.for_a_known_one(server, &contact));
    let write = |wanted: &Map<String, Value>| {
        let call = Call::update(CONTACTS, &contact.id, &Value::Object(wanted.clone()));
        call.send(server, |answer| Object::read(answer).map(|it| it.properties().clone()))
    };
    if !wanted.is_empty() {
        let written = match keeping_one_email(&wanted, write) {
            // Somebody else has an address that the client is known by: what was to be changed is
            // changed all the same.
            Err(Error::Conflict(_)) if drop_added_emails(&mut wanted, &named) => {
                log::info("another contact has the client's e-mail; it is left where it is");
                if wanted.is_empty() { Ok(Map::new()) } else { write(&wanted) }
            }
            written => written,
        }?;
        contact.overlay(&as_written(&wanted, &written));
        let batch = recent::remember(Batch::new(), server, &contact);
        if batch.commit().is_err() {
            log::warn(
                "a contact was written and could not be remembered; the search may be behind",
            );
        }
    }
    Ok(Cards::new(server)?.card(&contact, Vec::new()))
}

/// Takes the addresses out that the record does not name; whether there were any.
fn drop_added_emails(wanted: &mut Map<String, Value>, named: &Map<String, Value>) -> bool {
    let mut dropped = false;
    for name in [names::EMAIL, names::MORE_EMAILS] {
        if wanted.get(name) != named.get(name) && wanted.remove(name).is_some() {
            wanted.extend(named.get(name).map(|text| (name.to_owned(), text.clone())));
            dropped = true;
        }
    }
    dropped
}

/// Sends the properties, and again without further e-mails where HubSpot refuses those: it may not let
/// them be written, and a contact is worth more than its second e-mail.
fn keeping_one_email<T>(
    properties: &Map<String, Value>,
    write: impl Fn(&Map<String, Value>) -> Result<T, Error>,
) -> Result<T, Error> {
    let refused = match write(properties) {
        Err(Error::Invalid(problems)) if properties.contains_key(names::MORE_EMAILS) => problems,
        written => return written,
    };
    if refused.iter().any(|problem| problem.field.as_deref() != Some("email")) {
        return Err(Error::Invalid(refused));
    }
    log::warn("HubSpot does not let a further e-mail be written; the contact keeps the main one");
    let mut rest = properties.clone();
    rest.remove(names::MORE_EMAILS);
    write(&rest)
}

/// What was written, with what HubSpot made of it. Further e-mails count only where it tells them.
fn as_written(sent: &Map<String, Value>, answered: &Map<String, Value>) -> Map<String, Value> {
    let mut all = sent.clone();
    all.remove(names::MORE_EMAILS);
    all.extend(answered.clone());
    all
}

/// The contact with what is shown of it, and with the properties that it is to be compared by.
fn read(server: &Server, id: &str, compared: &Map<String, Value>) -> Result<Object, Error> {
    let mut asked = contact::asked(server);
    asked.extend(compared.keys().map(String::as_str).filter(|name| names::is_name(name)));
    Call::read(CONTACTS, id, None, &asked).send(server, Object::read)
}

impl Native {
    fn parse(native: &str) -> Result<Self, Error> {
        let wrong = || {
            let text = "the record is none that map-fields of this adapter makes";
            Error::Invalid(vec![Problem::general(text)])
        };
        let record: Value = serde_json::from_str(native).map_err(|_not_json| wrong())?;
        let part = |value: &Value, name: &str| match value.get(name) {
            None => Some(Map::new()),
            Some(part) => part.as_object().cloned(),
        };
        let properties = part(&record, map::PROPERTIES).ok_or_else(wrong)?;
        let add = part(&record, map::ADD).ok_or_else(wrong)?;
        let are_texts = properties.values().all(Value::is_string);
        let texts = |name: &str| -> Vec<String> {
            let texts = add.get(name).and_then(Value::as_array).into_iter().flatten();
            texts.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        if !record.is_object() || !are_texts {
            return Err(wrong());
        }
        let external = add.get("external").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { properties, phones: texts("phones"), emails: texts("emails"), external })
    }

    /// The properties of a new contact: nothing that is empty, and a name at least.
    fn for_a_new_one(self, server: &Server, key: &str) -> Map<String, Value> {
        let mut wanted = self.for_a_known_one(server, &Object::nobody());
        wanted.retain(|_, value| value.as_str().is_some_and(|text| !text.is_empty()));
        let is_named = [names::EMAIL, names::FIRST_NAME, names::LAST_NAME]
            .iter()
            .any(|name| wanted.contains_key(*name));
        if !is_named {
            let name = wanted.get(names::PHONE).cloned().unwrap_or_else(|| NO_NAME.into());
            wanted.insert(names::FIRST_NAME.to_owned(), name);
        }
        if let Some(property) = &server.key_property {
            wanted.insert(property.clone(), key.into());
        }
        wanted
    }

    /// The properties to be written: what the record names, and what the client is known by where the
    /// contact has room for it.
    fn for_a_known_one(self, server: &Server, contact: &Object) -> Map<String, Value> {
        let Self { mut properties, phones, emails, external } = self;
        let is_phone = |phone: &str| Identifier::Phone(phone.to_owned());
        for phone in phones {
            if contact::is_of(server, contact, &is_phone(&phone)) {
                continue;
            }
            let is_free =
                |place: &&str| contact.text(place).is_none() && !properties.contains_key(*place);
            if let Some(place) = [names::PHONE, names::MOBILE].into_iter().find(is_free) {
                properties.insert(place.to_owned(), phone.into());
            }
        }
        add_emails(&mut properties, contact, emails);
        if let (Some(property), Some(text)) = (&server.external_property, external)
            && contact.text(property).is_none()
        {
            properties.entry(property).or_insert(text.into());
        }
        properties
    }
}

/// The first goes where there is no e-mail yet, all others stand beside it.
fn add_emails(properties: &mut Map<String, Value>, contact: &Object, emails: Vec<String>) {
    let mut held = contact::emails(contact);
    for email in emails.into_iter().filter(|email| !email.is_empty()) {
        if held.contains(&email) {
            continue;
        }
        let is_free = contact.text(names::EMAIL).is_none();
        if is_free && !properties.contains_key(names::EMAIL) {
            properties.insert(names::EMAIL.to_owned(), email.clone().into());
        } else {
            let named = properties.get(names::MORE_EMAILS).and_then(Value::as_str);
            let more = named.or_else(|| contact.text(names::MORE_EMAILS)).unwrap_or_default();
            let more = if more.is_empty() { email.clone() } else { format!("{more};{email}") };
            properties.insert(names::MORE_EMAILS.to_owned(), more.into());
        }
        held.push(email);
    }
}
