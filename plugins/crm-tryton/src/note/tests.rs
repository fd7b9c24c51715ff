//! The texts of notes.

use patchbay_sdk::types::Person;

use super::*;

#[test]
fn a_conversation_is_read_line_by_line() {
    let agent =
        Person { id: None, name: Some("Olena".to_owned()), email: None, phone: None, active: true };
    let message = |author, agent: Option<Person>, text: &str| Message {
        author,
        agent,
        sent_at: None,
        text: text.to_owned(),
    };
    let transcript = Transcript {
        started_at: Some("2026-01-02T10:00:00Z".to_owned()),
        finished_at: None,
        topic: None,
        rating: Some("positive".to_owned()),
        messages: vec![
            message(Author::Client, None, "Good\u{7} morning"),
            message(Author::Agent, Some(agent), "Hello"),
            message(Author::Bot, None, "Wait"),
            message(Author::System, None, "Joined"),
        ],
    };
    assert_eq!(
        text(&Note::Transcript(transcript)),
        "Conversation\nRating: positive\nStarted: 2026-01-02T10:00:00Z\nClient: Good morning\nOlena: Hello\nBot: Wait\nSystem: Joined"
    );
}

#[test]
fn a_call_tells_what_is_known_of_it() {
    let call = PhoneCall {
        id: "c-1".to_owned(),
        direction: Direction::Inbound,
        client_number: Some("+380671234567".to_owned()),
        agent_number: None,
        line: Some("+380441112233".to_owned()),
        status: Some("ANSWERED".to_owned()),
        missed: false,
        duration_s: Some(65),
        recording_url: Some("https://records.example.test/1.mp3".to_owned()),
        rating: None,
    };
    assert_eq!(
        text(&Note::Call(call.clone())),
        "Incoming call\nClient: +380671234567\nLine: +380441112233\nStatus: ANSWERED\nDuration: 1:05\n\
         Recording: https://records.example.test/1.mp3\nCall: c-1"
    );
    let title = |direction, missed| {
        let call = PhoneCall { direction, missed, ..call.clone() };
        text(&Note::Call(call)).lines().next().unwrap().to_owned()
    };
    assert_eq!(title(Direction::Inbound, true), "Missed call");
    assert_eq!(title(Direction::Outbound, false), "Outgoing call");
    assert_eq!(title(Direction::Outbound, true), "Outgoing call without an answer");
    assert_eq!(title(Direction::Internal, false), "Internal call");
}
