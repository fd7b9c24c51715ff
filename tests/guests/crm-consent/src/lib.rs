//! A CRM that an operator has to consent to: the host obtains its tokens.

use patchbay_sdk::about::{Auth, Manifest, Oauth2, Setting, SettingType, TokenRequest};
use patchbay_sdk::types::{Card, Error, Field, FieldSpec, Identifier, Native, Problem};
use patchbay_sdk::{Adapter, Contacts, http, settings};

/// The adapter.
#[derive(Debug)]
pub struct Consent;

patchbay_sdk::export_crm!(Consent);

impl Adapter for Consent {
    fn describe() -> Manifest {
        Manifest {
            name: "crm-consent".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "Consent".to_owned(),
            vendor: "Consent (for tests)".to_owned(),
            settings: vec![
                setting("base-url", SettingType::Url, false),
                setting("client-id", SettingType::Text, false),
                setting("client-secret", SettingType::Text, true),
            ],
            egress: vec!["setting:base-url".to_owned()],
            auth: Auth::Oauth2(Oauth2 {
                authorize_url: Some("setting:base-url/authorize".to_owned()),
                token_url: "setting:base-url/token".to_owned(),
                scopes: vec!["read".to_owned()],
                rotates_refresh_token: true,
                token_request: TokenRequest::Form,
            }),
            rate_limit: None,
        }
    }
}

fn setting(key: &str, type_: SettingType, secret: bool) -> Setting {
    Setting {
        key: key.to_owned(),
        title: key.to_owned(),
        help: String::new(),
        type_,
        choices: Vec::new(),
        required: true,
        secret,
        default_value: None,
    }
}

/// Asks the API, and says of whatever goes wrong that it will pass.
fn call() -> Result<(), Error> {
    let url = format!("{}/api", settings::required("base-url")?);
    let response = http::Request::get(url).send()?;
    match response.status {
        200..=299 => Ok(()),
        status => Err(Error::Unavailable(format!("answered {status}"))),
    }
}

impl Contacts for Consent {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        Ok(Vec::new())
    }

    /// Knows nobody.
    fn lookup_client(_any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        call().map(|()| Vec::new())
    }

    fn map_fields(_client: Vec<Identifier>, _fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        Ok("{}".to_owned())
    }

    fn upsert_contact(
        _id: Option<String>,
        _contact: Native,
        _idempotency_key: String,
    ) -> Result<Card, Error> {
        Err(Error::Unsupported("nothing is written here".to_owned()))
    }
}
