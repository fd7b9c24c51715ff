//! Which of the vendor's interfaces a request calls: told by the path behind the webhook URL, else by its shape.

use std::fmt;

use patchbay_sdk::channel::{Event, Intake, Kind, Received, Rejection, Request, Response};
use patchbay_sdk::form::without_mark;
use patchbay_sdk::json::tolerant::{Item, Text};
use patchbay_sdk::json::{self, Source};
use patchbay_sdk::types::Identifier;

use crate::search::Search;
use crate::webhook::{Body, Webhook};
use crate::{answer, auth, event, form, managers, search};

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
    Json(json::Fault),
    Missing(&'static str),
    Unknown,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("the method is neither POST nor GET"),
            Self::NotUtf8 => f.write_str("the body is not UTF-8"),
            Self::NotAnObject => f.write_str("the body is neither a JSON object nor a form"),
            Self::Json(fault) => fault.fmt(f),
            Self::Missing(member) => write!(f, "the body has no `{member}`, which this path needs"),
            Self::Unknown => f.write_str(
                "the body is none of iQChannels': expected `ChatEvent` (webhook), `client` (search) or `token` (auth)",
            ),
        }
    }
}

impl From<json::Fault> for Fault {
    fn from(fault: json::Fault) -> Self {
        Self::Json(fault)
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
        if !body.event.is_blank() {
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
    let received = read(request, |call, source| match call {
        Call::Webhook(webhook) => {
            // What templates see: the body itself, or what was read in its place.
            let context = source.filter(|source| source.changed);
            let event = event::event(&webhook, context.map(|source| source.text.to_owned()));
            Received::Events(Intake { events: vec![event], fallback: answer::received() })
        }
        Call::Search(search) => search::received(&search, request),
        Call::Auth(token) => auth::received(&token, request),
        Call::Managers(page) => managers::received(&page, request),
    });
    received.unwrap_or_else(|fault| match fault {
        Fault::Method => Received::Answer(answer::not_allowed()),
        fault => Received::Reject(Rejection { status: 400, reason: fault.to_string() }),
    })
}

/// Reads a request, whatever its content type says, and hands it on with the JSON that was read.
pub(crate) fn read<R>(
    request: &Request,
    then: impl FnOnce(Call<'_>, Option<Source<'_>>) -> R,
) -> Result<R, Fault> {
    let named = Interface::named_by(&request.path);
    let sent: &[u8] = match request.method.as_str() {
        "GET" if matches!(named, None | Some(Interface::Managers)) => b"",
        "POST" => &request.body,
        _ => return Err(Fault::Method),
    };
    let bare = without_mark(sent).trim_ascii();
    match bare.first() {
        None if named == Some(Interface::Managers) || asks_for_managers(named, &request.query) => {
            let query = form::body(&request.query).ok_or(Fault::NotUtf8)?;
            Ok(then(Call::Managers(query.page), None))
        }
        None if named.is_none() => Err(Fault::Unknown),
        Some(b'{') => {
            let body = json::Body::object(sent)?;
            let (body, source) = body.read::<Body<'_>>()?;
            Ok(then(call(named, body)?, Some(source)))
        }
        _ => {
            let text = str::from_utf8(bare).ok().ok_or(Fault::NotUtf8)?;
            let is_form = text.contains('=') && !text.starts_with(['[', '"', '<', '-']);
            if !is_form {
                return Err(Fault::NotAnObject);
            }
            Ok(then(call(named, form::body(text).ok_or(Fault::NotUtf8)?)?, None))
        }
    }
}

/// Without a path another sender's GET looks the same but for its parameters: no list of clients is
/// for that one.
fn asks_for_managers(named: Option<Interface>, query: &str) -> bool {
    let mut pairs = query.split('&').filter(|pair| !pair.is_empty());
    named.is_none() && pairs.all(|pair| pair == "page" || pair.starts_with("page="))
}

fn call(named: Option<Interface>, body: Body<'_>) -> Result<Call<'_>, Fault> {
    match named.or_else(|| Interface::shown_by(&body)).ok_or(Fault::Unknown)? {
        Interface::Webhook if body.event.is_blank() => Err(Fault::Missing("ChatEvent")),
        Interface::Webhook => {
            let Body { event, rels, .. } = body;
            Ok(Call::Webhook(Box::new(Webhook { event, rels })))
        }
        Interface::Search => Search::of(body).map(Call::Search).ok_or(Fault::Missing("client")),
        Interface::Auth if body.token.get().is_none() => Err(Fault::Missing("token")),
        Interface::Auth => Ok(Call::Auth(body.token)),
        Interface::Managers => Ok(Call::Managers(body.page)),
    }
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
