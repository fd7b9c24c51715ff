//! The Odoo server of an account, as its settings tell.

use patchbay_sdk::types::{Error, Problem};

use crate::rpc;

/// Most further fields for phones.
const PHONE_FIELDS_MAX: usize = 8;

/// Which of Odoo's interfaces is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// Odoo 19 and newer.
    Json2,
    /// Odoo 17 and 18; Odoo 19 still has it.
    JsonRpc,
}

/// Checked settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Without a slash at the end.
    pub base_url: String,
    pub database: Option<String>,
    /// `None` where the server's version decides.
    pub api: Option<Api>,
    /// Whose key it is; JSON-RPC asks for it.
    pub login: Option<String>,
    /// A placeholder; the host puts the key in.
    pub api_key: String,
    /// Prefix of the external ids that this adapter gives.
    pub module: String,
    /// The language that titles are asked for in; the user's own where it is not set.
    pub lang: Option<String>,
    /// Fields of `res.partner` for a second phone and more.
    pub phone_fields: Vec<String>,
    /// Field of `res.partner` and title of each line for agents.
    pub lines: Vec<(String, String)>,
}

impl Server {
    /// Reads the settings, or names every fault in them.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |key: &str| get(key).filter(|value| !value.trim().is_empty());
        let mut problems = Vec::new();
        let mut required = |key: &str| {
            get(key).unwrap_or_else(|| {
                problems.push(Problem::new(key, "is not set"));
                String::new()
            })
        };
        let base_url = required("base-url").trim().trim_end_matches('/').to_owned();
        let api_key = required("api-key");
        let mut checked = |key: &str, is_good: &dyn Fn(&str) -> bool, message: &str| {
            let value = get(key).map(|value| value.trim().to_owned());
            if value.as_deref().is_some_and(|value| !is_good(value)) {
                problems.push(Problem::new(key, message));
            }
            value
        };
        let module = checked("module", &is_name, "must be letters, digits and `_`");
        let lang = checked("lang", &is_lang, "must be a language as Odoo names it: `uk_UA`");
        let api = checked(
            "api",
            &|api| ["auto", "json-2", "json-rpc"].contains(&api),
            "must be `auto`, `json-2` or `json-rpc`",
        );
        let phone_fields = phone_fields(get).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        let lines = lines(get("line-fields").as_deref()).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        Ok(Self {
            base_url,
            database: get("database"),
            api: match api.as_deref() {
                Some("json-2") => Some(Api::Json2),
                Some("json-rpc") => Some(Api::JsonRpc),
                _ => None,
            },
            login: get("login"),
            api_key,
            module: module.unwrap_or_else(|| "patchbay".to_owned()),
            lang,
            phone_fields,
            lines,
        })
    }

    /// Where a manager opens the record.
    pub(crate) fn url(&self, model: &str, id: u64) -> String {
        // A store that fails costs the newer form of the address.
        if rpc::api(self) == Ok(Api::JsonRpc) {
            // Odoo 17 knows this form only, and newer ones lead on from it.
            return format!("{}/web#id={id}&model={model}&view_type=form", self.base_url);
        }
        // A model's name works as a path without any app's menu.
        format!("{}/odoo/{model}/{id}", self.base_url)
    }

    /// Every field for phones, the main one first.
    pub(crate) fn phones(&self) -> impl Iterator<Item = &str> {
        std::iter::once("phone").chain(self.phone_fields.iter().map(String::as_str))
    }
}

/// Fields of a partner for a second phone and more, as the setting names them.
pub(crate) fn phone_fields(get: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, Problem> {
    let text = get("phone-fields").unwrap_or_default();
    let names = text.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    let is_good = names.len() <= PHONE_FIELDS_MAX
        && names.iter().all(|name| is_name(name) && !KEPT_FIELDS.contains(&name.as_str()));
    let wrong = "must be at most 8 names of text fields of a contact, as `mobile, x_phone_2`";
    if is_good { Ok(names) } else { Err(Problem::new("phone-fields", wrong)) }
}

/// Fields with another use.
const KEPT_FIELDS: [&str; 6] = ["id", "name", "phone", "email", "ref", "phone_sanitized"];

/// `uk_UA`, `sr@latin`, `es_419`.
fn is_lang(code: &str) -> bool {
    (2..=16).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'@')
}

/// Whether Odoo may have a field or a module of this name.
pub(crate) fn is_name(name: &str) -> bool {
    let mut letters = name.bytes();
    name.len() <= 63
        && letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn lines(text: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let wrong = || {
        Problem::new(
            "line-fields",
            r#"must be a list of fields and titles: [["credit", "Balance"]]"#,
        )
    };
    let Some(text) = text else { return Ok(Vec::new()) };
    let lines: Vec<(String, String)> = serde_json::from_str(text).ok().ok_or_else(wrong)?;
    if lines.iter().all(|(field, title)| is_name(field) && !title.trim().is_empty()) {
        Ok(lines)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
pub(crate) fn example() -> Server {
    Server {
        base_url: "https://odoo.example.test".to_owned(),
        database: Some("odoo_e2e".to_owned()),
        api_key: "{{secret:api-key}}".to_owned(),
        module: "plughost".to_owned(),
        api: Some(Api::Json2),
        login: None,
        lang: None,
        phone_fields: Vec::new(),
        lines: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Server, Error> {
        Server::read(|key| {
            settings.iter().find(|(k, _)| *k == key).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn all_faults_of_the_settings_are_named_at_once() {
        let Err(Error::Invalid(problems)) = read(&[
            ("base-url", " "),
            ("module", "a.b"),
            ("lang", "українська"),
            ("api", "soap"),
            ("phone-fields", "mobile, phone"),
            ("line-fields", r#"[["credit"]]"#),
        ]) else {
            panic!("must be refused")
        };
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.field.as_deref()).collect();
        assert_eq!(
            keys,
            ["base-url", "api-key", "module", "lang", "api", "phone-fields", "line-fields"]
        );
    }

    #[test]
    fn a_slash_at_the_end_of_the_address_does_no_harm() {
        let server = read(&[
            ("base-url", "https://o.test//"),
            ("api-key", "k"),
            ("api", "json-2"),
            ("line-fields", r#"[["credit","Balance"]]"#),
        ])
        .unwrap();
        assert_eq!(server.url("res.partner", 6), "https://o.test/odoo/res.partner/6");
        assert_eq!(server.module, "patchbay");
        assert_eq!(server.lines, [("credit".to_owned(), "Balance".to_owned())]);
    }

    #[test]
    fn further_phones_have_at_most_eight_fields() {
        let fields = |count: usize| {
            let names: Vec<_> = (0..count).map(|number| format!("x_phone_{number}")).collect();
            phone_fields(|_| Some(names.join(", "))).map(|names| names.len())
        };
        assert_eq!(fields(8), Ok(8));
        assert!(fields(9).is_err());
        assert_eq!(phone_fields(|_| None), Ok(Vec::new()));
    }

    #[test]
    fn an_older_odoo_opens_records_by_its_old_address() {
        let server = Server { api: Some(Api::JsonRpc), ..example() };
        let url = "https://odoo.example.test/web#id=6&model=crm.lead&view_type=form";
        assert_eq!(server.url("crm.lead", 6), url);
    }

    #[test]
    fn a_line_of_a_field_that_cannot_be_is_refused() {
        for text in [r#"[["a b","x"]]"#, r#"[["credit"," "]]"#, r#"{"credit":"x"}"#, "["] {
            assert!(
                read(&[("base-url", "https://o.test"), ("api-key", "k"), ("line-fields", text)])
                    .is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_name_has_at_most_63_bytes() {
        assert!(is_name(&"x".repeat(63)));
        assert!(!is_name(&"x".repeat(64)));
        assert!(!is_name("") && !is_name("1a") && !is_name("user_id/.id"));
    }
}
