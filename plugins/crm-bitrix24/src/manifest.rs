//! What the adapter says of itself: its settings and what it asks to reach.

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};

/// What every plan bears without end: the counter of requests falls by two a second.
const REQUESTS_PER_SECOND: f64 = 2.0;

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "crm-bitrix24".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Bitrix24".to_owned(),
        vendor: "Bitrix24".to_owned(),
        settings: vec![
            Setting {
                required: true,
                ..setting(
                    "rest-url",
                    "Webhook address",
                    "The incoming webhook's URL without its last part: https://company.bitrix24.com/rest/1/",
                    SettingType::Url,
                )
            },
            Setting {
                required: true,
                secret: true,
                ..setting(
                    "webhook-secret",
                    "Webhook secret",
                    "The last part of the webhook's URL, without slashes; everything is written as its user",
                    SettingType::Text,
                )
            },
            Setting {
                default_value: Some("patchbay".to_owned()),
                ..setting(
                    "originator",
                    "Name of the source",
                    "Stands in originatorId of new records; not to be changed later, or repeated writes are no longer recognised",
                    SettingType::Text,
                )
            },
            setting(
                "line-fields",
                "Lines for agents",
                r#"Fields of the contact with their titles: [["ufCrm_1700000000", "Balance"]]"#,
                SettingType::Json,
            ),
        ],
        egress: vec!["setting:rest-url".to_owned()],
        auth: Auth::Settings,
        rate_limit: Some(REQUESTS_PER_SECOND),
    }
}

/// An optional setting that is no secret.
fn setting(key: &str, title: &str, help: &str, type_: SettingType) -> Setting {
    Setting {
        key: key.to_owned(),
        title: title.to_owned(),
        help: help.to_owned(),
        type_,
        choices: Vec::new(),
        required: false,
        secret: false,
        default_value: None,
    }
}
