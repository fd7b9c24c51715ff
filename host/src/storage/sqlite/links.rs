//! Which card of a CRM a client was seen on.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Result, codec::to_json};
use crate::{
    card::{ExternalId, Identifier},
    id::AccountId,
    storage::IdentityLink,
};

/// An identifier as it stands in its two columns. An external id is known by its system, too:
/// both make the value, as JSON, so that no two pairs look alike.
pub(super) fn columns(identifier: &Identifier) -> Result<(&'static str, String)> {
    Ok(match identifier {
        Identifier::Phone(phone) => ("phone", phone.clone()),
        Identifier::Email(email) => ("email", email.clone()),
        Identifier::External(ExternalId { system, id }) => ("external", to_json(&[system, id])?),
        Identifier::Card(card) => ("card", card.clone()),
    })
}

/// A later link replaces an earlier one.
pub(super) fn store(db: &Connection, links: &[IdentityLink]) -> Result<()> {
    for IdentityLink { crm, identifier, card } in links {
        let (kind, value) = columns(identifier)?;
        db.prepare_cached(
            "INSERT INTO identity_link (crm, kind, value, card) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (crm, kind, value) DO UPDATE SET card = excluded.card",
        )?
        .execute(params![crm.as_str(), kind, value, card])?;
    }
    Ok(())
}

pub(super) fn find(
    db: &Connection,
    crm: &AccountId,
    identifiers: &[Identifier],
) -> Result<Vec<IdentityLink>> {
    let mut statement = db.prepare_cached(
        "SELECT card FROM identity_link WHERE crm = ?1 AND kind = ?2 AND value = ?3",
    )?;
    let mut links = Vec::new();
    for identifier in identifiers {
        let (kind, value) = columns(identifier)?;
        let card =
            statement.query_row(params![crm.as_str(), kind, value], |row| row.get(0)).optional()?;
        links.extend(card.map(|card| IdentityLink {
            crm: crm.clone(),
            identifier: identifier.clone(),
            card,
        }));
    }
    Ok(links)
}
