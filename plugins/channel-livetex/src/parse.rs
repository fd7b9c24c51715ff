//! Bytes to a typed webhook: one pass over a sound body, a second one over a repaired body.

use std::fmt;

use patchbay_sdk::json::{self, Body, Source};

use crate::webhook::Webhook;

/// Why a body is not LiveTex's webhook. Names no value of the body, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Json(json::Fault),
    NoConversation,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(fault) => fault.fmt(f)?,
            Self::NoConversation => {
                f.write_str("the body has no `Conversation` with a `discourser` or an `employee`")?;
            }
        }
        f.write_str(
            "; expected LiveTex's webhook: one JSON object with `Conversation` and `discourser`",
        )
    }
}

impl From<json::Fault> for Fault {
    fn from(fault: json::Fault) -> Self {
        Self::Json(fault)
    }
}

/// Reads a body, whatever its content type says, and hands the webhook on.
pub(crate) fn read<R>(
    body: &[u8],
    then: impl FnOnce(&Webhook<'_>, Source<'_>) -> R,
) -> Result<R, Fault> {
    let body = Body::object(body)?;
    let (webhook, source) = body.read::<Webhook<'_>>()?;
    if !webhook.is_event() {
        return Err(Fault::NoConversation);
    }
    Ok(then(&webhook, source))
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::json::DEPTH_MAX;

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
            (b"", Fault::Json(json::Fault::Empty)),
            (b"\xef\xbb\xbf \r\n", Fault::Json(json::Fault::Empty)),
            (b"[{\"service\":\"telegram\"}]", Fault::Json(json::Fault::NotAnObject)),
            (b"Conversation=1", Fault::Json(json::Fault::NotAnObject)),
            (b"null", Fault::Json(json::Fault::NotAnObject)),
            (b"{\"Conversation\":{}", Fault::Json(json::Fault::NotJson { line: 1, column: 18 })),
            (
                b"{\"Conversation\":{}} tail",
                Fault::Json(json::Fault::NotJson { line: 1, column: 21 }),
            ),
            (b"{\"event_name\":\"x\"}", Fault::NoConversation),
            (b"{\"Conversation\":[1],\"discourser\":{\"id\":1}}", Fault::NoConversation),
        ];
        for (body, expected) in cases {
            assert_eq!(fault(body), Some(expected), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn nesting_is_borne_up_to_the_limit() {
        assert_eq!(fault(nested(DEPTH_MAX)), None);
        assert_eq!(fault(nested(DEPTH_MAX + 1)), Some(Fault::Json(json::Fault::TooDeep)));
        assert_eq!(fault("{\"a\":".repeat(10_000)), Some(Fault::Json(json::Fault::TooDeep)));
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
