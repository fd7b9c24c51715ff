//! What the adapter says of itself: its settings and what it asks to reach.

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "crm-tryton".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Tryton".to_owned(),
        vendor: "Tryton".to_owned(),
        settings: vec![
            Setting {
                required: true,
                ..setting(
                    "base-url",
                    "Address",
                    "Where Tryton is opened in a browser, without the database: https://tryton.example.com",
                    SettingType::Url,
                )
            },
            Setting {
                required: true,
                ..setting(
                    "database",
                    "Database",
                    "The name that stands after # in the address bar of the web client",
                    SettingType::Text,
                )
            },
            Setting {
                required: true,
                secret: true,
                ..setting(
                    "key",
                    "Application key",
                    "Of the application REST API, validated under the user's preferences; everything is written as this user",
                    SettingType::Text,
                )
            },
            Setting {
                default_value: Some("1".to_owned()),
                ..setting(
                    "company",
                    "Company",
                    "The id of the company that opportunities belong to",
                    SettingType::Number,
                )
            },
        ],
        egress: vec!["setting:base-url".to_owned()],
        auth: Auth::Settings,
        rate_limit: None,
    }
}

/// An optional setting that is no secret.
fn setting(key: &str, title: &str, help: &str, type_: SettingType) -> Setting {
    Setting { help: help.to_owned(), ..Setting::new(key, title, type_) }
}
