//! Whether a text starts with a value, in one of the spellings that programs write it in.

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
            [b'&', entity @ ..] => {
                let end = entity.iter().take(10).position(|byte| *byte == b';');
                match end.and_then(|end| Some((entity_char(entity.get(..end)?)?, end))) {
                    Some((found, end)) if found == wanted => entity.get(end + 1..)?,
                    _ => rest.strip_prefix(wanted.encode_utf8(&mut [0; 4]).as_bytes())?,
                }
            }
            _ => rest.strip_prefix(wanted.encode_utf8(&mut [0; 4]).as_bytes())?,
        };
    }
    Some(text.len() - rest.len())
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
