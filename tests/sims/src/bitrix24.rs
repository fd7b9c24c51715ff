//! Bitrix24 as its REST documents describe it, with an incoming webhook.
//!
//! Limits run on the stage's clock: a counter of requests that falls by two a second, and the time
//! that each method may take. What the documents leave open is a switch, so that an adapter can be
//! tested either way.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use patchbay_sdk::{
    http::{Request, Response},
    json::Node,
};
use serde_json::{Map, Value, json};

use crate::Simulator;

mod clock;
mod directories;
pub mod failures;
mod items;
mod people;
mod query;
mod reading;
mod timeline;

pub use items::Item;
pub use people::User;
pub use timeline::{Activity, Comment};

/// A method's answer: the result with `total` and `next`, or an error with its status.
type Answer = Result<Good, Bad>;

/// A result, and what stands beside it.
#[derive(Debug, Default)]
struct Good {
    result: Value,
    total: Option<usize>,
    next: Option<usize>,
}

impl From<Value> for Good {
    fn from(result: Value) -> Self {
        Self { result, total: None, next: None }
    }
}

#[derive(Debug)]
struct Bad {
    status: u16,
    code: String,
    description: String,
}

impl Bad {
    fn new(status: u16, code: &str, description: &str) -> Self {
        Self { status, code: code.to_owned(), description: description.to_owned() }
    }

    fn not_found() -> Self {
        Self::new(400, "NOT_FOUND", "Not found.")
    }

    fn to_json(&self) -> Value {
        json!({ "error": self.code, "error_description": self.description })
    }
}

/// Records in one page of any list.
const PAGE: usize = 50;

/// Commands in one `batch`.
const COMMANDS_MAX: usize = 50;

/// Seconds that one method may take, until they are counted anew.
const OPERATING_MAX_S: f64 = 480.0;

/// Seconds after which the time of a method is counted anew.
const OPERATING_WINDOW_S: u64 = 600;

/// A portal.
#[derive(Debug)]
pub struct Bitrix24 {
    /// The number in the webhook's URL: who writes.
    pub user: u64,
    /// The last part of the webhook's URL.
    pub secret: String,
    /// What the webhook may do.
    pub scopes: BTreeSet<String>,
    /// Requests that may be open before one is refused: 50, or 250 in the plan Enterprise.
    pub bucket: f64,
    /// By how much the counter of requests falls in a second.
    pub drain: f64,
    /// Requests that came too fast.
    pub refused: usize,
    /// Seconds that one call of a method takes of its time.
    pub costs: BTreeMap<String, f64>,
    /// Unix seconds when the stage was opened.
    pub opened_s: i64,
    /// Whether a list refuses an empty text among ids, or reads it as 0.
    pub refuses_empty_ids: bool,
    /// Whether answers to writes name the multi-fields.
    pub answers_fm: bool,
    /// The contacts, by id.
    pub contacts: BTreeMap<u64, Item>,
    /// The deals, by id.
    pub deals: BTreeMap<u64, Item>,
    /// The employees, in order.
    pub users: Vec<User>,
    /// The to-dos and calls, in order.
    pub activities: Vec<Activity>,
    /// The comments, in order.
    pub comments: Vec<Comment>,
    /// The fields of contacts that the portal has made itself: name and description.
    pub own_fields: BTreeMap<String, Value>,
    level: f64,
    level_at: Duration,
    operating: BTreeMap<String, Operating>,
    last_id: u64,
    now: Duration,
}

/// The time that a method has taken.
#[derive(Debug, Clone, Copy)]
struct Operating {
    taken_s: f64,
    reset_at: Duration,
}

impl Bitrix24 {
    /// A portal with two employees, of whom the first has made the webhook `secret`.
    pub fn new(secret: &str) -> Self {
        Self {
            user: 1,
            secret: secret.to_owned(),
            scopes: ["crm", "user_basic"].map(str::to_owned).into(),
            bucket: 50.0,
            drain: 2.0,
            refused: 0,
            costs: BTreeMap::new(),
            opened_s: clock::EXAMPLE_S,
            refuses_empty_ids: false,
            answers_fm: true,
            contacts: BTreeMap::new(),
            deals: BTreeMap::new(),
            users: vec![User::new(1, "Olha", "Manager"), User::new(6, "Ivan", "Seller")],
            activities: Vec::new(),
            comments: Vec::new(),
            own_fields: BTreeMap::new(),
            level: 0.0,
            level_at: Duration::ZERO,
            operating: BTreeMap::new(),
            last_id: 1_000,
            now: Duration::ZERO,
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn now_text(&self) -> String {
        clock::text(self.opened_s, self.now)
    }

    /// Counts the request; an error where there were too many lately.
    fn count(&mut self, now: Duration) -> Result<(), Bad> {
        let passed = now.saturating_sub(self.level_at).as_secs_f64();
        self.level = (self.level - passed * self.drain).max(0.0);
        self.level_at = now;
        if self.bucket < self.level + 1.0 {
            self.refused += 1;
            return Err(Bad::new(503, "QUERY_LIMIT_EXCEEDED", "Too many requests"));
        }
        self.level += 1.0;
        Ok(())
    }

    fn route<'u>(&self, url: &'u str) -> Result<&'u str, Bad> {
        let mut parts = crate::path(url).trim_matches('/').split('/');
        let (rest, user, secret) = (parts.next(), parts.next(), parts.next());
        let user = user.and_then(|user| user.parse::<u64>().ok());
        if rest != Some("rest") || user != Some(self.user) || secret != Some(self.secret.as_str()) {
            return Err(Bad::new(401, "INVALID_CREDENTIALS", "Invalid request credentials"));
        }
        let method = parts.next().unwrap_or_default();
        Ok(method.strip_suffix(".json").unwrap_or(method))
    }

    /// One method, alone or inside a `batch`.
    fn method(&mut self, method: &str, params: &Value) -> Answer {
        let scope = if method.starts_with("user.") { "user_basic" } else { "crm" };
        if !self.scopes.contains(scope) {
            let text = "The request requires higher privileges than provided by the webhook token";
            return Err(Bad::new(401, "insufficient_scope", text));
        }
        self.spend(method)?;
        match method {
            "user.current" => Ok(self.current_user()),
            "user.get" => Ok(self.list_users(params)),
            "crm.duplicate.findbycomm" => self.find_by_comm(params),
            "crm.item.get" => self.get_item(params),
            "crm.item.list" => self.list_items(params),
            "crm.item.add" => self.add_item(params),
            "crm.item.update" => self.update_item(params),
            "crm.item.fields" => self.item_fields(params),
            "crm.status.list" => Ok(directories::list(params)),
            "crm.category.list" => Ok(directories::categories().into()),
            "crm.activity.todo.add" => self.add_todo(params),
            "crm.activity.add" => self.add_activity(params),
            "crm.activity.list" => Ok(self.list_activities(params)),
            "crm.timeline.comment.add" => self.add_comment(params),
            "crm.timeline.comment.list" => self.list_comments(params),
            _ => Err(Bad::new(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")),
        }
    }

    /// Counts the time of a method; an error where it has taken too much lately.
    fn spend(&mut self, method: &str) -> Result<(), Bad> {
        let window = Duration::from_secs(OPERATING_WINDOW_S);
        let fresh = Operating { taken_s: 0.0, reset_at: self.now + window };
        let operating = self.operating.entry(method.to_owned()).or_insert(fresh);
        if operating.reset_at <= self.now {
            *operating = fresh;
        }
        if OPERATING_MAX_S < operating.taken_s {
            let text = "Method is blocked due to operation time limit.";
            return Err(Bad::new(429, "OPERATION_TIME_LIMIT", text));
        }
        operating.taken_s += self.costs.get(method).copied().unwrap_or(0.01);
        Ok(())
    }

    fn time(&self, method: &str) -> Value {
        let mut time = json!({
            "start": clock::unix(self.opened_s, self.now),
            "finish": clock::unix(self.opened_s, self.now),
            "duration": 0.05,
            "processing": 0.02,
            "date_start": self.now_text(),
            "date_finish": self.now_text(),
            "operating": 0,
        });
        if let (Some(operating), Some(time)) = (self.operating.get(method), time.as_object_mut()) {
            time.insert("operating".to_owned(), json!(operating.taken_s));
            let reset_at = clock::unix(self.opened_s, operating.reset_at);
            time.insert("operating_reset_at".to_owned(), json!(reset_at));
        }
        time
    }

    fn batch(&mut self, body: &Node<'_>) -> Result<Value, Bad> {
        let commands = body.get("cmd").map(Node::members).unwrap_or_default();
        if COMMANDS_MAX < commands.len() {
            return Err(Bad::new(400, "ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded"));
        }
        let halts = body
            .get("halt")
            .and_then(Node::text)
            .is_some_and(|halt| halt != "0" && halt != "false");
        let mut answers = Map::new();
        let mut parts: [Map<String, Value>; 4] = Default::default();
        let [errors, totals, nexts, times] = &mut parts;
        for (name, command) in commands {
            let command = command.text().unwrap_or_default();
            let (method, query) = command.split_once('?').unwrap_or((&command, ""));
            let params = query::parse(query, &answers);
            let answer = if method == "batch" {
                Err(Bad::new(
                    400,
                    "ERROR_BATCH_METHOD_NOT_ALLOWED",
                    "Method is not allowed for batch usage",
                ))
            } else {
                self.method(method, &params)
            };
            match answer {
                Ok(Good { result, total, next }) => {
                    answers.insert(name.to_string(), result);
                    totals.extend(total.map(|total| (name.to_string(), json!(total))));
                    nexts.extend(next.map(|next| (name.to_string(), json!(next))));
                    times.insert(name.to_string(), self.time(method));
                }
                Err(bad) => {
                    errors.insert(name.to_string(), bad.to_json());
                    if halts {
                        break;
                    }
                }
            }
        }
        let [errors, totals, nexts, times] = parts.map(php);
        Ok(json!({
            "result": php(answers),
            "result_error": errors,
            "result_total": totals,
            "result_next": nexts,
            "result_time": times,
        }))
    }

    fn respond(&mut self, request: &Request) -> Result<Value, Bad> {
        self.count(self.now)?;
        let method = self.route(&request.url)?;
        let text = std::str::from_utf8(&request.body).unwrap_or_default();
        let body = if text.trim().is_empty() { "{}" } else { text };
        let wrong = || Bad::new(400, "ERROR_ARGUMENT", "The body is not JSON");
        if method == "batch" {
            let body = Node::read(body).ok().ok_or_else(wrong)?;
            let result = self.batch(&body)?;
            return Ok(json!({ "result": result, "time": self.time("batch") }));
        }
        let params: Value = serde_json::from_str(body).ok().ok_or_else(wrong)?;
        let Good { result, total, next } = self.method(method, &params)?;
        let mut answer = json!({ "result": result, "time": self.time(method) });
        for (key, number) in [("total", total), ("next", next)] {
            if let (Some(number), Some(answer)) = (number, answer.as_object_mut()) {
                answer.insert(key.to_owned(), json!(number));
            }
        }
        Ok(answer)
    }
}

/// The methods that a request calls, with their parameters: those of a `batch` in their order, with
/// references as they were written.
pub fn called(request: &Request) -> Vec<(String, Value)> {
    let method = crate::path(&request.url).rsplit('/').next().unwrap_or_default().to_owned();
    let text = std::str::from_utf8(&request.body).unwrap_or_default();
    if method != "batch" {
        return vec![(method, serde_json::from_str(text).unwrap_or_default())];
    }
    let body = Node::read(text).ok();
    let commands = body.as_ref().and_then(|body| body.get("cmd")).map(Node::members);
    let command = |(_, command): &(_, Node<'_>)| {
        let command = command.text().unwrap_or_default();
        let (method, query) = command.split_once('?').unwrap_or((&command, ""));
        (method.to_owned(), query::written(query))
    };
    commands.unwrap_or_default().iter().map(command).collect()
}

/// An object as PHP writes it: one without members is a list.
fn php(members: Map<String, Value>) -> Value {
    if members.is_empty() { json!([]) } else { Value::Object(members) }
}

impl Simulator for Bitrix24 {
    fn answer(&mut self, request: &Request, now: Duration) -> Response {
        self.now = now;
        match self.respond(request) {
            Ok(answer) => Response::json(200, answer.to_string()),
            Err(bad) => Response::json(bad.status, bad.to_json().to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
