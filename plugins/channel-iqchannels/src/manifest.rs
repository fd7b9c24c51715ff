//! What the adapter says of itself, and the keys of its settings.

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};

/// `card` or `external`.
pub(crate) const INTEGRATION_ID_IS: &str = "integration-id-is";
pub(crate) const INTEGRATION_SYSTEM: &str = "integration-system";
pub(crate) const CLIENT_SYSTEM: &str = "client-system";
pub(crate) const SESSION_SYSTEM: &str = "session-system";
/// Secret.
pub(crate) const TOKEN_KEY: &str = "token-key";
pub(crate) const TOKEN_MINUTES: &str = "token-minutes";
pub(crate) const TOKEN_MINUTES_DEFAULT: i64 = 15;
pub(crate) const SECRET_WORD_CHANNELS: &str = "secret-word-channels";
pub(crate) const SECRET_WORD_FIELD: &str = "secret-word-field";
pub(crate) const SECRET_WORD_TEXT: &str = "secret-word-text";
pub(crate) const COMPANY_FIELD: &str = "company-field";
pub(crate) const CHAT_URL: &str = "chat-url";
pub(crate) const CARD_URL: &str = "card-url";
/// `frame`, `tab` or `message`.
pub(crate) const CARD_VIEW: &str = "card-view";
pub(crate) const CRM_ORIGINS: &str = "crm-origins";
pub(crate) const LOGIN_ORIGINS: &str = "login-origins";

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "channel-iqchannels".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "iQChannels chat".to_owned(),
        vendor: "iQStore".to_owned(),
        settings: [identity(), search(), page()].concat(),
        egress: Vec::new(),
        auth: Auth::None,
        rate_limit: None,
    }
}

/// Who the clients of the chat server are in the CRM.
fn identity() -> Vec<Setting> {
    vec![
        choice(
            INTEGRATION_ID_IS,
            "What `IntegrationId` is",
            "card: the id of a card in the CRM. external: an id of another system, whose name is `integration-system`.",
            &["card", "external"],
        ),
        text(
            INTEGRATION_SYSTEM,
            "System of `IntegrationId`",
            "Used where `IntegrationId` is of another system: the name under which the CRM keeps such ids.",
            Some("iqchannels-integration"),
        ),
        text(
            CLIENT_SYSTEM,
            "System of `ClientId`",
            "The name under which the chat server's own ids are kept. Give each of several servers one of its own.",
            Some("iqchannels"),
        ),
        text(
            SESSION_SYSTEM,
            "System of session tokens",
            "The name under which the CRM knows sessions of the bank's application, for tokens that were not given here.",
            Some("iqchannels-session"),
        ),
        text(
            COMPANY_FIELD,
            "Field of companies",
            "Key of the card's field that holds the companies a client acts for: names, or JSON objects with id, name and inn.",
            None,
        ),
    ]
}

fn search() -> Vec<Setting> {
    vec![
        Setting {
            secret: true,
            ..text(
                TOKEN_KEY,
                "Key of tokens",
                "Any long random text. With it a client who was found gets a token that the Auth API takes; without it there is none.",
                None,
            )
        },
        Setting {
            type_: SettingType::Number,
            ..text(
                TOKEN_MINUTES,
                "Life of a token",
                "In minutes, at most 1440.",
                Some(&TOKEN_MINUTES_DEFAULT.to_string()),
            )
        },
        text(
            SECRET_WORD_CHANNELS,
            "Channels with a secret word",
            "Short names of the channels where a client has to say his secret word, parted by commas, semicolons or blanks; `*` for all.",
            None,
        ),
        text(
            SECRET_WORD_FIELD,
            "Field of the secret word",
            "Key of the card's field that holds it. The CRM adapter has to read that field.",
            None,
        ),
        text(
            SECRET_WORD_TEXT,
            "Question for the secret word",
            "What the chat says to the client.",
            Some("Назовите кодовое слово"),
        ),
    ]
}

fn page() -> Vec<Setting> {
    vec![
        Setting {
            type_: SettingType::Url,
            ..text(
                CHAT_URL,
                "Address of the chat",
                "What the embedded page shows in its frame: https://iqchannels.example.com/. Without it there is no page.",
                None,
            )
        },
        text(
            CARD_URL,
            "Address of a card",
            "The CRM's page of a client, with `{id}` where his id belongs: https://crm.example.com/client/{id}.",
            None,
        ),
        choice(
            CARD_VIEW,
            "Where a card opens",
            "frame: beside the chat. tab: in a tab of its own. message: the window of the CRM is told and opens it itself.",
            &["frame", "tab", "message"],
        ),
        text(
            CRM_ORIGINS,
            "Origins of the CRM",
            "Who may frame the page and talk to it, parted by commas: https://crm.example.com. Without any, nobody may.",
            None,
        ),
        text(
            LOGIN_ORIGINS,
            "Origins of single sign-on",
            "Where the frames may go besides the chat and the card, parted by commas: https://login.example.com.",
            None,
        ),
    ]
}

fn text(key: &str, title: &str, help: &str, default: Option<&str>) -> Setting {
    Setting {
        help: help.to_owned(),
        default_value: default.map(str::to_owned),
        ..Setting::new(key, title, SettingType::Text)
    }
}

/// The first choice is the default.
fn choice(key: &str, title: &str, help: &str, choices: &[&str]) -> Setting {
    Setting {
        type_: SettingType::Choice,
        choices: choices.iter().copied().map(str::to_owned).collect(),
        ..text(key, title, help, choices.first().copied())
    }
}
