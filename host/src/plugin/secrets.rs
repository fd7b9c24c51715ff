//! Secrets that never enter the sandbox: placeholders for the guest, values on the way out,
//! and placeholders again for whatever comes back.

mod spelled;
mod starts;

use std::{borrow::Cow, sync::Arc};

use url::form_urlencoded;

use self::{
    spelled::{Heads, entity_length, hex_length, json_length, percent_length, wide_length},
    starts::Starts,
};
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
    starts: Starts,
}

#[derive(Debug)]
struct Entry {
    /// `None` for a token, which no setting names.
    key: Option<String>,
    value: Secret<String>,
    placeholder: String,
    /// The value in base64 and in base64 for URLs: alone, without padding, then what is left of it
    /// within a longer text, wherever in that it begins. None of them twice.
    encoded: Vec<Secret<String>>,
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
        self.only(|own| own != key)
    }

    /// The secrets with these keys.
    pub(super) fn only(&self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let wanted = |entry: &&Arc<Entry>| entry.key.as_deref().is_some_and(&is_wanted);
        Self::of(self.entries.iter().filter(wanted).cloned().collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The key of a secret whose placeholder stands in one of the texts, if there is one.
    pub(super) fn named_in(
        &self,
        mut texts: impl Iterator<Item = impl AsRef<[u8]>>,
    ) -> Option<&str> {
        texts.find_map(|text| {
            let is_there = |entry: &&Arc<Entry>| holds(text.as_ref(), entry.placeholder.as_bytes());
            self.entries.iter().find(is_there)?.key.as_deref()
        })
    }

    fn of(mut entries: Vec<Arc<Entry>>) -> Self {
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.value.expose().len()));
        let mut starts = Starts::new();
        for entry in &entries {
            entry.mark(&mut starts);
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
        let may_start = |rest: &[u8]| rest.iter().position(|byte| *byte == b'p');
        rewrite(text, max, may_start, find)
    }

    /// Takes the values out, however they are spelled. None where the result would be longer than `max`.
    pub(super) fn scrub_bytes<'t>(&self, text: &'t [u8], max: usize) -> Option<Cow<'t, [u8]>> {
        if self.entries.is_empty() {
            return (text.len() <= max).then_some(Cow::Borrowed(text));
        }
        rewrite(text, max, |rest| self.starts.find(rest), |rest| self.found(rest))
    }

    /// How many bytes a secret takes at the start of `text`, and what stands for it.
    fn found(&self, text: &[u8]) -> Option<(usize, &[u8])> {
        let heads = Heads::of(text);
        if !self.starts.have_one_of(heads) {
            return None;
        }
        let may_begin = |spelling: &str| heads.may_begin(spelling);
        self.entries.iter().find_map(|entry| {
            Some((entry.length_in(text, may_begin)?, entry.placeholder.as_bytes()))
        })
    }

    /// The begin of the text without the values, at most `bytes_max` bytes of it.
    pub(super) fn scrub_up_to(&self, text: &str, bytes_max: usize) -> String {
        // A value may straddle the end of what is shown: so much more is looked at.
        let margin = self.entries.iter().map(|entry| entry.longest()).max().unwrap_or(0);
        let end = text.floor_char_boundary(bytes_max.saturating_add(margin));
        let (seen, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        let scrubbed = self.scrub(seen);
        // One that straddles the end of what is looked at is not known as such, and may have come
        // near when others before it were taken out.
        let known = scrubbed.len().saturating_sub(if rest.is_empty() { 0 } else { margin });
        let end = scrubbed.floor_char_boundary(bytes_max.min(known));
        scrubbed.get(..end).unwrap_or_default().to_owned()
    }

    pub(super) fn scrub(&self, text: &str) -> String {
        let clean = self.scrub_bytes(text.as_bytes(), usize::MAX).unwrap_or_default();
        String::from_utf8_lossy(&clean).into_owned()
    }
}

impl Entry {
    fn new(key: Option<&str>, value: &Secret<String>) -> Self {
        let bytes = value.expose().as_bytes();
        let alphabets = [base64::USUAL, base64::FOR_URLS];
        let whole = alphabets.map(|letters| base64::unpadded(bytes, letters));
        let within = alphabets
            .into_iter()
            .flat_map(|letters| [0, 1, 2].map(|at| within(bytes, at, letters)));
        let mut encoded: Vec<String> = Vec::new();
        for text in whole.into_iter().chain(within) {
            if SECRET_BYTES_MIN <= text.len() && !encoded.contains(&text) {
                encoded.push(text);
            }
        }
        let encoded = encoded.into_iter().map(Secret::new).collect();
        let placeholder = format!("{PREFIX}{}", id::random_token());
        Self { key: key.map(str::to_owned), value: value.clone(), placeholder, encoded }
    }

    /// No spelling of the value is longer: an entity of HTML takes up to ten bytes for one.
    fn longest(&self) -> usize {
        self.value.expose().len().saturating_mul(12)
    }

    /// What its spellings start with.
    fn mark(&self, starts: &mut Starts) {
        starts.add_hex(self.value.expose());
        for spelling in self.encoded.iter().chain([&self.value]) {
            starts.add(spelling.expose());
        }
    }

    /// How many bytes the secret takes at the start of `text`, if it stands there in a spelling
    /// that may begin there.
    fn length_in(&self, text: &[u8], may_begin: impl Fn(&str) -> bool) -> Option<usize> {
        let length_of = |spelling: &str| {
            let is_raw = text.starts_with(spelling.as_bytes());
            let raw = is_raw.then_some(spelling.len());
            raw.or_else(|| percent_length(text, spelling)).or_else(|| json_length(text, spelling))
        };
        let value = self.value.expose();
        let alone = may_begin(value).then(|| {
            let plain = length_of(value).or_else(|| entity_length(text, value));
            plain.or_else(|| wide_length(text, value))
        });
        alone.flatten().or_else(|| hex_length(text, value)).or_else(|| {
            let mut encoded = self.encoded.iter().map(Secret::expose);
            let length = encoded.find_map(|it| may_begin(it).then(|| length_of(it)).flatten())?;
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

/// Replaces what `find` finds at a place where a match may start, in one pass.
fn rewrite<'t, 'w>(
    text: &'t [u8],
    max: usize,
    may_start: impl Fn(&[u8]) -> Option<usize>,
    find: impl Fn(&[u8]) -> Option<(usize, &'w [u8])>,
) -> Option<Cow<'t, [u8]>> {
    let mut out = Vec::new();
    let mut kept = text;
    let mut at = 0;
    while let Some(skip) = may_start(kept.get(at..)?) {
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

/// What of a value's base64 is the same whatever stands before and after it, where so many bytes
/// stand before it: whole letters of its own bits.
fn within(value: &[u8], before: usize, letters: [u8; 2]) -> String {
    let padded = [[0; 2].get(..before).unwrap_or_default(), value].concat();
    let (first, end) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    let encoded = base64::unpadded(&padded, letters);
    encoded.get(first..end).unwrap_or_default().to_owned()
}

fn holds(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len().max(1)).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

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
            "k%2522%252F%2520%252B%2525%25C3%25A9%255C%25F0%259F%2598%2580",
            "6b222f202b25c3a95cf09f9880",
            "6B222F202B25C3A95CF09F9880",
            "k&quot;/ +%é\\😀",
            "k&#34;/&#x20;+%&#233;&#92;&#x1F600;",
        ] {
            assert_eq!(
                secrets.scrub(&format!("<{spelling}>")),
                format!("<{placeholder}>"),
                "{spelling}"
            );
        }
    }

    #[test]
    fn a_value_within_longer_base64_is_scrubbed_wherever_it_begins() {
        let secrets = secrets(&[("api-key", "s3cret-of-the-shop")]);
        for before in ["", "a", "ab", "abc", "user:", "longer user:"] {
            for after in ["", "x", "xy", ":and more"] {
                let whole = format!("{before}s3cret-of-the-shop{after}");
                for letters in [base64::USUAL, base64::FOR_URLS] {
                    let text = base64::unpadded(whole.as_bytes(), letters);
                    let clean = secrets.scrub(&format!("Basic {text}=="));
                    assert!(clean.contains("pbsecret"), "{before} {after}: {clean}");
                    // At most the letters at its edges are left, of which each has bits of others.
                    let left = clean.replace(secrets.placeholder("api-key").unwrap(), "");
                    let outside = (before.len() + after.len()) * 4 / 3 + 4;
                    assert!(left.len() <= "Basic ==".len() + outside, "{left}");
                }
            }
        }
    }

    #[test]
    fn a_value_in_two_bytes_for_each_letter_is_scrubbed() {
        let secrets = secrets(&[("api-key", "s3cret")]);
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            let wide: Vec<u8> = "<s3cret>".encode_utf16().flat_map(order).collect();
            let clean = secrets.scrub_bytes(&wide, 1000).unwrap();
            assert!(holds(&clean, b"pbsecret") && !holds(&clean, b"s\x003\0c"), "{clean:?}");
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
    fn the_begin_of_a_large_text_holds_no_part_of_a_value() {
        let value = "s3cret-that-is-rather-long";
        let known = secrets(&[("key", value)]);
        let longest = value.len() * 12;
        // At every place around both ends: of what is shown, and of what is looked at.
        for before in 0..40 + longest {
            let text = format!("{}{value}{}", "-".repeat(before), "-".repeat(1000));
            let shown = known.scrub_up_to(&text, 40);
            assert!(shown.len() <= 40 && !shown.contains("s3cre"), "{before}: {shown}");
        }
        // Many of them shrink, and what comes after moves near.
        let long = "s3cret-".repeat(20);
        let shrinking = secrets(&[("key", &long)]);
        for before in 0..long.len() {
            let text = format!("{}{}", "-".repeat(before), long.repeat(100));
            let shown = shrinking.scrub_up_to(&text, 4000);
            assert!(!shown.contains("s3cret"), "{before}: {shown}");
        }
        assert_eq!(known.scrub_up_to("short", 40), "short");
        assert_eq!(known.scrub_up_to("ééé", 3), "é");
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

    /// Without any quick look: every spelling of every value at every place.
    fn scrubbed_slowly(secrets: &Secrets, text: &[u8]) -> Vec<u8> {
        let find = |rest: &[u8]| {
            let mut entries = secrets.entries.iter();
            entries.find_map(|it| Some((it.length_in(rest, |_| true)?, it.placeholder.as_bytes())))
        };
        let may_start = |rest: &[u8]| (!rest.is_empty()).then_some(0);
        rewrite(text, usize::MAX, may_start, find).unwrap().into_owned()
    }

    /// A value in one of its spellings, each letter in a way of its own.
    fn spelled(value: &str, ways: &[u8]) -> Vec<u8> {
        let mut ways = ways.iter().copied().cycle();
        let whole = ways.next().unwrap_or_default();
        let bytes = value.as_bytes();
        match whole % 8 {
            0 => return base64::unpadded(bytes, base64::USUAL).into_bytes(),
            1 => return base64::encode(&[b"ab", bytes].concat()).into_bytes(),
            2 => return bytes.iter().flat_map(|it| format!("{it:02X}").into_bytes()).collect(),
            3 => return value.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => {}
        }
        let each = |letter: char| -> Vec<u8> {
            let escaped = |way: &str| {
                let bytes = letter.to_string().into_bytes();
                bytes.iter().flat_map(|it| format!("{way}{it:02x}").into_bytes()).collect()
            };
            let units = || {
                let mut units = [0; 2];
                let units = letter.encode_utf16(&mut units).iter();
                units.flat_map(|it| format!("\\u{it:04X}").into_bytes()).collect()
            };
            match (whole % 8, ways.next().unwrap_or_default() % 3) {
                (_, 0) => letter.to_string().into_bytes(),
                (4, 1) => escaped("%"),
                (4, _) => escaped("%25"),
                (5, 1) => Place::Json.escape(&letter.to_string()).into_bytes(),
                (5, _) => units(),
                (_, 1) => format!("&#{};", u32::from(letter)).into_bytes(),
                _ => format!("&#x{:X};", u32::from(letter)).into_bytes(),
            }
        };
        value.chars().flat_map(each).collect()
    }

    proptest! {
        #[test]
        fn the_quick_look_misses_nothing(
            values in prop::collection::vec("[ab+%&\"/0 \\\\éж😀\n]{4,7}", 1..4),
            parts in prop::collection::vec(
                (
                    "([ab+%&\"/0 \\\\éж;#xu25=\n]|%25|%2[05bB]|\\\\u00[26][0-9]|&quot;|&#3[0-9];){0,6}",
                    any::<prop::sample::Index>(),
                    prop::collection::vec(any::<u8>(), 1..6),
                    0..4_u8,
                ),
                0..6,
            ),
        ) {
            let named: Vec<_> = values.iter().map(|value| (value.as_str(), value.as_str())).collect();
            let secrets = secrets(&named);
            let mut text = Vec::new();
            for (noise, which, ways, cut) in &parts {
                text.extend(noise.bytes());
                let spelling = spelled(which.get(&values).as_str(), ways);
                let length = if *cut == 0 { spelling.len() / 2 } else { spelling.len() };
                text.extend(&spelling[..length]);
            }
            let clean = secrets.scrub_bytes(&text, usize::MAX).unwrap();
            let shown = String::from_utf8_lossy(&text);
            prop_assert_eq!(&*clean, &*scrubbed_slowly(&secrets, &text), "{}", shown);
        }
    }

    #[test]
    fn nothing_prints_a_value() {
        let secrets = secrets(&[("a", "token")]);
        let printed = format!("{secrets:?}");
        assert!(!printed.contains("token") && !printed.contains("dG9rZW4"), "{printed}");
    }
}
