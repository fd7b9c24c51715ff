//! The portal of an account, as its settings tell.

use patchbay_sdk::types::{Error, Problem};

const REST_URL: &str = "rest-url";
const ORIGINATOR_BYTES_MAX: usize = 60;

/// Checked settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Portal {
    /// `https://company.bitrix24.com`.
    pub origin: String,
    /// The webhook's URL without a slash at the end; the secret in it is a placeholder.
    pub rest: String,
    /// Written into `originatorId` of what this adapter makes.
    pub originator: String,
    /// Field of the contact and title of each line for agents.
    pub lines: Vec<(String, String)>,
}

impl Portal {
    /// Reads the settings, or names every fault in them.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |key: &str| get(key).filter(|value| !value.trim().is_empty());
        let mut problems = Vec::new();
        let mut required = |key: &str| {
            get(key).unwrap_or_else(|| {
                problems.push(Problem::new(key, "is not set; set it on the account"));
                String::new()
            })
        };
        let (rest_url, secret) = (required(REST_URL), required("webhook-secret"));
        let (origin, user) = if rest_url.is_empty() {
            Default::default()
        } else {
            parts(rest_url.trim()).unwrap_or_else(|message| {
                problems.push(Problem::new(REST_URL, message));
                Default::default()
            })
        };
        let originator = get("originator").unwrap_or_else(|| "patchbay".to_owned());
        if !is_name(&originator) || ORIGINATOR_BYTES_MAX < originator.len() {
            let message = "must be letters, digits and `_`, at most 60";
            problems.push(Problem::new("originator", message));
        }
        let lines = lines(get("line-fields").as_deref()).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let rest = format!("{origin}/rest/{user}/{secret}");
        Ok(Self { origin, rest, originator, lines })
    }

    /// Where a method is called.
    pub(crate) fn method_url(&self, method: &str) -> String {
        format!("{}/{method}", self.rest)
    }

    /// Where a manager opens the contact.
    pub(crate) fn contact_url(&self, id: u64) -> String {
        format!("{}/crm/contact/details/{id}/", self.origin)
    }

    /// Where a manager opens the deal.
    pub(crate) fn deal_url(&self, id: u64) -> String {
        format!("{}/crm/deal/details/{id}/", self.origin)
    }
}

/// Origin and the user's number of `https://company.bitrix24.com/rest/1/`.
fn parts(url: &str) -> Result<(String, String), &'static str> {
    const WRONG: &str =
        "must be the webhook's URL without its last part: https://company.bitrix24.com/rest/1/";
    let (scheme, rest) = url.split_once("://").ok_or(WRONG)?;
    let (host, path) = rest.split_once('/').ok_or(WRONG)?;
    let user = path.trim_end_matches('/').strip_prefix("rest/").ok_or(WRONG)?;
    if user.contains('/') {
        return Err(
            "holds the secret too: leave the last part out, and set it as `webhook-secret`",
        );
    }
    let is_number = !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_digit());
    if host.is_empty() || !is_number {
        return Err(WRONG);
    }
    Ok((format!("{scheme}://{host}"), user.to_owned()))
}

/// Whether Bitrix24 may have a field of this name.
pub(crate) fn is_name(name: &str) -> bool {
    let mut letters = name.bytes();
    name.len() <= 100
        && letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn lines(text: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let wrong = || {
        let message = r#"must be a list of fields and titles: [["ufCrm_1700000000", "Balance"]]"#;
        Problem::new("line-fields", message)
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
pub(crate) fn example() -> Portal {
    Portal {
        origin: "https://portal.example.test".to_owned(),
        rest: "https://portal.example.test/rest/1/hooksecret".to_owned(),
        originator: "plughost".to_owned(),
        lines: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Portal, Error> {
        Portal::read(|key| {
            settings.iter().find(|(k, _)| *k == key).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn all_faults_of_the_settings_are_named_at_once() {
        let Err(Error::Invalid(problems)) =
            read(&[("rest-url", "portal"), ("originator", "a.b"), ("line-fields", "[[]]")])
        else {
            panic!("must be refused")
        };
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.field.as_deref()).collect();
        assert_eq!(keys, ["webhook-secret", "rest-url", "originator", "line-fields"]);
    }

    #[test]
    fn the_secret_stands_in_the_urls_of_methods_and_nowhere_else() {
        for url in
            ["https://p.test/rest/12/", "https://p.test/rest/12", " https://p.test/rest/12/ "]
        {
            let portal = read(&[("rest-url", url), ("webhook-secret", "{s}")]).unwrap();
            assert_eq!(portal.method_url("batch"), "https://p.test/rest/12/{s}/batch");
            assert_eq!(portal.contact_url(6), "https://p.test/crm/contact/details/6/");
            assert_eq!(portal.deal_url(6), "https://p.test/crm/deal/details/6/");
            assert_eq!(portal.originator, "patchbay");
        }
    }

    #[test]
    fn a_whole_webhook_url_is_refused_without_repeating_it() {
        let whole = [("rest-url", "https://p.test/rest/1/abcd1234/"), ("webhook-secret", "{s}")];
        let Err(Error::Invalid(problems)) = read(&whole) else { panic!("must be refused") };
        assert!(problems[0].message.contains("webhook-secret"), "{problems:?}");
        assert!(!problems[0].message.contains("abcd1234"), "{problems:?}");
        for url in
            ["https://p.test/", "https:///rest/1/", "https://p.test/rest/admin/", "p.test/rest/1/"]
        {
            assert!(read(&[("rest-url", url), ("webhook-secret", "{s}")]).is_err(), "{url}");
        }
    }

    #[test]
    fn names_have_a_limit() {
        assert!(is_name(&"x".repeat(100)) && !is_name(&"x".repeat(101)));
        let originator = |length| {
            let name = "x".repeat(length);
            read(&[
                ("rest-url", "https://p.test/rest/1/"),
                ("webhook-secret", "s"),
                ("originator", &name),
            ])
        };
        assert!(originator(60).is_ok() && originator(61).is_err());
    }
}
