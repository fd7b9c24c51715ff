//! Which of the vendor's interfaces a request calls: told by the path behind the webhook URL, else by its shape.

use std::fmt;

use patchbay_sdk::channel::{Event, Intake, Kind, Received, Rejection, Request, Response};
use patchbay_sdk::json::tolerant::Text;
use patchbay_sdk::json::{DEPTH_MAX, is_too_deep};
use patchbay_sdk::types::Identifier;

use crate::search::Search;
use crate::webhook::{Body, Webhook};
use crate::{answer, auth, event, form, managers, search};

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A request that could be read.
#[derive(Debug)]
pub(crate) enum Call<'a> {
    Webhook(Box<Webhook<'a>>),
    Search(Search<'a>),
    /// With the token, which is not empty.
    Auth(Text<'a>),
    /// With the page.
    Managers(Text<'a>),
}

/// Why a request is none of this channel's. Names no value of the body, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Method,
    NotUtf8,
    NotAnObject,
    NotReadable { line: usize, column: usize },
    TooDeep,
    Missing(&'static str),
    Unknown,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("the method is neither POST nor GET"),
            Self::NotUtf8 => f.write_str("the body is not UTF-8"),
            Self::NotAnObject => f.write_str("the body is neither a JSON object nor a form"),
            Self::NotReadable { line, column } => {
                write!(f, "the body cannot be read at line {line}, column {column}: no JSON, or a member of another type")
            }
            Self::TooDeep => write!(f, "the body is nested deeper than {DEPTH_MAX} levels"),
            Self::Missing(member) => write!(f, "the body has no `{member}`, which this path needs"),
            Self::Unknown => f.write_str(
                "the body is none of iQChannels': expected `ChatEvent` (webhook), `client` (search) or `token` (auth)",
            ),
        }
    }
}

/// What the path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interface {
    Webhook,
    Search,
    Auth,
    Managers,
}

impl Interface {
    fn named_by(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/');
        match path.rsplit('/').next()? {
            "webhook" => Some(Self::Webhook),
            "search" => Some(Self::Search),
            "auth" => Some(Self::Auth),
            "managers" => Some(Self::Managers),
            _ => None,
        }
    }

    fn shown_by(body: &Body<'_>) -> Option<Self> {
        if body.event.is_some() {
            Some(Self::Webhook)
        } else if body.client.get().is_some() {
            Some(Self::Search)
        } else if body.token.get().is_some() {
            Some(Self::Auth)
        } else {
            None
        }
    }
}

/// A request as events, or as the answer to give at once.
pub(crate) fn received(request: &Request) -> Received {
    match read(request) {
        Ok(Call::Webhook(webhook)) => {
            let event = event::event(&webhook, context(request));
            Received::Events(Intake { events: vec![event], fallback: answer::received() })
        }
        Ok(Call::Search(search)) => search::received(&search, request),
        Ok(Call::Auth(token)) => auth::received(&token, request),
        Ok(Call::Managers(page)) => managers::received(&page, request),
        Err(Fault::Method) => Received::Answer(answer::not_allowed()),
        Err(fault) => Received::Reject(Rejection { status: 400, reason: fault.to_string() }),
    }
}

/// Reads a request, whatever its content type says.
pub(crate) fn read(request: &Request) -> Result<Call<'_>, Fault> {
    let named = Interface::named_by(&request.path);
    let text = match request.method.as_str() {
        "GET" if matches!(named, None | Some(Interface::Managers)) => "",
        "POST" => str::from_utf8(&request.body).ok().ok_or(Fault::NotUtf8)?,
        _ => return Err(Fault::Method),
    };
    let text = text.trim_start_matches(BYTE_ORDER_MARK).trim();
    if text.is_empty() && matches!(named, None | Some(Interface::Managers)) {
        let query = form::body(&request.query).ok_or(Fault::NotUtf8)?;
        return Ok(Call::Managers(query.page));
    }
    let body = body(text)?;
    match named.or_else(|| Interface::shown_by(&body)).ok_or(Fault::Unknown)? {
        Interface::Webhook => {
            let event = body.event.ok_or(Fault::Missing("ChatEvent"))?;
            let rels = body.rels.unwrap_or_default();
            Ok(Call::Webhook(Box::new(Webhook { event, rels })))
        }
        Interface::Search => Search::of(body).map(Call::Search).ok_or(Fault::Missing("client")),
        Interface::Auth if body.token.get().is_none() => Err(Fault::Missing("token")),
        Interface::Auth => Ok(Call::Auth(body.token)),
        Interface::Managers => Ok(Call::Managers(body.page)),
    }
}

fn body(text: &str) -> Result<Body<'_>, Fault> {
    if text.starts_with('{') {
        if is_too_deep(text.as_bytes()) {
            return Err(Fault::TooDeep);
        }
        // Keeps the place alone: the words of the parser could repeat what stands there.
        return serde_json::from_str(text)
            .map_err(|error| Fault::NotReadable { line: error.line(), column: error.column() });
    }
    let is_form = text.contains('=') && !text.starts_with(['[', '"', '<', '-']);
    if is_form { form::body(text).ok_or(Fault::NotUtf8) } else { Err(Fault::NotAnObject) }
}

/// What templates see of a webhook: the body itself, or what is left of it without its mark.
fn context(request: &Request) -> Option<String> {
    let text = str::from_utf8(&request.body).ok()?.strip_prefix(BYTE_ORDER_MARK)?;
    Some(text.trim_start_matches(BYTE_ORDER_MARK).to_owned())
}

/// A question to the CRM: stored nowhere, and answered apart from every other one.
///
/// Two questions with the same words are two, so that each is asked anew. The lane is the question's
/// own: one that has to be asked again holds up no other.
pub(crate) fn question(
    request: &Request,
    kind: Kind,
    client: Vec<Identifier>,
    context: String,
) -> Event {
    let key = format!("ask:{}:{:016x}", request.received_at, fingerprint(request));
    Event {
        dedup_key: Some(key.clone()),
        conversation: key,
        episode: None,
        wants_reply: true,
        occurred_at: None,
        kind,
        client,
        fields: Vec::new(),
        agents: Vec::new(),
        context: Some(context),
    }
}

/// A question, and the answer to it when the CRM is late.
pub(crate) fn asked(event: Event, fallback: Response) -> Received {
    Received::Events(Intake { events: vec![event], fallback })
}

/// FNV-1a: tells apart two questions that arrive in the same instant.
fn fingerprint(request: &Request) -> u64 {
    let parts = [request.path.as_bytes(), b"?", request.query.as_bytes(), b"\n", &request.body];
    parts.into_iter().flatten().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
