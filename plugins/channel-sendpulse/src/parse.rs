//! Bytes to typed events: one pass over a sound body, a second one over a repaired body.

use std::fmt;

use patchbay_sdk::channel::Rejection;
use patchbay_sdk::json::{self, Body, Source};

use crate::webhook::Webhook;

/// The host takes no more events from one request.
pub(crate) const MAX_EVENTS: usize = 1_000;

/// Why a body is refused. Names no value of the body, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Body(json::Fault),
    NotStructured,
    /// Counted from 1, lines and columns from the beginning of the event.
    NotJson {
        event: usize,
        line: usize,
        column: usize,
    },
    /// No comma and no end of the array where one belongs.
    BrokenArray {
        events: usize,
    },
    TooMany,
    NoEvent,
    ForeignBot,
}

impl Fault {
    pub(crate) fn rejection(self) -> Rejection {
        let status = match self {
            Self::TooMany => 413,
            Self::ForeignBot => 403,
            _ => 400,
        };
        Rejection { status, reason: self.to_string() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(fault) => fault.fmt(f)?,
            Self::NotStructured => f.write_str("the body is neither a JSON array nor an object")?,
            Self::NotJson { event, line, column } => {
                write!(f, "event {event} is not JSON at its line {line}, column {column}")?;
            }
            Self::BrokenArray { events } => {
                write!(f, "the array is broken or cut off after {events} events")?;
            }
            Self::NoEvent => {
                f.write_str("nothing in the body has a `contact` with a `title` or a `service`")?;
            }
            Self::TooMany => {
                return write!(f, "the body has more than {MAX_EVENTS} events: send fewer at once");
            }
            Self::ForeignBot => {
                return f.write_str(
                    "the event's `bot.id` is not one of the setting `bot-ids`: add it there, or use the URL of \
                     another account",
                );
            }
        }
        f.write_str("; expected SendPulse's webhook: a JSON array of events")
    }
}

/// One element of the body: what was read of it, and what templates see.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    pub(crate) webhook: Webhook<'a>,
    /// The element's own text; `None` where it is the body as received.
    pub(crate) context: Option<&'a str>,
}

/// Reads a body, whatever its content type says, and hands its elements on.
pub(crate) fn read<R>(body: &[u8], then: impl FnOnce(&[Element<'_>]) -> R) -> Result<R, Fault> {
    let body = Body::new(body).map_err(Fault::Body)?;
    match body.sound().map(elements) {
        Some(Ok(elements)) => Ok(then(&elements)),
        // What is wrong with these cannot be mended.
        Some(Err(fault @ (Fault::NotStructured | Fault::TooMany))) => Err(fault),
        Some(Err(_)) | None => elements(body.mended()).map(|elements| then(&elements)),
    }
}

fn elements(source: Source<'_>) -> Result<Vec<Element<'_>>, Fault> {
    let text = source.text.trim_ascii();
    if let Some(items) = text.strip_prefix('[') {
        return array(items);
    }
    if !text.starts_with('{') {
        return Err(Fault::NotStructured);
    }
    let webhook = serde_json::from_str(text).map_err(|error| not_json(1, &error))?;
    Ok(vec![Element { webhook, context: source.changed.then_some(text) }])
}

/// What follows the opening bracket, element by element: each is read once, and its text is known.
fn array(items: &str) -> Result<Vec<Element<'_>>, Fault> {
    let mut elements = Vec::with_capacity(1);
    let mut rest = items.trim_ascii_start();
    if let Some(after) = rest.strip_prefix(']') {
        return if after.is_empty() { Ok(elements) } else { Err(broken(0)) };
    }
    loop {
        let number = elements.len() + 1;
        if MAX_EVENTS < number {
            return Err(Fault::TooMany);
        }
        let (element, after) = first(rest, number)?;
        elements.push(element);
        let after = after.trim_ascii_start();
        if let Some(next) = after.strip_prefix(',') {
            rest = next.trim_ascii_start();
        } else if after == "]" {
            return Ok(elements);
        } else {
            return Err(broken(number));
        }
    }
}

fn broken(events: usize) -> Fault {
    Fault::BrokenArray { events }
}

/// The first JSON value of a text, and what follows it.
fn first(text: &str, number: usize) -> Result<(Element<'_>, &str), Fault> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Webhook<'_>>();
    let webhook = match values.next() {
        Some(Ok(webhook)) => webhook,
        Some(Err(error)) => return Err(not_json(number, &error)),
        None => return Err(broken(number - 1)),
    };
    let (own, rest) =
        text.split_at_checked(values.byte_offset()).ok_or_else(|| broken(number - 1))?;
    Ok((Element { webhook, context: Some(own) }, rest))
}

/// Keeps the place alone: the words of the parser could repeat what stands there.
fn not_json(event: usize, error: &serde_json::Error) -> Fault {
    Fault::NotJson { event, line: error.line(), column: error.column() }
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::json::DEPTH_MAX;

    use super::*;

    fn fault(body: impl AsRef<[u8]>) -> Option<Fault> {
        read(body.as_ref(), |_| ()).err()
    }

    fn contexts(body: &[u8]) -> Vec<Option<String>> {
        read(body, |elements| elements.iter().map(|e| e.context.map(str::to_owned)).collect())
            .unwrap()
    }

    #[test]
    fn what_is_no_list_of_events_is_named() {
        let cases: [(&[u8], Fault); 12] = [
            (b"", Fault::Body(json::Fault::Empty)),
            (b"\xef\xbb\xbf \r\n", Fault::Body(json::Fault::Empty)),
            (b"null", Fault::NotStructured),
            (b"service=telegram&title=x", Fault::NotStructured),
            (b"\"[]\"", Fault::NotStructured),
            (b"{\"title\":\"x\"", Fault::NotJson { event: 1, line: 1, column: 12 }),
            (b"{\"title\":\"x\"} tail", Fault::NotJson { event: 1, line: 1, column: 15 }),
            (b"[{}, {\"a\" 1}]", Fault::NotJson { event: 2, line: 1, column: 6 }),
            (b"[{}", Fault::BrokenArray { events: 1 }),
            (b"[", Fault::BrokenArray { events: 0 }),
            (b"[{}] tail", Fault::BrokenArray { events: 1 }),
            (b"[] tail", Fault::BrokenArray { events: 0 }),
        ];
        for (body, expected) in cases {
            assert_eq!(fault(body), Some(expected), "{}", String::from_utf8_lossy(body));
        }
        assert_eq!(fault(b"[{},]"), Some(Fault::NotJson { event: 2, line: 1, column: 1 }));
    }

    #[test]
    fn each_event_has_its_own_text() {
        let body = r#" [ {"a":"],["} ,
            {"b":{"c":[1,"é"]}}, 7, "x" , null ] "#;
        let expected = [r#"{"a":"],["}"#, r#"{"b":{"c":[1,"é"]}}"#, "7", "\"x\"", "null"];
        assert_eq!(contexts(body.as_bytes()), expected.map(|text| Some(text.to_owned())));
    }

    #[test]
    fn an_object_alone_is_its_own_context_unless_it_was_mended() {
        assert_eq!(contexts(b" {\"title\":\"x\"}\n"), [None]);
        let mended = [Some("{\"title\":\"x\"}".to_owned())];
        assert_eq!(contexts(b"\xef\xbb\xbf{\"title\":\"x\"}"), mended);
        assert_eq!(contexts(b"{\"title\":\"x\xff\"}"), [Some("{\"title\":\"x\u{fffd}\"}".into())]);
        assert_eq!(contexts(b"[{\"date\":1e400}]"), [Some("{\"date\":\"1e400\"}".into())]);
    }

    #[test]
    fn nesting_is_borne_up_to_the_limit() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(fault(nested(DEPTH_MAX)), None);
        assert_eq!(fault(nested(DEPTH_MAX + 1)), Some(Fault::Body(json::Fault::TooDeep)));
        assert_eq!(fault("{\"a\":".repeat(10_000)), Some(Fault::Body(json::Fault::TooDeep)));
        let wide = format!("[{}0]", "{\"a\":\"[{\"},".repeat(500));
        assert_eq!(fault(wide), None);
    }

    #[test]
    fn as_many_events_are_read_as_the_host_takes() {
        let events = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        assert_eq!(fault(events(MAX_EVENTS)), None);
        assert_eq!(fault(events(MAX_EVENTS + 1)), Some(Fault::TooMany));
        assert_eq!(Fault::TooMany.rejection().status, 413);
    }
}
