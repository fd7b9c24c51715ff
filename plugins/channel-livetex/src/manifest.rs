//! What the adapter says of itself, and the keys of its settings.

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};

/// `external` or `card`.
pub(crate) const PERSON_ID_IS: &str = "person-id-is";
/// Where attributes of a client are sent.
pub(crate) const ATTRIBUTES_URL: &str = "attributes-url";
pub(crate) const ATTRIBUTES_KEY: &str = "attributes-key";
pub(crate) const ATTRIBUTES_AUTH_HEADER: &str = "attributes-auth-header";
pub(crate) const ATTRIBUTES_AUTH_SCHEME: &str = "attributes-auth-scheme";
/// The name of the attribute that holds the card's URL.
pub(crate) const CARD_URL_ATTRIBUTE: &str = "card-url-attribute";

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "channel-livetex".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "LiveTex chats".to_owned(),
        vendor: "LiveTex".to_owned(),
        settings: settings(),
        egress: vec![format!("setting:{ATTRIBUTES_URL}")],
        auth: Auth::Settings,
        rate_limit: None,
    }
}

fn settings() -> Vec<Setting> {
    vec![
        Setting {
            help: "What the site and the app set as `personId` and `customVisitorToken`. external: an id of \
                   their own; card: the id of the client's card in the CRM."
                .to_owned(),
            choices: ["external", "card"].map(str::to_owned).to_vec(),
            default_value: Some("external".to_owned()),
            ..Setting::new(PERSON_ID_IS, "The client's id is", SettingType::Choice)
        },
        Setting {
            help: "Where LiveTex takes a client's attributes, as its documentation for developers tells. \
                   Empty: operators are shown no card."
                .to_owned(),
            ..Setting::new(ATTRIBUTES_URL, "Address for attributes", SettingType::Url)
        },
        Setting {
            help: "Channels, Work settings, Integrations: the key that is generated there.".to_owned(),
            secret: true,
            ..Setting::new(ATTRIBUTES_KEY, "Key for attributes", SettingType::Text)
        },
        Setting {
            help: "The header that the key is sent in.".to_owned(),
            default_value: Some("Authorization".to_owned()),
            ..Setting::new(ATTRIBUTES_AUTH_HEADER, "Header of the key", SettingType::Text)
        },
        Setting {
            help: "The word before the key. Empty: the key alone.".to_owned(),
            default_value: Some("Bearer".to_owned()),
            ..Setting::new(ATTRIBUTES_AUTH_SCHEME, "Word before the key", SettingType::Text)
        },
        Setting {
            help: "The attribute that shows the address of the card. Empty: it is not shown.".to_owned(),
            default_value: Some("Карточка".to_owned()),
            ..Setting::new(CARD_URL_ATTRIBUTE, "Attribute for the card", SettingType::Text)
        },
    ]
}
