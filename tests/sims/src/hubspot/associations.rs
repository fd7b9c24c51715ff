//! What belongs to what: read without a lag, and made with an object or after it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, missing, page, refusal};
use super::{HubSpot, KINDS};

/// HubSpot's numbers of its own associations.
const TYPES: [(u64, &str, &str); 9] = [
    (3, "deals", "contacts"),
    (4, "contacts", "deals"),
    (202, "notes", "contacts"),
    (214, "notes", "deals"),
    (204, "tasks", "contacts"),
    (216, "tasks", "deals"),
    (194, "calls", "contacts"),
    (206, "calls", "deals"),
    (449, "contacts", "contacts"),
];

impl HubSpot {
    /// The kinds and ids that a new object is to be joined to.
    pub(super) fn targets(
        &self,
        kind: &str,
        body: &Value,
    ) -> Result<Vec<(&'static str, String)>, Answer> {
        let wrong = |text: &str| refusal(400, "VALIDATION_ERROR", text);
        let mut targets = Vec::new();
        for association in body.get("associations").and_then(Value::as_array).into_iter().flatten()
        {
            let id = association.get("to").and_then(|to| to.get("id")).and_then(Value::as_str);
            let id = id.ok_or_else(|| wrong("Invalid input JSON: an association names no id"))?;
            for of_type in association.get("types").and_then(Value::as_array).into_iter().flatten()
            {
                let number = of_type.get("associationTypeId").and_then(Value::as_u64);
                let category = of_type.get("associationCategory").and_then(Value::as_str);
                let known =
                    TYPES.iter().find(|(own, from, _)| Some(*own) == number && *from == kind);
                let Some((_, _, to)) = known.filter(|_| category == Some("HUBSPOT_DEFINED")) else {
                    return Err(wrong("One or more association types are not valid"));
                };
                if self.store.get(to, id).is_none() {
                    return Err(wrong(&format!("Cannot associate: {to} {id} does not exist")));
                }
                targets.push((*to, id.to_owned()));
            }
        }
        Ok(targets)
    }

    pub(super) fn associations(
        &self,
        from: &str,
        id: &str,
        to: &str,
        query: &BTreeMap<String, String>,
    ) -> Answer {
        // Kinds have numbers too.
        let numbered = [
            ("0-1", "contacts"),
            ("0-3", "deals"),
            ("0-46", "notes"),
            ("0-27", "tasks"),
            ("0-48", "calls"),
        ];
        let named =
            |kind| numbered.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name);
        let (from, to) = (named(from).unwrap_or(from), named(to).unwrap_or(to));
        if !KINDS.contains(&from) || !KINDS.contains(&to) {
            return refusal(400, "VALIDATION_ERROR", "Unable to infer object type");
        }
        if self.store.get(from, id).is_none() {
            return missing();
        }
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
        let limit = number("limit").unwrap_or(500);
        if 500 < limit {
            return refusal(400, "VALIDATION_ERROR", "limit must be at most 500");
        }
        let (limit, after) = (limit.min(self.page_max), number("after").unwrap_or_default());
        let known = TYPES.iter().find(|(_, one, other)| *one == from && *other == to);
        let number = known.map(|(number, ..)| *number);
        let all = self.store.associated((from, id), to);
        let shown = |id: &String| {
            json!({
                "toObjectId": id.parse::<u64>().unwrap_or_default(),
                "associationTypes": [{ "category": "HUBSPOT_DEFINED", "typeId": number, "label": null }],
            })
        };
        let results: Vec<Value> = all.iter().skip(after).take(limit).map(shown).collect();
        let next = (after + limit < all.len()).then(|| (after + limit).to_string());
        Answer::new(200, page(&results, next))
    }

    pub(super) fn associate_by_default(
        &mut self,
        one: (&str, &str),
        other: (&str, &str),
    ) -> Answer {
        if self.store.get(one.0, one.1).is_none() || self.store.get(other.0, other.1).is_none() {
            return missing();
        }
        self.store.associate(one, other);
        Answer::new(
            200,
            json!({
                "status": "COMPLETE",
                "results": [{
                    "from": { "id": one.1 }, "to": { "id": other.1 },
                    "associationSpec": { "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 4 },
                }],
                "startedAt": "2026-12-01T10:00:00.000Z", "completedAt": "2026-12-01T10:00:00.000Z",
            }),
        )
    }
}
