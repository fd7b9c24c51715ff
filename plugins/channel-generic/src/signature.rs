//! The sender's signature: the HMAC of the raw body, where a key is set.

use patchbay_sdk::channel::Request;
use patchbay_sdk::vault::{self, Digest};

use crate::manifest::{SIGNATURE_HEADER, SIGNATURE_HEADER_DEFAULT, SIGNING_KEY};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// No key is set.
    NotAsked,
    Genuine,
    /// With the reason, which holds nothing of the request.
    Refused(&'static str),
}

/// Checks the signature. The URL is not part of it, so that a genuine request is its body alone.
pub(crate) fn check(request: &Request, setting: &dyn Fn(&str) -> Option<String>) -> Signature {
    // The secret's own answer tells whether one is set.
    let Some(expected) = vault::hmac(SIGNING_KEY, Digest::Sha256, &request.body) else {
        return Signature::NotAsked;
    };
    if request.body.trim_ascii().is_empty() {
        return Signature::Refused(
            "a signed request needs a body: the signature covers nothing else",
        );
    }
    let header = setting(SIGNATURE_HEADER).unwrap_or_else(|| SIGNATURE_HEADER_DEFAULT.to_owned());
    let Some(sent) = request.header(&header.trim().to_ascii_lowercase()) else {
        return Signature::Refused("the header of the setting `signature-header` is missing");
    };
    match digest(sent.trim_ascii()) {
        None => {
            Signature::Refused("the signature is not written as sha256=<64 hexadecimal digits>")
        }
        Some(sent) if vault::are_equal(&sent, &expected) => Signature::Genuine,
        Some(_) => Signature::Refused("the signature is not that of the body under `signing-key`"),
    }
}

/// `sha256=<hex>`, or the digits alone.
fn digest(sent: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(sent).ok()?;
    let digits = text.strip_prefix("sha256=").unwrap_or(text);
    if digits.len() != 64 {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(byte).collect()
}
