//! The search, which shows objects as they were a while ago.

use std::time::Duration;

use serde_json::{Value, json};

use super::HubSpot;
use super::answer::{Answer, refusal, with};
use super::store::{Record, Values};

const GROUPS_MAX: usize = 5;
const FILTERS_MAX: usize = 6;
const FILTERS_IN_ALL_MAX: usize = 18;
const LIMIT_MAX: usize = 200;
const RESULTS_MAX: usize = 10_000;

impl HubSpot {
    pub(super) fn search(&self, kind: &str, body: &Value, now: Duration) -> Answer {
        let list = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let groups: Vec<Vec<Value>> =
            list(body, "filterGroups").iter().map(|group| list(group, "filters")).collect();
        let limit = body.get("limit").and_then(Value::as_u64).unwrap_or(10);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let after = body.get("after").and_then(Value::as_str).unwrap_or("0").parse::<usize>();
        let Ok(after) = after else {
            return refusal(400, "VALIDATION_ERROR", "after is not valid");
        };
        if let Some(text) = self.refuses(kind, &groups, limit, after) {
            return refusal(400, "VALIDATION_ERROR", &text);
        }
        let hits: Vec<(&Record, &Values)> = self
            .store
            .of_kind(kind)
            .filter_map(|record| Some((record, record.indexed(now, self.search_lag)?)))
            .filter(|(record, values)| {
                let holds = |filter: &Value| self.holds(kind, record, values, filter);
                groups.is_empty() || groups.iter().any(|group| group.iter().all(holds))
            })
            .collect();
        let names = list(body, "properties");
        let names: Vec<String> =
            names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let limit = limit.min(self.page_max);
        let shown = hits.iter().skip(after).take(limit);
        let results: Vec<Value> =
            shown.map(|(record, values)| record.shown(values, &names, &self.schema)).collect();
        let answer = json!({ "total": hits.len(), "results": results });
        let next = (after + limit < hits.len()).then(|| (after + limit).to_string());
        let paging = next.map(|after| json!({ "next": { "after": after } }));
        Answer::new(200, with(answer, "paging", paging))
    }

    fn refuses(
        &self,
        kind: &str,
        groups: &[Vec<Value>],
        limit: usize,
        after: usize,
    ) -> Option<String> {
        let all: usize = groups.iter().map(Vec::len).sum();
        if GROUPS_MAX < groups.len() || FILTERS_IN_ALL_MAX < all {
            return Some(format!("too many filters: {} groups with {all} in all", groups.len()));
        }
        if groups.iter().any(|group| group.is_empty() || FILTERS_MAX < group.len()) {
            return Some(format!("each filterGroup takes 1 to {FILTERS_MAX} filters"));
        }
        if limit == 0 || LIMIT_MAX < limit || RESULTS_MAX < after + limit {
            return Some(format!("limit is 1 to {LIMIT_MAX}, and {RESULTS_MAX} results in all"));
        }
        let name = |filter: &Value| {
            filter.get("propertyName").and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let names = groups.iter().flatten().map(name);
        let unknown = |name: &String| {
            !name.starts_with("associations.") && self.schema.get(kind, name).is_none()
        };
        names.into_iter().find(unknown).map(|name| format!("Property {name} does not exist"))
    }

    fn holds(&self, kind: &str, record: &Record, values: &Values, filter: &Value) -> bool {
        let text = |name: &str| filter.get(name).and_then(Value::as_str).unwrap_or_default();
        let (name, wanted) = (text("propertyName"), text("value").to_lowercase());
        if let Some(to) = name.strip_prefix("associations.") {
            let id = record.id.to_string();
            return self.store.associated((kind, &id), &format!("{to}s")).contains(&wanted);
        }
        let held = record.value(values, name).map(|held| held.to_lowercase());
        let many = || {
            let list = filter.get("values").and_then(Value::as_array).into_iter().flatten();
            // Values of a list that are not in small letters find nothing.
            list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let number = |text: &str| text.parse::<f64>().ok();
        let compared = held.as_deref().and_then(number).zip(number(&wanted));
        match (text("operator"), &held) {
            ("EQ", Some(held)) => *held == wanted,
            ("NEQ", held) => held.as_ref() != Some(&wanted),
            ("IN", Some(held)) => many().contains(held),
            ("NOT_IN", Some(held)) => !many().contains(held),
            ("HAS_PROPERTY", held) => held.is_some(),
            ("NOT_HAS_PROPERTY", held) => held.is_none(),
            ("CONTAINS_TOKEN", Some(held)) => has_token(held, &wanted),
            ("NOT_CONTAINS_TOKEN", Some(held)) => !has_token(held, &wanted),
            ("GT", _) => compared.is_some_and(|(held, wanted)| wanted < held),
            ("GTE", _) => compared.is_some_and(|(held, wanted)| wanted <= held),
            ("LT", _) => compared.is_some_and(|(held, wanted)| held < wanted),
            ("LTE", _) => compared.is_some_and(|(held, wanted)| held <= wanted),
            _ => false,
        }
    }
}

/// A `*` at either end stands for anything.
fn has_token(held: &str, wanted: &str) -> bool {
    let (open, close) = (wanted.starts_with('*'), wanted.ends_with('*'));
    let bare = wanted.trim_matches('*');
    let fits = |token: &str| match (open, close) {
        (false, false) => token == bare,
        (true, false) => token.ends_with(bare),
        (false, true) => token.starts_with(bare),
        (true, true) => token.contains(bare),
    };
    held.split([';', ',', ' ']).any(fits)
}
