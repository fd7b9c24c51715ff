//! What the notebook says of itself: settings and fields.

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};
use patchbay_sdk::settings;
use patchbay_sdk::types::{Error, FieldSpec, FieldType};

/// The setting with the address of a card.
pub(crate) const CARD_URL: &str = "card-url";

/// The address where the operator set none: it leads nowhere.
pub(crate) const CARD_URL_DEFAULT: &str = "https://notebook.invalid/cards/{id}";

/// The setting with the fields that are shown to agents.
pub(crate) const LINE_FIELDS: &str = "line-fields";

/// The setting with the managers.
pub(crate) const MANAGERS: &str = "managers";

/// The field of a card with the id of its manager.
pub(crate) const MANAGER: &str = "manager";

/// The field of a deal with its title.
pub(crate) const TITLE: &str = "title";

/// The field of a deal with its stage.
pub(crate) const STAGE: &str = "stage";

/// Key, title, type, and whether there can be several values.
const CONTACT_FIELDS: [(&str, &str, FieldType, bool); 19] = [
    ("name", "Name", FieldType::Text, false),
    ("phone", "Phone", FieldType::Phone, true),
    ("email", "E-mail", FieldType::Email, true),
    ("comment", "Comment", FieldType::Text, false),
    ("source", "Source", FieldType::Text, false),
    ("site", "Site", FieldType::Text, false),
    ("page-url", "Page", FieldType::Url, false),
    ("page-title", "Title of the page", FieldType::Text, false),
    ("referrer", "Referrer", FieldType::Url, false),
    ("utm-source", "UTM source", FieldType::Text, false),
    ("utm-medium", "UTM medium", FieldType::Text, false),
    ("utm-campaign", "UTM campaign", FieldType::Text, false),
    ("utm-term", "UTM term", FieldType::Text, false),
    ("utm-content", "UTM content", FieldType::Text, false),
    ("country", "Country", FieldType::Text, false),
    ("region", "Region", FieldType::Text, false),
    ("city", "City", FieldType::Text, false),
    ("tag", "Tags", FieldType::Text, true),
    (MANAGER, "Manager's id", FieldType::Text, false),
];

/// What the host shows and asks before the first call.
pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "crm-notebook".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Notebook".to_owned(),
        vendor: "Patchbay".to_owned(),
        settings: vec![
            setting(
                CARD_URL,
                "Address of a card",
                "Where a manager opens a card; `{id}` stands for its id.",
                SettingType::Text,
                Some(CARD_URL_DEFAULT),
            ),
            setting(
                LINE_FIELDS,
                "Fields for agents",
                "A JSON list of the fields that agents see in the channel: [\"city\", \"tag\"].",
                SettingType::Json,
                None,
            ),
            setting(
                MANAGERS,
                "Managers",
                "A JSON list: [{\"id\": \"1\", \"name\": \"Olga\", \"email\": \"olga@shop.example.com\", \"active\": true}].",
                SettingType::Json,
                None,
            ),
        ],
        egress: Vec::new(),
        auth: Auth::None,
        rate_limit: None,
    }
}

fn setting(
    key: &str,
    title: &str,
    help: &str,
    type_: SettingType,
    default_value: Option<&str>,
) -> Setting {
    Setting {
        help: help.to_owned(),
        default_value: default_value.map(str::to_owned),
        ..Setting::new(key, title, type_)
    }
}

/// The fields of a card. Other keys are kept as they come.
pub(crate) fn contact_fields() -> Vec<FieldSpec> {
    CONTACT_FIELDS
        .iter()
        .map(|&(key, title, type_, repeated)| spec(key, title, type_, repeated))
        .collect()
}

/// The fields of a deal. Other keys are kept as they come.
pub(crate) fn deal_fields() -> Vec<FieldSpec> {
    let choice = |value: &str, title: &str| (value.to_owned(), title.to_owned());
    let stages = vec![
        choice("new", "New"),
        choice("in-progress", "In progress"),
        choice("won", "Won"),
        choice("lost", "Lost"),
    ];
    vec![
        spec(TITLE, "Title", FieldType::Text, false),
        FieldSpec { choices: stages, ..spec(STAGE, "Stage", FieldType::Choice, false) },
        spec("amount", "Amount", FieldType::Number, false),
        spec("comment", "Comment", FieldType::Text, false),
        spec("source", "Source", FieldType::Text, false),
    ]
}

fn spec(key: &str, title: &str, type_: FieldType, repeated: bool) -> FieldSpec {
    FieldSpec {
        key: key.to_owned(),
        title: title.to_owned(),
        type_,
        required: false,
        repeated,
        choices: Vec::new(),
    }
}

/// The title of a field of a card; of an unknown one its key.
pub(crate) fn title(key: &str) -> &str {
    CONTACT_FIELDS.iter().find(|(known, ..)| *known == key).map_or(key, |(_, title, ..)| title)
}

/// The fields that the operator wants agents to see.
pub(crate) fn line_fields() -> Result<Vec<String>, Error> {
    let Some(text) = settings::get(LINE_FIELDS) else { return Ok(Vec::new()) };
    serde_json::from_str(&text).map_err(|_error| {
        Error::invalid(LINE_FIELDS, "should be a JSON list of fields: [\"city\", \"tag\"]")
    })
}
