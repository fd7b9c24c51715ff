//! Which partners an identifier means: one search for all of them, and every hit compared again.

use std::cmp::Reverse;

use patchbay_sdk::{
    phone,
    types::{Card, Error, ExternalId, Identifier},
};
use serde_json::{Value, json};

use crate::card::{self, Partner};
use crate::client::{self, PARTNER};
use crate::fields;
use crate::record;
use crate::server::Server;

/// Cards answered at most, as the contract says.
const CARDS_MAX: usize = 20;

pub(crate) fn lookup(server: &Server, any_of: &[Identifier]) -> Result<Vec<Card>, Error> {
    let Some(domain) = domain(server, any_of) else { return Ok(Vec::new()) };
    let own = fields::own(server, PARTNER)?;
    let call = client::search_read(PARTNER, &domain, &card::asked(server, &own));
    let partners = client::send(server, &call, card::partners);
    let partners = partners.inspect_err(|error| fields::forget_after(PARTNER, error))?;
    Ok(ranked(server, partners, any_of, &own))
}

/// The text that stands for another system's id in the partner's reference.
pub(crate) fn reference(external: &ExternalId) -> Option<String> {
    let (system, id) = (external.system.trim(), external.id.trim());
    (!system.is_empty() && !id.is_empty()).then(|| format!("{system}:{id}"))
}

/// Any of the identifiers, in Odoo's prefix notation; `None` where none can be searched for.
fn domain(server: &Server, any_of: &[Identifier]) -> Option<Value> {
    let mut conditions: Vec<Value> = Vec::new();
    for identifier in any_of {
        let mut either = |condition: Value| {
            if !conditions.contains(&condition) {
                conditions.push(condition);
            }
        };
        match identifier {
            Identifier::Phone(number) => {
                if let Some(number) = phone::searched(number) {
                    // The first compares what was typed in, the second knows the partner's country.
                    either(json!(["phone_mobile_search", "=", number]));
                    if number.starts_with('+') {
                        either(json!(["phone_sanitized", "=", number]));
                    }
                    for field in &server.phone_fields {
                        either(json!([field, "=", number]));
                    }
                }
            }
            Identifier::Email(email) => {
                let email = email.trim().to_lowercase();
                if !email.is_empty() {
                    either(json!(["email_normalized", "=", email]));
                    // The further addresses of a field that holds several, as this adapter writes them.
                    either(json!(["email", "ilike", format!(", {email}")]));
                }
            }
            Identifier::External(external) => {
                if let Some(reference) = reference(external) {
                    either(json!(["ref", "=", reference]));
                }
            }
            Identifier::Card(id) => {
                if let Some(id) = record::id(id) {
                    either(json!(["id", "=", id]));
                }
            }
        }
    }
    let mut domain = vec![json!("|"); conditions.len().checked_sub(1)?];
    domain.extend(conditions);
    Some(Value::Array(domain))
}

fn ranked(
    server: &Server,
    partners: Vec<Partner>,
    any_of: &[Identifier],
    own: &[String],
) -> Vec<Card> {
    let mut hits: Vec<(Vec<Identifier>, Partner)> = partners
        .into_iter()
        .map(|partner| {
            (
                any_of
                    .iter()
                    .filter(|identifier| is_of(server, &partner, identifier))
                    .cloned()
                    .collect(),
                partner,
            )
        })
        .filter(|(matched, _): &(Vec<Identifier>, _)| !matched.is_empty())
        .collect();
    hits.sort_by_key(|(matched, partner)| (Reverse(matched.len()), partner.id()));
    hits.dedup_by_key(|(_, partner)| partner.id());
    hits.truncate(CARDS_MAX);
    hits.into_iter()
        .map(|(matched, partner)| Card { matched, ..partner.into_card(server, own) })
        .collect()
}

fn is_of(server: &Server, partner: &Partner, identifier: &Identifier) -> bool {
    match identifier {
        Identifier::Phone(number) => partner.has_number(server, number),
        Identifier::Email(email) => partner.emails().contains(&email.trim().to_lowercase()),
        Identifier::External(external) => reference(external)
            .is_some_and(|reference| partner.text("ref") == Some(reference.as_str())),
        Identifier::Card(id) => record::id(id) == Some(partner.id()),
    }
}

#[cfg(test)]
mod tests;
