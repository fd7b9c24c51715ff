//! Texts in parts that fit into one note each, in their order, every part with its own mark.

/// Longest text of one note. The host lets 1 MiB through, and JSON writes some letters as two.
pub(super) const TEXT_BYTES_MAX: usize = 400 * 1024;

/// Most parts of one text, within the host's 16 requests: what is over is cut, and the last part says so.
pub(super) const PARTS_MAX: usize = 12;

pub(super) const CUT: &str = "The rest is left out: it is too long.";

/// One note: what it says, with the mark by which it is found again as its last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) message: String,
    pub(super) mark: String,
}

/// At least one part. Where there are more, each says which one it is. `mark` stands for all of them.
pub(super) fn of(text: &str, mark: &str) -> Vec<Part> {
    let mut texts = split(text);
    if PARTS_MAX < texts.len() {
        texts.truncate(PARTS_MAX - 1);
        texts.push(CUT);
    }
    let count = texts.len();
    let part = |(number, text): (usize, &str)| {
        let mark = if number == 1 { format!("[{mark}]") } else { format!("[{mark}.{number}]") };
        let heading = if count == 1 { String::new() } else { format!("Part {number}/{count}\n") };
        Part { message: format!("{heading}{text}\n{mark}"), mark }
    };
    (1..).zip(texts).map(part).collect()
}

/// Pieces within the limit: whole lines as far as lines fit.
fn split(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while TEXT_BYTES_MAX < rest.len() {
        // A line may end right behind the limit: its end is not kept.
        let line_end = rest.as_bytes().iter().take(TEXT_BYTES_MAX + 1).rposition(|it| *it == b'\n');
        let line_end = line_end.filter(|end| 0 < *end);
        let end = line_end.unwrap_or_else(|| rest.floor_char_boundary(TEXT_BYTES_MAX));
        pieces.extend(rest.get(..end));
        let next = if line_end.is_some() { end + 1 } else { end };
        rest = rest.get(next..).unwrap_or_default();
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        of(text, "patchbay:k").into_iter().map(|part| part.message).collect()
    }

    #[test]
    fn a_text_is_one_note_up_to_its_last_byte_and_two_notes_beyond_it() {
        let full = "a".repeat(TEXT_BYTES_MAX);
        assert_eq!(messages(&full), [format!("{full}\n[patchbay:k]")]);
        assert_eq!(
            messages(&(full.clone() + "b")),
            [format!("Part 1/2\n{full}\n[patchbay:k]"), "Part 2/2\nb\n[patchbay:k.2]".to_owned()]
        );
        assert_eq!(messages(""), ["\n[patchbay:k]"]);
    }

    #[test]
    fn lines_stay_whole_where_they_fit() {
        let line = "ж".repeat(TEXT_BYTES_MAX / 4);
        let text = [line.as_str(); 5].join("\n");
        assert_eq!(split(&text), [line.as_str(); 5], "two of them and an end are too long");
        // A line that ends right at the limit.
        let (full, after) = ("a".repeat(TEXT_BYTES_MAX), "b".repeat(10));
        assert_eq!(split(&format!("{full}\n{after}")), [full, after]);
        // A line of its own size, cut between two letters.
        let long = "x".to_owned() + &"ж".repeat(TEXT_BYTES_MAX);
        let pieces = split(&long);
        assert_eq!(pieces.concat(), long);
        assert_eq!((pieces.len(), pieces[0].len()), (3, TEXT_BYTES_MAX - 1));
        // Nothing but ends of lines.
        let blank = "\n".repeat(2 * TEXT_BYTES_MAX);
        assert!(split(&blank).iter().all(|it| it.len() <= TEXT_BYTES_MAX));
    }

    #[test]
    fn a_text_has_at_most_twelve_parts_and_the_last_one_says_what_is_left_out() {
        let most = messages(&"a".repeat(PARTS_MAX * TEXT_BYTES_MAX));
        assert_eq!(most.len(), PARTS_MAX);
        assert!(most.last().unwrap().starts_with("Part 12/12\naaa"));
        let over = messages(&"a".repeat(PARTS_MAX * TEXT_BYTES_MAX + 1));
        assert_eq!(over.len(), PARTS_MAX);
        assert_eq!(over.last().unwrap(), &format!("Part 12/12\n{CUT}\n[patchbay:k.12]"));
    }

    #[test]
    fn the_longest_part_fits_into_a_request_of_the_host() {
        let worst = of(&"\"\t".repeat(TEXT_BYTES_MAX), &"k".repeat(137)).remove(0).message;
        assert!(TEXT_BYTES_MAX < worst.len());
        assert!(serde_json::json!({ "message": worst }).to_string().len() < 1_000_000);
    }
}
