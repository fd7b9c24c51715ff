//! Sale opportunities of a party.

use patchbay_sdk::types::{Deal, Error, Field, Problem, Value as FieldValue};
use serde_json::{Map, Value, json};

use crate::client::{self, Call, OPPORTUNITY, Order};
use crate::map;
use crate::party::Party;
use crate::people;
use crate::server::{self, Server};

/// What is asked of each opportunity.
const FIELDS: [&str; 10] = [
    "number",
    "state",
    "description",
    "comment",
    "amount",
    "employee.active",
    "employee.party.name",
    "employee.party.email",
    "employee.party.phone",
    "party",
];

/// Neither won nor lost nor cancelled: a converted one waits for its sale.
pub(crate) const OPEN: [&str; 3] = ["lead", "opportunity", "converted"];

/// Most open deals of one party that are answered.
const DEALS_MAX: u32 = 100;

/// The deals of a party that are neither won nor lost, the newest first.
pub(crate) fn open(server: &Server, card: &str) -> Result<Vec<Deal>, Error> {
    let domain = json!([["party", "=", server::party_id(card)?], ["state", "in", OPEN]]);
    let call = Call::search(OPPORTUNITY, &domain, &FIELDS, Order::NewestFirst, DEALS_MAX);
    let found = call.send(server, |answer| client::each(answer, Opportunity::read))?;
    Ok(found.into_iter().map(|opportunity| opportunity.into_deal(server)).collect())
}

/// A record of `map::deal`, and who shall look after it.
#[derive(Debug)]
pub(crate) struct Wanted {
    stage: Option<String>,
    values: Map<String, Value>,
}

impl Wanted {
    pub(crate) fn read(native: &str, manager: Option<&str>) -> Result<Self, Error> {
        let record: Option<Map<String, Value>> = serde_json::from_str(native).ok();
        let mut wanted = record.and_then(Self::from_record).ok_or_else(|| {
            let text = "the record is none that map-deal-fields of this adapter makes";
            Error::Invalid(vec![Problem::general(text)])
        })?;
        if let Some(manager) = manager {
            let employee = server::id(manager)
                .ok_or_else(|| Error::invalid("manager", "must be the id of an employee"))?;
            wanted.values.insert("employee".to_owned(), employee.into());
        }
        Ok(wanted)
    }

    fn from_record(mut record: Map<String, Value>) -> Option<Self> {
        let stage = match record.remove("stage") {
            None => None,
            Some(stage) => Some(stage.as_str().filter(|stage| map::is_stage(stage))?.to_owned()),
        };
        let values = match record.remove("values") {
            None => Map::new(),
            Some(values) => values.as_object()?.clone(),
        };
        record.is_empty().then_some(Self { stage, values })
    }
}

/// Three requests: looks for what an earlier attempt has made, and for the party, because Tryton on
/// SQLite takes an opportunity of a party that does not exist.
pub(crate) fn create(
    server: &Server,
    card: &str,
    wanted: Wanted,
    key: &str,
) -> Result<Deal, Error> {
    let (party, mark) = (server::party_id(card)?, server::mark(key)?);
    let Wanted { stage, mut values } = wanted;
    let opportunity = match find(server, &json!([["reference", "=", mark]]))? {
        Some(made) => made,
        None if is_known(server, party)? => {
            values.insert("party".to_owned(), party.into());
            values.insert("company".to_owned(), server.company.into());
            values.insert("reference".to_owned(), mark.into());
            Call::create(OPPORTUNITY, values.into(), &FIELDS).send(server, Opportunity::read)?
        }
        None => {
            let text = "there is no such active party in Tryton";
            return Err(Error::NotFound(text.to_owned()));
        }
    };
    // The opportunity is there: a repeat finds it and presses the button.
    let moved = moved(server, opportunity, stage.as_deref()).map_err(|error| match error {
        Error::Unavailable(text) => Error::UnknownOutcome(text),
        other => other,
    })?;
    Ok(moved.into_deal(server))
}

/// One request, one more where values change, and one more where the stage does.
pub(crate) fn update(server: &Server, id: &str, wanted: Wanted) -> Result<Deal, Error> {
    let missing = || Error::NotFound("there is no such opportunity in Tryton".to_owned());
    let id = server::id(id).ok_or_else(missing)?;
    let mut opportunity = find(server, &json!([["id", "=", id]]))?.ok_or_else(missing)?;
    if !wanted.values.is_empty() {
        let call = Call::write(OPPORTUNITY, id, wanted.values.into(), &FIELDS);
        opportunity = call.send(server, Opportunity::read)?;
    }
    Ok(moved(server, opportunity, wanted.stage.as_deref())?.into_deal(server))
}

fn is_known(server: &Server, party: u64) -> Result<bool, Error> {
    let known = Party::search(&json!([["id", "=", party]]), 1).send(server, Party::list)?;
    Ok(!known.is_empty())
}

fn find(server: &Server, domain: &Value) -> Result<Option<Opportunity>, Error> {
    let call = Call::search(OPPORTUNITY, domain, &FIELDS, Order::OldestFirst, 1);
    let found = call.send(server, |answer| client::each(answer, Opportunity::read))?;
    Ok(found.into_iter().next())
}

/// Presses the button that leads to the stage: Tryton lets nobody write it.
fn moved(
    server: &Server,
    opportunity: Opportunity,
    stage: Option<&str>,
) -> Result<Opportunity, Error> {
    let Some(stage) = stage.filter(|stage| *stage != opportunity.state) else {
        return Ok(opportunity);
    };
    let button = if stage == "cancelled" { "cancel" } else { stage };
    let call = Call::press(OPPORTUNITY, opportunity.id, button, &FIELDS);
    call.send(server, Opportunity::read).map_err(|error| match error {
        Error::Invalid(_) => Error::invalid(
            "stage",
            "cannot follow the present one, or the opportunity lacks an employee",
        ),
        other => other,
    })
}

/// An opportunity as Tryton answers it.
#[derive(Debug)]
struct Opportunity {
    id: u64,
    state: String,
    record: Value,
}

impl Opportunity {
    fn read(record: &Value) -> Option<Self> {
        let state = client::text(record, "state")?.to_owned();
        Some(Self { id: client::id_of(record)?, state, record: record.clone() })
    }

    fn into_deal(self, server: &Server) -> Deal {
        let Self { id, state, record } = self;
        let number = || client::text(&record, "number").unwrap_or_default();
        let title = client::text(&record, "description").unwrap_or_else(number).to_owned();
        let amount = record.pointer("/amount/decimal").and_then(Value::as_str);
        let amount = amount.and_then(|amount| amount.parse().ok()).map(FieldValue::Number);
        let comment = client::text(&record, "comment").map(|it| FieldValue::Text(it.to_owned()));
        let fields = [("amount", amount), ("comment", comment)];
        Deal {
            id: id.to_string(),
            url: Some(server.page_of(OPPORTUNITY, id)),
            title,
            stage: Some(state),
            manager: record.get("employee").and_then(people::person),
            fields: fields
                .into_iter()
                .filter_map(|(key, value)| Some(Field::new(key, value?)))
                .collect(),
        }
    }
}
