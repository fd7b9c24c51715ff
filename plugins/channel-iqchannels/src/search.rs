//! Search client API: the chat server asks who a phone, an e-mail or an id belongs to, in up to two steps.

use patchbay_sdk::channel::{Kind, Outcome, Received, Request, Response};
use patchbay_sdk::json::tolerant::Text;
use patchbay_sdk::types::{Card, Identifier};
use patchbay_sdk::{log, settings, vault};
use serde::Serialize;

use crate::manifest::{SECRET_WORD_CHANNELS, SECRET_WORD_FIELD, SECRET_WORD_TEXT};
use crate::webhook::Body;
use crate::{answer, call, client, token};

/// Fewer digits than this are no phone with its code, but somebody's number.
const PHONE_DIGITS_MIN: usize = 10;
/// E.164 has no more.
const PHONE_DIGITS_MAX: usize = 15;
/// Stands for every channel in the setting.
const EVERY_CHANNEL: &str = "*";

/// One question.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    /// Not empty.
    client: Text<'a>,
    client_id_type: Text<'a>,
    channel_id: Text<'a>,
    secret_word: Text<'a>,
}

#[derive(Serialize)]
struct Answer<'a> {
    found: bool,
    #[serde(rename = "crmId", skip_serializing_if = "Option::is_none")]
    crm_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
}

#[derive(Serialize)]
struct Next {
    ask: &'static str,
    text: String,
}

/// What filters and templates see. The secret word is not for them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    ask: &'static str,
    client: Option<&'a str>,
    client_id_type: Option<&'a str>,
    channel_id: Option<&'a str>,
}

impl<'a> Search<'a> {
    /// `None` where no client is asked for.
    pub(crate) fn of(body: Body<'a>) -> Option<Self> {
        let Body { client, client_id_type, channel_id, secret_word, .. } = body;
        client.get()?;
        Some(Self { client, client_id_type, channel_id, secret_word })
    }

    fn identifier(&self) -> Identifier {
        let client = self.client.owned().unwrap_or_default();
        let kind = self.client_id_type.get().map(str::to_ascii_lowercase);
        match kind.as_deref() {
            Some("email") => Identifier::Email(client),
            Some("phone") => Identifier::Phone(client),
            Some("crmid") => client::integrated(client),
            _ if client.contains('@') && !client.starts_with('@') => Identifier::Email(client),
            _ if is_phone(&client) => Identifier::Phone(client),
            _ => client::integrated(client),
        }
    }

    /// A channel that was not named is treated as one of those that ask. However the operator parts
    /// and spells the names, none of them goes without the word.
    fn needs_word(&self) -> bool {
        let Some(channels) = settings::get(SECRET_WORD_CHANNELS) else { return false };
        let channels = channels.to_lowercase();
        let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
        let mut named = channels.split(is_between).filter(|name| !name.is_empty()).peekable();
        let Some(own) = self.channel_id.get().map(str::to_lowercase) else {
            return named.peek().is_some();
        };
        named.any(|name| name == EVERY_CHANNEL || name == own)
    }
}

/// Digits with what people put between them; a longer or shorter number is an id.
fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_written_so = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-() .".contains(&byte));
    is_written_so && (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits)
}

pub(crate) fn received(search: &Search<'_>, request: &Request) -> Received {
    // Asks no CRM: how long the answer takes would tell who is known there.
    if let Some(step) = first_step(search) {
        return Received::Answer(step);
    }
    let context = Context {
        ask: "search",
        client: search.client.get(),
        client_id_type: search.client_id_type.get(),
        channel_id: search.channel_id.get(),
    };
    let context = serde_json::to_string(&context).expect("texts are always JSON");
    let event = call::question(request, Kind::ClientAsked, vec![search.identifier()], context);
    call::asked(event, answer::unavailable())
}

/// Found is only a client who is the only one. Of several the chat has to learn more, because the
/// first of them could be somebody else.
pub(crate) fn reply(search: &Search<'_>, outcome: Option<&Outcome>, request: &Request) -> Response {
    if let Some(step) = first_step(search) {
        return step;
    }
    let Some(cards) = answer::cards(outcome) else { return answer::unavailable() };
    let word = search.needs_word().then(|| search.secret_word.get().unwrap_or_default());
    let field = settings::get(SECRET_WORD_FIELD);
    if word.is_some() && field.is_none() {
        log::error(format!(
            "`{SECRET_WORD_CHANNELS}` is set and `{SECRET_WORD_FIELD}` is not: no client can be found there"
        ));
        return answer::unavailable();
    }
    let is_proven = |card: &&Card| match (word, &field) {
        (Some(word), Some(field)) => knows(card, field, word),
        _ => true,
    };
    let mut proven = cards.iter().filter(is_proven);
    match (proven.next(), proven.next()) {
        (Some(card), None) => found(card, request),
        _ => answer::result(Answer { found: false, crm_id: None, token: None, next: None }),
    }
}

fn found(card: &Card, request: &Request) -> Response {
    let token = token::sign(&card.id, &request.received_at);
    answer::result(Answer { found: true, crm_id: Some(&card.id), token, next: None })
}

/// The question for the secret word, where it is due. It is put whether the client is known or not:
/// otherwise anybody could learn from it whose phones the bank knows.
fn first_step(search: &Search<'_>) -> Option<Response> {
    if search.secret_word.get().is_some() || !search.needs_word() {
        return None;
    }
    let text = settings::get(SECRET_WORD_TEXT).unwrap_or_default();
    let next = Some(Next { ask: "secretWord", text });
    Some(answer::result(Answer { found: false, crm_id: None, token: None, next }))
}

/// Without regard to case and to spaces around it; a card without a word is proven by none.
fn knows(card: &Card, field: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    let is_said = |text: &str| vault::are_equal(text.to_lowercase().as_bytes(), word.as_bytes());
    let texts = card.field(field).map(|value| value.texts()).unwrap_or_default();
    texts.iter().map(|text| text.trim()).any(|text| !text.is_empty() && is_said(text))
}

#[cfg(test)]
mod tests {
    use super::is_phone;

    #[test]
    fn a_phone_has_ten_to_fifteen_digits() {
        for phone in ["+79000000031", "8 (900) 000-00-31", "9000000031", "123456789012345"] {
            assert!(is_phone(phone), "{phone}");
        }
        for other in ["900000003", "1234567890123456", "crm-2001", "79000000031x", "2001", ""] {
            assert!(!is_phone(other), "{other}");
        }
    }
}
