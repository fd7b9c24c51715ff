//! What the adapter says of itself: its settings and what it asks to reach.

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "crm-odoo".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Odoo".to_owned(),
        vendor: "Odoo".to_owned(),
        settings: vec![
            Setting {
                required: true,
                ..setting(
                    "base-url",
                    "Address",
                    "Where Odoo 19 or newer is opened in a browser, without a path: https://company.odoo.com",
                    SettingType::Url,
                )
            },
            setting(
                "database",
                "Database",
                "Needed where one server holds several databases",
                SettingType::Text,
            ),
            Setting {
                required: true,
                secret: true,
                ..setting(
                    "api-key",
                    "API key",
                    "Made in Odoo under the user's preferences, account security; the cards are written as this user",
                    SettingType::Text,
                )
            },
            Setting {
                default_value: Some("patchbay".to_owned()),
                ..setting(
                    "module",
                    "Prefix of external ids",
                    "Letters, digits and _; not to be changed later, or repeated writes are no longer recognised",
                    SettingType::Text,
                )
            },
            setting(
                "line-fields",
                "Lines for agents",
                r#"Fields of res.partner with their titles: [["credit", "Balance"]]"#,
                SettingType::Json,
            ),
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
