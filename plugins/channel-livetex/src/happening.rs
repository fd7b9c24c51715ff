//! Which of the three events a webhook tells of. How LiveTex tells them apart is not public: this is the one place.

use crate::webhook::Webhook;
use patchbay_sdk::json::tolerant::Item;

/// What happened to the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    Assigned,
    Closed,
    Rated,
}

impl Happening {
    /// By `?event=` in the URL that was entered in LiveTex, else by what the body has.
    pub(crate) fn of(query: &str, webhook: &Webhook<'_>) -> Self {
        Self::named(query).unwrap_or_else(|| Self::by_shape(webhook))
    }

    fn named(query: &str) -> Option<Self> {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, name) = pairs.find(|(key, _)| *key == "event")?;
        let names =
            [("assigned", Self::Assigned), ("closed", Self::Closed), ("rated", Self::Rated)];
        names.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, event)| *event)
    }

    /// Only a conversation that has ended has an end. One that is rated afterwards is told with little else.
    fn by_shape(webhook: &Webhook<'_>) -> Self {
        let conversation = &webhook.conversation;
        if conversation.end_time.get().is_some() {
            Self::Closed
        } else if conversation.rate.value.get().is_some() {
            Self::Rated
        } else if conversation.messages.items.iter().any(|message| !message.is_blank()) {
            Self::Closed
        } else {
            Self::Assigned
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, conversation: &str, expected: Happening) {
        let body = format!(r#"{{"Conversation":{conversation}}}"#);
        let webhook = serde_json::from_str::<Webhook<'_>>(&body).unwrap();
        assert_eq!(Happening::of(query, &webhook), expected, "{query} {conversation}");
    }

    #[test]
    fn the_url_says_which_event_it_is() {
        let ended = r#"{"endTime":"2025-10-09T09:14:30Z"}"#;
        check("event=assigned", ended, Happening::Assigned);
        check("a=b&event=Rated", ended, Happening::Rated);
        check("event=closed", "{}", Happening::Closed);
    }

    #[test]
    fn where_the_url_does_not_say_the_body_does() {
        let ended = r#"{"endTime":"2025-10-09T09:14:30Z","rate":{"value":"5"}}"#;
        for query in ["", "event=", "event=other", "event", "events=rated"] {
            check(query, ended, Happening::Closed);
            check(query, r#"{"rate":{"value":0}}"#, Happening::Rated);
            check(query, r#"{"startTime":"x"}"#, Happening::Assigned);
            check(query, r#"{"messages":[{"text":"a"}]}"#, Happening::Closed);
        }
    }
}
