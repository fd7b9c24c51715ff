//! Which parties an identifier means: one search for all of them, and every hit compared again.

use std::cmp::Reverse;

use patchbay_sdk::types::{Card, Error, Identifier};
use serde_json::{Value, json};

use crate::domain;
use crate::party::{self, Party};
use crate::people;
use crate::server::{self, Server};

/// Cards answered at most, as the contract says.
const CARDS_MAX: usize = 20;

/// Hits asked for in one search; what is left after comparing them again is cut to the contract's 20.
const SEARCH_LIMIT: u32 = 100;

/// One request for nobody, two where somebody is found: the second asks who looks after them.
pub(crate) fn lookup(server: &Server, any_of: &[Identifier]) -> Result<Vec<Card>, Error> {
    let Some(domain) = wanted(any_of) else { return Ok(Vec::new()) };
    let found = Party::search(&domain, SEARCH_LIMIT).send(server, Party::list)?;
    let hits = ranked(found, any_of);
    let ids: Vec<u64> = hits.iter().map(|(_, party)| party.id).collect();
    let managers = people::of_parties(server, &ids)?;
    let card = |(matched, party): (Vec<Identifier>, Party)| {
        let manager = managers.get(&party.id).cloned();
        Card { matched, manager, ..party.into_card(server) }
    };
    Ok(hits.into_iter().map(card).collect())
}

/// Any of the identifiers; `None` where none can be searched for.
fn wanted(any_of: &[Identifier]) -> Option<Value> {
    let (mut mechanisms, mut references, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for identifier in any_of {
        match identifier {
            Identifier::Phone(number) => {
                let kinds = ["phone", "mobile", "fax", "other"];
                let pattern = domain::phone(number);
                mechanisms
                    .extend(pattern.map(|pattern| {
                        json!([["type", "in", kinds], ["value", "ilike", pattern]])
                    }));
            }
            Identifier::Email(email) if email.contains('@') => {
                let pattern = domain::literal(email.trim());
                mechanisms.push(json!([["type", "=", "email"], ["value", "ilike", pattern]]));
            }
            Identifier::Email(_) => {}
            Identifier::External(external) => references.extend(party::reference(external)),
            Identifier::Card(id) => ids.extend(server::id(id)),
        }
    }
    let mut conditions = Vec::new();
    if let Some(mechanisms) = domain::any(mechanisms) {
        conditions.push(json!(["contact_mechanisms", "where", [mechanisms]]));
    }
    if !references.is_empty() {
        conditions.push(json!([
            "identifiers",
            "where",
            [["type", "=", null], ["code", "in", references]]
        ]));
    }
    if !ids.is_empty() {
        conditions.push(json!(["id", "in", ids]));
    }
    domain::any(conditions).map(|condition| json!([condition]))
}

fn ranked(found: Vec<Party>, any_of: &[Identifier]) -> Vec<(Vec<Identifier>, Party)> {
    let matched = |party: &Party| -> Vec<Identifier> {
        any_of.iter().filter(|identifier| party.is_of(identifier)).cloned().collect()
    };
    let hits = found.into_iter().map(|party| (matched(&party), party));
    let mut hits: Vec<_> = hits.filter(|(matched, _)| !matched.is_empty()).collect();
    hits.sort_by_key(|(matched, party)| (Reverse(matched.len()), party.id));
    hits.truncate(CARDS_MAX);
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(id: u64, phone: &str) -> Party {
        let mechanism = json!({ "type": "mobile", "value": phone, "value_compact": phone });
        Party::read(&json!({ "id": id, "contact_mechanisms": [mechanism] })).unwrap()
    }

    #[test]
    fn a_hit_of_the_pattern_that_is_another_number_is_dropped() {
        let asked = [Identifier::Phone("+380671234567".to_owned())];
        let found = vec![
            party(1, "+48 1 2345 67"),
            party(2, "+380501234567"),
            party(3, "067 123-45-67"),
            party(4, "+1 2 3 4 5 6 7"),
        ];
        let ids: Vec<u64> = ranked(found, &asked).iter().map(|(_, party)| party.id).collect();
        assert_eq!(ids, [3]);
    }

    #[test]
    fn the_most_matches_come_first_then_the_older_and_at_most_twenty() {
        let asked =
            [Identifier::Phone("+380671234567".to_owned()), Identifier::Card("30".to_owned())];
        let all = |last: u64| (1..=last).rev().map(|id| party(id, "+380671234567")).collect();
        let ids = |last| -> Vec<u64> {
            ranked(all(last), &asked).iter().map(|(_, party)| party.id).collect()
        };
        assert_eq!(ids(20).len(), CARDS_MAX);
        let of_thirty = ids(30);
        assert_eq!((of_thirty.len(), &of_thirty[..3]), (CARDS_MAX, &[30, 1, 2][..]));
    }

    #[test]
    fn what_cannot_be_searched_for_asks_nothing() {
        let asked = [
            Identifier::Phone("anonymous".to_owned()),
            Identifier::Email("nobody".to_owned()),
            Identifier::Card("abc".to_owned()),
            Identifier::external("jivo", " "),
        ];
        assert_eq!(wanted(&asked), None);
    }
}
