//! Texts for the conversation beside a record: HTML in parts that fit, each with its mark.

use patchbay_sdk::types::{Author, Call, Direction, Message, Transcript};

use crate::html;
use crate::once;

/// Longest body of one message. Odoo has no limit of its own; its client shows each message whole.
pub(crate) const BODY_BYTES_MAX: usize = 128 * 1024;

/// Room for the heading of a part and for its mark.
const FRAME_BYTES: usize = 512;

/// Most parts of one text, within the host's 16 requests: what is over is cut, and the last part says so.
pub(crate) const PARTS_MAX: usize = 12;

const CUT: &str = "The rest is left out: it is too long for Odoo.";

/// The lines as bodies, each with its own mark as its last line; more than one are counted.
pub(crate) fn bodies(lines: &[String], key: &str) -> Vec<String> {
    let mut parts = parts(lines);
    if PARTS_MAX < parts.len() {
        parts.truncate(PARTS_MAX - 1);
        parts.push(html::from_text(CUT));
    }
    let count = parts.len();
    let frame = |(index, part): (usize, String)| {
        let number = index + 1;
        let heading = match count {
            1 => String::new(),
            _ => html::from_text(&format!("Part {number} of {count}")),
        };
        format!("{heading}{part}{}", html::from_text(&once::mark(key, number)))
    };
    parts.into_iter().enumerate().map(frame).collect()
}

/// The lines as HTML in parts that leave room for a frame; at least one part.
fn parts(lines: &[String]) -> Vec<String> {
    let room = BODY_BYTES_MAX - FRAME_BYTES;
    let mut parts = vec![String::new()];
    let lines = lines.iter().filter_map(|line| cleaned(line));
    for line in lines.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()) {
        for piece in pieces(&line, room) {
            let part = parts.last_mut().expect("it begins with one part");
            if part.is_empty() || part.len() + piece.len() <= room {
                part.push_str(&piece);
            } else {
                parts.push(piece);
            }
        }
    }
    parts
}

/// A line as HTML, in several paragraphs where it is longer than a part.
fn pieces(line: &str, room: usize) -> Vec<String> {
    // A letter is at most six bytes of HTML, and a paragraph seven.
    let letters_max = (room - 7) / 6;
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((cut, _)) = rest.char_indices().nth(letters_max) {
        let (piece, after) = rest.split_at(cut);
        pieces.push(html::from_text(piece));
        rest = after;
    }
    pieces.push(html::from_text(rest));
    pieces
}

/// Without what PostgreSQL cannot hold; `None` for a blank text.
pub(crate) fn cleaned(text: &str) -> Option<String> {
    let text: String =
        text.chars().filter(|letter| !letter.is_control() || "\n\t".contains(*letter)).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A heading, and a line for each message.
pub(crate) fn conversation(transcript: &Transcript) -> Vec<String> {
    let Transcript { started_at, finished_at, topic, rating, messages } = transcript;
    let told =
        [("Topic", topic), ("Rating", rating), ("Started", started_at), ("Finished", finished_at)];
    let heading =
        told.iter().filter_map(|(title, told)| Some(format!("{title}: {}", told.as_ref()?)));
    let mut lines = vec!["Conversation".to_owned()];
    lines.extend(heading);
    lines.extend(messages.iter().map(line));
    lines
}

fn line(message: &Message) -> String {
    let agent = message.agent.as_ref();
    let name = agent.and_then(|agent| agent.name.as_deref().or(agent.email.as_deref()));
    let author = match message.author {
        Author::Client => "Client",
        Author::Agent => name.unwrap_or("Agent"),
        Author::Bot => "Bot",
        Author::System => "System",
    };
    match &message.sent_at {
        Some(at) => format!("[{at}] {author}: {}", message.text),
        None => format!("{author}: {}", message.text),
    }
}

/// One line for each thing that is known of a call, the recording as a link.
pub(crate) fn call(call: &Call, key: &str) -> String {
    let title = match (call.direction, call.missed) {
        (Direction::Inbound, false) => "Incoming call",
        (Direction::Inbound, true) => "Missed call",
        (Direction::Outbound, false) => "Outgoing call",
        (Direction::Outbound, true) => "Outgoing call without an answer",
        (Direction::Internal, _) => "Internal call",
    };
    let duration = call.duration_s.map(|seconds| format!("{}:{:02}", seconds / 60, seconds % 60));
    let lines = [
        ("Client", call.client_number.as_deref()),
        ("Agent", call.agent_number.as_deref()),
        ("Line", call.line.as_deref()),
        ("Duration", duration.as_deref()),
        ("Status", call.status.as_deref()),
        ("Rating", call.rating.as_deref()),
        ("Call", Some(call.id.as_str())),
    ];
    let mut body = html::from_text(title);
    for (title, told) in lines {
        if let Some(told) = told.and_then(cleaned) {
            body.push_str(&html::from_text(&short(&format!("{title}: {told}"))));
        }
    }
    if let Some(url) = call.recording_url.as_deref().and_then(cleaned) {
        body.push_str(&recording(&short(&url)));
    }
    body + &html::from_text(&once::mark(key, 1))
}

/// A link, where it leads to the web; any other address is a text.
fn recording(url: &str) -> String {
    let shown = html::escaped(url);
    if patchbay_sdk::shown::url(url).is_some() {
        format!("<p>Recording: <a href=\"{shown}\" target=\"_blank\">{shown}</a></p>")
    } else {
        format!("<p>Recording: {shown}</p>")
    }
}

/// The first line of what a channel told, within reason.
fn short(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(2_000).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn phone_call() -> Call {
        Call {
            id: "77".to_owned(),
            direction: Direction::Inbound,
            client_number: Some("+380671234567".to_owned()),
            agent_number: None,
            line: None,
            status: Some("ANSWERED".to_owned()),
            missed: false,
            duration_s: Some(62),
            recording_url: Some("https://rec.example.test/1.mp3?a=1&b=2".to_owned()),
            rating: None,
        }
    }

    #[test]
    fn a_call_leads_to_its_recording() {
        assert_eq!(
            call(&phone_call(), "k"),
            concat!(
                "<p>Incoming call</p><p>Client: +380671234567</p><p>Duration: 1:02</p><p>Status: ANSWERED</p>",
                "<p>Call: 77</p><p>Recording: <a href=\"https://rec.example.test/1.mp3?a=1&amp;b=2\" target=\"_blank\">",
                "https://rec.example.test/1.mp3?a=1&amp;b=2</a></p><p>[patchbay:k]</p>",
            )
        );
        let hostile =
            Call { recording_url: Some("javascript:alert(\"1\")".to_owned()), ..phone_call() };
        assert!(!call(&hostile, "k").contains("href"));
    }

    #[test]
    fn a_body_holds_128_kib_and_what_is_over_is_another_part() {
        // Seven bytes of a paragraph.
        let room = BODY_BYTES_MAX - FRAME_BYTES - 7;
        let lines = |last: usize| [vec!["x".repeat(1_000); 129], vec!["x".repeat(last)]].concat();
        let used = 129 * 1_007;
        let full = bodies(&lines(room - used), "k");
        assert_eq!((full.len(), full[0].ends_with("<p>[patchbay:k]</p>")), (1, true));
        let two = bodies(&lines(room - used + 1), "k");
        assert_eq!(two.len(), 2);
        assert!(
            two[0].starts_with("<p>Part 1 of 2</p>") && two[1].ends_with("<p>[patchbay:k.2]</p>")
        );
    }

    #[test]
    fn a_text_has_at_most_twelve_parts_and_the_last_one_says_what_is_left_out() {
        let line = "x".repeat(BODY_BYTES_MAX - FRAME_BYTES - 7);
        // Cut in pieces that fit even where each letter is an entity, and joined again.
        assert_eq!(bodies(&vec![line.clone(); 11], "k").len(), 12);
        let cut = bodies(&vec![line; 20], "k");
        assert_eq!(cut.len(), PARTS_MAX);
        assert!(cut[11].contains(CUT) && !cut[10].contains(CUT));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn any_text_fits(lines in proptest::collection::vec(".{0,40}", 0..6), times in 1_usize..2_000) {
            let line = lines.join("\n").repeat(times);
            for body in bodies(&[line.clone(), line], &"k".repeat(128)) {
                prop_assert!(body.len() <= BODY_BYTES_MAX);
                prop_assert!(body.contains("[patchbay:"));
            }
        }
    }
}
