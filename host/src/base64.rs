//! Base64 as in RFC 4648: bytes as letters, and back.

/// The last two letters of the usual alphabet.
pub const USUAL: [u8; 2] = *b"+/";

/// The last two letters of the alphabet for URLs and file names.
pub const FOR_URLS: [u8; 2] = *b"-_";

/// The usual notation, padded.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = unpadded(bytes, USUAL);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Without padding; `last` holds the two letters that the alphabets differ in.
pub fn unpadded(bytes: &[u8], last: [u8; 2]) -> String {
    let letter = |bits: u32| {
        let bits = u8::try_from(bits & 63).unwrap_or(0);
        char::from(match bits {
            0..26 => b'A' + bits,
            26..52 => b'a' + (bits - 26),
            52..62 => b'0' + (bits - 52),
            62 => last[0],
            _ => last[1],
        })
    };
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.extend(
            [18, 12, 6, 0].into_iter().take(chunk.len() + 1).map(|shift| letter(bits >> shift)),
        );
    }
    text
}

/// The bytes, from either alphabet, with or without padding. `None` where it is no base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let letters = text.trim_end_matches('=');
    let padding = text.len() - letters.len();
    let is_padded = text.len().is_multiple_of(4) && padding <= 2;
    if letters.len() % 4 == 1 || (padding != 0 && !is_padded) {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3 + 2);
    for chunk in letters.as_bytes().chunks(4) {
        let mut bits = 0;
        for at in 0..4 {
            bits = bits << 6 | chunk.get(at).map_or(Some(0), |letter| value(*letter))?;
        }
        let [_, decoded @ ..] = u32::to_be_bytes(bits);
        bytes.extend(decoded.into_iter().take(chunk.len() - 1));
    }
    Some(bytes)
}

fn value(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_others_write() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, coded) in pairs {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(unpadded(plain.as_bytes(), USUAL), coded.trim_end_matches('='));
            assert_eq!(decode(coded).unwrap(), plain.as_bytes());
            assert_eq!(decode(coded.trim_end_matches('=')).unwrap(), plain.as_bytes());
        }
        assert_eq!(unpadded(b"???~", FOR_URLS), "Pz8_fg");
        assert_eq!(decode("Pz8_fg"), decode("Pz8/fg=="));
    }

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(decode(&encode(&all)).unwrap(), all);
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for wrong in ["A", "AAAAA", "A===", "====", "Zg=", "Zm8==", "Z g=", "Zg==Zg==", "жж"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
