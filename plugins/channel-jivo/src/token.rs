//! What the owner of a site packs into `jivo_api.setUserToken`: `login=alina77|utm_source=yandex`, or one opaque text.

use std::borrow::Cow;

/// More pairs than this in one token are not kept.
const MAX_PAIRS: usize = 50;

/// How the account says that its token is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Pairs where it looks like pairs.
    Sniff,
    Pairs,
    Opaque,
}

impl Format {
    /// Reads the setting; anything unknown is the default.
    pub(crate) fn from_setting(setting: Option<&str>) -> Self {
        match setting {
            Some("pairs") => Self::Pairs,
            Some("opaque") => Self::Opaque,
            _ => Self::Sniff,
        }
    }
}

/// A token, unpacked where it can be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Absent,
    Opaque(&'a str),
    Pairs(Vec<(&'a str, Cow<'a, str>)>),
}

impl<'a> Token<'a> {
    pub(crate) fn read(token: Option<&'a str>, format: impl FnOnce() -> Format) -> Self {
        let Some(token) = token else { return Self::Absent };
        let pairs = match format() {
            Format::Opaque => None,
            Format::Sniff if !looks_packed(token) => None,
            Format::Sniff | Format::Pairs => Some(unpack(token)).filter(|pairs| !pairs.is_empty()),
        };
        pairs.map_or(Self::Opaque(token), Self::Pairs)
    }

    /// The first value under one of these keys, in whatever case they are written.
    pub(crate) fn get(&self, keys: &[&str]) -> Option<&str> {
        let Self::Pairs(pairs) = self else { return None };
        let found = pairs
            .iter()
            .find(|(key, _)| keys.iter().any(|wanted| key.eq_ignore_ascii_case(wanted)));
        found.map(|(_, value)| value.as_ref())
    }
}

/// `|` where there is one, so that a URL may stand unescaped in a value; else `&`.
fn segments(token: &str) -> impl Iterator<Item = &str> {
    let delimiter = if token.contains('|') { '|' } else { '&' };
    token.split(delimiter).map(str::trim).filter(|segment| !segment.is_empty())
}

/// Every part is `key=value`, so that neither base64 with its `=` nor a URL with a query is torn apart.
fn looks_packed(token: &str) -> bool {
    segments(token).all(|segment| {
        segment
            .split_once('=')
            .is_some_and(|(key, value)| is_key(key.trim()) && !value.starts_with('='))
    })
}

fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

fn unpack(token: &str) -> Vec<(&str, Cow<'_, str>)> {
    let pairs = segments(token).filter_map(|segment| segment.split_once('='));
    let pairs = pairs.map(|(key, value)| (key.trim(), trimmed(percent_decoded(value))));
    pairs.filter(|(key, value)| is_key(key) && !value.is_empty()).take(MAX_PAIRS).collect()
}

fn trimmed(value: Cow<'_, str>) -> Cow<'_, str> {
    match value {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// As `encodeURIComponent` packs: `+` is a plus, and a percent sign without two digits stays.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        match tail {
            [high, low, after @ ..]
                if byte == b'%' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                decoded.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            _ => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// The value of a digit that was checked to be one.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(token: &str) -> Vec<(String, String)> {
        match Token::read(Some(token), || Format::Sniff) {
            Token::Pairs(pairs) => {
                pairs.into_iter().map(|(k, v)| (k.to_owned(), v.into_owned())).collect()
            }
            Token::Opaque(_) | Token::Absent => Vec::new(),
        }
    }

    #[test]
    fn packed_values_are_unpacked() {
        let cases: [(&str, &[(&str, &str)]); 6] = [
            (
                "login=alina77|ref=https://ya.example/?a=1&b=2",
                &[("login", "alina77"), ("ref", "https://ya.example/?a=1&b=2")],
            ),
            ("login=alina77&ga=GA1.2.111", &[("login", "alina77"), ("ga", "GA1.2.111")]),
            ("name=%D0%90%7C%26|p=+7%2b", &[("name", "А|&"), ("p", "+7+")]),
            ("rate=100%|x=%zz|y=%4", &[("rate", "100%"), ("x", "%zz"), ("y", "%4")]),
            (" login = alina77 |", &[("login", "alina77")]),
            ("login=|ga=1", &[("ga", "1")]),
        ];
        for (token, expected) in cases {
            let expected =
                expected.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect::<Vec<_>>();
            assert_eq!(pairs(token), expected, "{token}");
        }
    }

    #[test]
    fn what_only_looks_a_little_packed_stays_whole() {
        for token in [
            "alina77",
            "YWxpbmE3Nw==",
            "YWxpbmE=",
            "https://x.example/?a=b",
            "a b=c",
            "a|b=c",
            "=x",
        ] {
            assert_eq!(Token::read(Some(token), || Format::Sniff), Token::Opaque(token), "{token}");
        }
    }

    #[test]
    fn the_setting_overrules_the_look() {
        assert_eq!(Token::read(Some("a=b"), || Format::Opaque), Token::Opaque("a=b"));
        assert_eq!(
            Token::read(Some("a|b=c"), || Format::Pairs),
            Token::Pairs(vec![("b", Cow::Borrowed("c"))])
        );
        assert_eq!(Token::read(Some("abc"), || Format::Pairs), Token::Opaque("abc"));
        assert_eq!(Token::read(None, || Format::Pairs), Token::Absent);
    }

    #[test]
    fn pairs_are_capped() {
        let token = |n: usize| (0..n).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join("|");
        assert_eq!(pairs(&token(MAX_PAIRS)).len(), MAX_PAIRS);
        assert_eq!(pairs(&token(MAX_PAIRS + 1)).len(), MAX_PAIRS);
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(text in "\\PC*") {
            let encoded = text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02X}"));
            prop_assert_eq!(percent_decoded(&encoded), text);
        }

        #[test]
        fn any_token_is_borne(token in ".*") {
            Token::read(Some(&token), || Format::Pairs);
        }
    }
}
