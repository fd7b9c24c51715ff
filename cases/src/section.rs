//! A custom section in a component: written at its end, in the place of one that is there.

use crate::{Error, SECTION};

/// Magic number, version and layer of a component.
const HEADER: [u8; 8] = *b"\0asm\x0d\0\x01\0";
const CUSTOM: u8 = 0;

/// The component with these cases and no others.
pub fn put(component: &[u8], cases: &[u8]) -> Result<Vec<u8>, Error> {
    let mut rest = component.strip_prefix(&HEADER).ok_or(Error::NoComponent)?;
    let mut packed = HEADER.to_vec();
    while !rest.is_empty() {
        let (section, after) = section(rest).ok_or(Error::NoComponent)?;
        if !section.is_ours {
            packed.extend_from_slice(section.bytes);
        }
        rest = after;
    }
    let name = [&*length(SECTION.len())?, SECTION.as_bytes()].concat();
    packed.push(CUSTOM);
    packed.extend(length(name.len().saturating_add(cases.len()))?);
    packed.extend(name);
    packed.extend_from_slice(cases);
    Ok(packed)
}

/// One section at the outermost level.
struct Section<'a> {
    bytes: &'a [u8],
    is_ours: bool,
}

/// The first section of `bytes`, and what follows it.
fn section(bytes: &[u8]) -> Option<(Section<'_>, &[u8])> {
    let (id, after) = bytes.split_first()?;
    let (size, content) = number(after)?;
    let content_at = bytes.len() - content.len();
    let (whole, after) = bytes.split_at_checked(content_at.checked_add(size)?)?;
    let is_ours = *id == CUSTOM && name(whole.get(content_at..)?) == Some(SECTION.as_bytes());
    Some((Section { bytes: whole, is_ours }, after))
}

fn name(content: &[u8]) -> Option<&[u8]> {
    let (length, after) = number(content)?;
    after.get(..length)
}

/// A LEB128 number of at most 32 bits, and what follows it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, bytes.get(at + 1..)?));
        }
    }
    None
}

fn length(count: usize) -> Result<Vec<u8>, Error> {
    let mut left = u32::try_from(count).map_err(|_too_large| Error::TooLarge)?;
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(left & 0x7f).unwrap_or_default();
        left >>= 7;
        if left == 0 {
            bytes.push(low);
            return Ok(bytes);
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_stand_at_the_end_and_take_the_place_of_others() {
        let other = b"\x00\x05\x03abc!";
        let component = [&HEADER[..], other].concat();
        let first = put(&component, b"one").unwrap();
        assert_eq!(first, [&component[..], b"\x00\x18\x14patchbay:conformanceone"].concat());
        let second = put(&first, &[b'x'; 200]).unwrap();
        // 221 bytes need two letters of LEB128.
        let expected = [&component[..], b"\x00\xdd\x01\x14patchbay:conformance", &[b'x'; 200]];
        assert_eq!(second, expected.concat());
    }

    #[test]
    fn what_is_no_whole_component_is_left_alone() {
        let cut = [&HEADER[..], b"\x00\x06\x03abc"].concat();
        let endless = [&HEADER[..], b"\x00\xff\xff\xff\xff\xff\xff"].concat();
        for bytes in [&b"PK"[..], b"\0asm\x01\0\0\0", &cut, &endless] {
            assert!(matches!(put(bytes, b"{}"), Err(Error::NoComponent)), "{bytes:?}");
        }
    }

    #[test]
    fn lengths_are_written_as_they_are_read() {
        for count in [0, 1, 127, 128, 16_383, 16_384, 1 << 28] {
            assert_eq!(number(&length(count).unwrap()).unwrap(), (count, &[][..]));
        }
        assert!(length(1 << 32).is_err());
    }
}
