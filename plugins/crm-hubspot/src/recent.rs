//! Contacts that were written moments ago, which HubSpot's search does not show yet, or shows as they were.

use patchbay_sdk::kv::{self, Batch};
use patchbay_sdk::phone;
use patchbay_sdk::types::{Error, Identifier};

use crate::object::Object;
use crate::server::Server;
use crate::{clock, lookup, names, once};

/// How far the search may be behind: a minute has been seen, and twice that is borne.
pub(crate) const LAG_MS: u64 = 120_000;

/// How long the entries are kept: they are of use for as long as the search is behind.
const KEPT_DAYS: u64 = 1;

/// Most identifiers of one contact that are remembered, within what one commit holds.
const IDENTIFIERS_MAX: usize = 12;

/// Remembers the contact by everything that a look-up may ask for.
pub(crate) fn remember(batch: Batch, server: &Server, contact: &Object) -> Batch {
    let wrote = wrote(&contact.id);
    let batch = batch.set(&wrote, clock::unix_ms().to_string());
    let batch = once::expiring(batch, &wrote, KEPT_DAYS);
    let entries = identifiers(server, contact);
    entries.iter().filter_map(entry).take(IDENTIFIERS_MAX).fold(batch, |batch, entry| {
        once::expiring(batch.set(&entry, contact.id.as_str()), &entry, KEPT_DAYS)
    })
}

/// The contact that was last written with this identifier.
pub(crate) fn contact_of(identifier: &Identifier) -> Result<Option<String>, Error> {
    let Some(entry) = entry(identifier) else { return Ok(None) };
    Ok(kv::get(&entry)?.and_then(|id| String::from_utf8(id).ok()).filter(|id| names::is_id(id)))
}

/// Forgets a contact that is no more.
pub(crate) fn forget(identifier: &Identifier) -> Result<(), Error> {
    Ok(entry(identifier).map_or(Ok(()), |entry| Batch::new().delete(entry).commit())?)
}

/// Whether the search may still show the contact as it was before it was last written.
pub(crate) fn is_fresh(id: &str) -> Result<bool, Error> {
    let written = kv::get(&wrote(id))?.and_then(|ms| String::from_utf8(ms).ok()?.parse().ok());
    Ok(written.is_some_and(|written: u64| clock::unix_ms().saturating_sub(written) < LAG_MS))
}

fn wrote(id: &str) -> String {
    format!("wrote/{id}")
}

fn identifiers(server: &Server, contact: &Object) -> Vec<Identifier> {
    let phones = [names::PHONE, names::MOBILE].into_iter().filter_map(|name| contact.text(name));
    let phones = phones.map(|phone| Identifier::Phone(phone.to_owned()));
    let emails =
        [names::EMAIL, names::MORE_EMAILS].into_iter().flat_map(|name| contact.texts(name));
    let emails = emails.map(|email| Identifier::Email(email.to_owned()));
    let external = server.external_property.as_deref().and_then(|name| contact.text(name));
    let external = external.and_then(|text| text.split_once(':'));
    let external = external.map(|(system, id)| Identifier::external(system, id));
    external.into_iter().chain(phones).chain(emails).collect()
}

/// `None` for what no contact is remembered by.
fn entry(identifier: &Identifier) -> Option<String> {
    let entry = match identifier {
        Identifier::Phone(number) => format!("seen/phone/{}", phone::searched(number)?),
        Identifier::Email(email) => format!("seen/email/{}", email.trim().to_lowercase()),
        Identifier::External(external) => format!("seen/id/{}", lookup::reference(external)?),
        Identifier::Card(_) => return None,
    };
    // With what `once::expiring` puts before it.
    (entry.len() + 16 <= kv::KEY_BYTES_MAX).then_some(entry)
}
