//! What the adapter says of itself: its settings and what it asks to reach.

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "crm-odoo".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Odoo".to_owned(),
        vendor: "Odoo".to_owned(),
        settings: [connection(), behaviour()].concat(),
        egress: vec!["setting:base-url".to_owned()],
        auth: Auth::Settings,
        rate_limit: None,
    }
}

/// Where Odoo is, and who is let in.
fn connection() -> Vec<Setting> {
    vec![
        Setting {
            required: true,
            ..setting(
                "base-url",
                "Address",
                "Where Odoo is opened in a browser, without a path: https://company.odoo.com",
                SettingType::Url,
            )
        },
        setting(
            "database",
            "Database",
            "Needed where one server holds several databases, and for Odoo 18 and older",
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
    ]
}

/// What is written and shown, and how.
fn behaviour() -> Vec<Setting> {
    vec![
        Setting {
            default_value: Some("patchbay".to_owned()),
            ..setting(
                "module",
                "Prefix of external ids",
                "Letters, digits and _; not to be changed later, or repeated writes are no longer recognised",
                SettingType::Text,
            )
        },
        Setting {
            default_value: Some("auto".to_owned()),
            choices: ["auto", "json-2", "json-rpc"].map(str::to_owned).to_vec(),
            ..setting(
                "api",
                "Interface",
                "auto asks the server for its version once: JSON-2 is Odoo 19 and newer, JSON-RPC is Odoo 17 and 18",
                SettingType::Choice,
            )
        },
        setting(
            "login",
            "Login of the key's user",
            "Needed for Odoo 18 and older",
            SettingType::Text,
        ),
        setting(
            "lang",
            "Language of titles",
            "A language that is active in this Odoo, as uk_UA; without it the one of the key's user",
            SettingType::Text,
        ),
        setting(
            "phone-fields",
            "Fields for further phones",
            "Text fields of res.partner beside phone: mobile in Odoo 18 and older, or own ones as x_phone_2",
            SettingType::Text,
        ),
        setting(
            "line-fields",
            "Lines for agents",
            r#"Fields of res.partner with their titles: [["credit", "Balance"]]"#,
            SettingType::Json,
        ),
    ]
}

/// An optional setting that is no secret.
fn setting(key: &str, title: &str, help: &str, type_: SettingType) -> Setting {
    Setting { help: help.to_owned(), ..Setting::new(key, title, type_) }
}
