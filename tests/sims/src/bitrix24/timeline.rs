//! What stands in the timeline of a contact or a deal: to-dos, calls and comments.

use patchbay_sdk::instant;
use serde_json::{Map, Value, json};

use super::{Answer, Bad, Bitrix24, Good, people, reading};

const CONTACT: u64 = 3;

/// A to-do or a call, with its fields in the spelling of the old methods.
#[derive(Debug, Clone)]
pub struct Activity {
    pub id: u64,
    pub fields: Map<String, Value>,
}

impl Activity {
    /// A field as a text.
    pub fn text(&self, field: &str) -> Option<String> {
        self.fields.get(field).and_then(reading::text)
    }
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    pub id: u64,
    pub entity_type: String,
    pub entity_id: u64,
    pub text: String,
    /// Name and content in base64.
    pub files: Vec<(String, String)>,
}

impl Bitrix24 {
    pub(super) fn add_todo(&mut self, params: &Value) -> Answer {
        let number = |key| reading::number_of(params, key);
        let (Some(owner_type), Some(owner)) = (number("ownerTypeId"), number("ownerId")) else {
            return Err(Bad::new(400, "100", "Required fields are missing"));
        };
        let Some(deadline) = reading::text_of(params, "deadline") else {
            return Err(Bad::new(400, "100", "Could not find value for parameter {deadline}"));
        };
        if !self.has(owner_type, owner) {
            return Err(Bad::not_found());
        }
        if instant::read(&deadline).is_none() {
            return Err(Bad::new(400, "WRONG_DATETIME_FORMAT", "Wrong datetime format"));
        }
        let id = self.next_id();
        let text = |key| reading::text_of(params, key).unwrap_or_default();
        let fields = json!({
            "OWNER_TYPE_ID": owner_type,
            "OWNER_ID": owner,
            "PROVIDER_ID": "CRM_TODO",
            "SUBJECT": text("title"),
            "DESCRIPTION": text("description"),
            "DEADLINE": deadline,
            "COMPLETED": "N",
            "RESPONSIBLE_ID": number("responsibleId").unwrap_or(self.user),
            "ORIGIN_ID": null,
            "ORIGINATOR_ID": null,
        });
        self.activities.push(Activity { id, fields: reading::members(Some(&fields)) });
        Ok(json!({ "id": id }).into())
    }

    pub(super) fn add_activity(&mut self, params: &Value) -> Answer {
        let fields = reading::members(params.get("fields"));
        let bad = |text: &str| Err(Bad::new(400, "", text));
        let number = |key: &str| fields.get(key).and_then(reading::number);
        let given = Value::Object(fields.clone());
        if reading::text_of(&given, "SUBJECT").is_none() {
            return bad("The field SUBJECT is not defined or empty");
        }
        let is_user = |id: u64| self.users.iter().any(|user| user.id == id);
        if !number("RESPONSIBLE_ID").is_some_and(is_user) {
            return bad("The field RESPONSIBLE_ID is not defined or invalid");
        }
        if number("TYPE_ID") != Some(2) {
            return bad("The field TYPE_ID is not defined or invalid");
        }
        let communications = fields.get("COMMUNICATIONS").map(reading::items).unwrap_or_default();
        let [communication] = communications.as_slice() else {
            return bad("The only one communication is allowed for activity of specified type");
        };
        let entity = reading::number_of(communication, "ENTITY_ID").unwrap_or_default();
        let is_contact = reading::number_of(communication, "ENTITY_TYPE_ID") == Some(CONTACT);
        if reading::text_of(communication, "VALUE").is_none() {
            return bad("The field COMMUNICATIONS is not defined or invalid");
        }
        let owner = number("OWNER_TYPE_ID").zip(number("OWNER_ID"));
        if !is_contact
            || !self.has(CONTACT, entity)
            || !owner.is_some_and(|(kind, id)| self.has(kind, id))
        {
            return bad(
                "Could not build binding. Please ensure that owner info and communications are defined correctly",
            );
        }
        let id = self.next_id();
        self.activities.push(Activity { id, fields });
        Ok(json!(id).into())
    }

    pub(super) fn list_activities(&self, params: &Value) -> Good {
        let filter = reading::members(params.get("filter"));
        let passes = |activity: &&Activity| {
            filter.iter().all(|(key, wanted)| reading::text(wanted) == activity.text(key))
        };
        let shown = |activity: &Activity| {
            // Numbers are texts here.
            let text = |value: &Value| {
                if value.is_number() { json!(reading::text(value)) } else { value.clone() }
            };
            let mut shown: Map<String, Value> =
                activity.fields.iter().map(|(key, value)| (key.clone(), text(value))).collect();
            shown.insert("ID".to_owned(), json!(activity.id.to_string()));
            shown.insert("SETTINGS".to_owned(), json!([]));
            Value::Object(shown)
        };
        let all = self.activities.iter().filter(passes).map(shown).collect();
        listed(all, params)
    }

    pub(super) fn add_comment(&mut self, params: &Value) -> Answer {
        // Only this spelling of the key is taken.
        let fields = params.get("fields").cloned().unwrap_or_default();
        let (Some(entity_id), Some(entity_type)) =
            (reading::number_of(&fields, "ENTITY_ID"), reading::text_of(&fields, "ENTITY_TYPE"))
        else {
            return Err(Bad::new(400, "100", "Required fields are missing"));
        };
        let Some(text) = reading::text_of(&fields, "COMMENT") else {
            return Err(Bad::new(400, "INVALID_ARG_VALUE", "Empty comment"));
        };
        let kind = if entity_type == "deal" { 2 } else { CONTACT };
        if !self.has(kind, entity_id) {
            return Err(Bad::new(400, "OWNER_NOT_FOUND", "Owner not found"));
        }
        let files = fields.get("FILES").map(reading::items).unwrap_or_default();
        let file = |file: &Value| match reading::items(file).as_slice() {
            [name, content] => reading::text(name).zip(reading::text(content)),
            _ => None,
        };
        let files = files.into_iter().filter_map(file).collect();
        let id = self.next_id();
        self.comments.push(Comment { id, entity_type, entity_id, text, files });
        Ok(json!(id).into())
    }

    pub(super) fn list_comments(&self, params: &Value) -> Answer {
        let filter = params.get("filter").cloned().unwrap_or_default();
        let (Some(entity_id), Some(entity_type)) =
            (reading::number_of(&filter, "ENTITY_ID"), reading::text_of(&filter, "ENTITY_TYPE"))
        else {
            return Err(Bad::new(400, "", "Both ENTITY_ID and ENTITY_TYPE are required"));
        };
        let of = self.comments.iter();
        let of = of.filter(|it| it.entity_id == entity_id && it.entity_type == entity_type);
        let shown = |comment: &Comment| {
            json!({
                "ID": comment.id.to_string(),
                "ENTITY_ID": comment.entity_id.to_string(),
                "ENTITY_TYPE": comment.entity_type,
                "CREATED": null,
                "COMMENT": comment.text,
                "AUTHOR_ID": "1",
                "FILES": {},
            })
        };
        Ok(listed(of.map(shown).collect(), params))
    }
}

/// A page in the order of ids that was asked for.
fn listed(mut all: Vec<Value>, params: &Value) -> Good {
    let order = params.get("order").and_then(|order| reading::text_of(order, "ID"));
    if order.is_some_and(|order| order.eq_ignore_ascii_case("DESC")) {
        all.reverse();
    }
    people::page(all, params, |page| page)
}
