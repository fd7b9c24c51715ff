//! What the adapter says of itself, and the keys of its settings.

use patchbay_sdk::about::{Auth, Manifest, Oauth2, Setting, SettingType, TokenRequest};

/// The bots whose webhooks are taken.
pub(crate) const BOT_IDS: &str = "bot-ids";
pub(crate) const API_URL: &str = "api-url";
/// The variable that gets the card's URL.
pub(crate) const CARD_URL_VARIABLE: &str = "card-url-variable";
/// The variable that gets the name of the card's manager.
pub(crate) const MANAGER_VARIABLE: &str = "manager-variable";

const API_URL_DEFAULT: &str = "https://api.sendpulse.com";

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "channel-sendpulse".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "SendPulse bots".to_owned(),
        vendor: "SendPulse".to_owned(),
        settings: settings(),
        egress: vec![format!("setting:{API_URL}")],
        // The host gets the token and attaches it.
        auth: Auth::Oauth2(Oauth2 {
            authorize_url: None,
            token_url: format!("setting:{API_URL}/oauth/access_token"),
            scopes: Vec::new(),
            rotates_refresh_token: false,
            token_request: TokenRequest::Json,
        }),
        rate_limit: None,
    }
}

fn settings() -> Vec<Setting> {
    vec![
        Setting {
            help: "Account settings, API, ID. Needed only to set tags and variables.".to_owned(),
            ..Setting::new("client-id", "API client ID", SettingType::Text)
        },
        Setting {
            help: "Account settings, API, Secret. Needed only to set tags and variables.".to_owned(),
            secret: true,
            ..Setting::new("client-secret", "API client secret", SettingType::Text)
        },
        Setting {
            help: "Ids of the bots whose webhooks are taken, parted by commas or spaces. Empty: any bot's."
                .to_owned(),
            ..Setting::new(BOT_IDS, "Bots", SettingType::Text)
        },
        Setting {
            help: "The variable of the audience that gets the card's URL. Empty: none.".to_owned(),
            ..Setting::new(CARD_URL_VARIABLE, "Variable for the card", SettingType::Text)
        },
        Setting {
            help: "The variable of the audience that gets the name of the card's manager. Empty: none."
                .to_owned(),
            ..Setting::new(MANAGER_VARIABLE, "Variable for the manager", SettingType::Text)
        },
        Setting {
            help: "Without a path. To be changed only for a proxy or a test.".to_owned(),
            default_value: Some(API_URL_DEFAULT.to_owned()),
            ..Setting::new(API_URL, "Address of the API", SettingType::Url)
        },
    ]
}
