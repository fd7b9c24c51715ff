//! What the adapter says of itself, and the keys of its settings.

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};

/// The secret that the webhook's URL ends with, as `?key=`.
pub(crate) const URL_KEY: &str = "url-key";
/// IP addresses and networks that may send.
pub(crate) const ALLOWED_IPS: &str = "allowed-ips";
/// A JSON object: what the parameters are called in the cabinet.
pub(crate) const ALIASES: &str = "aliases";
/// The offset of the cabinet's clock from UTC.
pub(crate) const UTC_OFFSET: &str = "utc-offset";
/// Whether a call that begins is answered with the client's card.
pub(crate) const POP_UP: &str = "pop-up";
/// `off`, `json` or `text`.
pub(crate) const FORWARD_TO: &str = "forward-to";

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "channel-ringostat".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Ringostat call tracking".to_owned(),
        vendor: "Ringostat".to_owned(),
        settings: [access(), reading(), answering()].concat(),
        egress: Vec::new(),
        auth: Auth::None,
        rate_limit: None,
    }
}

fn access() -> Vec<Setting> {
    vec![
        Setting {
            help: "If it is set, the webhook's URL has to carry it: …&key=<this value>.".to_owned(),
            secret: true,
            ..Setting::new(URL_KEY, "Key in the URL", SettingType::Text)
        },
        Setting {
            help: "Addresses and networks that may send, with commas between them: 203.0.113.7, 198.51.100.0/24, \
                   2001:db8::/32. Empty: all. Behind a proxy the host sees the proxy's address."
                .to_owned(),
            ..Setting::new(ALLOWED_IPS, "Allowed IP addresses", SettingType::Text)
        },
    ]
}

fn reading() -> Vec<Setting> {
    vec![
        Setting {
            help: r#"Names of the parameters where they differ from the preset: {"caller": ["phone"], "recording_url": ["rec"]}. A member given here takes the place of the preset's."#.to_owned(),
            ..Setting::new(ALIASES, "Names of the parameters", SettingType::Json)
        },
        Setting {
            help: "The offset of the project's clock from UTC, such as +03:00. Needed only where the call's id does \
                   not tell the moment."
                .to_owned(),
            ..Setting::new(UTC_OFFSET, "Offset from UTC", SettingType::Text)
        },
    ]
}

fn answering() -> Vec<Setting> {
    vec![
        Setting {
            help: "Answer the moment before a call with the client's name, card, manager and lines.".to_owned(),
            default_value: Some("true".to_owned()),
            ..Setting::new(POP_UP, "Data for the pop-up", SettingType::Flag)
        },
        Setting {
            help: "Answer the moment before a call with the phone of the card's manager, for Ringostat's forwarding \
                   by webhook. json: as the member forward_to; text: as the whole body."
                .to_owned(),
            choices: ["off", "json", "text"].map(str::to_owned).to_vec(),
            default_value: Some("off".to_owned()),
            ..Setting::new(FORWARD_TO, "Forward to the manager", SettingType::Choice)
        },
    ]
}
