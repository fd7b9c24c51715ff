//! Writes a party: created once for each key, or given what it lacks.

use patchbay_sdk::types::{Card, Error, Problem};
use serde_json::{Map, Value, json};

use crate::client::{Call, PARTY};
use crate::party::{self, Mechanism, Party};
use crate::people;
use crate::server::{self, Server};

/// A record of `map::contact`.
#[derive(Debug, Default)]
struct Contact {
    /// `null` clears it.
    name: Option<Value>,
    mechanisms: Vec<Mechanism>,
    identifiers: Vec<String>,
    values: Map<String, Value>,
}

pub(crate) fn upsert(
    server: &Server,
    id: Option<&str>,
    contact: &str,
    key: &str,
) -> Result<Card, Error> {
    let contact = Contact::read(contact)?;
    match id {
        None => create(server, contact, key),
        Some(id) => update(server, server::party_id(id)?, contact),
    }
}

/// One request. The key is the party's code, which Tryton keeps unique: a repeat is refused, and then
/// the code leads to the party that the first attempt made.
fn create(server: &Server, contact: Contact, key: &str) -> Result<Card, Error> {
    let code = server::mark(key)?;
    let created =
        Call::create(PARTY, contact.into_new(&code), &party::FIELDS).send(server, Party::read);
    let refused = match created {
        Ok(party) => return Ok(party.into_card(server)),
        Err(error @ Error::Invalid(_)) => error,
        Err(error) => return Err(error),
    };
    let made = Party::search(&json!([["code", "=", code]]), 1).send(server, Party::list)?;
    made.into_iter().next().map(|party| party.into_card(server)).ok_or(refused)
}

/// Three requests, or two where the party has it all.
fn update(server: &Server, id: u64, contact: Contact) -> Result<Card, Error> {
    // A search, because it leaves out parties that were merged into others or switched off.
    let found = Party::search(&json!([["id", "=", id]]), 1).send(server, Party::list)?;
    let Some(mut party) = found.into_iter().next() else {
        return Err(Error::NotFound("there is no such active party in Tryton".to_owned()));
    };
    let manager = people::of_parties(server, &[id])?.remove(&id);
    let values = contact.into_changes(&party);
    if !values.is_empty() {
        let call = Call::write(PARTY, id, values.into(), &party::FIELDS);
        party = call.send(server, Party::read)?;
    }
    Ok(Card { manager, ..party.into_card(server) })
}

impl Contact {
    fn read(native: &str) -> Result<Self, Error> {
        let record: Option<Value> = serde_json::from_str(native).ok();
        record.and_then(Self::from_record).ok_or_else(|| {
            let text = "the record is none that map-fields of this adapter makes";
            Error::Invalid(vec![Problem::general(text)])
        })
    }

    fn from_record(record: Value) -> Option<Self> {
        let Value::Object(mut record) = record else { return None };
        let mechanism = |pair: &Value| match pair.as_array()?.as_slice() {
            [kind, value] => Some(Mechanism::new(kind.as_str()?, value.as_str()?)),
            _ => None,
        };
        let mut list = |key: &str| match record.remove(key) {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => Some(items),
            Some(_) => None,
        };
        let mechanisms = list("mechanisms")?.iter().map(mechanism).collect::<Option<_>>()?;
        let code = |code: &Value| code.as_str().map(str::to_owned);
        let identifiers = list("identifiers")?.iter().map(code).collect::<Option<_>>()?;
        let values = match record.remove("values") {
            None => Map::new(),
            Some(values) => values.as_object()?.clone(),
        };
        let name = record.remove("name");
        let is_name = name.as_ref().is_none_or(|name| name.is_string() || name.is_null());
        (record.is_empty() && is_name).then_some(Self { name, mechanisms, identifiers, values })
    }

    fn into_new(self, code: &str) -> Value {
        let name = self.name.filter(|name| !name.is_null());
        let stand_in = || {
            let of = |kind: &str| self.mechanisms.iter().find(|it| it.kind == kind);
            let mechanism = of("email").or_else(|| self.mechanisms.first());
            let known = mechanism.map(|it| &it.value).or(self.identifiers.first());
            known.cloned().unwrap_or_else(|| party::NO_NAME.to_owned()).into()
        };
        let name = name.unwrap_or_else(stand_in);
        let mut record = self.values;
        record.insert("name".to_owned(), name);
        record.insert("code".to_owned(), code.into());
        added(&mut record, self.mechanisms, self.identifiers);
        record.into()
    }

    /// What is set anew, and what the party lacks: nothing that it has is taken away.
    fn into_changes(self, party: &Party) -> Map<String, Value> {
        let mut record = self.values;
        if let Some(name) = self.name {
            record.insert("name".to_owned(), name);
        }
        let lacks = |it: &Mechanism| !party.mechanisms.iter().any(|held| held.covers(it));
        let mechanisms = self.mechanisms.into_iter().filter(lacks).collect();
        let is_new = |code: &String| !party.has_identifier(code);
        added(&mut record, mechanisms, self.identifiers.into_iter().filter(is_new).collect());
        record
    }
}

fn added(record: &mut Map<String, Value>, mechanisms: Vec<Mechanism>, identifiers: Vec<String>) {
    let mechanism = |it: Mechanism| json!({ "type": it.kind, "value": it.value });
    let mechanisms: Vec<Value> = mechanisms.into_iter().map(mechanism).collect();
    let identifiers: Vec<Value> =
        identifiers.into_iter().map(|code| json!({ "code": code })).collect();
    for (field, items) in [("contact_mechanisms", mechanisms), ("identifiers", identifiers)] {
        if !items.is_empty() {
            record.insert(field.to_owned(), json!([["create", items]]));
        }
    }
}
