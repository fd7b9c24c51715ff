//! Texts for the timeline: HTML, the mark of an idempotency key, and parts that fit HubSpot's limit.

/// Longest body of a note, a task or a call, as Java counts letters: two for each beyond U+FFFF.
pub(crate) const BODY_UNITS_MAX: usize = 65_536;

/// Room for the heading of a part and for its mark.
const FRAME_UNITS: usize = 512;

/// Most parts of one text: what is over is cut, and the last part says so.
pub(crate) const PARTS_MAX: usize = 40;

const CUT: &str = "The rest is left out: it is too long for HubSpot.";

/// The line by which a record is found again. `part` counts from 1.
pub(crate) fn mark(key: &str, part: usize) -> String {
    if part == 1 { format!("[patchbay:{key}]") } else { format!("[patchbay:{key}.{part}]") }
}

/// A body with its mark; what does not fit is cut.
pub(crate) fn marked(text: &str, key: &str) -> String {
    let mut parts = parts(&[text.to_owned()]);
    let cut = if parts.len() == 1 { String::new() } else { format!("{BREAK}{CUT}") };
    format!("{}{cut}{BREAK}{}", parts.swap_remove(0), mark(key, 1))
}

/// The lines as HTML bodies, each within the limit and with its own mark as its last line.
///
/// More than one begin with a heading that counts them.
pub(crate) fn bodies(lines: &[String], key: &str) -> Vec<String> {
    let mut parts = parts(lines);
    if PARTS_MAX < parts.len() {
        parts.truncate(PARTS_MAX - 1);
        parts.push(CUT.to_owned());
    }
    let count = parts.len();
    let frame = |(index, part): (usize, String)| {
        let number = index + 1;
        let heading =
            if count == 1 { String::new() } else { format!("Part {number} of {count}{BREAK}") };
        format!("{heading}{part}{BREAK}{}", mark(key, number))
    };
    parts.into_iter().enumerate().map(frame).collect()
}

/// The lines as HTML in parts that leave room for a frame; at least one part.
fn parts(lines: &[String]) -> Vec<String> {
    let room = BODY_UNITS_MAX - FRAME_UNITS;
    let mut parts: Vec<String> = Vec::new();
    let (mut part, mut used) = (String::new(), 0);
    for piece in lines.iter().flat_map(|line| line.split('\n')).flat_map(|line| pieces(line, room))
    {
        let needed = units(&piece) + BREAK.len();
        if 0 < used && room < used + needed {
            parts.push(std::mem::take(&mut part));
            used = 0;
        }
        if 0 < used {
            part.push_str(BREAK);
        }
        part.push_str(&piece);
        used += needed;
    }
    parts.push(part);
    parts
}

/// The number of the part whose mark stands in a body.
pub(crate) fn marked_part(body: &str, key: &str) -> Option<usize> {
    (1..=PARTS_MAX).find(|part| body.contains(&mark(key, *part)))
}

/// A text without the line of a mark.
pub(crate) fn without_mark(text: &str) -> &str {
    text.find("[patchbay:").and_then(|start| text.get(..start)).unwrap_or(text).trim()
}

const BREAK: &str = "<br>";

/// A line in escaped pieces, none longer than `room`.
fn pieces(line: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    let mut buffer = [0; 4];
    for letter in line.chars().filter(|letter| !letter.is_control() || *letter == '\t') {
        let piece = entity(letter).unwrap_or_else(|| letter.encode_utf8(&mut buffer));
        let needed = units(piece);
        if room < used + needed + BREAK.len() {
            pieces.push(String::new());
            used = 0;
        }
        used += needed;
        pieces.last_mut().expect("it begins with one piece").push_str(piece);
    }
    pieces
}

fn entity(letter: char) -> Option<&'static str> {
    Some(match letter {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        _ => return None,
    })
}

/// The length of a text as HubSpot counts it.
pub(crate) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> String {
        let mut bodies = bodies(&[text.to_owned()], "k");
        assert_eq!(bodies.len(), 1);
        bodies.remove(0)
    }

    #[test]
    fn a_text_is_shown_as_it_was_written() {
        assert_eq!(one("a <b>\n\"c\" & d"), "a &lt;b&gt;<br>&quot;c&quot; &amp; d<br>[patchbay:k]");
        assert_eq!(one(""), "<br>[patchbay:k]");
    }

    #[test]
    fn a_text_is_split_one_letter_beyond_what_one_note_holds() {
        let room = BODY_UNITS_MAX - FRAME_UNITS - BREAK.len();
        for letter in ["a", "ж"] {
            assert_eq!(bodies(&[letter.repeat(room)], "k").len(), 1);
            let two = bodies(&[letter.repeat(room + 1)], "k");
            assert_eq!(two.len(), 2);
            assert!(two[0].starts_with("Part 1 of 2<br>") && two[0].ends_with("<br>[patchbay:k]"));
            assert_eq!(two[1], format!("Part 2 of 2<br>{letter}<br>[patchbay:k.2]"));
        }
        // Two units each.
        assert_eq!(bodies(&["\u{1f600}".repeat(room / 2 + 1)], "k").len(), 2);
    }

    #[test]
    fn lines_stay_whole_where_they_fit() {
        let line = "b".repeat(40_000);
        let two = bodies(&[line.clone(), line.clone()], "k");
        assert_eq!(two.len(), 2);
        assert!(two.iter().all(|body| body.contains(&line)));
    }

    #[test]
    fn the_parts_beyond_the_limit_are_cut_and_the_last_says_so() {
        let line = "c".repeat(BODY_UNITS_MAX - FRAME_UNITS - BREAK.len());
        assert_eq!(bodies(&vec![line.clone(); PARTS_MAX], "k").len(), PARTS_MAX);
        let cut = bodies(&vec![line; PARTS_MAX + 1], "k");
        assert_eq!(cut.len(), PARTS_MAX);
        assert!(cut[PARTS_MAX - 1].contains(CUT) && !cut[PARTS_MAX - 2].contains(CUT));
    }

    #[test]
    fn a_part_is_known_by_its_mark() {
        assert_eq!(marked_part("a<br>[patchbay:k]", "k"), Some(1));
        assert_eq!(marked_part("a<br>[patchbay:k.7]", "k"), Some(7));
        assert_eq!(marked_part("a<br>[patchbay:k2]", "k"), None);
        assert_eq!(without_mark("a\n[patchbay:k]"), "a");
    }

    #[test]
    fn a_single_body_is_cut_and_keeps_its_mark() {
        assert_eq!(marked("a", "k"), "a<br>[patchbay:k]");
        let body = marked(&"d".repeat(BODY_UNITS_MAX), "k");
        assert!(body.starts_with("ddd") && body.ends_with(&format!("{CUT}<br>[patchbay:k]")));
        assert!(units(&body) <= BODY_UNITS_MAX);
    }

    proptest! {
        // Each case is hundreds of kilobytes.
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn every_part_fits_and_is_marked(lines in proptest::collection::vec("[<&a\u{1f600}]{0,20000}", 1..6)) {
            for (index, body) in bodies(&lines, &"k".repeat(128)).iter().enumerate() {
                prop_assert!(units(body) <= BODY_UNITS_MAX);
                prop_assert_eq!(marked_part(body, &"k".repeat(128)), Some(index + 1));
            }
        }
    }
}
