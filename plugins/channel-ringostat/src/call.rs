//! The call: who called whom, how it went, how long it took.

use patchbay_sdk::types::{Call, Direction};

use crate::aliases::Meaning;
use crate::moment::{self, Moment};
use crate::parameters::Parameters;

/// Fewer digits are an extension, or no number at all.
const NUMBER_DIGITS_MIN: usize = 5;
const NUMBER_BYTES_MAX: usize = 40;

/// Dispositions after which nobody has talked to the client, without blanks and in lower case.
const UNANSWERED: [&str; 9] = [
    "noanswer",
    "busy",
    "failed",
    "voicemail",
    "clientnoanswer",
    "cancel",
    "cancelled",
    "congestion",
    "missed",
];

/// Reads the call with this id.
pub(crate) fn call(parameters: &Parameters<'_>, moment: Moment, id: String) -> Call {
    let direction = direction(parameters, moment);
    let (from, to) = (parameters.get(Meaning::Caller), parameters.get(Meaning::Callee));
    let (client, company) = match direction {
        Direction::Outbound => (to, from),
        Direction::Inbound | Direction::Internal => (from, to),
    };
    let number = |text: Option<&str>| text.filter(|text| is_number(text)).map(str::to_owned);
    let talked = parameters.get(Meaning::TalkSeconds).and_then(seconds);
    let status = parameters.owned(Meaning::Status).or_else(|| parameters.owned(Meaning::Action));
    let is_unanswered = parameters.get(Meaning::Status).is_some_and(is_unanswered);
    Call {
        id,
        direction,
        // One that hides its number is nobody, but what was shown instead is worth showing.
        client_number: client.map(str::to_owned),
        agent_number: agent_number(parameters, moment, direction),
        line: number(company),
        status,
        missed: moment.is_after()
            && direction == Direction::Inbound
            && (is_unanswered || talked == Some(0)),
        duration_s: talked.or_else(|| {
            parameters.get(Meaning::TotalSeconds).and_then(seconds).filter(|_| !is_unanswered)
        }),
        recording_url: recording(parameters),
        rating: rating(parameters),
    }
}

/// A callback is the client's request, although the company calls out.
fn direction(parameters: &Parameters<'_>, moment: Moment) -> Direction {
    let told = parameters.get(Meaning::Direction);
    match told {
        Some(told) if ["internal", "local"].iter().any(|name| told.eq_ignore_ascii_case(name)) => {
            Direction::Internal
        }
        _ if moment.is_of_outgoing() => Direction::Outbound,
        Some(told) if moment::is_outgoing(told) => Direction::Outbound,
        _ => Direction::Inbound,
    }
}

fn agent_number(
    parameters: &Parameters<'_>,
    moment: Moment,
    direction: Direction,
) -> Option<String> {
    let forwarded =
        parameters.get(Meaning::ForwardNumber).filter(|_| moment == Moment::ForwardStep);
    let number = forwarded.or_else(|| parameters.get(Meaning::EmployeeNumber));
    // Of an outgoing call the caller is the agent's login, unless it is the company's number.
    let login = parameters.get(Meaning::Caller).filter(|caller| !is_number(caller));
    number.or(login.filter(|_| direction == Direction::Outbound)).map(str::to_owned)
}

fn recording(parameters: &Parameters<'_>) -> Option<String> {
    let url = parameters.get(Meaning::RecordingUrl)?;
    let (scheme, rest) = url.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    (is_web && !rest.is_empty()).then(|| url.to_owned())
}

fn rating(parameters: &Parameters<'_>) -> Option<String> {
    match (parameters.get(Meaning::Category), parameters.get(Meaning::CategoryValue)) {
        (Some(category), Some(value)) => Some(format!("{category}: {value}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

/// Whether a text is a phone number and neither a login nor an extension nor `anonymous`.
pub(crate) fn is_number(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-() .".contains(&byte));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    is_plain && NUMBER_DIGITS_MIN <= digits && text.len() <= NUMBER_BYTES_MAX
}

fn is_unanswered(disposition: &str) -> bool {
    let letters: String = disposition
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    UNANSWERED.contains(&letters.as_str())
}

/// `95`, `95.4`, `01:35` or `00:01:35`.
fn seconds(text: &str) -> Option<u32> {
    if text.contains(':') {
        return text.split(':').try_fold(0_u32, |sum, part| {
            sum.checked_mul(60)?.checked_add(part.trim().parse().ok()?)
        });
    }
    text.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_phone_numbers_are_numbers() {
        for number in ["+380440000012", "380 44 000-00-11", "(044) 0000013", "10501"] {
            assert!(is_number(number), "{number}");
        }
        let long = "1".repeat(NUMBER_BYTES_MAX + 1);
        for other in ["manager1_10000", "101", "1050", "anonymous", "", "+", &long] {
            assert!(!is_number(other), "{other}");
        }
        assert!(is_number(&"1".repeat(NUMBER_BYTES_MAX)));
    }

    #[test]
    fn durations_are_read_as_seconds_and_as_clocks() {
        let cases = [
            ("95", Some(95)),
            ("95.4", Some(95)),
            ("01:35", Some(95)),
            ("1:00:01", Some(3_601)),
            ("0", Some(0)),
            ("-1", None),
            ("long", None),
            ("9:99999999999", None),
            ("4294967295:0", None),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn dispositions_tell_whether_anybody_talked() {
        for missed in ["NO ANSWER", "no_answer", "BUSY", "FAILED", "VOICEMAIL", "CLIENT NO ANSWER"]
        {
            assert!(is_unanswered(missed), "{missed}");
        }
        for answered in ["ANSWERED", "PROPER", "REPEATED", ""] {
            assert!(!is_unanswered(answered), "{answered}");
        }
    }
}
