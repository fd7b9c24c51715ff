//! What a token endpoint answers: a token, a refusal, or nothing that helps. Pure.

use hyper::header::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{super::Incoming, NoToken, Token};
use crate::{plugin::secrets::SECRET_BYTES_MIN, secret::Secret};

/// A token is renewed so long before it ends: a request under way must not outlive it.
const MARGIN_S: i64 = 60;

/// Longer than any access token should live; larger numbers are meant as "for ever".
const LIFETIME_S_MAX: i64 = 365 * 24 * 3600;

const TOKEN_BYTES_MAX: usize = 16 << 10;
const WORDS_BYTES_MAX: usize = 300;

/// Failures that RFC 6749 and its kin call passing, whatever their status.
const PASSING: [&str; 3] = ["server_error", "slow_down", "temporarily_unavailable"];

/// Takes secrets out of a text.
type Scrub<'a> = &'a dyn Fn(&str) -> String;

pub(super) fn read(answer: &Incoming, now: Timestamp, scrub: Scrub<'_>) -> Result<Token, NoToken> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_passing = text(&body, "error").is_some_and(|code| PASSING.contains(&code));
    match answer.status {
        200..=299 => token(&body, now, scrub),
        429 => Err(NoToken::TooFast(retry_after_s(answer))),
        408 | 425 | 500.. => Err(NoToken::Unreachable(words(answer.status, &body, scrub))),
        _ if is_passing => Err(NoToken::Unreachable(words(answer.status, &body, scrub))),
        status @ 300..=399 => Err(NoToken::Refused(format!(
            "the token endpoint answered {status}: redirects are not followed"
        ))),
        status => Err(NoToken::Refused(words(status, &body, scrub))),
    }
}

fn token(body: &Value, now: Timestamp, scrub: Scrub<'_>) -> Result<Token, NoToken> {
    let Some(value) = text(body, "access_token") else {
        // Some answer 200 to everything.
        return Err(match text(body, "error") {
            Some(code) if PASSING.contains(&code) => NoToken::Unreachable(words(200, body, scrub)),
            Some(_) => NoToken::Refused(words(200, body, scrub)),
            None => NoToken::Unreachable(
                "the answer of the token endpoint is no JSON with an `access_token`".to_owned(),
            ),
        });
    };
    let kind = text(body, "token_type").unwrap_or("bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        let kind = plain(kind, scrub);
        return Err(NoToken::Refused(format!(
            "the token endpoint gives tokens of type `{kind}`, and only `bearer` is known"
        )));
    }
    let good_until = lifetime_s(body.get("expires_in")).and_then(|lifetime_s| {
        let used_s = lifetime_s - MARGIN_S.min(lifetime_s / 2);
        now.checked_add(SignedDuration::from_secs(used_s)).ok()
    });
    let token = bearer(&Secret::new(value.to_owned()), good_until).ok_or_else(|| {
        NoToken::Unreachable(format!(
            "the `access_token` of the token endpoint is none of {SECRET_BYTES_MIN} to {TOKEN_BYTES_MAX} visible letters"
        ))
    })?;
    let refresh = text(body, "refresh_token").filter(|value| can_be_scrubbed(value));
    Ok(Token { refresh: refresh.map(|value| Secret::new(value.to_owned())), ..token })
}

/// A token as it is sent; `None` where it fits into no header.
pub(super) fn bearer(value: &Secret<String>, good_until: Option<Timestamp>) -> Option<Token> {
    let text = value.expose();
    let header = HeaderValue::try_from(format!("Bearer {text}")).ok();
    let mut header = header.filter(|_| can_be_scrubbed(text))?;
    // Keeps it out of HTTP/2's header tables and of debug output.
    header.set_sensitive(true);
    Some(Token { value: value.clone(), header, good_until, refresh: None })
}

fn can_be_scrubbed(value: &str) -> bool {
    (SECRET_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Seconds as a number or a text; `None` where it says nothing of use.
fn lifetime_s(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
    let whole = text.split('.').next().unwrap_or_default();
    let digits = whole.bytes().all(|byte| byte.is_ascii_digit()) && !whole.is_empty();
    // More digits than fit are more than the largest.
    let seconds = digits.then(|| whole.parse().unwrap_or(i64::MAX))?;
    (0 < seconds).then_some(seconds.min(LIFETIME_S_MAX))
}

fn retry_after_s(answer: &Incoming) -> Option<u64> {
    let header = answer.headers.iter().find(|(name, _)| name == "retry-after");
    header.and_then(|(_, value)| value.trim().parse().ok())
}

fn text<'b>(body: &'b Value, key: &str) -> Option<&'b str> {
    body.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// The endpoint's own words for the operator, of bounded length and on one line.
fn words(status: u16, body: &Value, scrub: Scrub<'_>) -> String {
    let code =
        text(body, "error").map(|code| format!(" `{}`", plain(code, scrub))).unwrap_or_default();
    let why = ["error_description", "message"].iter().find_map(|key| text(body, key));
    let why = why.map(|why| format!(": {}", plain(why, scrub))).unwrap_or_default();
    format!("the token endpoint answered {status}{code}{why}")
}

/// One line of a foreign text. Secrets leave it before it is cut: what a cut has left of one would
/// not be recognised.
fn plain(text: &str, scrub: Scrub<'_>) -> String {
    let line: String = scrub(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = line.floor_char_boundary(WORDS_BYTES_MAX);
    line.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "client-secret-0123456789";

    fn answered(status: u16, body: &str) -> Result<Token, NoToken> {
        let body = body.as_bytes().to_vec();
        let answer = Incoming { status, headers: Vec::new(), body };
        read(&answer, Timestamp::UNIX_EPOCH, &|text| text.replace(SECRET, "…"))
    }

    #[track_caller]
    fn refused(status: u16, body: &str, expected: &str) {
        match answered(status, body) {
            Err(NoToken::Refused(text)) => assert!(text.contains(expected), "{text}"),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn unreachable(status: u16, body: &str, expected: &str) {
        match answered(status, body) {
            Err(NoToken::Unreachable(text)) => assert!(text.contains(expected), "{text}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_lives_as_long_as_it_says_less_a_margin() {
        let used_s = |expires_in: Value| {
            let body = json!({ "access_token": "abcd", "expires_in": expires_in });
            answered(200, &body.to_string()).unwrap().good_until.map(Timestamp::as_second)
        };
        assert_eq!(used_s(json!(3600)), Some(3540));
        assert_eq!(used_s(json!("3600")), Some(3540));
        assert_eq!(used_s(json!(3600.5)), Some(3540));
        assert_eq!(used_s(json!(120)), Some(60));
        assert_eq!(used_s(json!(119)), Some(60));
        assert_eq!(used_s(json!(1)), Some(1));
        let longest = Some(LIFETIME_S_MAX - MARGIN_S);
        assert_eq!(used_s(json!(u64::MAX)), longest);
        assert_eq!(used_s(json!("99999999999999999999999999")), longest);
        for nothing in [json!(0), json!(-5), json!("never"), json!(null), json!([1]), json!("")] {
            assert_eq!(used_s(nothing.clone()), None, "{nothing}");
        }
        assert_eq!(answered(200, r#"{"access_token":"abcd"}"#).unwrap().good_until, None);
    }

    #[test]
    fn only_bearer_tokens_are_taken() {
        for kind in ["Bearer", "bearer", "BEARER"] {
            let body = json!({ "access_token": "abcd", "token_type": kind });
            let token = answered(200, &body.to_string()).unwrap();
            assert_eq!(token.header.to_str().unwrap(), "Bearer abcd");
            assert!(token.header.is_sensitive() && !format!("{token:?}").contains("abcd"));
        }
        refused(200, r#"{"access_token":"abcd","token_type":"mac"}"#, "`mac`");
    }

    /// As vendors of CRMs document their answers, in all that differs.
    #[test]
    fn answers_as_vendors_document_them_are_read() {
        for (body, used_s, refresh) in [
            (
                r#"{"token_type":"Bearer","expires_in":86400,"access_token":"aaaa","refresh_token":"bbbb"}"#,
                Some(86340),
                Some("bbbb"),
            ),
            (
                r#"{"access_token":"aaaa","expires":1780000000,"expires_in":3600,"scope":"app","domain":"portal.example","status":"L","client_endpoint":"https://portal.example/rest/","user_id":1,"refresh_token":"bbbb"}"#,
                Some(3540),
                Some("bbbb"),
            ),
            (
                r#"{"token_type":"bearer","refresh_token":"bbbb","access_token":"aaaa","expires_in":1800,"hub_id":62515}"#,
                Some(1740),
                Some("bbbb"),
            ),
            (
                r#"{"access_token":"aaaa","api_domain":"https://www.portal.example","token_type":"Bearer","expires_in":3600}"#,
                Some(3540),
                None,
            ),
            (r#"{"access_token":"aaaa","refresh_token":"","expires_in":"3600"}"#, Some(3540), None),
            (r#"{"access_token":"aaaa","refresh_token":null}"#, None, None),
        ] {
            let token = answered(200, body).unwrap();
            let found = token.refresh.as_ref().map(|refresh| refresh.expose().as_str());
            let until_s = token.good_until.map(Timestamp::as_second);
            assert_eq!((until_s, found), (used_s, refresh), "{body}");
        }
        refused(200, r#"{"error":"invalid_code"}"#, "`invalid_code`");
        refused(400, r#"{"error":"invalid_grant","error_description":"Grant is over"}"#, "is over");
        let words =
            r#"{"hint":"Token has been revoked","title":"x","status":400,"message":"revoked"}"#;
        refused(401, words, "revoked");
    }

    #[test]
    fn a_token_fits_into_a_header_and_can_be_scrubbed() {
        let with = |token: &str| answered(200, &json!({ "access_token": token }).to_string());
        assert!(with(&"t".repeat(4)).is_ok() && with(&"t".repeat(16 << 10)).is_ok());
        for bad in ["ttt", "a b c", "ab\ncd", "ключ", &"t".repeat((16 << 10) + 1)] {
            assert!(matches!(with(bad), Err(NoToken::Unreachable(_))), "{}", bad.len());
        }
    }

    #[test]
    fn refusals_are_for_the_operator_and_outages_pass() {
        let invalid = r#"{"error":"invalid_client","error_description":"Client\nunknown"}"#;
        refused(401, invalid, "answered 401 `invalid_client`: Client unknown");
        refused(400, invalid, "answered 400 `invalid_client`");
        refused(200, invalid, "answered 200 `invalid_client`");
        refused(403, "<html>", "answered 403");
        refused(302, "", "redirects are not followed");
        refused(400, &json!({ "error": "x".repeat(1000) }).to_string(), &"x".repeat(300));
        unreachable(503, "", "answered 503");
        unreachable(400, r#"{"error":"temporarily_unavailable"}"#, "temporarily");
        unreachable(200, r#"{"error":"server_error"}"#, "server_error");
        for nothing in ["", "[]", "<html>", "{}", r#"{"access_token":7}"#] {
            unreachable(200, nothing, "`access_token`");
        }
    }

    #[test]
    fn a_wait_is_handed_on() {
        let wait = |headers| {
            let answer = Incoming { status: 429, headers, body: Vec::new() };
            read(&answer, Timestamp::UNIX_EPOCH, &str::to_owned).unwrap_err()
        };
        assert_eq!(
            wait(vec![("retry-after".to_owned(), "7".to_owned())]),
            NoToken::TooFast(Some(7))
        );
        assert_eq!(wait(Vec::new()), NoToken::TooFast(None));
    }

    #[test]
    fn a_secret_across_the_end_of_a_long_text_leaves_nothing_of_it() {
        let long = format!("{}{SECRET}", "x".repeat(WORDS_BYTES_MAX - 5));
        let body = json!({ "error": "invalid_client", "error_description": long }).to_string();
        let Err(NoToken::Refused(text)) = answered(400, &body) else { panic!("it is refused") };
        assert!(!text.contains("client-"), "{text}");
    }
}
