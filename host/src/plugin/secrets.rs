//! Secrets that never enter the sandbox: placeholders for the guest, values on the way out,
//! and placeholders again for whatever comes back.

use std::{borrow::Cow, sync::Arc};

use url::form_urlencoded;

use crate::{base64, id, secret::Secret};

/// A shorter value is found by chance in any text, so it cannot be scrubbed.
pub(super) const SECRET_BYTES_MIN: usize = 4;

/// Letters and digits only, so that a placeholder survives URLs, headers and JSON as it is.
const PREFIX: &str = "pbsecret";

/// The secrets of one account.
#[derive(Debug)]
pub(super) struct Secrets {
    /// Longest value first: one secret may be a part of another.
    entries: Vec<Arc<Entry>>,
    /// The bytes that some spelling of some secret starts with.
    starts: Box<[bool; 256]>,
}

#[derive(Debug)]
struct Entry {
    /// `None` for a token, which no setting names.
    key: Option<String>,
    value: Secret<String>,
    placeholder: String,
    /// The value as it is, in base64 and in base64 for URLs, both without padding.
    spellings: [Secret<String>; 3],
}

/// Where a value is put in, which decides how it is escaped.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// A part of a URL's path or query, or of a form.
    Component,
    /// Inside a JSON string.
    Json,
    Raw,
}

impl Secrets {
    pub(super) fn new<'a>(values: impl Iterator<Item = (&'a String, &'a Secret<String>)>) -> Self {
        Self::of(values.map(|(key, value)| Arc::new(Entry::new(Some(key), value))).collect())
    }

    /// The same secrets, and tokens that have to be scrubbed with them.
    ///
    /// What the guest sees in the place of a token stands for nothing when it is sent.
    pub(super) fn and_tokens(&self, tokens: &[Secret<String>]) -> Self {
        let tokens = tokens.iter().map(|token| Arc::new(Entry::new(None, token)));
        Self::of(self.entries.iter().cloned().chain(tokens).collect())
    }

    /// All secrets but this one.
    pub(super) fn without(&self, key: &str) -> Self {
        let others = self.entries.iter().filter(|entry| entry.key.as_deref() != Some(key));
        Self::of(others.cloned().collect())
    }

    fn of(mut entries: Vec<Arc<Entry>>) -> Self {
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.value.expose().len()));
        let mut starts = Box::new([false; 256]);
        let firsts = entries.iter().flat_map(|entry| &entry.spellings);
        let firsts = firsts.filter_map(|spelling| spelling.expose().bytes().next());
        for byte in firsts.chain(*b"%\\+") {
            if let Some(slot) = starts.get_mut(usize::from(byte)) {
                *slot = true;
            }
        }
        Self { entries, starts }
    }

    pub(super) fn value(&self, key: &str) -> Option<&Secret<String>> {
        self.entries
            .iter()
            .find(|entry| entry.key.as_deref() == Some(key))
            .map(|entry| &entry.value)
    }

    pub(super) fn placeholder(&self, key: &str) -> Option<&str> {
        let entry = self.entries.iter().find(|entry| entry.key.as_deref() == Some(key));
        entry.map(|entry| entry.placeholder.as_str())
    }

    pub(super) fn is_placeholder_in(&self, text: &str) -> bool {
        self.entries.iter().any(|entry| text.contains(&entry.placeholder))
    }

    /// Puts the values in. None where the result would be longer than `max`.
    pub(super) fn fill<'t>(
        &self,
        text: &'t [u8],
        place: Place,
        max: usize,
    ) -> Option<Cow<'t, [u8]>> {
        if self.entries.is_empty() {
            return (text.len() <= max).then_some(Cow::Borrowed(text));
        }
        let filling = self.entries.iter();
        let filling: Vec<_> =
            filling.map(|entry| (entry, place.escape(entry.value.expose()))).collect();
        let find = |rest: &[u8]| {
            let (entry, with) =
                filling.iter().find(|(entry, _)| rest.starts_with(entry.placeholder.as_bytes()))?;
            Some((entry.placeholder.len(), with.as_bytes()))
        };
        rewrite(text, max, |byte| byte == b'p', find)
    }

    /// Takes the values out, however they are spelled. None where the result would be longer than `max`.
    pub(super) fn scrub_bytes<'t>(&self, text: &'t [u8], max: usize) -> Option<Cow<'t, [u8]>> {
        if self.entries.is_empty() {
            return (text.len() <= max).then_some(Cow::Borrowed(text));
        }
        let is_start = |byte: u8| self.starts.get(usize::from(byte)).copied().unwrap_or(false);
        let find = |rest: &[u8]| {
            self.entries
                .iter()
                .find_map(|entry| Some((entry.length_in(rest)?, entry.placeholder.as_bytes())))
        };
        rewrite(text, max, is_start, find)
    }

    pub(super) fn scrub(&self, text: &str) -> String {
        let clean = self.scrub_bytes(text.as_bytes(), usize::MAX).unwrap_or_default();
        String::from_utf8_lossy(&clean).into_owned()
    }
}

impl Entry {
    fn new(key: Option<&str>, value: &Secret<String>) -> Self {
        let text = value.expose();
        let spellings = [
            text.clone(),
            base64::unpadded(text.as_bytes(), base64::USUAL),
            base64::unpadded(text.as_bytes(), base64::FOR_URLS),
        ]
        .map(Secret::new);
        let placeholder = format!("{PREFIX}{}", id::random_token());
        Self { key: key.map(str::to_owned), value: value.clone(), placeholder, spellings }
    }

    /// How many bytes the secret takes at the start of `text`, if it stands there.
    fn length_in(&self, text: &[u8]) -> Option<usize> {
        let [value, encoded @ ..] = &self.spellings;
        let length_of = |spelling: &str| {
            let is_raw = text.starts_with(spelling.as_bytes());
            let raw = is_raw.then_some(spelling.len());
            raw.or_else(|| percent_length(text, spelling)).or_else(|| json_length(text, spelling))
        };
        length_of(value.expose()).or_else(|| {
            let length = encoded.iter().find_map(|spelling| length_of(spelling.expose()))?;
            let padding =
                text.iter().skip(length).take(2).take_while(|byte| **byte == b'=').count();
            Some(length + padding)
        })
    }
}

impl Place {
    fn escape(self, value: &str) -> String {
        match self {
            Self::Component => percent(value),
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                quoted
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_suffix('"'))
                    .unwrap_or_default()
                    .to_owned()
            }
            Self::Raw => value.to_owned(),
        }
    }
}

/// A space is `%20`, which paths, queries and forms all read as a space.
fn percent(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Replaces what `find` finds at a byte that may start a match, in one pass.
fn rewrite<'t, 'w>(
    text: &'t [u8],
    max: usize,
    is_start: impl Fn(u8) -> bool,
    find: impl Fn(&[u8]) -> Option<(usize, &'w [u8])>,
) -> Option<Cow<'t, [u8]>> {
    let mut out = Vec::new();
    let mut kept = text;
    let mut at = 0;
    while let Some(skip) = kept.get(at..)?.iter().position(|byte| is_start(*byte)) {
        at += skip;
        let Some((length, with)) = find(kept.get(at..)?) else {
            at += 1;
            continue;
        };
        out.extend_from_slice(kept.get(..at)?);
        out.extend_from_slice(with);
        if max < out.len() {
            return None;
        }
        kept = kept.get(at + length..)?;
        at = 0;
    }
    if max < out.len() + kept.len() {
        return None;
    }
    if kept.len() == text.len() {
        return Some(Cow::Borrowed(text));
    }
    out.extend_from_slice(kept);
    Some(Cow::Owned(out))
}

/// The length of `want` at the start of `text`, each byte plain or as `%XX`, a space also as `+`.
fn percent_length(text: &[u8], want: &str) -> Option<usize> {
    let mut rest = text;
    for byte in want.bytes() {
        rest = match rest {
            [b'%', digits @ ..] if hex(digits.get(..2)?) == Some(u16::from(byte)) => {
                digits.get(2..)?
            }
            [first, tail @ ..] if *first == byte => tail,
            [b'+', tail @ ..] if byte == b' ' => tail,
            _ => return None,
        };
    }
    Some(text.len() - rest.len())
}

/// The length of `want` at the start of `text`, each character plain or escaped as in JSON.
fn json_length(text: &[u8], want: &str) -> Option<usize> {
    let mut rest = text;
    for wanted in want.chars() {
        rest = json_char(rest, wanted)?;
    }
    Some(text.len() - rest.len())
}

/// What follows `wanted` in `text`.
fn json_char(text: &[u8], wanted: char) -> Option<&[u8]> {
    let short = match text {
        [b'\\', b'n', tail @ ..] => Some(('\n', tail)),
        [b'\\', b'r', tail @ ..] => Some(('\r', tail)),
        [b'\\', b't', tail @ ..] => Some(('\t', tail)),
        [b'\\', b'b', tail @ ..] => Some(('\u{8}', tail)),
        [b'\\', b'f', tail @ ..] => Some(('\u{c}', tail)),
        [b'\\', quoted @ (b'"' | b'\\' | b'/'), tail @ ..] => Some((char::from(*quoted), tail)),
        _ => None,
    };
    if let Some((_, tail)) = short.filter(|(found, _)| *found == wanted) {
        return Some(tail);
    }
    if text.starts_with(b"\\u") {
        let mut rest = text;
        for unit in wanted.encode_utf16(&mut [0; 2]) {
            let digits = rest.strip_prefix(b"\\u")?;
            if hex(digits.get(..4)?)? != *unit {
                return None;
            }
            rest = digits.get(4..)?;
        }
        return Some(rest);
    }
    text.strip_prefix(wanted.encode_utf8(&mut [0; 4]).as_bytes())
}

fn hex(digits: &[u8]) -> Option<u16> {
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u16::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn secrets(values: &[(&str, &str)]) -> Secrets {
        let values: BTreeMap<String, Secret<String>> = values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Secret::new((*value).to_owned())))
            .collect();
        Secrets::new(values.iter())
    }

    fn fill(secrets: &Secrets, text: &str, place: Place) -> String {
        String::from_utf8(secrets.fill(text.as_bytes(), place, 1000).unwrap().into_owned()).unwrap()
    }

    const VALUE: &str = "k\"/ +%é\\😀";

    #[test]
    fn a_value_is_escaped_for_the_place_it_goes_to() {
        let secrets = secrets(&[("api-key", VALUE)]);
        let text = format!("p={};", secrets.placeholder("api-key").unwrap());
        assert_eq!(
            fill(&secrets, &text, Place::Component),
            "p=k%22%2F%20%2B%25%C3%A9%5C%F0%9F%98%80;"
        );
        assert_eq!(fill(&secrets, &text, Place::Json), "p=k\\\"/ +%é\\\\😀;");
        assert_eq!(fill(&secrets, &text, Place::Raw), format!("p={VALUE};"));
    }

    #[test]
    fn every_spelling_of_a_value_is_scrubbed() {
        let secrets = secrets(&[("api-key", VALUE)]);
        let placeholder = secrets.placeholder("api-key").unwrap();
        for spelling in [
            VALUE,
            "k%22%2F%20%2B%25%C3%A9%5C%F0%9F%98%80",
            "k%22/+%2b%25%c3%a9%5c%f0%9f%98%80",
            "k\\\"\\/ +%\\u00e9\\\\\\ud83d\\uDE00",
            "\\u006b\\\"/ +%é\\\\😀",
            "ayIvICslw6lc8J+YgA==",
            "ayIvICslw6lc8J+YgA",
            "ayIvICslw6lc8J-YgA==",
            "ayIvICslw6lc8J%2BYgA",
            "ayIvICslw6lc8J\\u002bYgA",
        ] {
            assert_eq!(
                secrets.scrub(&format!("<{spelling}>")),
                format!("<{placeholder}>"),
                "{spelling}"
            );
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        let secrets = secrets(&[("api-key", "abcd"), ("other", "%2%")]);
        let text = "abc %61bc \\u0061bc ab%6 cd \\u00 % \\ %2 привет";
        assert_eq!(secrets.scrub(text), text);
        assert!(matches!(secrets.scrub_bytes(b"\xff\xfe%", 3), Some(Cow::Borrowed(b"\xff\xfe%"))));
    }

    #[test]
    fn the_longer_of_two_secrets_is_found_first() {
        let secrets = secrets(&[("a", "token"), ("b", "token-long")]);
        let (a, b) = (secrets.placeholder("a").unwrap(), secrets.placeholder("b").unwrap());
        assert_ne!(a, b);
        assert_eq!(secrets.scrub("token-long token token"), format!("{b} {a} {a}"));
    }

    #[test]
    fn a_text_may_not_grow_past_its_limit() {
        let secrets = secrets(&[("a", "token")]);
        let placeholder = secrets.placeholder("a").unwrap().to_owned();
        assert_eq!(placeholder.len(), 40);
        assert!(secrets.scrub_bytes(b".token.", 42).is_some());
        assert!(secrets.scrub_bytes(b".token.", 41).is_none());
        let text = format!(".{placeholder}{placeholder}");
        assert!(secrets.fill(text.as_bytes(), Place::Raw, 11).is_some());
        assert!(secrets.fill(text.as_bytes(), Place::Raw, 10).is_none());
    }

    #[test]
    fn a_token_is_scrubbed_and_never_put_in() {
        let account = secrets(&[("a", "token")]);
        let all = account.and_tokens(&[Secret::new("token.of.an.hour".to_owned())]);
        let clean = all.scrub("Bearer token.of.an.hour token");
        assert!(clean.starts_with("Bearer pbsecret") && !clean.contains("hour"), "{clean}");
        assert!(clean.ends_with(account.placeholder("a").unwrap()), "{clean}");
        assert_eq!(fill(&account, &clean, Place::Raw).matches("token").count(), 1);
        assert!(all.value("").is_none() && all.placeholder("").is_none());
    }

    #[test]
    fn nothing_prints_a_value() {
        let secrets = secrets(&[("a", "token")]);
        let printed = format!("{secrets:?}");
        assert!(!printed.contains("token") && !printed.contains("dG9rZW4"), "{printed}");
    }
}
