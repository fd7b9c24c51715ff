//! `application/x-www-form-urlencoded`, for bodies and queries.

use std::borrow::Cow;

use patchbay_sdk::json::tolerant::Text;

use crate::webhook::Body;

/// The members of a form, as far as this channel reads them; `None` where a value is not UTF-8.
///
/// Of a repeated name the first counts.
pub(crate) fn body(form: &str) -> Option<Body<'_>> {
    let mut body = Body::default();
    for (name, value) in form.split('&').filter_map(|pair| pair.split_once('=')) {
        let value = Text::from(decoded(value)?);
        let place = match name {
            "client" => &mut body.client,
            "clientIdType" => &mut body.client_id_type,
            "channelId" => &mut body.channel_id,
            "secretWord" => &mut body.secret_word,
            "token" => &mut body.token,
            "page" => &mut body.page,
            _ => continue,
        };
        if place.get().is_none() {
            *place = value;
        }
    }
    Some(body)
}

/// A percent sign without two digits stays, and so does a plus before a digit at the start: that is
/// a phone that nobody encoded.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = after;
                }
                _ => decoded.push(byte),
            },
            (b'+', [b'0'..=b'9', ..]) if decoded.is_empty() => decoded.push(byte),
            (b'+', _) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_decoded() {
        let cases = [
            ("abc", Some("abc")),
            ("%2B79000000031", Some("+79000000031")),
            ("+79000000031", Some("+79000000031")),
            ("a+b%20c", Some("a b c")),
            ("+a+1", Some(" a 1")),
            ("%D0%AF", Some("Я")),
            ("100%", Some("100%")),
            ("%zz%4", Some("%zz%4")),
            ("%ff", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decoded(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn members_are_found_by_name_and_the_first_counts() {
        let body = body("x=1&client=a&&client=b&channelId=&secretWord=w%C3%B6rt&token").unwrap();
        assert_eq!(body.client.get(), Some("a"));
        assert_eq!(body.channel_id.get(), None);
        assert_eq!(body.secret_word.get(), Some("wört"));
        assert_eq!(body.token.get(), None);
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(text in "\\PC*") {
            let encoded = text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02X}"));
            prop_assert_eq!(decoded(&encoded).unwrap(), text);
        }
    }
}
