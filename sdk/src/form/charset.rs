//! UTF-8 and windows-1251, the one other encoding that still arrives.
//!
//! The table is our own, 128 characters: a crate for encodings would bring every encoding of the
//! web into each component.

use std::borrow::Cow;

use super::sniff::parameter;

/// What the bytes from 0x80 on stand for. 0x98 is not assigned.
const HIGH: [char; 128] = [
    'Ђ', 'Ѓ', '‚', 'ѓ', '„', '…', '†', '‡', '€', '‰', 'Љ', '‹', 'Њ', 'Ќ', 'Ћ', 'Џ', //
    'ђ', '‘', '’', '“', '”', '•', '–', '—', '\u{fffd}', '™', 'љ', '›', 'њ', 'ќ', 'ћ', 'џ', //
    '\u{a0}', 'Ў', 'ў', 'Ј', '¤', 'Ґ', '¦', '§', 'Ё', '©', 'Є', '«', '¬', '\u{ad}', '®',
    'Ї', //
    '°', '±', 'І', 'і', 'ґ', 'µ', '¶', '·', 'ё', '№', 'є', '»', 'ј', 'Ѕ', 'ѕ', 'ї', //
    'А', 'Б', 'В', 'Г', 'Д', 'Е', 'Ж', 'З', 'И', 'Й', 'К', 'Л', 'М', 'Н', 'О', 'П', //
    'Р', 'С', 'Т', 'У', 'Ф', 'Х', 'Ц', 'Ч', 'Ш', 'Щ', 'Ъ', 'Ы', 'Ь', 'Э', 'Ю', 'Я', //
    'а', 'б', 'в', 'г', 'д', 'е', 'ж', 'з', 'и', 'й', 'к', 'л', 'м', 'н', 'о', 'п', //
    'р', 'с', 'т', 'у', 'ф', 'х', 'ц', 'ч', 'ш', 'щ', 'ъ', 'ы', 'ь', 'э', 'ю', 'я',
];

/// How the characters of a body were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Bytes that are none become U+FFFD.
    Utf8,
    Windows1251,
}

impl Charset {
    /// What the `charset` of a content type says; `None` where it says nothing, or names an
    /// encoding that is not known here.
    pub fn named(content_type: &str) -> Option<Self> {
        let name = parameter(content_type, "charset")?.to_ascii_lowercase();
        match name.as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "windows-1251" | "cp1251" | "cp-1251" | "win-1251" | "x-cp1251" => {
                Some(Self::Windows1251)
            }
            _ => None,
        }
    }

    /// What a content type is believed: windows-1251, and nothing else, because UTF-8 is often the
    /// sender's default.
    pub fn told(content_type: Option<&[u8]>) -> Option<Self> {
        let named = Self::named(str::from_utf8(content_type?).ok()?);
        named.filter(|charset| *charset == Self::Windows1251)
    }

    /// The encoding of a body: the one that is [`told`](Charset::told), else a guess.
    pub fn of(content_type: Option<&[u8]>, text: &[u8]) -> Self {
        Self::told(content_type).unwrap_or_else(|| Self::guess(&[text]))
    }

    /// UTF-8, unless the texts together have more faults as UTF-8 than characters beyond ASCII.
    pub fn guess(texts: &[&[u8]]) -> Self {
        let (mut characters, mut faults) = (0_usize, 0_usize);
        for text in texts {
            if text.is_ascii() {
                continue;
            }
            for chunk in text.utf8_chunks() {
                characters += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
                faults += chunk.invalid().len();
            }
        }
        if characters < faults { Self::Windows1251 } else { Self::Utf8 }
    }

    /// The text of these bytes. Never fails.
    pub fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes),
            Self::Windows1251 => match str::from_utf8(bytes) {
                Ok(text) if text.is_ascii() => Cow::Borrowed(text),
                _ => Cow::Owned(bytes.iter().map(|&byte| character(byte)).collect()),
            },
        }
    }
}

fn character(byte: u8) -> char {
    let high = byte.checked_sub(0x80).and_then(|place| HIGH.get(usize::from(place)));
    high.copied().unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_windows_1251_has_its_character() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let text = Charset::Windows1251.decode(&all).into_owned();
        assert_eq!(text.chars().count(), 256);
        assert!(text.chars().take(128).eq((0..128_u8).map(char::from)));
        // The letters stand in one row, as in Unicode.
        assert!(text.chars().skip(0xC0).eq('А'..='я'));
        let others = [(0xA8, 'Ё'), (0xB8, 'ё'), (0xB9, '№'), (0xB2, 'І'), (0xBF, 'ї'), (0xA5, 'Ґ')];
        for (byte, expected) in others {
            assert_eq!(character(byte), expected);
        }
        let mut unique: Vec<char> = text.chars().collect();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), 256);
    }

    #[test]
    fn the_charset_of_a_content_type_is_read() {
        let cases = [
            ("text/plain; charset=windows-1251", Some(Charset::Windows1251)),
            ("text/plain;Charset=\"CP1251\"", Some(Charset::Windows1251)),
            ("application/json; charset=utf-8", Some(Charset::Utf8)),
            ("application/json; charset=koi8-r", None),
            ("application/json", None),
        ];
        for (content_type, expected) in cases {
            assert_eq!(Charset::named(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn only_what_is_no_utf8_is_guessed_to_be_windows_1251() {
        let cases: [(&[u8], Charset); 6] = [
            (b"", Charset::Utf8),
            (b"plain", Charset::Utf8),
            ("Ніна".as_bytes(), Charset::Utf8),
            (b"\xcd\xb3\xed\xe0", Charset::Windows1251),
            // A text that was cut within a character.
            (b"\xd0\x90\xd0\xbd\xd0", Charset::Utf8),
            (b"{\"name\":\"\xc0\xed\xed\xe0\"}", Charset::Windows1251),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Charset::guess(&[bytes]), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_content_type_is_believed_where_it_says_windows_1251() {
        let ambiguous: &[u8] = b"\xcd\xb3";
        let told = Charset::of(Some(b"text/plain; charset=windows-1251"), ambiguous);
        assert_eq!(told.decode(ambiguous), "Ні");
        let default = Charset::of(Some(b"text/plain; charset=utf-8"), b"\xc0\xed");
        assert_eq!(default, Charset::Windows1251);
        assert_eq!(Charset::of(Some(b"\xff"), ambiguous), Charset::Utf8);
        assert_eq!(Charset::told(Some(b"text/plain; charset=cp1251")), Some(Charset::Windows1251));
        assert_eq!(Charset::told(Some(b"text/plain; charset=utf-8")), None);
    }
}
