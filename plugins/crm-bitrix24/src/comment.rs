//! Texts and transcripts: comments in the timeline of a contact or a deal.

use patchbay_sdk::types::{Error, Subject};
use serde_json::{Value, json};

use crate::bb;
use crate::call::{self, Command};
use crate::errors::{self, Effect};
use crate::marks::{self, Ticket};
use crate::portal::Portal;
use crate::record::{self, Record};
use crate::task::{self, Owner};

/// Longest text in the comment itself, in bytes; a longer one is attached as a file. The documents
/// give no limit; the column of the boxed edition holds 65,535 bytes.
const TEXT_BYTES_MAX: usize = 60_000;

/// Longest file: in base64 it fits into a request of 1 MiB with room for the rest.
const FILE_BYTES_MAX: usize = 720_000;

/// What stands in the comment of an attached text.
const SHOWN_CHARS: usize = 1_000;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn add(
    portal: &Portal,
    subject: &Subject,
    text: &str,
    key: &str,
) -> Result<String, Error> {
    let owner = Owner::of(subject)?;
    let ticket = Ticket::take("note", key)?;
    let made = if ticket.may_be_written() { made(portal, owner, key) } else { Ok(None) };
    let result = match made {
        Ok(Some(id)) => Ok(id),
        Ok(None) => write(portal, owner, text, key),
        Err(error) => Err(error),
    };
    ticket.settle(result)
}

/// The comment that an earlier call has made under this key.
pub(crate) fn made(portal: &Portal, owner: Owner, key: &str) -> Result<Option<String>, Error> {
    let mark = marks::mark(key);
    let is_made =
        |comment: &Record| comment.text("COMMENT").is_some_and(|text| text.contains(&mark));
    task::find(portal, "crm.timeline.comment.list", is_made, |start| {
        json!({
            "filter": { "ENTITY_ID": owner.id, "ENTITY_TYPE": owner.name() },
            "select": ["ID", "COMMENT"],
            "order": { "ID": "DESC" },
            "start": start,
        })
    })
}

/// Writes without looking for an earlier one.
pub(crate) fn write(portal: &Portal, owner: Owner, text: &str, key: &str) -> Result<String, Error> {
    let mut fields = fields(text, &marks::mark(key));
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("ENTITY_ID".to_owned(), json!(owner.id));
        fields.insert("ENTITY_TYPE".to_owned(), json!(owner.name()));
    }
    let command = Command::write("note", "crm.timeline.comment.add", json!({ "fields": fields }));
    let answer = call::call(portal, &command)?;
    let id = record::number(&answer).ok_or_else(|| errors::unreadable(Effect::Write))?;
    Ok(id.to_string())
}

fn fields(text: &str, mark: &str) -> Value {
    let shown = bb::plain(text);
    if shown.len() <= TEXT_BYTES_MAX {
        return json!({ "COMMENT": format!("{shown}\n{mark}") });
    }
    let file = text.get(..text.floor_char_boundary(FILE_BYTES_MAX)).unwrap_or_default();
    let rest = if file.len() < text.len() {
        format!(
            "\u{2026}\nThe text is attached up to its first {FILE_BYTES_MAX} bytes; it is {} bytes long.",
            text.len()
        )
    } else {
        "\u{2026}\nThe whole text is attached.".to_owned()
    };
    let start: String = text.chars().take(SHOWN_CHARS).collect();
    json!({
        "COMMENT": format!("{}{rest}\n{mark}", bb::plain(&start)),
        "FILES": [["transcript.txt", base64(file.as_bytes())]],
    })
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0_u8; 4];
        if let Some(part) = group.get_mut(1..=chunk.len()) {
            part.copy_from_slice(chunk);
        }
        let group = u32::from_be_bytes(group);
        for place in 0..4 {
            let index = usize::try_from((group >> (18 - 6 * place)) & 63).unwrap_or_default();
            let letter = ALPHABET.get(index).filter(|_| place <= chunk.len());
            out.push(char::from(letter.copied().unwrap_or(b'=')));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648, section 10.
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xff, 0xef, 0xbe]), "/+++");
    }

    #[test]
    fn a_long_text_is_attached() {
        let inside = fields(&"x".repeat(TEXT_BYTES_MAX), "[m]");
        assert_eq!(inside["COMMENT"].as_str().unwrap().len(), TEXT_BYTES_MAX + 4);
        assert!(inside.get("FILES").is_none());

        let attached = fields(&"ж".repeat(TEXT_BYTES_MAX / 2 + 1), "[m]");
        let comment = attached["COMMENT"].as_str().unwrap();
        assert!(comment.ends_with("The whole text is attached.\n[m]"), "{comment}");
        assert!(comment.chars().count() < SHOWN_CHARS + 100);
        let file = attached["FILES"][0][1].as_str().unwrap();
        assert_eq!(file.len(), (TEXT_BYTES_MAX + 2).div_ceil(3) * 4);
    }

    #[test]
    fn a_request_stays_below_a_mebibyte() {
        let long = |bytes: usize| fields(&"x".repeat(bytes), "[m]");
        let whole = long(FILE_BYTES_MAX);
        assert!(whole["COMMENT"].as_str().unwrap().contains("whole"));
        assert!(whole.to_string().len() < 1_000_000);
        let cut = long(FILE_BYTES_MAX + 1);
        assert!(cut["COMMENT"].as_str().unwrap().contains("720001 bytes long"));
        assert_eq!(cut["FILES"], whole["FILES"]);
    }
}
