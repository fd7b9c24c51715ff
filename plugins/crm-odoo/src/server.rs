//! The Odoo server of an account, as its settings tell.

use patchbay_sdk::types::{Error, Problem};

/// Checked settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Without a slash at the end.
    pub base_url: String,
    pub database: Option<String>,
    /// A placeholder; the host puts the key in.
    pub api_key: String,
    /// Prefix of the external ids that this adapter gives.
    pub module: String,
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
                problems.push(problem(key, "is not set"));
                String::new()
            })
        };
        let base_url = required("base-url").trim().trim_end_matches('/').to_owned();
        let api_key = required("api-key");
        let module = get("module").unwrap_or_else(|| "patchbay".to_owned());
        if !is_name(&module) {
            problems.push(problem("module", "must be letters, digits and `_`"));
        }
        let lines = lines(get("line-fields").as_deref()).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        if problems.is_empty() {
            Ok(Self { base_url, database: get("database"), api_key, module, lines })
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// Where a manager opens the partner. A model's name works as a path without any app's menu.
    pub(crate) fn card_url(&self, id: u64) -> String {
        format!("{}/odoo/res.partner/{id}", self.base_url)
    }
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
        problem("line-fields", r#"must be a list of fields and titles: [["credit", "Balance"]]"#)
    };
    let Some(text) = text else { return Ok(Vec::new()) };
    let lines: Vec<(String, String)> = serde_json::from_str(text).ok().ok_or_else(wrong)?;
    if lines.iter().all(|(field, title)| is_name(field) && !title.trim().is_empty()) {
        Ok(lines)
    } else {
        Err(wrong())
    }
}

fn problem(key: &str, message: &str) -> Problem {
    Problem { field: Some(key.to_owned()), message: message.to_owned() }
}

#[cfg(test)]
pub(crate) fn example() -> Server {
    Server {
        base_url: "https://odoo.example.test".to_owned(),
        database: Some("odoo_e2e".to_owned()),
        api_key: "{{secret:api-key}}".to_owned(),
        module: "plughost".to_owned(),
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
        let Err(Error::Invalid(problems)) =
            read(&[("base-url", " "), ("module", "a.b"), ("line-fields", r#"[["credit"]]"#)])
        else {
            panic!("must be refused")
        };
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.field.as_deref()).collect();
        assert_eq!(keys, ["base-url", "api-key", "module", "line-fields"]);
    }

    #[test]
    fn a_slash_at_the_end_of_the_address_does_no_harm() {
        let server = read(&[
            ("base-url", "https://o.test//"),
            ("api-key", "k"),
            ("line-fields", r#"[["credit","Balance"]]"#),
        ])
        .unwrap();
        assert_eq!(server.card_url(6), "https://o.test/odoo/res.partner/6");
        assert_eq!(server.module, "patchbay");
        assert_eq!(server.lines, [("credit".to_owned(), "Balance".to_owned())]);
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
