//! The bytes of a webhook to what is read of them: one pass over a sound body, a second one over a
//! mended body.

use std::cell::OnceCell;

use serde::Deserialize;

use super::{Fault, repair};
use crate::form::without_mark;

/// Deeper nesting is refused, as the host's own JSON parser would refuse it.
pub const DEPTH_MAX: usize = 128;

/// A body that is worth reading, whatever its content type says.
///
/// ```
/// use patchbay_sdk::json::{Body, Fault, tolerant::Text};
/// use patchbay_sdk::tolerant;
///
/// tolerant! {
///     struct Webhook<'a> { "id" => id: Text<'a> }
/// }
///
/// let body = Body::object(br#"{"id": 123456789012345678901}"#).unwrap();
/// let (webhook, source) = body.read::<Webhook<'_>>().unwrap();
/// assert_eq!(webhook.id.get(), Some("123456789012345678901"));
/// assert!(source.changed, "the number was mended to a text, to keep its digits");
///
/// assert_eq!(Body::object(b"id=1").err(), Some(Fault::NotAnObject));
/// ```
#[derive(Debug)]
pub struct Body<'b> {
    /// Without a byte order mark.
    bare: &'b [u8],
    has_mark: bool,
    mended: OnceCell<String>,
}

/// The text that was read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub text: &'a str,
    /// Not the bytes as received: a byte order mark is gone, or something was mended.
    pub changed: bool,
}

impl<'b> Body<'b> {
    /// A body of any shape: neither empty nor nested too deep.
    #[inline]
    pub fn new(body: &'b [u8]) -> Result<Self, Fault> {
        let bare = without_mark(body);
        if bare.trim_ascii_start().is_empty() {
            return Err(Fault::Empty);
        }
        if is_too_deep(bare) {
            return Err(Fault::TooDeep);
        }
        Ok(Self { bare, has_mark: bare.len() != body.len(), mended: OnceCell::new() })
    }

    /// A body that begins as an object does.
    #[inline]
    pub fn object(body: &'b [u8]) -> Result<Self, Fault> {
        match without_mark(body).trim_ascii_start().first() {
            Some(b'{') | None => Self::new(body),
            Some(_) => Err(Fault::NotAnObject),
        }
    }

    /// Reads it as it is; where that fails, mends and reads it once more.
    pub fn read<'s, T: Deserialize<'s>>(&'s self) -> Result<(T, Source<'s>), Fault> {
        let sound = self
            .sound()
            .and_then(|source| serde_json::from_str(source.text).ok().map(|value| (value, source)));
        sound.map_or_else(
            || {
                let source = self.mended();
                Ok((serde_json::from_str(source.text)?, source))
            },
            Ok,
        )
    }

    /// As received, but for the byte order mark; `None` where it is not UTF-8.
    #[inline]
    pub fn sound(&self) -> Option<Source<'b>> {
        Some(Source { text: str::from_utf8(self.bare).ok()?, changed: self.has_mark })
    }

    /// With everything mended that [`repair()`] mends, and U+FFFD for what is not UTF-8.
    pub fn mended(&self) -> Source<'_> {
        let text = self.mended.get_or_init(|| repair(&String::from_utf8_lossy(self.bare)));
        Source { text, changed: true }
    }
}

/// Whether brackets are nested deeper than [`DEPTH_MAX`]. They need not match.
///
/// A few brackets cannot nest deeply, so that most bodies are only counted. Inlined, as what else every
/// body passes, so that it is made as fast as its adapter is asked to be.
#[inline]
pub fn is_too_deep(body: &[u8]) -> bool {
    let opened = body.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    DEPTH_MAX < opened && DEPTH_MAX < depth(body)
}

#[inline]
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
    use crate::json::tolerant::Members;

    fn object(body: impl AsRef<[u8]>) -> Result<bool, Fault> {
        let body = Body::object(body.as_ref())?;
        let (_, source) = body.read::<Members<'_>>()?;
        Ok(source.changed)
    }

    #[test]
    fn what_is_no_object_is_named() {
        let cases: [(&[u8], Fault); 7] = [
            (b"", Fault::Empty),
            (b"\xef\xbb\xbf \r\n", Fault::Empty),
            (b"[{}]", Fault::NotAnObject),
            (b"a=b", Fault::NotAnObject),
            (b"null", Fault::NotAnObject),
            (b"{\"a\":\"x\"", Fault::NotJson { line: 1, column: 8 }),
            (b"{\"a\":\"x\"} tail", Fault::NotJson { line: 1, column: 11 }),
        ];
        for (body, expected) in cases {
            assert_eq!(object(body), Err(expected), "{}", String::from_utf8_lossy(body));
        }
        assert!(Body::new(b"a=b").is_ok());
        assert_eq!(Body::new(b" ").err(), Some(Fault::Empty));
    }

    #[test]
    fn nesting_is_borne_up_to_the_limit() {
        let nested = |levels: usize| {
            format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
        };
        assert_eq!(object(nested(DEPTH_MAX)), Ok(false));
        assert_eq!(object(nested(DEPTH_MAX + 1)), Err(Fault::TooDeep));
        assert_eq!(object("{\"a\":".repeat(10_000)), Err(Fault::TooDeep));
        assert_eq!(object("[".repeat(10_000)), Err(Fault::NotAnObject));
        assert_eq!(Body::new("[".repeat(10_000).as_bytes()).err(), Some(Fault::TooDeep));
    }

    #[test]
    fn many_brackets_side_by_side_or_in_texts_are_not_deep() {
        let wide =
            format!("{{\"a\":[{}0],\"b\":\"{}\\\"[\"}}", "[],".repeat(500), "{[".repeat(500));
        assert_eq!(object(wide), Ok(false));
    }

    #[test]
    fn a_sound_body_is_not_changed_and_a_mended_one_is() {
        assert_eq!(object(" {\"a\":\"x\"}\r\n"), Ok(false));
        assert_eq!(object("\u{feff}{\"a\":\"x\"}"), Ok(true));
        assert_eq!(object(b"{\"a\":\"x\xff\"}"), Ok(true));
        assert_eq!(object("{\"a\":\"x\\ud83d\"}"), Ok(true));
        assert_eq!(object("{\"a\":1e400}"), Ok(true));
    }

    #[test]
    fn a_sound_text_is_the_bodys_own() {
        let bytes = "\u{feff}{}".as_bytes();
        let body = Body::new(bytes).unwrap();
        assert!(body.sound().is_some_and(|source| source.text.as_ptr() == bytes[3..].as_ptr()));
        assert!(Body::new(b"\xff").unwrap().sound().is_none());
        assert_eq!(Body::new(b"\xff").unwrap().mended().text, "\u{fffd}");
    }
}
