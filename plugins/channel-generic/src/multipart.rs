//! `multipart/form-data` as pairs: texts as they are, files by their names and sizes alone.

use std::borrow::Cow;

use patchbay_sdk::form::{self, Charset, Pair};

/// More parts than this are refused.
pub(crate) const PARTS_MAX: usize = 1_000;
/// RFC 2046 allows no longer one.
const BOUNDARY_BYTES_MAX: usize = 70;
/// Stands for the name of a part that has none.
const NAMELESS: &str = "part";

/// Why a body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    TooManyParts,
    /// The boundary of the content type does not stand in the body, or is no boundary.
    NoBoundary,
}

struct Part<'a> {
    name: String,
    /// Set for a file.
    file_name: Option<String>,
    content: &'a [u8],
}

/// The pairs of the body in their order. The last part may go on to the end of the body, because
/// some senders leave out the closing boundary.
pub(crate) fn pairs(
    body: &[u8],
    boundary: &str,
    charset: Option<Charset>,
) -> Result<Vec<Pair>, Fault> {
    if BOUNDARY_BYTES_MAX < boundary.len() {
        return Err(Fault::NoBoundary);
    }
    let parts = parts(body, format!("--{boundary}").as_bytes())?;
    let charset = charset.unwrap_or_else(|| {
        let texts = parts.iter().filter(|part| part.file_name.is_none()).map(|part| part.content);
        Charset::guess(&texts.collect::<Vec<_>>())
    });
    Ok(parts.into_iter().filter_map(|part| pair(part, charset)).collect())
}

fn pair(part: Part<'_>, charset: Charset) -> Option<Pair> {
    let value = match part.file_name {
        None => charset.decode(part.content).into_owned(),
        // A file input that was left empty.
        Some(name) if name.is_empty() && part.content.is_empty() => return None,
        Some(name) => format!("{name} ({} bytes)", part.content.len()),
    };
    Some((part.name, value))
}

fn parts<'a>(body: &'a [u8], delimiter: &[u8]) -> Result<Vec<Part<'a>>, Fault> {
    let mut parts = Vec::new();
    let (_, mut rest) = until_delimiter(body, delimiter).ok_or(Fault::NoBoundary)?;
    while !rest.starts_with(b"--") {
        if parts.len() == PARTS_MAX {
            return Err(Fault::TooManyParts);
        }
        let Some((_, after)) = line(rest) else { break };
        let (section, after) = until_delimiter(after, delimiter).unwrap_or((after, b"--"));
        parts.push(part(section));
        rest = after;
    }
    Ok(parts)
}

/// What stands before the next delimiter, which begins a line, and what follows it.
fn until_delimiter<'a>(body: &'a [u8], delimiter: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    if let Some(rest) = body.strip_prefix(delimiter) {
        return Some((&[], rest));
    }
    let mut from = 0;
    while let Some(feed) = body.get(from..)?.iter().position(|&byte| byte == b'\n') {
        let (before, after) = body.split_at_checked(from + feed)?;
        let after = after.get(1..)?;
        if let Some(rest) = after.strip_prefix(delimiter) {
            return Some((before.strip_suffix(b"\r").unwrap_or(before), rest));
        }
        from += feed + 1;
    }
    None
}

/// The first line without its end, and the rest.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|&byte| byte == b'\n')?;
    let (line, rest) = text.split_at_checked(end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..)?))
}

fn part(section: &[u8]) -> Part<'_> {
    let mut part = Part { name: NAMELESS.to_owned(), file_name: None, content: section };
    // Headers without an empty line after them have no content.
    while !part.content.is_empty() {
        let (header, rest) = line(part.content).unwrap_or((part.content, &[]));
        part.content = rest;
        if header.is_empty() {
            break;
        }
        let header = Charset::guess(&[header]).decode(header);
        if header.to_ascii_lowercase().starts_with("content-disposition:") {
            part.name = form::parameter(&header, "name").unwrap_or(part.name);
            part.file_name = file_name(&header);
        }
    }
    part
}

/// The name of a file, which may be empty; `None` for a text.
fn file_name(disposition: &str) -> Option<String> {
    let encoded = form::parameter(disposition, "filename*");
    // RFC 5987: `UTF-8''na%C3%AFve.txt`.
    let encoded = encoded.and_then(|text| {
        let encoded = text.splitn(3, '\'').nth(2)?.replace('+', "%2B");
        let pairs = form::pairs(encoded.as_bytes(), None).ok()?;
        pairs.into_iter().next().map(|(name, _)| name)
    });
    let plain = form::parameter(disposition, "filename").or_else(|| {
        let is_file = disposition.to_ascii_lowercase().contains("filename=");
        is_file.then(String::new)
    });
    // Browsers of old sent the whole path.
    let base = |name: String| {
        let base: Cow<'_, str> = name.rsplit(['/', '\\']).next().unwrap_or_default().into();
        base.into_owned()
    };
    encoded.or(plain).map(base)
}

#[cfg(test)]
mod tests;
