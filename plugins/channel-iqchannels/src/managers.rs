//! `PersMgr` Sync API: the chat server pulls who looks after whom, page by page.

use patchbay_sdk::channel::{Kind, Outcome, Received, Request, Response};
use patchbay_sdk::json::tolerant::Text;
use patchbay_sdk::types::Assignment;
use serde::Serialize;

use crate::{answer, call};

#[derive(Serialize)]
struct Page<'a> {
    managers: Vec<Manager<'a>>,
    #[serde(rename = "nextPage", skip_serializing_if = "Option::is_none")]
    next_page: Option<&'a str>,
}

#[derive(Serialize)]
struct Manager<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    clients: &'a [String],
}

#[derive(Serialize)]
struct Context<'a> {
    ask: &'static str,
    page: Option<&'a str>,
}

pub(crate) fn received(page: &Text<'_>, request: &Request) -> Received {
    let context = Context { ask: "managers", page: page.get() };
    let context = serde_json::to_string(&context).expect("texts are always JSON");
    let kind = Kind::ManagersAsked(page.owned());
    call::asked(call::question(request, kind, Vec::new(), context), unavailable())
}

/// Managers who have left are not told: no client shall be sent to them.
///
/// Where nobody looks after anybody, the question has reached no CRM that knows managers, or the
/// CRM's operator has not begun with it: neither is a reason to take the clients from theirs.
pub(crate) fn reply(page: &Text<'_>, outcome: Option<&Outcome>) -> Response {
    let Some(outcome) = outcome.filter(|outcome| outcome.problem.is_none()) else {
        return unavailable();
    };
    let is_first = page.get().is_none();
    if is_first && outcome.assignments.is_empty() && outcome.next_page.is_none() {
        return unavailable();
    }
    let managers = outcome.assignments.iter().filter_map(manager).collect();
    answer::json(&Page { managers, next_page: outcome.next_page.as_deref() })
}

/// One without an id is known by his e-mail.
fn manager(assignment: &Assignment) -> Option<Manager<'_>> {
    let person = &assignment.manager;
    let id = person.id.as_deref().or(person.email.as_deref())?;
    person.active.then_some(Manager {
        id,
        email: person.email.as_deref(),
        name: person.name.as_deref(),
        clients: &assignment.cards,
    })
}

/// An error in the status too: a list that is empty by mistake would cut every client off.
fn unavailable() -> Response {
    Response { status: 503, ..answer::unavailable() }
}
