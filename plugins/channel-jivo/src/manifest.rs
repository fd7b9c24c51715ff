//! What the adapter says of itself, and the keys of its settings.

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};

/// A JSON object: widget id to the name of its site.
pub(crate) const SITE_NAMES: &str = "site-names";
/// The line that tells the agent of a new card.
pub(crate) const CREATED_TEXT: &str = "created-text";
/// A JSON object: title of a line to the word that stands in bold before its text.
pub(crate) const LINE_KEYS: &str = "line-keys";
/// `sniff`, `pairs` or `opaque`.
pub(crate) const USER_TOKEN_FORMAT: &str = "user-token-format";

/// `true` or `false`.
pub(crate) const LOGIN_IDENTIFIES: &str = "login-identifies";

const CREATED_TEXT_DEFAULT: &str = "Создан новый клиент";

pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "channel-jivo".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Jivo chat and calls".to_owned(),
        vendor: "Jivo".to_owned(),
        settings: vec![
            Setting {
                help: r#"Names of the sites by widget id, because Jivo sends ids alone: {"ZZtest0001": "shop.example.com"}."#.to_owned(),
                ..Setting::new(SITE_NAMES, "Names of the sites", SettingType::Json)
            },
            Setting {
                help: "Shown to the agent when the conversation made a new card. Empty: nothing is shown.".to_owned(),
                default_value: Some(CREATED_TEXT_DEFAULT.to_owned()),
                ..Setting::new(CREATED_TEXT, "Text for a new card", SettingType::Text)
            },
            Setting {
                help: r#"Words that Jivo shows in bold before the texts of lines, by the titles of the lines: {"Последняя сделка": "Сделка"}."#.to_owned(),
                ..Setting::new(LINE_KEYS, "Bold words before lines", SettingType::Json)
            },
            Setting {
                help: "How the site packs `jivo_api.setUserToken`. pairs: `login=alina77|utm_source=yandex`; opaque: \
                       one text, kept whole; sniff: pairs where it looks like pairs."
                    .to_owned(),
                choices: ["sniff", "pairs", "opaque"].map(str::to_owned).to_vec(),
                default_value: Some("sniff".to_owned()),
                ..Setting::new(USER_TOKEN_FORMAT, "Format of the user token", SettingType::Choice)
            },
            Setting {
                help: "Whether `login` of the user token leads to the client's card. Any visitor can set any token in \
                       the browser, and agents would be shown the card of whoever has that login: switch it on only \
                       where the site makes logins that nobody can guess."
                    .to_owned(),
                default_value: Some("false".to_owned()),
                ..Setting::new(LOGIN_IDENTIFIES, "Logins identify", SettingType::Flag)
            },
        ],
        egress: Vec::new(),
        auth: Auth::None,
        rate_limit: None,
    }
}
