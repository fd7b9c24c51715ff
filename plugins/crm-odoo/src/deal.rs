//! Opportunities of a contact.

use patchbay_sdk::types::{Deal, Error, Field, Problem, Value as FieldValue};
use serde_json::{Map, Value, json};

use crate::client::{self, LEAD};
use crate::fields;
use crate::html;
use crate::load;
use crate::once::{Known, Once};
use crate::people;
use crate::record::{self, Record};
use crate::server::Server;
use crate::upsert::written_values;

/// What is asked of each deal, besides the operator's own fields.
const FIELDS: [&str; 11] = [
    "id",
    "name",
    "stage_id",
    "team_id",
    "user_id",
    "contact_name",
    "email_from",
    "phone",
    "website",
    "city",
    "description",
];

/// What a deal is called where the rules name none: Odoo makes none without a name.
const NO_TITLE: &str = "Enquiry";

/// Deals that are neither won nor lost, the newest first. Lost ones are archived.
pub(crate) fn open(server: &Server, card: &str) -> Result<Vec<Deal>, Error> {
    let Some(card) = record::id(card) else { return Ok(Vec::new()) };
    let domain = json!([
        ["partner_id", "=", card],
        ["type", "=", "opportunity"],
        ["active", "=", true],
        "|",
        ["stage_id", "=", false],
        ["stage_id.is_won", "=", false],
    ]);
    let own = fields::own(server, LEAD)?;
    let call = client::page(LEAD, &domain, &asked(&own), "id desc", client::SEARCH_LIMIT);
    let deals = client::send(server, &call, record::records);
    let deals = deals.inspect_err(|error| fields::forget_after(LEAD, error))?;
    Ok(deals.iter().map(|deal| to_deal(server, deal, &own)).collect())
}

fn asked(own: &[String]) -> Vec<&str> {
    FIELDS.into_iter().chain(own.iter().map(String::as_str)).collect()
}

pub(crate) fn upsert(
    server: &Server,
    id: Option<&str>,
    card: &str,
    deal: &str,
    manager: Option<&str>,
    key: &str,
) -> Result<Deal, Error> {
    let wrong = || {
        let text = "the record is none that map-deal-fields of this adapter makes";
        Error::Invalid(vec![Problem::general(text)])
    };
    let Ok(Value::Object(mut vals)) = serde_json::from_str(deal) else { return Err(wrong()) };
    if let Some(manager) = manager {
        let wrong = || Error::invalid("manager", "is no id of a user of Odoo");
        vals.insert("user_id".to_owned(), json!(record::id(manager).ok_or_else(wrong)?));
    }
    let missing = |what: &str| Error::NotFound(format!("no {what} of Odoo has such an id"));
    let id = match id {
        Some(id) => Some(record::id(id).ok_or_else(|| missing("deal"))?),
        None => None,
    };
    let card = record::id(card).ok_or_else(|| missing("contact"))?;
    let once = Once::new(LEAD, key)?;
    let known = once.known()?;
    let done = match &known {
        Known::Done(done) => record::id(done).filter(|done| id.is_none_or(|id| id == *done)),
        Known::New | Known::Sent => None,
    };
    let written = match (done, id) {
        (Some(done), _) => return fetch(server, done),
        (None, None) => create(server, card, vals, key, &once, &known)?,
        (None, Some(id)) if vals.is_empty() => return fetch(server, id),
        (None, Some(id)) => {
            let call = client::write(LEAD, id, &written_values(vals));
            let is_done = |answer| (answer == Value::Bool(true)).then_some(());
            once.write(&known, || client::send(server, &call, is_done))?;
            id
        }
    };
    once.done(written);
    fetch(server, written).map_err(after_write)
}

/// The external id is made of the key, so that Odoo itself recognises a repeat.
fn create(
    server: &Server,
    card: u64,
    mut vals: Map<String, Value>,
    key: &str,
    once: &Once,
    known: &Known,
) -> Result<u64, Error> {
    vals.insert("type".to_owned(), json!("opportunity"));
    vals.insert("partner_id".to_owned(), json!(card));
    vals.entry("name").or_insert_with(|| json!(NO_TITLE));
    once.write(known, || load::load(server, LEAD, vals, key))
}

fn fetch(server: &Server, id: u64) -> Result<Deal, Error> {
    let own = fields::own(server, LEAD)?;
    let call = client::read(LEAD, id, &asked(&own));
    let deals = client::send(server, &call, record::records);
    let deals = deals.inspect_err(|error| fields::forget_after(LEAD, error))?;
    let found = deals.iter().find(|deal| deal.id == id);
    let missing = || Error::NotFound("the deal does not exist in Odoo".to_owned());
    Ok(to_deal(server, found.ok_or_else(missing)?, &own))
}

/// The failure of a reading that follows a write no longer means that nothing was changed.
fn after_write(error: Error) -> Error {
    match error {
        Error::RateLimited(_) | Error::Unauthorized(_) => error,
        _ => Error::UnknownOutcome("the deal was written and could not be read again".to_owned()),
    }
}

fn to_deal(server: &Server, record: &Record, own: &[String]) -> Deal {
    let reference = |field: &str| record.reference(field).map(|(id, _)| id.to_string());
    let stage = reference("stage_id");
    let description = record.text("description").map(html::to_text);
    let told = [
        ("title", record.text("name").map(str::to_owned)),
        ("stage", stage.clone()),
        ("pipeline", reference("team_id")),
        ("name", record.text("contact_name").map(str::to_owned)),
        ("phone", record.text("phone").map(str::to_owned)),
        ("email", record.text("email_from").map(str::to_owned)),
        ("site", record.text("website").map(str::to_owned)),
        ("city", record.text("city").map(str::to_owned)),
        ("comment", description.filter(|text| !text.is_empty())),
    ];
    let field =
        |(key, text): (&str, Option<String>)| Some(Field::new(key, FieldValue::Text(text?)));
    let mut fields: Vec<Field> = told.into_iter().filter_map(field).collect();
    fields.extend(own.iter().filter_map(|key| fields::value(record, key)));
    Deal {
        id: record.id.to_string(),
        url: Some(server.url(LEAD, record.id)),
        title: record.text("name").unwrap_or_default().to_owned(),
        stage,
        manager: people::named(record, "user_id"),
        fields,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server;

    #[test]
    fn a_deal_tells_its_stage_by_its_id_and_nothing_that_is_empty() {
        let record = json!([{
            "id": 1, "name": "Chat", "stage_id": [2, "Qualified"], "team_id": false, "user_id": [2, "Admin"],
            "contact_name": false, "email_from": "a@example.test", "phone": false, "description": "<p><br></p>",
            "x_budget": 7.0, "x_source": false,
        }]);
        let records = record::records(record).unwrap();
        let own = ["x_budget".to_owned(), "x_source".to_owned()];
        let deal = to_deal(&server::example(), &records[0], &own);
        assert_eq!((deal.title.as_str(), deal.stage.as_deref()), ("Chat", Some("2")));
        assert_eq!(deal.manager.unwrap().id.as_deref(), Some("2"));
        let keys: Vec<_> = deal.fields.iter().map(|field| field.key.as_str()).collect();
        assert_eq!(keys, ["title", "stage", "email", "x_budget"]);
    }
}
