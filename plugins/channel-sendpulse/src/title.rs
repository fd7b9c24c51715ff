//! What the title of an event means: SendPulse's own names in all their spellings, or a name that a user typed.

/// The meaning of a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Title {
    NewSubscriber,
    IncomingMessage,
    OutgoingMessage,
    OpenChat,
    RunCustomFlow,
    LinkClick,
    Unsubscribe,
    BotBlock,
    /// The block "Send webhook" of a flow, under the name that the user gave it.
    FlowWebhook,
}

impl Title {
    /// Without regard to case. What SendPulse does not call an event is a flow's webhook.
    pub(crate) fn of(title: Option<&str>) -> Self {
        let spellings = [
            ("new_subscriber", Self::NewSubscriber),
            ("subscribed", Self::NewSubscriber),
            ("incoming_message", Self::IncomingMessage),
            ("inbound_message", Self::IncomingMessage),
            ("outgoing_message", Self::OutgoingMessage),
            ("outbound_message", Self::OutgoingMessage),
            ("open_chat", Self::OpenChat),
            ("opened_live_chat", Self::OpenChat),
            ("run_custom_flow", Self::RunCustomFlow),
            ("link_click", Self::LinkClick),
            ("unsubscribe", Self::Unsubscribe),
            ("bot_unsubscribe", Self::Unsubscribe),
            ("bot_block", Self::BotBlock),
            ("bot_blocked", Self::BotBlock),
        ];
        let title = title.unwrap_or_default();
        let known = spellings.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(title));
        known.map_or(Self::FlowWebhook, |(_, meaning)| *meaning)
    }

    /// The one name that this adapter uses, also in keys.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NewSubscriber => "new_subscriber",
            Self::IncomingMessage => "incoming_message",
            Self::OutgoingMessage => "outgoing_message",
            Self::OpenChat => "open_chat",
            Self::RunCustomFlow => "run_custom_flow",
            Self::LinkClick => "link_click",
            Self::Unsubscribe => "unsubscribe",
            Self::BotBlock => "bot_block",
            Self::FlowWebhook => "flow_webhook",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Title;

    #[test]
    fn every_spelling_has_its_meaning_and_the_rest_are_flows() {
        let cases = [
            ("new_subscriber", "new_subscriber"),
            ("subscribed", "new_subscriber"),
            ("incoming_message", "incoming_message"),
            ("Incoming_Message", "incoming_message"),
            ("outgoing_message", "outgoing_message"),
            ("outbound_message", "outgoing_message"),
            ("open_chat", "open_chat"),
            ("opened_live_chat", "open_chat"),
            ("run_custom_flow", "run_custom_flow"),
            ("link_click", "link_click"),
            ("unsubscribe", "unsubscribe"),
            ("bot_unsubscribe", "unsubscribe"),
            ("bot_block", "bot_block"),
            ("bot_blocked", "bot_block"),
            ("to_crm_telegram", "flow_webhook"),
            ("Заявка з бота", "flow_webhook"),
            ("message", "flow_webhook"),
        ];
        for (title, expected) in cases {
            assert_eq!(Title::of(Some(title)).name(), expected, "{title}");
        }
        assert_eq!(Title::of(None), Title::FlowWebhook);
    }
}
