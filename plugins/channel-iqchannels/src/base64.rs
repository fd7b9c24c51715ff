//! Base64 in its two alphabets: the plain one with padding for hashes, the one for URLs without padding for tokens.

const PLAIN: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// With padding.
pub(crate) fn plain(bytes: &[u8]) -> String {
    let mut text = encode(bytes, PLAIN);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Without padding, so that it stands in a URL as it is.
pub(crate) fn url(bytes: &[u8]) -> String {
    encode(bytes, URL)
}

/// The bytes of [`url`]; `None` for a text that it never makes.
pub(crate) fn from_url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let value = URL.iter().position(|&known| known == letter)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if 8 <= count {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
        bits &= (1 << count) - 1;
    }
    // Bits that are left over are zero, and fewer than a letter has.
    (bits == 0 && count < 6).then_some(bytes)
}

fn encode(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let padded = [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or(0)));
        let bits = padded.iter().fold(0, |bits, byte| bits << 8 | byte);
        for place in 0..=chunk.len() {
            let value = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            text.extend(alphabet.get(value).copied().map(char::from));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_written_as_the_standard_has_it() {
        // RFC 4648, section 10.
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text.as_bytes()), expected);
            assert_eq!(url(text.as_bytes()), expected.trim_end_matches('='));
        }
        assert_eq!((plain(&[0xfb, 0xff]).as_str(), url(&[0xfb, 0xff]).as_str()), ("+/8=", "-_8"));
    }

    #[test]
    fn only_what_is_written_so_is_read() {
        assert_eq!(from_url("Zm9vYg"), Some(b"foob".to_vec()));
        for wrong in ["Z", "Zh", "Zm9vYg==", "+/8", "Zm 9", "я"] {
            assert_eq!(from_url(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(from_url(&url(&bytes)), Some(bytes));
        }
    }
}
