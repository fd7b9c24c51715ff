//! Bytes to a typed webhook: one pass over a sound body, a second one over a repaired body.

use std::fmt;

use crate::repair::repair;
use crate::webhook::Webhook;

/// Deeper nesting is refused, as the host's own JSON parser would refuse it.
const MAX_DEPTH: usize = 128;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a body is not LiveTex's webhook. Names no value of the body, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Empty,
    NotAnObject,
    NotJson { line: usize, column: usize },
    TooDeep,
    NoConversation,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the body is empty")?,
            Self::NotAnObject => f.write_str("the body is not a JSON object")?,
            Self::NotJson { line, column } => {
                write!(f, "the body is not JSON at line {line}, column {column}")?;
            }
            Self::TooDeep => write!(f, "the body is nested deeper than {MAX_DEPTH} levels")?,
            Self::NoConversation => {
                f.write_str("the body has no `Conversation` with a `discourser` or an `employee`")?;
            }
        }
        f.write_str(
            "; expected LiveTex's webhook: one JSON object with `Conversation` and `discourser`",
        )
    }
}

/// The text that a webhook was read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    /// Not the bytes as received: a byte order mark is gone, or something was mended.
    pub(crate) changed: bool,
}

/// Reads a body, whatever its content type says, and hands the webhook on.
pub(crate) fn read<R>(
    body: &[u8],
    then: impl FnOnce(&Webhook<'_>, Source<'_>) -> R,
) -> Result<R, Fault> {
    let bare = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    match bare.trim_ascii_start().first() {
        None => return Err(Fault::Empty),
        Some(b'{') => {}
        Some(_) => return Err(Fault::NotAnObject),
    }
    if is_too_deep(bare) {
        return Err(Fault::TooDeep);
    }
    let repaired;
    let (text, webhook, changed) = if let Some((text, webhook)) = read_sound(bare) {
        (text, webhook, bare.len() != body.len())
    } else {
        repaired = repair(&String::from_utf8_lossy(bare));
        let webhook = serde_json::from_str(&repaired).map_err(|e| not_json(&e))?;
        (repaired.as_str(), webhook, true)
    };
    if !webhook.is_event() {
        return Err(Fault::NoConversation);
    }
    Ok(then(&webhook, Source { text, changed }))
}

fn read_sound(body: &[u8]) -> Option<(&str, Webhook<'_>)> {
    let text = str::from_utf8(body).ok()?;
    Some((text, serde_json::from_str(text).ok()?))
}

/// Keeps the place alone: the words of the parser could repeat what stands there.
fn not_json(error: &serde_json::Error) -> Fault {
    Fault::NotJson { line: error.line(), column: error.column() }
}

/// A few brackets cannot nest deeply, so that most bodies are only counted.
fn is_too_deep(body: &[u8]) -> bool {
    let opened = body.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    MAX_DEPTH < opened && MAX_DEPTH < depth(body)
}

fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#""Conversation":{"id":1},"discourser":{"id":2}"#;

    fn nested(levels: usize) -> String {
        // The object itself is the first level.
        let inner = levels - 1;
        format!(r#"{{{SOUND},"deep":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
    }

    fn fault(body: impl AsRef<[u8]>) -> Option<Fault> {
        read(body.as_ref(), |_, _| ()).err()
    }

    #[test]
    fn what_is_not_a_webhook_is_named() {
        let cases: [(&[u8], Fault); 9] = [
            (b"", Fault::Empty),
            (b"\xef\xbb\xbf \r\n", Fault::Empty),
            (b"[{\"service\":\"telegram\"}]", Fault::NotAnObject),
            (b"Conversation=1", Fault::NotAnObject),
            (b"null", Fault::NotAnObject),
            (b"{\"Conversation\":{}", Fault::NotJson { line: 1, column: 18 }),
            (b"{\"Conversation\":{}} tail", Fault::NotJson { line: 1, column: 21 }),
            (b"{\"event_name\":\"x\"}", Fault::NoConversation),
            (b"{\"Conversation\":[1],\"discourser\":{\"id\":1}}", Fault::NoConversation),
        ];
        for (body, expected) in cases {
            assert_eq!(fault(body), Some(expected), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn nesting_is_borne_up_to_the_limit() {
        assert_eq!(fault(nested(MAX_DEPTH)), None);
        assert_eq!(fault(nested(MAX_DEPTH + 1)), Some(Fault::TooDeep));
        assert_eq!(fault("{\"a\":".repeat(10_000)), Some(Fault::TooDeep));
        let wide = format!(
            r#"{{{SOUND},"a":[{}0],"b":"{}\"["}}"#,
            "[],".repeat(1_000),
            "{[".repeat(1_000)
        );
        assert_eq!(fault(wide), None);
    }

    #[test]
    fn a_sound_body_is_not_changed_and_a_mended_one_is() {
        let changed = |body: &str| read(body.as_bytes(), |_, source| source.changed).unwrap();
        assert!(!changed(&format!(" {{{SOUND}}}\r\n")));
        assert!(changed(&format!("\u{feff}{{{SOUND}}}")));
        assert!(changed(r#"{"Conversation":{"id":1},"discourser":{"id":"\ud83d"}}"#));
        assert!(changed(r#"{"Conversation":{"id":1},"discourser":{"id":1e400}}"#));
    }
}
