//! The HubSpot of an account, as its settings tell.

use patchbay_sdk::settings;
use patchbay_sdk::types::{Error, Problem};

use crate::names;

pub(crate) const TOKEN: &str = "token";
pub(crate) const API_URL: &str = "api-url";
pub(crate) const KEY_PROPERTY: &str = "key-property";
pub(crate) const EXTERNAL_PROPERTY: &str = "external-id-property";
pub(crate) const PIPELINE: &str = "pipeline";
pub(crate) const STAGE: &str = "stage";
pub(crate) const LINE_FIELDS: &str = "line-fields";

pub(crate) const API_URL_DEFAULT: &str = "https://api.hubapi.com";

/// Most lines for agents: each is a property more in every answer.
const LINES_MAX: usize = 20;

/// Checked settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Server {
    /// Without a slash at the end.
    pub api_url: String,
    /// A placeholder; `None` leaves it to the host to attach a token.
    pub token: Option<String>,
    pub key_property: Option<String>,
    pub external_property: Option<String>,
    pub pipeline: Option<String>,
    pub stage: Option<String>,
    /// Property and title of each line for agents.
    pub lines: Vec<(String, String)>,
}

impl Server {
    /// Reads the settings, or names every fault in them.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get =
            |key: &str| get(key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut problems = Vec::new();
        let mut property = |key: &str| {
            let name = get(key);
            if name.as_deref().is_some_and(|name| !names::is_name(name)) {
                let text = "must be the internal name of a property: small letters, digits and `_`";
                problems.push(Problem::new(key, text));
            }
            name
        };
        let (key_property, external_property) =
            (property(KEY_PROPERTY), property(EXTERNAL_PROPERTY));
        let api_url = get(API_URL).unwrap_or_else(|| API_URL_DEFAULT.to_owned());
        let lines = lines(get(LINE_FIELDS).as_deref()).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        Ok(Self {
            api_url: api_url.trim_end_matches('/').to_owned(),
            token: get(TOKEN),
            key_property,
            external_property,
            pipeline: get(PIPELINE),
            stage: get(STAGE),
            lines,
        })
    }
}

/// The property that holds ids of other systems, for the pure mapping, which reports no settings.
pub(crate) fn external_property() -> Option<String> {
    let name = settings::get(EXTERNAL_PROPERTY)?;
    let name = name.trim();
    names::is_name(name).then(|| name.to_owned())
}

fn lines(text: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let wrong = || {
        let text = r#"must be a list of at most 20 properties with titles: [["lifecyclestage", "Lifecycle"]]"#;
        Problem::new(LINE_FIELDS, text)
    };
    let Some(text) = text else { return Ok(Vec::new()) };
    let lines: Vec<(String, String)> = serde_json::from_str(text).map_err(|_malformed| wrong())?;
    let is_good =
        |(property, title): &(String, String)| names::is_name(property) && !title.trim().is_empty();
    if lines.len() <= LINES_MAX && lines.iter().all(is_good) { Ok(lines) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Server, Error> {
        let find = |key: &str| pairs.iter().find(|(own, _)| *own == key);
        Server::read(|key| find(key).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_has_to_be_set() {
        let server = Server { api_url: API_URL_DEFAULT.to_owned(), ..Server::default() };
        assert_eq!(read(&[(KEY_PROPERTY, " "), (TOKEN, "")]), Ok(server));
        let own = read(&[(API_URL, "http://127.0.0.1:8/ "), (PIPELINE, " 7 ")]).unwrap();
        assert_eq!(
            (own.api_url.as_str(), own.pipeline.as_deref()),
            ("http://127.0.0.1:8", Some("7"))
        );
    }

    #[test]
    fn every_fault_is_named() {
        let faulty = [(KEY_PROPERTY, "a-b"), (EXTERNAL_PROPERTY, "Имя"), (LINE_FIELDS, "[]]")];
        let Err(Error::Invalid(problems)) = read(&faulty) else { panic!("must be refused") };
        let fields: Vec<_> = problems.iter().filter_map(|it| it.field.as_deref()).collect();
        assert_eq!(fields, [KEY_PROPERTY, EXTERNAL_PROPERTY, LINE_FIELDS]);
    }

    #[test]
    fn lines_are_read_up_to_their_limit() {
        let text = |count: usize| serde_json::to_string(&vec![("city", "City"); count]).unwrap();
        let count = |count| read(&[(LINE_FIELDS, text(count).as_str())]).map(|it| it.lines.len());
        assert_eq!(count(LINES_MAX), Ok(LINES_MAX));
        assert!(count(LINES_MAX + 1).is_err());
    }
}
