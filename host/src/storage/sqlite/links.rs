//! Which card of a CRM a client was seen on.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Result,
    rows::{link, link_columns},
};
use crate::{card::Identifier, id::AccountId, storage::IdentityLink};

/// A later link replaces an earlier one.
pub(super) fn store(db: &Connection, links: &[IdentityLink]) -> Result<()> {
    for IdentityLink { crm, identifier, card } in links {
        let (kind, value) = link_columns(identifier)?;
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
        let (kind, value) = link_columns(identifier)?;
        let card =
            statement.query_row(params![crm.as_str(), kind, value], |row| row.get(0)).optional()?;
        links.extend(card.map(|card| link(crm, identifier, card)));
    }
    Ok(links)
}
