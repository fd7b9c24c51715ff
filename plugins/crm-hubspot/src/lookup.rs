//! Which contacts the identifiers mean: a search, what the search is behind with, and every hit compared again.

use std::cmp::Reverse;

use patchbay_sdk::types::{Card, Error, ExternalId, Identifier};

use crate::contact::{self, CONTACTS, Cards};
use crate::object::Object;
use crate::server::Server;
use crate::{names, recent, request, search};

/// Cards answered at most, as the contract says.
const CARDS_MAX: usize = 20;

pub(crate) fn lookup(server: &Server, any_of: &[Identifier]) -> Result<Vec<Card>, Error> {
    let found = contacts(server, any_of)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut cards = Cards::new(server)?;
    Ok(found.into_iter().map(|(contact, matched)| cards.card(&contact, matched)).collect())
}

/// The text that stands for another system's id in the contact's property.
pub(crate) fn reference(external: &ExternalId) -> Option<String> {
    let (system, id) = (external.system.trim(), external.id.trim());
    (!system.is_empty() && !id.is_empty()).then(|| format!("{system}:{id}"))
}

/// The contacts with the identifiers that each is known by, best first.
pub(crate) fn contacts(
    server: &Server,
    any_of: &[Identifier],
) -> Result<Vec<(Object, Vec<Identifier>)>, Error> {
    let mut contacts = search::search(server, any_of)?;
    let hits = matching(server, contacts.clone(), any_of);
    let wanted = unseen(any_of, &hits)?;
    if !wanted.is_empty() {
        let read = request::read_all(server, CONTACTS, &wanted, &contact::asked(server))?;
        forget_the_gone(any_of, &wanted, &read)?;
        // What was read by its id is as it is now.
        contacts.retain(|contact| !wanted.contains(&contact.id));
        for contact in read {
            if contacts.iter().all(|known| known.id != contact.id) {
                contacts.push(contact);
            }
        }
    }
    let mut hits = matching(server, contacts, any_of);
    hits.sort_by_key(|(contact, matched)| (Reverse(matched.len()), contact.number()));
    hits.truncate(CARDS_MAX);
    Ok(hits)
}

/// The ids that the search does not show, or shows as they were before they were last written.
fn unseen(any_of: &[Identifier], hits: &[(Object, Vec<Identifier>)]) -> Result<Vec<String>, Error> {
    let mut ids: Vec<String> = Vec::new();
    for (contact, _) in hits {
        if recent::is_fresh(&contact.id)? {
            ids.push(contact.id.clone());
        }
    }
    for identifier in any_of {
        let id = match identifier {
            Identifier::Card(id) => Some(id.clone()).filter(|id| names::is_id(id)),
            other => recent::contact_of(other)?,
        };
        let is_shown = |id: &String| hits.iter().any(|(contact, _)| contact.id == *id);
        ids.extend(id.filter(|id| !is_shown(id) && !ids.contains(id)));
    }
    Ok(ids)
}

/// Contacts that were deleted are not asked for again.
fn forget_the_gone(any_of: &[Identifier], wanted: &[String], read: &[Object]) -> Result<(), Error> {
    for identifier in any_of {
        let id = recent::contact_of(identifier)?;
        let is_gone = |id: &String| wanted.contains(id) && read.iter().all(|it| it.id != *id);
        if id.as_ref().is_some_and(is_gone) {
            recent::forget(identifier)?;
        }
    }
    Ok(())
}

fn matching(
    server: &Server,
    contacts: Vec<Object>,
    any_of: &[Identifier],
) -> Vec<(Object, Vec<Identifier>)> {
    let matched = |contact: &Object| -> Vec<Identifier> {
        any_of.iter().filter(|one| contact::is_of(server, contact, one)).cloned().collect()
    };
    let contacts = contacts.into_iter().map(|contact| {
        let matched = matched(&contact);
        (contact, matched)
    });
    contacts.filter(|(_, matched)| !matched.is_empty()).collect()
}
