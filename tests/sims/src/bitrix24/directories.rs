//! Directories, pipelines and the fields of records.

use serde_json::{Map, Value, json};

use super::{Answer, Bad, Bitrix24, Good, people, reading};

/// Directory, entry and title.
const ENTRIES: [(&str, &str, &str); 13] = [
    ("SOURCE", "CALL", "Call"),
    ("SOURCE", "WEB", "Site"),
    ("CONTACT_TYPE", "CLIENT", "Client"),
    ("HONORIFIC", "HNR_EN_1", "Mr."),
    ("DEAL_STAGE", "NEW", "New"),
    ("DEAL_STAGE", "EXECUTING", "In progress"),
    ("DEAL_STAGE", "WON", "Deal successful"),
    ("DEAL_STAGE", "LOSE", "Deal failed"),
    ("DEAL_STAGE", "APOLOGY", "Failure reason analysis"),
    ("DEAL_STAGE_1", "C1:NEW", "New"),
    ("DEAL_STAGE_1", "C1:WON", "Won"),
    ("DEAL_STAGE_1", "C1:LOSE", "Lost"),
    ("DEAL_TYPE", "SALE", "Sale"),
];

/// Name, type, and the directory or whether it can be read only.
const CONTACT_FIELDS: [(&str, &str, &str); 27] = [
    ("id", "integer", "ro"),
    ("createdTime", "datetime", "ro"),
    ("name", "string", ""),
    ("secondName", "string", ""),
    ("lastName", "string", ""),
    ("honorific", "crm_status", "HONORIFIC"),
    ("photo", "file", ""),
    ("birthdate", "date", ""),
    ("typeId", "crm_status", "CONTACT_TYPE"),
    ("sourceId", "crm_status", "SOURCE"),
    ("sourceDescription", "text", ""),
    ("post", "string", ""),
    ("comments", "text", ""),
    ("opened", "boolean", "required"),
    ("export", "boolean", ""),
    ("assignedById", "user", ""),
    ("companyId", "crm_company", ""),
    ("leadId", "crm_lead", "ro"),
    ("originatorId", "string", ""),
    ("originId", "string", ""),
    ("originVersion", "string", ""),
    ("utmSource", "string", ""),
    ("utmMedium", "string", ""),
    ("utmCampaign", "string", ""),
    ("utmContent", "string", ""),
    ("utmTerm", "string", ""),
    ("fm", "crm_multifield", ""),
];

const DEAL_FIELDS: [(&str, &str, &str); 23] = [
    ("id", "integer", "ro"),
    ("createdTime", "datetime", "ro"),
    ("title", "string", "required"),
    ("typeId", "crm_status", "DEAL_TYPE"),
    ("categoryId", "crm_category", ""),
    ("stageId", "crm_status", "DEAL_STAGE"),
    ("stageSemanticId", "string", "ro"),
    ("opportunity", "double", ""),
    ("currencyId", "crm_currency", ""),
    ("isManualOpportunity", "boolean", ""),
    ("probability", "integer", ""),
    ("contactId", "crm_contact", ""),
    ("contactIds", "crm_contact", ""),
    ("assignedById", "user", ""),
    ("sourceId", "crm_status", "SOURCE"),
    ("sourceDescription", "text", ""),
    ("comments", "text", ""),
    ("originatorId", "string", ""),
    ("originId", "string", ""),
    ("utmSource", "string", ""),
    ("utmMedium", "string", ""),
    ("utmCampaign", "string", ""),
    ("closed", "boolean", "ro"),
];

pub(super) fn list(params: &Value) -> Good {
    let filter = reading::members(params.get("filter"));
    let directory = filter.get("ENTITY_ID").and_then(reading::text);
    let is_meant = |entry: &(usize, &(&str, &str, &str))| {
        directory.as_ref().is_none_or(|directory| directory == entry.1.0)
    };
    let entry = |(index, (directory, id, name)): (usize, &(&str, &str, &str))| {
        json!({
            "ID": (101 + index * 2).to_string(),
            "ENTITY_ID": directory,
            "STATUS_ID": id,
            "NAME": name,
            "NAME_INIT": "",
            "SORT": "10",
            "CATEGORY_ID": null,
            "SEMANTICS": semantics(id).filter(|semantics| *semantics != "P"),
        })
    };
    let entries = ENTRIES.iter().enumerate().filter(is_meant).map(entry).collect();
    people::page(entries, params, |entries| entries)
}

pub(super) fn categories() -> Value {
    let category =
        |id: u64, name: &str| json!({ "id": id, "name": name, "sort": 100, "entityTypeId": 2 });
    json!({ "categories": [category(0, "Sales"), category(1, "Service")] })
}

/// Whether a directory has the entry.
pub(super) fn has(directory: &str, id: &str) -> bool {
    ENTRIES.iter().any(|(own, entry, _)| own.starts_with(directory) && *entry == id)
}

/// `P` in progress, `S` won, `F` lost; `None` for what is no stage.
pub(super) fn semantics(stage: &str) -> Option<&'static str> {
    let is_stage = ENTRIES
        .iter()
        .any(|(directory, id, _)| directory.starts_with("DEAL_STAGE") && *id == stage);
    let name = stage.rsplit(':').next().unwrap_or(stage);
    is_stage.then_some(match name {
        "WON" => "S",
        "LOSE" | "APOLOGY" => "F",
        _ => "P",
    })
}

/// The fields that a record of this type has; empty for an unknown type.
pub(super) fn names(entity_type: u64) -> Vec<(&'static str, &'static str, &'static str)> {
    match entity_type {
        2 => DEAL_FIELDS.to_vec(),
        3 => CONTACT_FIELDS.to_vec(),
        _ => Vec::new(),
    }
}

impl Bitrix24 {
    pub(super) fn item_fields(&self, params: &Value) -> Answer {
        let entity_type = reading::number_of(params, "entityTypeId").unwrap_or_default();
        let names = names(entity_type);
        if names.is_empty() {
            return Err(Bad::new(400, "NOT_FOUND", "Smart process not found"));
        }
        let mut fields = Map::new();
        for (name, kind, more) in names {
            let mut field = json!({
                "type": kind,
                "isRequired": more == "required",
                "isReadOnly": more == "ro",
                "isImmutable": false,
                "isMultiple": matches!(name, "contactIds" | "fm"),
                "isDynamic": false,
                "title": name,
            });
            if let (true, Some(field)) = (kind == "crm_status", field.as_object_mut()) {
                field.insert("statusType".to_owned(), json!(more));
            }
            fields.insert(name.to_owned(), field);
        }
        if entity_type == 3 {
            fields.extend(self.own_fields.clone());
        }
        Ok(json!({ "fields": fields }).into())
    }
}
