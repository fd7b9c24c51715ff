//! What the CRM knows to the answer that fills a pop-up and may say where to forward the call.

use std::borrow::Cow;

use patchbay_sdk::channel::{Outcome, Response};
use patchbay_sdk::json::Node;
use patchbay_sdk::shown;
use patchbay_sdk::types::{Card, Line, Person};

use crate::options::{ForwardTo, Options};

/// For a method that no webhook of a cabinet has: a look at the address is no call.
pub(crate) fn not_allowed() -> Response {
    Response::not_allowed(
        "GET, POST",
        "This address takes Ringostat's webhooks, sent with GET or POST.\n",
    )
}

/// More lines than this are not shown.
const LINES_MAX: usize = 20;
/// No number and no login is longer.
const DESTINATION_BYTES_MAX: usize = 64;

/// The plain answer to every event, and the safe one to a call that begins: Ringostat goes on by
/// its own scheme.
pub(crate) fn nothing(forward_to: ForwardTo) -> Response {
    match forward_to {
        ForwardTo::Text => Response::text(200, ""),
        ForwardTo::Off | ForwardTo::Json => Response::json(200, "{}"),
    }
}

/// The card for the pop-up; the plain answer where there is none, or where something went wrong.
pub(crate) fn answer(outcome: &Outcome, options: &Options) -> Response {
    let (Some(card), None) = (outcome.cards.first(), &outcome.problem) else {
        return nothing(options.forward_to);
    };
    let destination = card.manager.as_ref().and_then(destination);
    if options.forward_to == ForwardTo::Text {
        return Response::text(200, destination.unwrap_or_default());
    }
    let mut members = if options.pop_up { pop_up(card) } else { Vec::new() };
    if let (ForwardTo::Json, Some(destination)) = (options.forward_to, destination) {
        members.push(("forward_to".into(), Node::Text(destination.into())));
    }
    let mut body = String::new();
    Node::Object(members).write(&mut body);
    Response::json(200, body)
}

type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

fn pop_up(card: &Card) -> Members<'_> {
    let contact = |key: &str| shown::main(card, key);
    let client = texts([
        ("name", contact("name")),
        ("phone", contact("phone")),
        ("email", contact("email")),
    ]);
    let mut members = vec![("client".into(), Node::Object(client))];
    members
        .extend(texts([("card_url", card.url.as_deref().and_then(shown::url).map(str::to_owned))]));
    if let Some(manager) = &card.manager {
        let shown_text = |text: &Option<String>| text.as_deref().and_then(shown::line);
        let manager = texts([
            ("name", shown_text(&manager.name)),
            ("email", shown_text(&manager.email)),
            ("phone", shown_text(&manager.phone)),
        ]);
        members.push(("manager".into(), Node::Object(manager)));
    }
    let lines = card.lines.iter().map(line).filter(|line| !line.is_empty());
    members.push(("lines".into(), Node::List(lines.take(LINES_MAX).map(Node::Object).collect())));
    members
}

fn line(line: &Line) -> Members<'_> {
    texts([
        ("title", shown::line(&line.title)),
        ("text", shown::line(&line.text)),
        ("url", line.url.as_deref().and_then(shown::url).map(str::to_owned)),
    ])
}

/// Those that have a text.
fn texts<'a, const N: usize>(members: [(&'a str, Option<String>); N]) -> Members<'a> {
    let member = |(key, text): (&'a str, Option<String>)| {
        Some((Cow::Borrowed(key), Node::Text(Cow::Owned(text?))))
    };
    members.into_iter().filter_map(member).collect()
}

/// The number or login of a manager who is there to take the call.
fn destination(manager: &Person) -> Option<String> {
    let phone = manager.phone.as_deref()?.trim();
    let is_plain =
        phone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+_-.@() ".contains(&byte));
    if !manager.active || !is_plain || DESTINATION_BYTES_MAX < phone.len() {
        return None;
    }
    let bare: String = phone.chars().filter(|c| !matches!(c, '(' | ')' | ' ')).collect();
    (!bare.is_empty()).then_some(bare)
}
