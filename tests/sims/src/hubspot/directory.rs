//! What there is besides objects: the account, owners and pipelines.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::HubSpot;
use super::answer::{Answer, missing, page, refusal};

/// A user whom records are assigned to.
#[derive(Debug, Clone)]
pub struct Owner {
    pub id: u64,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    /// Whether the owner has left.
    pub archived: bool,
}

impl Owner {
    /// One who is here.
    pub fn new(id: u64, first_name: &str) -> Self {
        Self {
            id,
            email: format!("{}@example.test", first_name.to_lowercase()),
            first_name: first_name.to_owned(),
            last_name: "Manager".to_owned(),
            archived: false,
        }
    }

    fn shown(&self) -> Value {
        json!({
            "id": self.id.to_string(), "email": self.email, "firstName": self.first_name,
            "lastName": self.last_name, "type": "PERSON", "userId": self.id + 1,
            "archived": self.archived, "createdAt": "2026-12-01T10:00:00.000Z",
            "updatedAt": "2026-12-01T10:00:00.000Z", "teams": [],
        })
    }
}

pub(super) fn owners() -> Vec<Owner> {
    vec![
        Owner::new(700, "Olha"),
        Owner::new(702, "Petro"),
        Owner { archived: true, ..Owner::new(704, "Iryna") },
    ]
}

/// Won and lost stages tell it by texts.
const STAGES: [(&str, &str, bool, &str); 5] = [
    ("appointmentscheduled", "Appointment Scheduled", false, "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", false, "0.4"),
    ("contractsent", "Contract Sent", false, "0.9"),
    ("closedwon", "Closed Won", true, "1.0"),
    ("closedlost", "Closed Lost", true, "0.0"),
];

const SERVICE_STAGES: [(&str, &str, bool, &str); 2] =
    [("1001", "Asked", false, "0.1"), ("1002", "Closed", true, "0.0")];

/// The pipeline that a stage is of, and whether deals in it are closed.
pub(super) fn stage(id: &str) -> Option<(&'static str, bool)> {
    let find = |stages: &[(&str, &str, bool, &str)]| {
        stages.iter().find(|(own, ..)| *own == id).map(|(_, _, closed, _)| *closed)
    };
    find(&STAGES)
        .map(|closed| ("default", closed))
        .or_else(|| find(&SERVICE_STAGES).map(|closed| ("5000", closed)))
}

pub(super) fn is_pipeline(id: &str) -> bool {
    ["default", "5000"].contains(&id)
}

pub(super) fn pipelines() -> Answer {
    let shown = |id: &str, label: &str, order: usize, stages: &[(&str, &str, bool, &str)]| {
        let stages = stages.iter().enumerate().map(|(order, (id, label, closed, odds))| {
            json!({
                "id": id, "label": label, "displayOrder": order, "archived": false,
                "metadata": { "isClosed": closed.to_string(), "probability": odds },
                "createdAt": "2026-12-01T10:00:00Z", "updatedAt": "2026-12-01T10:00:00Z",
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            })
        });
        json!({
            "id": id, "label": label, "displayOrder": order, "archived": false,
            "stages": stages.collect::<Vec<_>>(), "createdAt": "2026-12-01T10:00:00Z",
            "updatedAt": "2026-12-01T10:00:00Z",
        })
    };
    // Not in the order of the board.
    let pipelines = [
        shown("5000", "Service", 1, &SERVICE_STAGES),
        shown("default", "Sales Pipeline", 0, &STAGES),
    ];
    Answer::new(200, json!({ "results": pipelines }))
}

pub(super) fn account() -> Answer {
    let details = json!({
        "portalId": 123_456, "accountType": "STANDARD", "timeZone": "Europe/Kyiv",
        "companyCurrency": "UAH", "additionalCurrencies": [], "utcOffset": "+02:00",
        "utcOffsetMilliseconds": 7_200_000, "uiDomain": "app-eu1.hubspot.com",
        "dataHostingLocation": "eu1",
    });
    Answer::new(200, details)
}

impl HubSpot {
    pub(super) fn owners_page(&self, query: &BTreeMap<String, String>) -> Answer {
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
        let limit = number("limit").unwrap_or(100);
        if limit == 0 || 500 < limit {
            return refusal(400, "VALIDATION_ERROR", "limit must be between 1 and 500");
        }
        let archived = query.get("archived").map(String::as_str) == Some("true");
        let (limit, after) = (limit.min(self.page_max), number("after").unwrap_or_default());
        let all: Vec<&Owner> = self.owners.iter().filter(|it| it.archived == archived).collect();
        let results: Vec<Value> =
            all.iter().skip(after).take(limit).map(|owner| owner.shown()).collect();
        let next = (after + limit < all.len()).then(|| (after + limit).to_string());
        Answer::new(200, page(&results, next))
    }

    pub(super) fn owner(&self, id: &str) -> Answer {
        let owner = self.owners.iter().find(|it| it.id.to_string() == id && !it.archived);
        owner.map_or_else(missing, |owner| Answer::new(200, owner.shown()))
    }
}
