//! The account in the CRM, as the settings tell.

use std::collections::BTreeMap;

use patchbay_sdk::settings;
use patchbay_sdk::types::{Error, Problem};

pub(crate) const BASE_URL: &str = "base-url";
pub(crate) const TOKEN: &str = "token";
pub(crate) const EXTERNAL_FIELD: &str = "external-field";
pub(crate) const CONTACT_FIELDS: &str = "contact-fields";
pub(crate) const DEAL_FIELDS: &str = "deal-fields";
pub(crate) const LINE_FIELDS: &str = "line-fields";
pub(crate) const SERVICE: &str = "service";

/// Where the vendor's own site is served, which no account's API is.
const COMMON_HOSTS: [&str; 6] =
    ["amocrm.ru", "www.amocrm.ru", "amocrm.com", "www.amocrm.com", "kommo.com", "www.kommo.com"];

/// Keys that have a field of their own in the CRM.
const HOUSED: [&str; 9] =
    ["name", "phone", "email", "tag", "manager", "title", "price", "pipeline", "stage"];

/// How an account reaches the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Scheme, host and port, without a slash at the end.
    pub origin: String,
    /// A placeholder; where there is none, the host adds its own token.
    pub token: Option<String>,
    pub service: String,
}

/// Where records keep what the CRM has no field of its own for. Pure mappings read it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// Canonical key and number of the custom field.
    pub fields: BTreeMap<String, u64>,
    /// The contact's field with ids of other systems.
    pub external: Option<u64>,
    /// Field and title of each line for agents.
    pub lines: Vec<(String, String)>,
}

impl Account {
    pub(crate) fn read() -> Result<Self, Error> {
        let base_url = settings::required(BASE_URL)?;
        let origin = origin(&base_url).map_err(|message| Error::invalid(BASE_URL, message))?;
        let service = settings::get(SERVICE).unwrap_or_else(|| "Patchbay".to_owned());
        Ok(Self { origin, token: settings::get(TOKEN), service })
    }

    /// Where a manager opens the contact.
    pub(crate) fn contact_url(&self, id: u64) -> String {
        format!("{}/contacts/detail/{id}", self.origin)
    }

    /// Where a manager opens the deal.
    pub(crate) fn lead_url(&self, id: u64) -> String {
        format!("{}/leads/detail/{id}", self.origin)
    }
}

impl Places {
    pub(crate) fn of_contacts() -> Result<Self, Problem> {
        let external = settings::get(EXTERNAL_FIELD);
        let external = external.map(|text| {
            let number = text.trim().parse().ok().filter(|id| 0 < *id);
            number.ok_or_else(|| Problem::new(EXTERNAL_FIELD, "must be the number of a field"))
        });
        Ok(Self {
            fields: fields(CONTACT_FIELDS)?,
            external: external.transpose()?,
            lines: lines()?,
        })
    }

    pub(crate) fn of_deals() -> Result<Self, Problem> {
        Ok(Self { fields: fields(DEAL_FIELDS)?, ..Self::default() })
    }

    /// The canonical key that is kept in the custom field with this number.
    pub(crate) fn key_of(&self, field: u64) -> Option<&str> {
        self.fields.iter().find(|(_, id)| **id == field).map(|(key, _)| key.as_str())
    }
}

fn fields(setting: &str) -> Result<BTreeMap<String, u64>, Problem> {
    let Some(text) = settings::get(setting) else { return Ok(BTreeMap::new()) };
    let fields: Option<BTreeMap<String, u64>> = serde_json::from_str(&text).ok();
    let is_good = |(key, id): (&String, &u64)| {
        !key.trim().is_empty() && !HOUSED.contains(&key.as_str()) && 0 < *id
    };
    fields.filter(|fields| fields.iter().all(is_good)).ok_or_else(|| {
        let text = r#"must name fields that amoCRM has no place for, and the numbers of its own: {"city": 101}"#;
        Problem::new(setting, text)
    })
}

fn lines() -> Result<Vec<(String, String)>, Problem> {
    let Some(text) = settings::get(LINE_FIELDS) else { return Ok(Vec::new()) };
    let lines: Option<Vec<(String, String)>> = serde_json::from_str(&text).ok();
    let is_good =
        |(key, title): &(String, String)| !key.trim().is_empty() && !title.trim().is_empty();
    lines.filter(|lines| lines.iter().all(is_good)).ok_or_else(|| {
        let text =
            r#"must be a list of fields and titles: [["cf_111", "Orders"], ["city", "City"]]"#;
        Problem::new(LINE_FIELDS, text)
    })
}

/// The origin of an address as people copy it from the browser, path and all.
fn origin(address: &str) -> Result<String, &'static str> {
    let address = address.trim();
    let (scheme, rest) = address.split_once("://").ok_or("must begin with https://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    if host.is_empty() || host.contains('@') {
        return Err("has no host: write it as https://company.amocrm.ru");
    }
    if COMMON_HOSTS.contains(&host.as_str()) {
        return Err(
            "is the vendor's common address: set the account's own, https://company.amocrm.ru",
        );
    }
    Ok(format!("{}://{host}", scheme.to_ascii_lowercase()))
}

#[cfg(test)]
pub(crate) fn example() -> Account {
    Account {
        origin: "https://demo.example.test".to_owned(),
        token: Some("{{secret:token}}".to_owned()),
        service: "Patchbay".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::Host;

    use super::*;

    #[test]
    fn an_address_is_taken_as_the_browser_shows_it() {
        for address in [
            "https://demo.amocrm.ru",
            " https://Demo.amocrm.ru/ ",
            "HTTPS://demo.amocrm.ru/leads/pipeline/?skip_filter=Y",
            "https://demo.amocrm.ru#top",
        ] {
            assert_eq!(origin(address).as_deref(), Ok("https://demo.amocrm.ru"), "{address}");
        }
        assert_eq!(origin("http://127.0.0.1:8080/x").as_deref(), Ok("http://127.0.0.1:8080"));
    }

    #[test]
    fn an_address_that_no_account_has_is_refused() {
        for address in [
            "demo.amocrm.ru",
            "https://",
            "https://www.kommo.com/x",
            "https://AMOCRM.ru",
            "https://a@b.test",
        ] {
            assert!(origin(address).is_err(), "{address}");
        }
    }

    #[test]
    fn places_are_numbers_of_fields() {
        let read = |key: &str, text: &str| {
            let host = Host::new().setting(key, text);
            host.run(|| (Places::of_contacts(), Places::of_deals()))
        };
        let (contacts, deals) = read(CONTACT_FIELDS, r#"{"city": 101}"#);
        assert_eq!(contacts.unwrap().key_of(101), Some("city"));
        assert_eq!(deals.unwrap(), Places::default());
        assert_eq!(read(EXTERNAL_FIELD, " 7 ").0.unwrap().external, Some(7));
        for (key, text) in [
            (CONTACT_FIELDS, r#"{"city": "101"}"#),
            (CONTACT_FIELDS, r#"{"city": 0}"#),
            (CONTACT_FIELDS, r#"{"phone": 1}"#),
            (CONTACT_FIELDS, r#"{" ": 1}"#),
            (CONTACT_FIELDS, "[]"),
            (LINE_FIELDS, r#"[["cf_111"]]"#),
            (LINE_FIELDS, r#"[["cf_111", " "]]"#),
            (EXTERNAL_FIELD, "0"),
            (EXTERNAL_FIELD, "1.5"),
        ] {
            let problem = read(key, text).0.unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(key), "{text}");
        }
    }

    #[test]
    fn without_an_address_the_setting_is_named() {
        let error = Host::new().run(Account::read).unwrap_err();
        assert!(
            matches!(error, Error::Invalid(problems) if problems[0].field.as_deref() == Some(BASE_URL))
        );
    }
}
