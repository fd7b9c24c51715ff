//! Employees.

use serde_json::{Value, json};

use super::{Bitrix24, Good, PAGE, reading};

/// An employee.
#[derive(Debug, Clone)]
pub struct User {
    pub id: u64,
    pub name: String,
    pub last_name: String,
    pub email: String,
    pub is_active: bool,
}

impl User {
    /// An employee with an address made of the name.
    pub fn new(id: u64, name: &str, last_name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            last_name: last_name.to_owned(),
            email: format!("{}@example.test", name.to_lowercase()),
            is_active: true,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "ID": self.id.to_string(),
            "ACTIVE": self.is_active,
            "NAME": self.name,
            "LAST_NAME": self.last_name,
            "SECOND_NAME": "",
            "EMAIL": self.email,
            "IS_ONLINE": "N",
            "TIMESTAMP_X": {},
            "LAST_ACTIVITY_DATE": {},
            "PERSONAL_MOBILE": "",
            "WORK_PHONE": null,
            "UF_DEPARTMENT": [1],
            "USER_TYPE": "employee",
        })
    }
}

impl Bitrix24 {
    pub(super) fn current_user(&self) -> Good {
        let user = self.users.iter().find(|user| user.id == self.user).map(User::to_json);
        user.unwrap_or_default().into()
    }

    pub(super) fn list_users(&self, params: &Value) -> Good {
        let filter = reading::members(params.get("FILTER").or_else(|| params.get("filter")));
        let ids = ["ID", "@ID"].into_iter().find_map(|key| filter.get(key));
        let ids = ids.map(|ids| {
            reading::items(ids).into_iter().filter_map(reading::text).collect::<Vec<_>>()
        });
        let only_active = filter
            .get("ACTIVE")
            .and_then(reading::text)
            .is_some_and(|flag| flag == "1" || flag == "Y");
        let is_meant = |user: &&User| {
            (!only_active || user.is_active)
                && ids.as_ref().is_none_or(|ids| ids.contains(&user.id.to_string()))
        };
        let users: Vec<Value> = self.users.iter().filter(is_meant).map(User::to_json).collect();
        page(users, params, |users| users)
    }
}

/// A page of a list of old style. One beyond the end is the last one again.
pub(super) fn page(all: Vec<Value>, params: &Value, wrap: impl Fn(Value) -> Value) -> Good {
    let total = all.len();
    let start = reading::number_of(params, "start").and_then(|start| usize::try_from(start).ok());
    let last = total.saturating_sub(1) / PAGE * PAGE;
    let start = (start.unwrap_or_default() / PAGE * PAGE).min(last);
    let page: Vec<Value> = all.into_iter().skip(start).take(PAGE).collect();
    let next = start + PAGE;
    Good {
        result: wrap(Value::Array(page)),
        total: Some(total),
        next: (next < total).then_some(next),
    }
}
