//! What became of the client to the answer that Jivo shows the agent.

use patchbay_sdk::channel::{Effect, Outcome, Response};
use patchbay_sdk::shown;
use patchbay_sdk::types::{Card, Line};
use serde::Serialize;

use crate::manifest::{CREATED_TEXT, LINE_KEYS};
use crate::site::name_in;

/// More lines than this are not shown.
const MAX_LINES: usize = 20;
/// Stands above the line about a new card.
const CREATED_TITLE: &str = "CRM";

#[derive(Serialize)]
struct Answer<'a> {
    result: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom_data: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Introduction::is_empty")]
    contact_info: Introduction,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_assign: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crm_link: Option<&'a str>,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
}

/// Jivo takes these as if the client had introduced himself: only what the card surely says, never empty.
#[derive(Serialize)]
struct Introduction {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl Introduction {
    fn of(card: &Card) -> Self {
        Self {
            name: shown::main(card, "name"),
            phone: shown::main(card, "phone"),
            email: shown::main(card, "email"),
            description: shown::main(card, "comment"),
        }
    }

    fn is_empty(&self) -> bool {
        [&self.name, &self.phone, &self.email, &self.description].iter().all(|text| text.is_none())
    }
}

/// Jivo's plain "received": the answer to most events, and the safe one to all.
pub(crate) fn ok() -> Response {
    Response::json(200, r#"{"result":"ok"}"#)
}

/// For somebody who opens the URL in a browser.
pub(crate) fn not_a_post() -> Response {
    Response::not_allowed("POST", "This address takes Jivo's webhooks, sent with POST.\n")
}

/// The card for the agent; the plain answer where there is none, or where something went wrong.
pub(crate) fn answer(outcome: &Outcome, setting: &dyn Fn(&str) -> Option<String>) -> Response {
    let (Some(card), None) = (outcome.cards.first(), &outcome.problem) else { return ok() };
    let crm_link = card.url.as_deref().and_then(shown::url);
    let created = if outcome.effect == Effect::Created { created_line(setting) } else { None };
    let keys = if card.lines.is_empty() { None } else { setting(LINE_KEYS) };
    let lines = card.lines.iter().filter_map(|line| entry(line, keys.as_deref()));
    let answer = Answer {
        result: "ok",
        custom_data: created.into_iter().chain(lines).take(MAX_LINES).collect(),
        contact_info: Introduction::of(card),
        // The button sends `crm_link` back, so that there is none without the other.
        enable_assign: crm_link.map(|_| true),
        crm_link,
    };
    Response::json(200, serde_json::to_string(&answer).expect("texts are always JSON"))
}

fn created_line(setting: &dyn Fn(&str) -> Option<String>) -> Option<Entry<'static>> {
    let content = shown::line(&setting(CREATED_TEXT)?)?;
    Some(Entry { title: Some(CREATED_TITLE.to_owned()), key: None, content, link: None })
}

/// A line with a title alone shows the title as its content, which Jivo does not do without.
fn entry<'a>(line: &'a Line, keys: Option<&str>) -> Option<Entry<'a>> {
    let opens = line.url.as_deref().and_then(shown::url);
    let title = shown::line(&line.title);
    let Some(content) = shown::line(&line.text) else {
        return Some(Entry { title: None, key: None, content: title?, link: opens });
    };
    let key = keys.and_then(|keys| shown::line(&name_in(keys, &line.title)?));
    Some(Entry { title, key, content, link: opens })
}
