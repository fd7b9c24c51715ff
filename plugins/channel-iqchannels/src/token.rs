//! The token that a found client gets: the Auth API knows by it whom the search found, without a store.
//!
//! `<card id>.<expiry>.<signature>`: the id in base64 for URLs, seconds since 1970, and the HMAC-SHA256
//! of both under the secret `token-key`.

use patchbay_sdk::vault::{self, Digest};
use patchbay_sdk::{instant, settings};

use crate::base64;
use crate::manifest::{TOKEN_KEY, TOKEN_MINUTES, TOKEN_MINUTES_DEFAULT};

/// A day: a token stands for one authorisation, not for a client for ever.
pub(crate) const MINUTES_MAX: i64 = 24 * 60;
/// So that a signature of this adapter is one of nothing else.
const PURPOSE: &str = "patchbay iqchannels auth";

/// What a token is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Signed here and still good: the id of the card.
    Own(String),
    /// Looks like one of ours, and is forged or too old.
    Refused,
    /// Given by somebody else.
    Foreign,
}

/// A token for the card; `None` where the account has no key.
pub(crate) fn sign(card: &str, now: &str) -> Option<String> {
    let minutes = settings::get(TOKEN_MINUTES).and_then(|minutes| minutes.trim().parse().ok());
    let minutes = minutes.unwrap_or(TOKEN_MINUTES_DEFAULT).clamp(1, MINUTES_MAX);
    let expiry = instant::to_unix(now)? + minutes * 60;
    let signed = format!("{}.{expiry}", base64::url(card.as_bytes()));
    let signature = base64::url(&signature(&signed)?);
    Some(format!("{signed}.{signature}"))
}

/// Tells whose token it is. Without a key every token is somebody else's.
pub(crate) fn read(token: &str, now: &str) -> Token {
    let Some((signed, signature_text)) = token.rsplit_once('.') else { return Token::Foreign };
    let Some((card, expiry)) = signed.split_once('.') else { return Token::Foreign };
    // A web token has three parts too, and letters in the second one.
    let Ok(expiry) = expiry.parse::<i64>() else { return Token::Foreign };
    let Some(expected) = signature(signed) else { return Token::Foreign };
    let sent = base64::from_url(signature_text);
    let is_genuine = sent.is_some_and(|sent| vault::are_equal(&sent, &expected));
    let is_good = instant::to_unix(now).is_some_and(|now| now < expiry);
    let card = base64::from_url(card).and_then(|card| String::from_utf8(card).ok());
    match card {
        Some(card) if is_genuine && is_good => Token::Own(card),
        _ => Token::Refused,
    }
}

fn signature(signed: &str) -> Option<Vec<u8>> {
    vault::hmac(TOKEN_KEY, Digest::Sha256, format!("{PURPOSE}\n{signed}").as_bytes())
}
