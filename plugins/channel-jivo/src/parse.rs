//! Bytes to a typed webhook: one pass over a sound body, a second one over a repaired body.

use std::fmt;

use patchbay_sdk::json::{self, Body, Source};

use crate::webhook::Webhook;

/// Why a body is not a Jivo webhook. Names no value of the body, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Json(json::Fault),
    NoEventName,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(fault) => fault.fmt(f)?,
            Self::NoEventName => f.write_str("the body has no `event_name`")?,
        }
        f.write_str("; expected Jivo's webhook: one JSON object with `event_name`")
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
    if webhook.event_name.get().is_none() {
        return Err(Fault::NoEventName);
    }
    Ok(then(&webhook, source))
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::json::DEPTH_MAX;

    use super::*;

    fn nested(levels: usize) -> String {
        // The object itself is the first level.
        let inner = levels - 1;
        format!(r#"{{"event_name":"x","deep":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
    }

    fn fault(body: &[u8]) -> Option<Fault> {
        read(body, |_, _| ()).err()
    }

    #[test]
    fn what_is_not_a_webhook_is_named() {
        let cases: [(&[u8], Fault); 9] = [
            (b"", Fault::Json(json::Fault::Empty)),
            (b"\xef\xbb\xbf \r\n", Fault::Json(json::Fault::Empty)),
            (b"[{\"service\":\"telegram\"}]", Fault::Json(json::Fault::NotAnObject)),
            (b"event_name=chat_accepted", Fault::Json(json::Fault::NotAnObject)),
            (b"null", Fault::Json(json::Fault::NotAnObject)),
            (b"{\"event_name\":\"x\"", Fault::Json(json::Fault::NotJson { line: 1, column: 17 })),
            (
                b"{\"event_name\":\"x\"} tail",
                Fault::Json(json::Fault::NotJson { line: 1, column: 20 }),
            ),
            (b"{\"event\":\"x\"}", Fault::NoEventName),
            (b"{\"event_name\":[]}", Fault::NoEventName),
        ];
        for (body, expected) in cases {
            assert_eq!(fault(body), Some(expected), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn nesting_is_borne_up_to_the_limit() {
        assert_eq!(fault(nested(DEPTH_MAX).as_bytes()), None);
        assert_eq!(
            fault(nested(DEPTH_MAX + 1).as_bytes()),
            Some(Fault::Json(json::Fault::TooDeep))
        );
        assert_eq!(fault(nested(10_000).as_bytes()), Some(Fault::Json(json::Fault::TooDeep)));
        assert_eq!(
            fault("[".repeat(10_000).as_bytes()),
            Some(Fault::Json(json::Fault::NotAnObject))
        );
    }

    #[test]
    fn many_brackets_side_by_side_or_in_texts_are_not_deep() {
        let wide = format!(
            r#"{{"event_name":"x","a":[{}0],"b":"{}\"["}}"#,
            "[],".repeat(1_000),
            "{[".repeat(1_000)
        );
        assert_eq!(fault(wide.as_bytes()), None);
    }

    #[test]
    fn a_sound_body_is_not_changed_and_a_mended_one_is() {
        let changed = |body: &[u8]| read(body, |_, source| source.changed).unwrap();
        assert!(!changed(b" {\"event_name\":\"x\"}\r\n"));
        assert!(changed(b"\xef\xbb\xbf{\"event_name\":\"x\"}"));
        assert!(changed(b"{\"event_name\":\"x\xff\"}"));
        assert!(changed(b"{\"event_name\":\"x\\ud83d\"}"));
        assert!(changed(b"{\"event_name\":\"x\",\"chat_id\":1e400}"));
    }

    #[test]
    fn long_ids_keep_every_digit() {
        let id = |body: &[u8]| read(body, |webhook, _| webhook.offline_message_id.owned()).unwrap();
        let digits = "123456789012345678901234567890";
        let body = format!(r#"{{"event_name":"x","offline_message_id":{digits}}}"#);
        assert_eq!(id(body.as_bytes()).as_deref(), Some(digits));
    }

    #[test]
    fn of_a_repeated_member_the_last_counts() {
        let name = read(br#"{"event_name":"a","event_name":"b"}"#, |webhook, _| {
            webhook.event_name.owned()
        });
        assert_eq!(name, Ok(Some("b".to_owned())));
    }
}
