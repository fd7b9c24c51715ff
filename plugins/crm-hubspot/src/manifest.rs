//! What the adapter says of itself: its settings and what it asks to reach.

use patchbay_sdk::about::{Auth, Manifest, Oauth2, Setting, SettingType, TokenRequest};

use crate::server;

/// HubSpot bears 100 requests in 10 seconds of a private app on its smallest plan, and 4 searches a
/// second by its strictest figure. An event asks at least once more for each search, so that half of
/// the requests are searches at worst.
const REQUESTS_PER_S: f64 = 8.0;

const SCOPES: [&str; 6] = [
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
    "oauth",
];

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "crm-hubspot".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "HubSpot".to_owned(),
        vendor: "HubSpot".to_owned(),
        settings: settings(),
        egress: vec![format!("setting:{}", server::API_URL)],
        // A request that brings its own token, from the setting, is sent as it is.
        auth: Auth::Oauth2(Oauth2 {
            authorize_url: Some("https://app.hubspot.com/oauth/authorize".to_owned()),
            token_url: format!("setting:{}/oauth/v1/token", server::API_URL),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            rotates_refresh_token: false,
            token_request: TokenRequest::Form,
        }),
        rate_limit: Some(REQUESTS_PER_S),
    }
}

fn settings() -> Vec<Setting> {
    let secret = |key, title, help| Setting { secret: true, ..text(key, title, help) };
    vec![
        secret(
            server::TOKEN,
            "Access token of a private app",
            "Made in HubSpot under Settings, Integrations, Private Apps; leave it empty where the account is connected by OAuth",
        ),
        text(
            "client-id",
            "OAuth client id",
            "Of your own HubSpot app, where there is no private app",
        ),
        secret("client-secret", "OAuth client secret", "Of the same app"),
        text(
            server::KEY_PROPERTY,
            "Property for repeats",
            "Internal name of a single-line text property with unique values, made on contacts and on deals: patchbay_key",
        ),
        text(
            server::EXTERNAL_PROPERTY,
            "Property for ids of other systems",
            "Internal name of a single-line text property of contacts: patchbay_id holds jivo:2746",
        ),
        text(
            server::PIPELINE,
            "Pipeline of new deals",
            "Internal id of a deal pipeline; without it HubSpot's first one",
        ),
        text(
            server::STAGE,
            "Stage of new deals",
            "Internal id of a stage; without it the first open one of the pipeline",
        ),
        Setting {
            type_: SettingType::Json,
            ..text(
                server::LINE_FIELDS,
                "Lines for agents",
                r#"Properties of contacts with their titles: [["lifecyclestage", "Lifecycle"]]"#,
            )
        },
        Setting {
            type_: SettingType::Url,
            default_value: Some(server::API_URL_DEFAULT.to_owned()),
            ..text(
                server::API_URL,
                "Address of the API",
                "To be changed for a proxy or a test only",
            )
        },
    ]
}

/// An optional text that is no secret.
fn text(key: &str, title: &str, help: &str) -> Setting {
    Setting {
        key: key.to_owned(),
        title: title.to_owned(),
        help: help.to_owned(),
        type_: SettingType::Text,
        choices: Vec::new(),
        required: false,
        secret: false,
        default_value: None,
    }
}
