//! What the adapter says of itself: its settings, what it asks to reach, and how it signs in.

use patchbay_sdk::about::{Auth, Manifest, Oauth2, Setting, SettingType, TokenRequest};

use crate::account::{
    BASE_URL, CONTACT_FIELDS, DEAL_FIELDS, EXTERNAL_FIELD, LINE_FIELDS, SERVICE, TOKEN,
};

/// In requests a second. The vendor allows one integration 7 in any second: at exactly 7, one that
/// comes a moment early is the eighth.
const RATE_LIMIT: f64 = 6.5;

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "crm-amocrm".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "amoCRM and Kommo".to_owned(),
        vendor: "amoCRM".to_owned(),
        settings: connection().into_iter().chain(places()).collect(),
        egress: vec![format!("setting:{BASE_URL}")],
        auth: Auth::Oauth2(Oauth2 {
            authorize_url: Some("https://www.amocrm.ru/oauth".to_owned()),
            token_url: format!("setting:{BASE_URL}/oauth2/access_token"),
            scopes: Vec::new(),
            rotates_refresh_token: true,
            token_request: TokenRequest::Json,
        }),
        rate_limit: Some(RATE_LIMIT),
    }
}

fn connection() -> [Setting; 4] {
    [
        Setting {
            required: true,
            ..setting(
                BASE_URL,
                "Address",
                "The account's own address, as in the browser: https://company.amocrm.ru or https://company.kommo.com",
                SettingType::Url,
            )
        },
        Setting {
            secret: true,
            ..setting(
                TOKEN,
                "Long-lived token",
                "Of a private integration: settings, integrations, keys and scopes; not needed where the account is connected by OAuth",
                SettingType::Text,
            )
        },
        setting(
            "client-id",
            "Integration ID",
            "For OAuth: of the integration that the account's owner allows",
            SettingType::Text,
        ),
        Setting {
            secret: true,
            ..setting(
                "client-secret",
                "Secret key",
                "For OAuth: of the same integration",
                SettingType::Text,
            )
        },
    ]
}

fn places() -> [Setting; 5] {
    [
        setting(
            EXTERNAL_FIELD,
            "Field for ids of other systems",
            "The number of a contact's text area that holds them, one a line; without it clients are found by phone and e-mail alone",
            SettingType::Number,
        ),
        setting(
            CONTACT_FIELDS,
            "Fields of a contact",
            r#"Where a contact keeps what amoCRM has no field for: {"city": 101, "comment": 102}"#,
            SettingType::Json,
        ),
        setting(
            DEAL_FIELDS,
            "Fields of a deal",
            r#"The same for deals: {"source": 201, "page-url": 202}"#,
            SettingType::Json,
        ),
        setting(
            LINE_FIELDS,
            "Lines for agents",
            r#"Fields of a contact with their titles: [["cf_111", "Orders"], ["city", "City"]]"#,
            SettingType::Json,
        ),
        Setting {
            default_value: Some("Patchbay".to_owned()),
            ..setting(
                SERVICE,
                "Name shown at notes and calls",
                "Who wrote them, as managers read it",
                SettingType::Text,
            )
        },
    ]
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
