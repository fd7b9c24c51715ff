//! Deals of a contact. A deal is open while its stage is one of work, not of success or failure.

use patchbay_sdk::types::{Deal, Error, Field, Value as FieldValue};
use serde_json::{Map, Value, json};

use crate::call::{self, CONTACT, Command, DEAL, OnError, PAGE};
use crate::card;
use crate::errors::{self, Effect};
use crate::map;
use crate::marks::Ticket;
use crate::people;
use crate::portal::Portal;
use crate::record::{self, Record};
use crate::upsert;

/// Managers of the newest deals, of whom the name is read too.
const MANAGERS_AT_ONCE: usize = 3;

/// The open deals of a contact, the newest first. One request for each 50.
pub(crate) fn open(portal: &Portal, card: &str) -> Result<Vec<Deal>, Error> {
    let card = contact_id(card)?;
    let (mut deals, mut users) = (Vec::new(), Vec::new());
    let mut before = None;
    loop {
        let commands =
            [Command::get("card", CONTACT, card), page("deals", card, before), managers()];
        let mut answers = call::batch(portal, &commands, OnError::Halt)?;
        answers.take("card")?;
        let page = Record::list(answers.take("deals")?);
        users.extend(answers.take("who").map(Record::list).unwrap_or_default());
        before = page.iter().filter_map(Record::id).min().filter(|_| PAGE <= page.len());
        deals.extend(page);
        if before.is_none() {
            return Ok(deals.iter().filter_map(|deal| of(portal, deal, &users)).collect());
        }
    }
}

pub(crate) fn upsert(
    portal: &Portal,
    id: Option<&str>,
    card: &str,
    deal: &str,
    manager: Option<&str>,
    key: &str,
) -> Result<Deal, Error> {
    let map::Deal { mut fields } = map::read(deal)?;
    let card = contact_id(card)?;
    let manager = manager.map(manager_id).transpose()?;
    fields.extend(manager.map(|manager| ("assignedById".to_owned(), json!(manager))));
    let Some(id) = id else { return create(portal, card, fields, key) };
    let id = record::id_of(id).ok_or_else(not_found)?;
    let command = if fields.is_empty() {
        Command::get("item", DEAL, id)
    } else {
        let params = json!({ "entityTypeId": DEAL, "id": id, "fields": fields });
        Command::write("item", "crm.item.update", params)
    };
    let (record, users) = upsert::write(portal, command)?;
    upsert::tell_dropped(&fields, &record);
    of(portal, &record, &users).ok_or_else(|| errors::unreadable(Effect::Write))
}

/// The employee's number, or what is wrong with it.
pub(crate) fn manager_id(manager: &str) -> Result<u64, Error> {
    record::id_of(manager).ok_or_else(|| {
        Error::invalid("manager", "must be the id of an employee in Bitrix24, a number")
    })
}

fn create(
    portal: &Portal,
    card: u64,
    mut fields: Map<String, Value>,
    key: &str,
) -> Result<Deal, Error> {
    fields.retain(|_, value| *value != json!(""));
    fields.extend([
        ("contactIds".to_owned(), json!([card])),
        ("originatorId".to_owned(), json!(portal.originator)),
        ("originId".to_owned(), json!(key)),
    ]);
    let ticket = Ticket::take("deal", key)?;
    let made = if ticket.may_be_written() { made(portal, key) } else { Ok(None) };
    let result = match made {
        Ok(Some(deal)) => Ok(deal),
        Ok(None) => add(portal, card, &fields),
        Err(error) => Err(error),
    };
    ticket.settle(result)
}

/// One request, which ends before the deal is made where the contact does not exist.
fn add(portal: &Portal, card: u64, fields: &Map<String, Value>) -> Result<Deal, Error> {
    let params = json!({ "entityTypeId": DEAL, "fields": fields });
    let who = people::by_references("who", ["$result[deal][item][assignedById]".to_owned()]);
    let commands =
        [Command::get("card", CONTACT, card), Command::write("deal", "crm.item.add", params), who];
    let mut answers = call::batch(portal, &commands, OnError::Halt)?;
    answers.take("card")?;
    let unreadable = || errors::unreadable(Effect::Write);
    let record = Record::item(answers.take("deal")?).ok_or_else(unreadable)?;
    let users = answers.take("who").map(Record::list).unwrap_or_default();
    upsert::tell_dropped(fields, &record);
    of(portal, &record, &users).ok_or_else(unreadable)
}

/// The deal that an earlier call has made under this key, in whatever stage it is now.
fn made(portal: &Portal, key: &str) -> Result<Option<Deal>, Error> {
    let params = json!({
        "entityTypeId": DEAL,
        "filter": { "originatorId": portal.originator, "originId": key },
        "order": { "id": "ASC" },
        "start": -1,
    });
    let commands = [Command::read("deals", "crm.item.list", params), managers()];
    let mut answers = call::batch(portal, &commands, OnError::GoOn)?;
    let deals = Record::list(answers.take("deals")?);
    let users = answers.take("who").map(Record::list).unwrap_or_default();
    let is_made = |deal: &&Record| deal.text("originId").as_deref() == Some(key);
    Ok(deals.iter().find(is_made).and_then(|deal| of(portal, deal, &users)))
}

/// A page of open deals, with ids below one.
fn page(name: &str, card: u64, before: Option<u64>) -> Command {
    let mut filter = json!({ "contactId": card, "stageSemanticId": "P" });
    if let (Some(before), Some(filter)) = (before, filter.as_object_mut()) {
        filter.insert("<id".to_owned(), json!(before));
    }
    let params =
        json!({ "entityTypeId": DEAL, "filter": filter, "order": { "id": "DESC" }, "start": -1 });
    Command::read(name, "crm.item.list", params)
}

fn managers() -> Command {
    let path = |index| format!("$result[deals][items][{index}][assignedById]");
    people::by_references("who", (0..MANAGERS_AT_ONCE).map(path))
}

fn of(portal: &Portal, deal: &Record, users: &[Record]) -> Option<Deal> {
    let id = deal.id()?;
    let stage = deal.text("stageId");
    let mut fields = Vec::new();
    for (key, field) in [("title", "title"), ("stage", "stageId"), ("pipeline", "categoryId")] {
        fields.extend(deal.text(field).map(|text| Field::text(key, text)));
    }
    for field in ["opportunity", "probability"] {
        let number = deal.text(field).and_then(|text| text.parse().ok());
        fields.extend(number.map(|number| Field::new(field, FieldValue::Number(number))));
    }
    for field in ["currencyId", "typeId", "sourceId", "additionalInfo"] {
        fields.extend(deal.text(field).map(|text| Field::text(field, text)));
    }
    fields.extend(card::shared_fields(deal));
    Some(Deal {
        id: id.to_string(),
        url: Some(portal.deal_url(id)),
        title: deal.text("title").unwrap_or_else(|| format!("Deal {id}")),
        stage,
        manager: card::manager(deal, users),
        fields,
    })
}

fn contact_id(card: &str) -> Result<u64, Error> {
    record::id_of(card).ok_or_else(|| Error::NotFound("no contact has such an id".to_owned()))
}

fn not_found() -> Error {
    Error::NotFound("no deal has such an id".to_owned())
}
