//! Deals of a contact. They are read by their associations, which are as they are now: the search is
//! behind, and would open a second deal.

use patchbay_sdk::kv::Batch;
use patchbay_sdk::types::{Deal, Error, Field, Problem};
use serde_json::{Map, Value};

use crate::account::{Account, Kind};
use crate::association::{self, DEALS};
use crate::contact::CONTACTS;
use crate::object::{self, Object};
use crate::once::{Known, Once};
use crate::owner::{self, Directory};
use crate::pipeline;
use crate::request::{self, BATCH_MAX, Call};
use crate::server::Server;
use crate::{errors, map, names, text};

const PROPERTIES: [&str; 10] = [
    "dealname",
    "dealstage",
    "pipeline",
    "amount",
    "description",
    "closedate",
    "createdate",
    "hs_is_closed",
    names::OWNER,
    "hs_object_id",
];

/// What a deal is called where nothing is known.
const NO_TITLE: &str = "Deal";

/// Most deals looked at for one contact, the newest of them.
const LOOKED_AT_MAX: usize = 3 * BATCH_MAX;

/// The deals of a contact that are neither won nor lost, the newest first.
pub(crate) fn open(server: &Server, card: &str) -> Result<Vec<Deal>, Error> {
    if !names::is_id(card) {
        return Err(errors::not_found());
    }
    let mut ids = association::ids(server, (CONTACTS, card), DEALS)?;
    ids.truncate(LOOKED_AT_MAX);
    let mut deals = Vec::new();
    for deal in request::read_all(server, DEALS, &ids, &PROPERTIES)? {
        if is_open(server, &deal)? {
            deals.push(deal);
        }
    }
    if deals.is_empty() {
        return Ok(Vec::new());
    }
    deals.sort_by_key(|deal| {
        std::cmp::Reverse((deal.text("createdate").map(str::to_owned), deal.number()))
    });
    let mut shown = Shown::new(server)?;
    Ok(deals.iter().map(|deal| shown.deal(deal)).collect())
}

/// By HubSpot's own flag, and where it lacks by what the stage means.
fn is_open(server: &Server, deal: &Object) -> Result<bool, Error> {
    match (deal.text("hs_is_closed"), deal.text("dealstage")) {
        (Some(closed), _) => Ok(closed != "true"),
        (None, Some(stage)) => Ok(!pipeline::is_closed(&pipeline::known(server)?, stage)),
        (None, None) => Ok(true),
    }
}

/// Creates a deal on the contact, or changes the one with this id.
pub(crate) fn upsert(
    server: &Server,
    id: Option<&str>,
    card: &str,
    native: &str,
    manager: Option<&str>,
    key: &str,
) -> Result<Deal, Error> {
    let mut properties = parse(native)?;
    if let Some(manager) = manager {
        owner::check(manager)?;
        properties.insert(names::OWNER.to_owned(), manager.into());
    }
    if !names::is_id(card) {
        return Err(errors::not_found());
    }
    let deal = match id {
        None => create(server, card, properties, key)?,
        Some(id) if names::is_id(id) => update(server, id, card, properties)?,
        Some(_) => return Err(errors::not_found()),
    };
    Ok(Shown::new(server)?.deal(&deal))
}

fn parse(native: &str) -> Result<Map<String, Value>, Error> {
    let record: Option<Value> = serde_json::from_str(native).ok();
    let properties = record.as_ref().and_then(|record| match record.get(map::PROPERTIES) {
        None => record.as_object().map(|_| Map::new()),
        Some(properties) => properties.as_object().cloned(),
    });
    properties.filter(|properties| properties.values().all(Value::is_string)).ok_or_else(|| {
        let text = "the record is none that map-deal-fields of this adapter makes";
        Error::Invalid(vec![Problem::general(text)])
    })
}

/// One request; one more where no stage is named, once a day, and one or two where an earlier answer
/// was lost.
fn create(
    server: &Server,
    card: &str,
    properties: Map<String, Value>,
    key: &str,
) -> Result<Object, Error> {
    let once = Once::new(DEALS, key)?;
    let known = once.known()?;
    if let Known::Done(id) = &known {
        return Call::read(DEALS, id, None, &PROPERTIES).send(server, Object::read);
    }
    if let Known::Sent { .. } = known
        && let Some(deal) = sent_before(server, card, key)?
    {
        once.done(&deal.id, Batch::new());
        return Ok(deal);
    }
    let properties = for_a_new_one(server, properties, key)?;
    let made = once.write(&known, || {
        let properties = Value::Object(properties.clone());
        Call::create(DEALS, &properties, &association::of_deal(card)).send(server, Object::read)
    })?;
    once.done(&made.id, Batch::new());
    let answered = made.properties().clone();
    let mut deal = made;
    deal.overlay(&properties);
    deal.overlay(&answered);
    Ok(deal)
}

fn for_a_new_one(
    server: &Server,
    mut properties: Map<String, Value>,
    key: &str,
) -> Result<Map<String, Value>, Error> {
    properties.retain(|_, value| value.as_str().is_some_and(|text| !text.trim().is_empty()));
    properties.entry("dealname").or_insert(NO_TITLE.into());
    placed(server, &mut properties)?;
    if let Some(property) = &server.key_property {
        properties.insert(property.clone(), key.into());
    } else {
        // Plain text here, unlike the bodies of notes.
        let told = properties.get("description").and_then(Value::as_str);
        let told = told.map(|told| format!("{told}\n")).unwrap_or_default();
        let description = format!("{told}{}", text::mark(key, 1));
        properties.insert("description".to_owned(), description.into());
    }
    Ok(properties)
}

/// HubSpot takes a stage of its own pipeline only, and no deal without a stage.
fn placed(server: &Server, properties: &mut Map<String, Value>) -> Result<(), Error> {
    let told = |properties: &Map<String, Value>, name: &str| {
        properties.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    let (mut stage, mut pipeline) = (told(properties, "dealstage"), told(properties, "pipeline"));
    if stage.is_none() && pipeline.is_none() {
        (stage, pipeline) = (server.stage.clone(), server.pipeline.clone());
    }
    if stage.is_none() || pipeline.is_none() {
        let pipelines = pipeline::known(server)?;
        let chosen = match (&stage, &pipeline) {
            (Some(stage), _) => pipeline::of_stage(&pipelines, stage),
            (None, Some(id)) => pipelines.iter().find(|pipeline| pipeline.id == *id),
            (None, None) => pipelines.first(),
        };
        let Some(chosen) = chosen else {
            let field = if stage.is_some() { "stage" } else { "pipeline" };
            return Err(Error::invalid(
                field,
                "is none of HubSpot's: see describe-deal-fields for their ids",
            ));
        };
        let first = chosen.stages.iter().find(|stage| !stage.closed).or(chosen.stages.first());
        stage = stage.or_else(|| first.map(|stage| stage.id.clone()));
        pipeline = Some(chosen.id.clone());
    }
    for (name, value) in [("dealstage", stage), ("pipeline", pipeline)] {
        if let Some(value) = value {
            properties.insert(name.to_owned(), value.into());
        }
    }
    Ok(())
}

/// The deal of an earlier attempt: by the unique property, or among the contact's deals by its mark.
fn sent_before(server: &Server, card: &str, key: &str) -> Result<Option<Object>, Error> {
    if let Some(property) = &server.key_property {
        let call = Call::read(DEALS, key, Some(property), &PROPERTIES);
        return match call.send(server, Object::read) {
            Err(Error::NotFound(_)) => Ok(None),
            found => found.map(Some),
        };
    }
    let mut ids = association::ids(server, (CONTACTS, card), DEALS)?;
    ids.truncate(BATCH_MAX);
    let deals = request::read_all(server, DEALS, &ids, &PROPERTIES)?;
    let mark = text::mark(key, 1);
    let is_ours = |deal: &Object| deal.text("description").is_some_and(|told| told.contains(&mark));
    Ok(deals.into_iter().find(is_ours))
}

/// Two requests; one where nothing is to be changed.
fn update(
    server: &Server,
    id: &str,
    card: &str,
    properties: Map<String, Value>,
) -> Result<Object, Error> {
    let named = properties.keys().map(String::as_str).filter(|name| names::is_name(name));
    let asked: Vec<&str> = PROPERTIES.into_iter().chain(named).collect();
    let asked = asked.join(",");
    let path = format!("/crm/v3/objects/{DEALS}/{id}?properties={asked}&associations={CONTACTS}");
    let mut deal = Call::get(path)
        .send(server, |answer| {
            let belongs = belongs(answer, card);
            Object::read(answer).map(|deal| belongs.then_some(deal))
        })?
        .ok_or_else(|| Error::NotFound("the contact has no such deal".to_owned()))?;
    let mut wanted = deal.differing(properties);
    // A mark that was left is kept: a repeat looks for it.
    if let (Some(told), Some(mark)) = (wanted.get("description"), mark_of(&deal)) {
        let told = told.as_str().unwrap_or_default().to_owned();
        if told == text::without_mark(deal.text("description").unwrap_or_default()) {
            wanted.remove("description");
        } else {
            wanted.insert("description".to_owned(), format!("{told}\n{mark}").into());
        }
    }
    if !wanted.is_empty() {
        let call = Call::update(DEALS, id, &Value::Object(wanted.clone()));
        let written = call.send(server, Object::read)?;
        deal.overlay(&wanted);
        deal.overlay(written.properties());
    }
    Ok(deal)
}

fn mark_of(deal: &Object) -> Option<String> {
    let told = deal.text("description")?;
    told.get(told.find("[patchbay:")?..).map(str::to_owned)
}

/// Whether the contact is among those of the deal; a list that goes on elsewhere is believed.
fn belongs(answer: &Value, card: &str) -> bool {
    let Some(contacts) = answer.get("associations").and_then(|all| all.get(CONTACTS)) else {
        return false;
    };
    let results = contacts.get("results").and_then(Value::as_array).into_iter().flatten();
    let mut ids = results.filter_map(|it| object::id(it.get("id")?));
    object::next_page(contacts).is_some() || ids.any(|id| id == card)
}

/// Makes the contract's deals: what they need besides is asked for once.
struct Shown<'s> {
    account: Account,
    directory: Directory<'s>,
}

impl<'s> Shown<'s> {
    fn new(server: &'s Server) -> Result<Self, Error> {
        Ok(Self { account: Account::known(server)?, directory: Directory::known(server)? })
    }

    fn deal(&mut self, deal: &Object) -> Deal {
        let told = |name: &str| deal.text(name).map(text::without_mark).filter(|it| !it.is_empty());
        let canonical = names::DEAL.iter().filter(|(key, _)| *key != "manager").copied();
        let own = ["amount", "closedate", "createdate"].map(|name| (name, name));
        let fields =
            canonical.chain(own).filter_map(|(key, name)| Some(Field::text(key, told(name)?)));
        Deal {
            id: deal.id.clone(),
            url: self.account.address(Kind::Deal, &deal.id),
            title: told("dealname").unwrap_or(NO_TITLE).to_owned(),
            stage: told("dealstage").map(str::to_owned),
            manager: deal.text(names::OWNER).map(|id| self.directory.person(id)),
            fields: fields.collect(),
        }
    }
}
