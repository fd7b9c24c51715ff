//! How a call is told.

use super::*;

#[test]
fn a_call_is_told_by_its_direction_and_its_end() {
    let call = |direction, missed| Call {
        id: "1".to_owned(),
        direction,
        client_number: None,
        agent_number: None,
        line: Some("+380440000000".to_owned()),
        status: None,
        missed,
        duration_s: Some(3_661),
        recording_url: None,
        rating: Some("5".to_owned()),
    };
    for (direction, missed, expected) in [
        (Direction::Inbound, false, "Incoming call"),
        (Direction::Inbound, true, "Missed call"),
        (Direction::Outbound, false, "Outgoing call"),
        (Direction::Outbound, true, "Outgoing call, not answered"),
        (Direction::Internal, true, "Internal call"),
    ] {
        assert_eq!(title(&call(direction, missed)), expected);
    }
    let told = description(&call(Direction::Inbound, false), true);
    assert_eq!(told, "Incoming call\nDuration: 61:01\nRating: 5\nLine: +380440000000\nCall: 1");
}
