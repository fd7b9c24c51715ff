//! Whether a text starts with a value, in one of the spellings that programs write it in.

/// What a value may begin with, where a text begins so: the byte as it is, and what it may be an
/// escape of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads([Option<u8>; 3]);

impl Heads {
    pub(super) fn of(text: &[u8]) -> Self {
        let (first, other, third) = match text {
            [b'%', b'2', b'5', digits @ ..] => (b'%', Some(b'%'), hex_byte(digits)),
            [b'%', digits @ ..] => (b'%', hex_byte(digits), None),
            [b'\\', b'u', digits @ ..] => (b'\\', digits.get(..4).and_then(hex).map(low), None),
            [b'\\', short, ..] => (b'\\', short_escape(*short).map(Self::of_char), None),
            [b'&', entity @ ..] => (b'&', entity_at(entity).map(|it| Self::of_char(it.0)), None),
            [b'+', ..] => (b'+', Some(b' '), None),
            [first, ..] => (*first, None, None),
            [] => return Self([None; 3]),
        };
        Self([Some(Self::folded(first)), other.map(Self::folded), third.map(Self::folded)])
    }

    /// All bytes beyond ASCII are one: an escape stands for a letter, which has several.
    pub(super) fn folded(byte: u8) -> u8 {
        byte.min(0x80)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u8> {
        self.0.into_iter().flatten()
    }

    /// Whether this may be the begin of the spelling.
    pub(super) fn may_begin(self, spelling: &str) -> bool {
        let first = spelling.bytes().next().map(Self::folded);
        first.is_none_or(|first| self.iter().any(|head| head == first))
    }

    fn of_char(letter: char) -> u8 {
        u8::try_from(letter).unwrap_or(0x80)
    }
}

/// A unit of UTF-16 as far as it is ASCII.
fn low(unit: u16) -> u8 {
    u8::try_from(unit).unwrap_or(0x80)
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    digits.get(..2).and_then(hex).map(low)
}

/// The length of `want` at the start of `text` in hexadecimal digits.
pub(super) fn hex_length(text: &[u8], want: &str) -> Option<usize> {
    let is_there = |(at, byte): (usize, u8)| {
        text.get(2 * at..2 * at + 2).and_then(hex) == Some(u16::from(byte))
    };
    want.bytes().enumerate().all(is_there).then_some(2 * want.len())
}

/// The length of `want` at the start of `text` in two bytes for each letter, of either order.
pub(super) fn wide_length(text: &[u8], want: &str) -> Option<usize> {
    if !want.is_ascii() {
        return None;
    }
    let is_there = |(at, byte): (usize, u8)| {
        text.get(2 * at) == Some(&byte) && (at == 0 || text.get(2 * at - 1) == Some(&0))
    };
    want.bytes().enumerate().all(is_there).then(|| 2 * want.len() - 1)
}

/// The length of `want` at the start of `text`, each character plain or as an entity of HTML.
pub(super) fn entity_length(text: &[u8], want: &str) -> Option<usize> {
    let mut rest = text;
    for wanted in want.chars() {
        rest = match rest {
            [b'&', entity @ ..] => match entity_at(entity) {
                Some((found, after)) if found == wanted => after,
                _ => rest.strip_prefix(wanted.encode_utf8(&mut [0; 4]).as_bytes())?,
            },
            _ => rest.strip_prefix(wanted.encode_utf8(&mut [0; 4]).as_bytes())?,
        };
    }
    Some(text.len() - rest.len())
}

/// The letter of an entity behind its `&`, and what follows it.
fn entity_at(text: &[u8]) -> Option<(char, &[u8])> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    Some((entity_char(text.get(..end)?)?, text.get(end + 1..)?))
}

fn entity_char(name: &[u8]) -> Option<char> {
    let name = std::str::from_utf8(name).ok()?;
    let number = match name {
        "quot" => return Some('"'),
        "amp" => return Some('&'),
        "apos" => return Some('\''),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        _ => name.strip_prefix('#')?,
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}

/// The length of `want` at the start of `text`, each byte plain, as `%XX` or as `%25XX`, a space
/// also as `+`.
pub(super) fn percent_length(text: &[u8], want: &str) -> Option<usize> {
    let mut rest = text;
    for byte in want.bytes() {
        let is = |digits: &[u8]| digits.get(..2).and_then(hex) == Some(u16::from(byte));
        rest = match rest {
            [b'%', b'2', b'5', digits @ ..] | [b'%', digits @ ..] if is(digits) => {
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
pub(super) fn json_length(text: &[u8], want: &str) -> Option<usize> {
    let mut rest = text;
    for wanted in want.chars() {
        rest = json_char(rest, wanted)?;
    }
    Some(text.len() - rest.len())
}

/// What follows `wanted` in `text`.
fn json_char(text: &[u8], wanted: char) -> Option<&[u8]> {
    if let [b'\\', short, tail @ ..] = text
        && short_escape(*short) == Some(wanted)
    {
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

/// What stands behind a backslash for one letter.
fn short_escape(letter: u8) -> Option<char> {
    match letter {
        b'n' => Some('\n'),
        b'r' => Some('\r'),
        b't' => Some('\t'),
        b'b' => Some('\u{8}'),
        b'f' => Some('\u{c}'),
        b'"' | b'\\' | b'/' => Some(char::from(letter)),
        _ => None,
    }
}

/// At most four digits.
fn hex(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |number, digit| {
        let digit = char::from(*digit).to_digit(16).and_then(|digit| u16::try_from(digit).ok())?;
        Some(number << 4 | digit)
    })
}
