//! Contacts and deals: added, changed, found.

use std::{cmp::Ordering, collections::BTreeMap};

use serde_json::{Map, Value, json};

use super::{Answer, Bad, Bitrix24, Good, PAGE, directories, reading};

const DEAL: u64 = 2;
const CONTACT: u64 = 3;

/// Values that one search takes.
const VALUES_MAX: usize = 20;

/// Hits that one search answers.
const HITS_MAX: usize = 20;

/// A contact or a deal.
#[derive(Debug, Clone, Default)]
pub struct Item {
    pub fields: Map<String, Value>,
    pub fm: Vec<Multifield>,
}

/// A phone, an e-mail or a site with an id of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multifield {
    pub id: u64,
    pub type_id: String,
    pub value_type: String,
    pub value: String,
}

impl Item {
    /// The values of one kind, in order: `PHONE`, `EMAIL`, `WEB`.
    pub fn values(&self, type_id: &str) -> Vec<&str> {
        let of_type = self.fm.iter().filter(|entry| entry.type_id == type_id);
        of_type.map(|entry| entry.value.as_str()).collect()
    }

    fn field(&self, name: &str) -> Option<String> {
        self.fields.get(name).and_then(reading::text).filter(|text| !text.is_empty())
    }

    fn semantics(&self) -> &'static str {
        self.field("stageId").and_then(|stage| directories::semantics(&stage)).unwrap_or("P")
    }
}

/// The type of a request's records, or why there is none.
fn entity_type(params: &Value) -> Result<u64, Bad> {
    let entity_type = reading::number_of(params, "entityTypeId");
    entity_type
        .filter(|entity_type| [DEAL, CONTACT].contains(entity_type))
        .ok_or_else(|| Bad::new(400, "NOT_FOUND", "Smart process not found"))
}

impl Bitrix24 {
    /// Puts a contact with phones and e-mails into the portal, and answers its id.
    pub fn put_contact(&mut self, fields: &Value, phones: &[&str], emails: &[&str]) -> u64 {
        let id = self.next_id();
        let mut item = Item { fields: reading::members(Some(fields)), fm: Vec::new() };
        let phones = phones.iter().map(|value| ("PHONE", *value));
        for (type_id, value) in phones.chain(emails.iter().map(|value| ("EMAIL", *value))) {
            item.fm.push(self.multifield(type_id, "WORK", value));
        }
        self.contacts.insert(id, item);
        id
    }

    /// Puts a deal of a contact into the portal, and answers its id.
    pub fn put_deal(&mut self, contact: u64, fields: &Value) -> u64 {
        let id = self.next_id();
        let mut fields = reading::members(Some(fields));
        fields.insert("contactIds".to_owned(), json!([contact]));
        fields.insert("contactId".to_owned(), json!(contact));
        fields.entry("stageId").or_insert(json!("NEW"));
        fields.entry("categoryId").or_insert(json!(0));
        self.deals.insert(id, Item { fields, fm: Vec::new() });
        id
    }

    fn multifield(&mut self, type_id: &str, value_type: &str, value: &str) -> Multifield {
        Multifield {
            id: self.next_id(),
            type_id: type_id.to_owned(),
            value_type: value_type.to_owned(),
            value: value.to_owned(),
        }
    }

    fn items(&mut self, entity_type: u64) -> &mut BTreeMap<u64, Item> {
        if entity_type == DEAL { &mut self.deals } else { &mut self.contacts }
    }

    /// Whether there is such a contact or deal.
    pub(super) fn has(&self, entity_type: u64, id: u64) -> bool {
        let items = if entity_type == DEAL { &self.deals } else { &self.contacts };
        items.contains_key(&id)
    }

    pub(super) fn find_by_comm(&self, params: &Value) -> Answer {
        let bad = |code: &str| Bad::new(400, code, code);
        let kind = reading::text_of(params, "type");
        let kind = kind.ok_or_else(|| bad("Communication type is not defined"))?;
        let values = params.get("values").map(reading::items).unwrap_or_default();
        let values: Vec<String> = values.into_iter().filter_map(reading::text).collect();
        if values.is_empty() || VALUES_MAX < values.len() {
            return Err(bad("Communication values is not defined"));
        }
        if reading::text_of(params, "entity_type").is_some_and(|name| name != "CONTACT") {
            return Ok(json!([]).into());
        }
        let is_asked = |entry: &Multifield| {
            let is_same =
                |value: &String| comparable(&kind, value) == comparable(&kind, &entry.value);
            entry.type_id == kind && values.iter().any(is_same)
        };
        let hits = self.contacts.iter().filter(|(_, item)| item.fm.iter().any(is_asked));
        let ids: Vec<u64> = hits.map(|(id, _)| *id).take(HITS_MAX).collect();
        Ok(if ids.is_empty() { json!([]) } else { json!({ "CONTACT": ids }) }.into())
    }

    pub(super) fn get_item(&mut self, params: &Value) -> Answer {
        let entity_type = entity_type(params)?;
        let id = reading::number_of(params, "id").unwrap_or_default();
        let item = self.items(entity_type).get(&id).cloned();
        let item = item.ok_or_else(|| Bad::new(400, "NOT_FOUND", "Element not found"))?;
        Ok(json!({ "item": self.shown(entity_type, id, &item, true) }).into())
    }

    pub(super) fn add_item(&mut self, params: &Value) -> Answer {
        let entity_type = entity_type(params)?;
        let fields = reading::members(params.get("fields"));
        self.check(entity_type, &fields)?;
        let mut item = Item::default();
        item.fields.insert("assignedById".to_owned(), json!(self.user));
        item.fields.insert("createdTime".to_owned(), json!(self.now_text()));
        if entity_type == DEAL {
            item.fields.insert("categoryId".to_owned(), json!(0));
        }
        self.write(entity_type, &mut item, &fields);
        let id = self.next_id();
        if entity_type == DEAL {
            let category = item.field("categoryId").unwrap_or_default();
            let first = if category == "0" { "NEW".to_owned() } else { format!("C{category}:NEW") };
            item.fields.entry("stageId").or_insert(json!(first));
            item.fields.entry("title").or_insert(json!(format!("Deal #{id}")));
        }
        self.items(entity_type).insert(id, item.clone());
        Ok(json!({ "item": self.shown(entity_type, id, &item, self.answers_fm) }).into())
    }

    pub(super) fn update_item(&mut self, params: &Value) -> Answer {
        let entity_type = entity_type(params)?;
        let id = reading::number_of(params, "id").unwrap_or_default();
        let item = self.items(entity_type).get(&id).cloned();
        let mut item = item.ok_or_else(|| Bad::new(400, "NOT_FOUND", "Element not found"))?;
        let fields = reading::members(params.get("fields"));
        self.check(entity_type, &fields)?;
        self.write(entity_type, &mut item, &fields);
        self.items(entity_type).insert(id, item.clone());
        Ok(json!({ "item": self.shown(entity_type, id, &item, self.answers_fm) }).into())
    }

    /// Refuses values that no record can have.
    fn check(&self, entity_type: u64, fields: &Map<String, Value>) -> Result<(), Bad> {
        let wrong = |field: &str| {
            let text = format!("Invalid value for field \"{field}\"");
            Err(Bad::new(400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", &text))
        };
        let text =
            |name: &str| fields.get(name).and_then(reading::text).filter(|text| !text.is_empty());
        let is_user = |id: &String| self.users.iter().any(|user| user.id.to_string() == *id);
        if text("assignedById").is_some_and(|id| !is_user(&id)) {
            return wrong("ASSIGNED_BY_ID");
        }
        if text("sourceId").is_some_and(|id| !directories::has("SOURCE", &id)) {
            return wrong("SOURCE_ID");
        }
        if entity_type == DEAL
            && text("stageId").is_some_and(|id| directories::semantics(&id).is_none())
        {
            return wrong("STAGE_ID");
        }
        if text("contactIds").is_some() {
            let text = "Expected iterable value for multiple field, but got string instead";
            return Err(Bad::new(400, "100", text));
        }
        Ok(())
    }

    /// Takes over what is known and can be written; anything else is left out in silence.
    fn write(&mut self, entity_type: u64, item: &mut Item, fields: &Map<String, Value>) {
        let names = directories::names(entity_type);
        for (name, value) in fields {
            let is_known = names.iter().any(|(own, _, more)| own == name && *more != "ro")
                || (entity_type == CONTACT && self.own_fields.contains_key(name));
            match name.as_str() {
                "fm" => self.write_fm(item, value),
                "contactIds" => {
                    let ids: Vec<u64> =
                        reading::items(value).into_iter().filter_map(reading::number).collect();
                    item.fields.insert("contactId".to_owned(), json!(ids.first()));
                    item.fields.insert("contactIds".to_owned(), json!(ids));
                }
                "assignedById" | "categoryId" => {
                    item.fields.insert(name.clone(), json!(reading::number(value)));
                }
                _ if is_known => {
                    item.fields.insert(name.clone(), value.clone());
                }
                _ => {}
            }
        }
    }

    /// A list adds. Of an object a key that is the id of an entry changes it, or removes it where its
    /// value is empty; any other key adds. Without a type nothing happens.
    fn write_fm(&mut self, item: &mut Item, value: &Value) {
        let entries: Vec<(String, Value)> = match value {
            Value::Object(members) => members.clone().into_iter().collect(),
            value => reading::items(value)
                .into_iter()
                .map(|entry| ("n".to_owned(), entry.clone()))
                .collect(),
        };
        for (key, entry) in entries {
            let Some(type_id) = reading::text_of(&entry, "typeId") else { continue };
            let value = reading::text_of(&entry, "value").unwrap_or_default();
            let value_type =
                reading::text_of(&entry, "valueType").unwrap_or_else(|| "WORK".to_owned());
            let own = item.fm.iter_mut().find(|own| own.id.to_string() == key);
            match own {
                Some(own) => {
                    own.value = value;
                    own.value_type = value_type;
                }
                None if value.is_empty() => {}
                None => {
                    let entry = self.multifield(&type_id, &value_type, &value);
                    item.fm.push(entry);
                }
            }
        }
        item.fm.retain(|entry| !entry.value.is_empty());
    }

    /// The record as an answer shows it: unset fields are `null`, an unset company is `0`.
    fn shown(&self, entity_type: u64, id: u64, item: &Item, with_fm: bool) -> Value {
        let mut shown = Map::new();
        for (name, _, _) in directories::names(entity_type) {
            shown.insert(name.to_owned(), Value::Null);
        }
        if entity_type == CONTACT {
            shown.extend(self.own_fields.keys().map(|name| (name.clone(), json!([]))));
        }
        shown.extend(item.fields.clone());
        shown.insert("id".to_owned(), json!(id));
        shown.insert("entityTypeId".to_owned(), json!(entity_type));
        shown.remove("fm");
        if entity_type == DEAL {
            let semantics = item.semantics();
            shown.insert("stageSemanticId".to_owned(), json!(semantics));
            shown.insert("closed".to_owned(), json!(if semantics == "P" { "N" } else { "Y" }));
            return Value::Object(shown);
        }
        shown.insert("companyId".to_owned(), json!(0));
        for (name, type_id, has) in [("phone", "PHONE", "hasPhone"), ("email", "EMAIL", "hasEmail")]
        {
            let first = item.values(type_id).first().map(|value| (*value).to_owned());
            shown.insert(has.to_owned(), json!(if first.is_some() { "Y" } else { "N" }));
            shown.insert(name.to_owned(), json!(first.unwrap_or_default()));
        }
        if with_fm {
            let entry = |entry: &Multifield| json!({ "id": entry.id, "typeId": entry.type_id, "valueType": entry.value_type, "value": entry.value });
            shown.insert("fm".to_owned(), item.fm.iter().map(entry).collect());
        }
        Value::Object(shown)
    }

    pub(super) fn list_items(&self, params: &Value) -> Answer {
        let entity_type = entity_type(params)?;
        let filter = reading::members(params.get("filter"));
        let items = if entity_type == DEAL { &self.deals } else { &self.contacts };
        let mut hits: Vec<Value> = Vec::new();
        for (id, item) in items {
            let shown = self.shown(entity_type, *id, item, true);
            if self.passes(entity_type, &shown, &filter)? {
                hits.push(shown);
            }
        }
        let descends = params.get("order").and_then(|order| reading::text_of(order, "id"));
        if descends.is_some_and(|direction| direction.eq_ignore_ascii_case("DESC")) {
            hits.reverse();
        }
        let start = params.get("start").and_then(reading::text).unwrap_or_default();
        let (is_counted, start) = (start != "-1", start.parse::<usize>().unwrap_or_default());
        let total = hits.len();
        let select = params.get("select").map(reading::items).unwrap_or_default();
        let select: Vec<String> = select.into_iter().filter_map(reading::text).collect();
        let page = hits.into_iter().skip(start).take(PAGE).map(|item| selected(item, &select));
        let page: Vec<Value> = page.collect();
        let next = start + PAGE;
        Ok(Good {
            result: json!({ "items": page }),
            total: is_counted.then_some(total),
            next: (is_counted && next < total).then_some(next),
        })
    }

    fn passes(
        &self,
        entity_type: u64,
        item: &Value,
        filter: &Map<String, Value>,
    ) -> Result<bool, Bad> {
        for (key, wanted) in filter {
            let name = key.trim_start_matches(['>', '<', '=', '!', '@', '%']);
            let operator = key.strip_suffix(name).unwrap_or_default();
            let names = directories::names(entity_type);
            if !names.iter().any(|(own, _, _)| *own == name) || name == "fm" {
                let text = format!("Invalid filter: field '{name}' is not allowed in filter");
                return Err(Bad::new(400, "INVALID_ARG_VALUE", &text));
            }
            let wanted: Vec<String> =
                reading::items(wanted).into_iter().filter_map(reading::text).collect();
            if name == "id" && self.refuses_empty_ids && wanted.iter().any(String::is_empty) {
                let text = "Invalid filter: field 'id' has invalid value";
                return Err(Bad::new(400, "INVALID_ARG_VALUE", text));
            }
            let held = item.get(name).and_then(reading::text).unwrap_or_default();
            let first = wanted.first().cloned().unwrap_or_default();
            let passes = match operator {
                "@" | "=" | "" => wanted.contains(&held),
                "!" | "!=" | "!@" => !wanted.contains(&held),
                ">" => compared(&held, &first) == Ordering::Greater,
                ">=" => compared(&held, &first) != Ordering::Less,
                "<" => compared(&held, &first) == Ordering::Less,
                "<=" => compared(&held, &first) != Ordering::Greater,
                _ => held.contains(&first),
            };
            if !passes {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn compared(one: &str, other: &str) -> Ordering {
    let number = |text: &str| text.parse::<i64>().unwrap_or_default();
    number(one).cmp(&number(other))
}

/// The fields that were asked for; all of them without a wish or with `*`.
fn selected(item: Value, select: &[String]) -> Value {
    if select.is_empty() || select.iter().any(|name| name == "*") {
        return item;
    }
    let members = reading::members(Some(&item)).into_iter();
    Value::Object(members.filter(|(name, _)| select.contains(name)).collect())
}

/// A phone without separators, an e-mail without case. Another notation is another number.
fn comparable(kind: &str, value: &str) -> String {
    if kind == "PHONE" {
        return value.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    }
    value.trim().to_lowercase()
}
