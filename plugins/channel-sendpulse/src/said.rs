//! The text of a message, wherever its messenger puts it.

use patchbay_sdk::json::tolerant::{self, Text, Tolerant};
use serde::de::{Deserialize, Deserializer, MapAccess};

use crate::webhook::Webhook;

/// Stands for a message without a text: a picture, a sticker, a voice.
const WITHOUT_TEXT: &str = "[…]";

/// The client's words; for a message without any its kind in brackets.
pub(crate) fn text(webhook: &Webhook<'_>) -> String {
    let message = webhook.channel_message();
    let comment = Some(&message.message).filter(|_| message.item.get() == Some("comment"));
    let places = [
        comment,
        Some(&message.text.0),
        Some(&message.interactive.button_reply.title),
        Some(&message.interactive.list_reply.title),
        Some(&message.button.text),
        Some(&message.caption),
        Some(&message.title),
        Some(&message.message),
        Some(&webhook.contact.last_message),
    ];
    let said = places.into_iter().flatten().find_map(Text::owned);
    said.or_else(|| Some(format!("[{}]", message.kind.get()?)))
        .unwrap_or_else(|| WITHOUT_TEXT.to_owned())
}

/// `"text"`, or `{"body": "text"}` as `WhatsApp` has it.
#[derive(Debug, Default)]
pub(crate) struct Said<'a>(Text<'a>);

impl<'de> Tolerant<'de> for Said<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        let value = map.next_value()?;
        if name.as_received() == "body" {
            self.0 = value;
        }
        Ok(())
    }

    fn alone<E>(text: impl FnOnce() -> Result<Text<'de>, E>) -> Result<Self, E> {
        text().map(Said)
    }
}

impl<'de> Deserialize<'de> for Said<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tolerant::read(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, last_message: &str, expected: &str) {
        let body = format!(
            r#"{{"contact":{{"last_message":{last_message}}},"info":{{"message":{{"channel_data":{{"message":{message}}}}}}}}}"#
        );
        let webhook = serde_json::from_str::<Webhook<'_>>(&body).unwrap();
        assert_eq!(text(&webhook), expected);
    }

    #[test]
    fn each_messenger_has_its_own_place() {
        check(r#"{"text":"telegram"}"#, "\"last\"", "telegram");
        check(r#"{"text":{"body":"whatsapp"},"type":"text"}"#, "null", "whatsapp");
        check(r#"{"interactive":{"button_reply":{"id":"1","title":"Yes"}}}"#, "null", "Yes");
        check(r#"{"interactive":{"list_reply":{"id":"1","title":"Blue"}}}"#, "null", "Blue");
        check(r#"{"button":{"text":"Buy"}}"#, "null", "Buy");
        check(r#"{"title":"instagram"}"#, "null", "instagram");
        check(r#"{"caption":"look"}"#, "null", "look");
        check(
            r#"{"item":"comment","message":"Яка вартість?","text":"x"}"#,
            "null",
            "Яка вартість?",
        );
        check(r#"{"text":7}"#, "null", "7");
    }

    #[test]
    fn without_a_place_the_last_message_counts_and_then_the_kind() {
        check("{}", "\"last\"", "last");
        check("[]", "\"last\"", "last");
        check(r#"{"text":{"body":{}},"type":"image"}"#, "null", "[image]");
        check(r#"{"text":[["x"]]}"#, "\"\"", "[…]");
    }
}
