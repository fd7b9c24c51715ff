//! Tests of `text`.

use proptest::prelude::*;

use super::*;

#[test]
fn a_text_fits_one_note_up_to_its_last_character() {
    // The mark and the place of the number: 12, 7 and 3.
    let room = NOTE_CHARS_MAX - 22;
    assert_eq!(parts(&"x".repeat(room), "k").len(), 1);
    let two = parts(&"x".repeat(room + 1), "k");
    assert_eq!(two.len(), 2);
    assert_eq!(two[1], "(2/2)\nx\n[patchbay:k]");
}

#[test]
fn a_text_becomes_at_most_twenty_notes() {
    let room = NOTE_CHARS_MAX - 22;
    let parts = parts(&"x".repeat(room * PARTS_MAX), "k");
    assert_eq!(parts.len(), PARTS_MAX);
    assert!(!parts[PARTS_MAX - 1].contains('…'));
    let cut = super::parts(&"x".repeat(room * PARTS_MAX + 1), "k");
    assert_eq!(cut.len(), PARTS_MAX);
    assert!(cut[PARTS_MAX - 1].ends_with("x…\n[patchbay:k]"));
    assert!(cut.iter().all(|part| part.chars().count() <= NOTE_CHARS_MAX));
}

#[test]
fn nothing_is_still_a_note_with_its_mark() {
    assert_eq!(parts("", "k"), ["[patchbay:k]"]);
    assert_eq!(marked("", "k"), "[patchbay:k]");
}

#[test]
fn a_task_says_4000_characters() {
    assert_eq!(marked(&"я".repeat(4_001), "k"), format!("{}\n[patchbay:k]", "я".repeat(4_000)));
}

#[test]
fn a_transcript_says_who_said_what_and_when() {
    use patchbay_sdk::types::Person;
    let agent =
        Person { id: None, name: Some("Olha".to_owned()), email: None, phone: None, active: true };
    let message = |author, text: &str| Message {
        author,
        agent: (author == Author::Agent).then(|| agent.clone()),
        sent_at: (author == Author::Client).then(|| "2025-10-09T12:01:30+03:00".to_owned()),
        text: text.to_owned(),
    };
    let transcript = Transcript {
        started_at: Some("2025-10-09T12:01:00+03:00".to_owned()),
        finished_at: Some("2025-10-09T12:10:00+03:00".to_owned()),
        topic: Some("Tea".to_owned()),
        rating: Some("positive".to_owned()),
        messages: vec![
            message(Author::Client, "Hello"),
            message(Author::Agent, "Good day"),
            message(Author::Bot, " \u{0} "),
            message(Author::System, "Ended"),
        ],
    };
    assert_eq!(
        super::transcript(&transcript),
        "Chat, 2025-10-09 12:01 to 2025-10-09 12:10\nTopic: Tea\nRating: positive\n\n\
         2025-10-09 12:01 Client: Hello\nOlha: Good day\nSystem: Ended"
    );
}

proptest! {
    #[test]
    fn parts_hold_the_whole_text_in_its_order(lines in prop::collection::vec("[a-z]{1,40}", 1..30), room in 5_usize..60) {
        let text = lines.join("\n");
        let parts = split(&text, room);
        prop_assert!(parts.iter().all(|part| part.chars().count() <= room));
        let joined = |text: &str| text.replace('\n', "");
        prop_assert_eq!(joined(&parts.concat()), joined(&text));
    }

    #[test]
    fn any_text_can_be_split(text in ".*", room in 1_usize..20) {
        prop_assert!(split(&text, room).iter().all(|part| part.chars().count() <= room));
    }
}
