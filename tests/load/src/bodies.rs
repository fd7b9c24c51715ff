//! Webhook bodies, each with a chat, a visitor, a phone and an e-mail of its own.

use std::{fs, io, path::Path};

/// In turn: the longer one, and the one that an agent waits for.
const FILES: [&str; 2] = ["chat_finished.json", "chat_accepted.json"];
const EMAIL: &str = "alina.testova@example.com";
const PHONE: &str = "+79000000001";

/// The bodies, cut where something is filled in.
#[derive(Debug)]
pub(crate) struct Bodies(Vec<Vec<Piece>>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The number of the chat and of its visitor.
    Number,
    Email,
    Phone,
}

impl Bodies {
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let read = |file: &&str| -> io::Result<Vec<Piece>> {
            let path = folder.join(file);
            let text = fs::read_to_string(&path)
                .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
            cut(&text).ok_or_else(|| {
                io::Error::other(format!("{} has no chat, visitor and e-mail", path.display()))
            })
        };
        Ok(Self(FILES.iter().map(read).collect::<io::Result<_>>()?))
    }

    /// The body of a chat. Phones repeat after 1,000,000,000 chats.
    pub(crate) fn body(&self, chat: u64) -> String {
        let count = u64::try_from(self.0.len()).unwrap_or(1);
        let kind = usize::try_from(chat % count).unwrap_or_default();
        let pieces = self.0.get(kind).into_iter().flatten();
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Number => chat.to_string(),
            Piece::Email => format!("visitor{chat}@example.com"),
            Piece::Phone => format!("+79{:09}", chat % 1_000_000_000),
        };
        pieces.map(text).collect()
    }
}

/// `None` where a place to fill is missing; a phone is not in every body.
fn cut(text: &str) -> Option<Vec<Piece>> {
    let (chat, rest) = number(text, "\"chat_id\": ")?;
    let (visitor, rest) = number(rest, "\"number\": \"")?;
    let (before, after) = visitor.split_once(EMAIL)?;
    let own = |text: &str| Piece::Text(text.to_owned());
    let mut pieces = vec![own(chat), Piece::Number, own(before), Piece::Email];
    match after.split_once(PHONE) {
        Some((between, after)) => pieces.extend([own(between), Piece::Phone, own(after)]),
        None => pieces.push(own(after)),
    }
    pieces.extend([Piece::Number, own(rest)]);
    Some(pieces)
}

/// What stands up to the digits after `key`, and behind them.
fn number<'a>(text: &'a str, key: &str) -> Option<(&'a str, &'a str)> {
    let start = text.find(key)? + key.len();
    let (before, rest) = text.split_at_checked(start)?;
    let after = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    (after.len() < rest.len()).then_some((before, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_chats_share_nothing_that_a_client_is_known_by() {
        let bodies = Bodies::read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        for chat in [1_000_000_007, 1_000_000_008] {
            let body = bodies.body(chat);
            for known in [EMAIL, PHONE, "\"2746\""] {
                assert!(!body.contains(known), "{known} is still there: {body}");
            }
            for own in [
                format!("\"chat_id\": {chat},"),
                format!("\"number\": \"{chat}\","),
                format!("\"email\": \"visitor{chat}@example.com\","),
            ] {
                assert!(body.contains(&own), "{own} is missing: {body}");
            }
        }
        assert!(bodies.body(1_000_000_008).contains("\"phone\": \"+79000000008\""));
    }

    #[test]
    fn a_body_without_a_place_to_fill_is_refused() {
        assert_eq!(cut("{\"chat_id\": 7}"), None);
        assert_eq!(cut("{\"chat_id\": \"seven\"}"), None);
    }
}
