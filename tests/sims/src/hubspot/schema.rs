//! Properties of every kind, and what a written value has to be.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, fault};
use super::directory::{self, Owner};

/// Longest body of an activity.
const BODY_UNITS_MAX: usize = 65_536;

/// One property.
#[derive(Debug, Clone)]
pub(super) struct Property {
    name: String,
    kind: &'static str,
    shown_as: &'static str,
    options: &'static [&'static str],
    pub(super) is_unique: bool,
    is_read_only: bool,
}

/// Properties by kind of object.
#[derive(Debug)]
pub(super) struct Schema {
    properties: BTreeMap<String, Vec<Property>>,
}

type Known = (&'static str, &'static str, &'static str, &'static [&'static str]);

const TEXT: (&str, &str) = ("string", "text");

const CONTACT: &[Known] = &[
    ("email", TEXT.0, TEXT.1, &[]),
    ("firstname", TEXT.0, TEXT.1, &[]),
    ("lastname", TEXT.0, TEXT.1, &[]),
    ("phone", "string", "phonenumber", &[]),
    ("mobilephone", "string", "phonenumber", &[]),
    ("hs_additional_emails", "string", "text", &[]),
    ("website", TEXT.0, TEXT.1, &[]),
    ("city", TEXT.0, TEXT.1, &[]),
    ("state", TEXT.0, TEXT.1, &[]),
    ("country", TEXT.0, TEXT.1, &[]),
    ("message", "string", "textarea", &[]),
    ("company", TEXT.0, TEXT.1, &[]),
    ("hubspot_owner_id", "enumeration", "select", &[]),
    ("lifecyclestage", "enumeration", "radio", &["subscriber", "lead", "customer"]),
    ("interests", "enumeration", "checkbox", &["tea", "cake"]),
    ("vip", "enumeration", "booleancheckbox", &["true", "false"]),
    ("children", "number", "number", &[]),
    ("birthday", "date", "date", &[]),
];

const DEAL: &[Known] = &[
    ("dealname", TEXT.0, TEXT.1, &[]),
    ("dealstage", "enumeration", "radio", &[]),
    ("pipeline", "enumeration", "select", &[]),
    ("amount", "number", "number", &[]),
    ("description", "string", "textarea", &[]),
    ("closedate", "datetime", "date", &[]),
    ("hubspot_owner_id", "enumeration", "select", &[]),
];

const NOTE: &[Known] = &[
    ("hs_timestamp", "datetime", "date", &[]),
    ("hs_note_body", "string", "html", &[]),
    ("hubspot_owner_id", "enumeration", "select", &[]),
];

const TASK: &[Known] = &[
    ("hs_timestamp", "datetime", "date", &[]),
    ("hs_task_subject", TEXT.0, TEXT.1, &[]),
    ("hs_task_body", "string", "html", &[]),
    ("hs_task_status", "enumeration", "select", &["NOT_STARTED", "IN_PROGRESS", "COMPLETED"]),
    ("hs_task_type", "enumeration", "select", &[concat!("TO", "DO"), "CALL", "EMAIL"]),
    ("hubspot_owner_id", "enumeration", "select", &[]),
];

const CALL: &[Known] = &[
    ("hs_timestamp", "datetime", "date", &[]),
    ("hs_call_title", TEXT.0, TEXT.1, &[]),
    ("hs_call_body", "string", "html", &[]),
    ("hs_call_direction", "enumeration", "select", &["INBOUND", "OUTBOUND"]),
    ("hs_call_duration", "number", "number", &[]),
    (
        "hs_call_status",
        "enumeration",
        "select",
        &[
            "BUSY",
            "CALLING_CRM_USER",
            "CANCELED",
            "COMPLETED",
            "CONNECTING",
            "FAILED",
            "IN_PROGRESS",
            "NO_ANSWER",
            "QUEUED",
            "RINGING",
        ],
    ),
    ("hs_call_from_number", TEXT.0, TEXT.1, &[]),
    ("hs_call_to_number", TEXT.0, TEXT.1, &[]),
    ("hs_call_recording_url", TEXT.0, TEXT.1, &[]),
    ("hubspot_owner_id", "enumeration", "select", &[]),
];

/// What HubSpot fills itself.
const CONTACT_FILLED: &[&str] = &[
    "hs_searchable_calculated_phone_number",
    "hs_searchable_calculated_mobile_number",
    "hs_searchable_calculated_international_phone_number",
    "hs_searchable_calculated_international_mobile_number",
    "hs_merged_object_ids",
];

impl Default for Schema {
    fn default() -> Self {
        let kinds: [(&str, &[Known], &[&str]); 5] = [
            ("contacts", CONTACT, CONTACT_FILLED),
            ("deals", DEAL, &["hs_is_closed"]),
            ("notes", NOTE, &[]),
            ("tasks", TASK, &[]),
            ("calls", CALL, &[]),
        ];
        let properties = kinds.into_iter().map(|(kind, known, filled)| {
            let known = known.iter().map(|(name, kind, shown_as, options)| Property {
                name: (*name).to_owned(),
                kind,
                shown_as,
                options,
                is_unique: *name == "email",
                is_read_only: false,
            });
            let everywhere = ["hs_object_id", "createdate", "lastmodifieddate"];
            let filled = filled.iter().copied().chain(everywhere).map(|name| Property {
                name: name.to_owned(),
                kind: "string",
                shown_as: "text",
                options: &[],
                is_unique: name == "hs_object_id",
                is_read_only: true,
            });
            (kind.to_owned(), known.chain(filled).collect())
        });
        Self { properties: properties.collect() }
    }
}

impl Schema {
    pub(super) fn define(&mut self, kind: &str, name: &str, is_unique: bool) {
        self.properties.entry(kind.to_owned()).or_default().push(Property {
            name: name.to_owned(),
            kind: "string",
            shown_as: "text",
            options: &[],
            is_unique,
            is_read_only: false,
        });
    }

    pub(super) fn make_read_only(&mut self, kind: &str, name: &str) {
        for property in self.properties.entry(kind.to_owned()).or_default() {
            property.is_read_only |= property.name == name;
        }
    }

    pub(super) fn get(&self, kind: &str, name: &str) -> Option<&Property> {
        self.properties.get(kind)?.iter().find(|property| property.name == name)
    }

    /// Names of properties whose values no two objects share.
    pub(super) fn unique(&self, kind: &str) -> impl Iterator<Item = &str> {
        let all = self.properties.get(kind).into_iter().flatten();
        all.filter(|it| it.is_unique && !it.is_read_only).map(|it| it.name.as_str())
    }

    pub(super) fn describe(&self, kind: &str) -> Answer {
        let shown = |property: &Property| {
            let option = |(order, value): (usize, &&str)| json!({ "label": value, "value": value, "displayOrder": order, "hidden": false });
            json!({
                "name": property.name, "label": property.name.replace('_', " "),
                "type": property.kind, "fieldType": property.shown_as, "description": "",
                "groupName": "contactinformation", "hidden": false,
                "options": property.options.iter().enumerate().map(option).collect::<Vec<_>>(),
                "hasUniqueValue": property.is_unique, "calculated": property.name.contains("calculated"),
                "formField": true, "displayOrder": -1,
                "modificationMetadata": {
                    "archivable": true, "readOnlyDefinition": true,
                    "readOnlyValue": property.is_read_only,
                },
            })
        };
        let all = self.properties.get(kind).into_iter().flatten();
        Answer::new(200, json!({ "results": all.map(shown).collect::<Vec<_>>() }))
    }

    /// What is wrong with values that are to be written. The messages hold the values, as HubSpot's do.
    pub(super) fn faults(
        &self,
        kind: &str,
        values: &BTreeMap<String, String>,
        owners: &[Owner],
    ) -> Vec<Value> {
        let fault_of = |(name, value): (&String, &String)| {
            let Some(property) = self.get(kind, name) else {
                let text = format!("Property \"{name}\" does not exist");
                return Some(fault(name, "PROPERTY_DOESNT_EXIST", &text));
            };
            if property.is_read_only {
                let text = format!("\"{name}\" is a read only property; its value cannot be set.");
                return Some(fault(name, "READ_ONLY_VALUE", &text));
            }
            let code = if value.is_empty() { None } else { property.refuses(value, owners) };
            code.map(|code| fault(name, code, &format!("{value} was not valid for {name}")))
        };
        values.iter().filter_map(fault_of).collect()
    }
}

impl Property {
    fn refuses(&self, value: &str, owners: &[Owner]) -> Option<&'static str> {
        let is_option = |value: &str| self.options.contains(&value);
        match (self.name.as_str(), self.kind, self.shown_as) {
            ("email", ..) => (!is_email(value)).then_some("INVALID_EMAIL"),
            ("hs_additional_emails", ..) => {
                (!value.split(';').all(is_email)).then_some("INVALID_EMAIL")
            }
            ("hubspot_owner_id", ..) => {
                let is_owner = owners.iter().any(|it| it.id.to_string() == value && !it.archived);
                (!is_owner).then_some("INVALID_OWNER_ID")
            }
            ("dealstage", ..) => directory::stage(value).is_none().then_some("INVALID_OPTION"),
            ("pipeline", ..) => (!directory::is_pipeline(value)).then_some("INVALID_OPTION"),
            ("hs_call_recording_url", ..) => {
                (!value.starts_with("https://")).then_some("INVALID_URL")
            }
            (_, _, "html") => {
                let units = value.encode_utf16().count();
                (BODY_UNITS_MAX < units).then_some("INVALID_LENGTH")
            }
            (_, "number", _) => value.parse::<f64>().is_err().then_some("INVALID_DOUBLE"),
            (_, "date" | "datetime", _) => (!is_moment(value)).then_some("INVALID_DATE"),
            (_, "enumeration", "checkbox") => {
                (!value.split(';').all(is_option)).then_some("INVALID_OPTION")
            }
            (_, "enumeration", _) => (!is_option(value)).then_some("INVALID_OPTION"),
            _ => None,
        }
    }
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace)
    })
}

/// A day, RFC 3339 in UTC, or milliseconds.
fn is_moment(text: &str) -> bool {
    patchbay_sdk::instant::local(text).is_some() || patchbay_sdk::instant::read(text).is_some()
}
