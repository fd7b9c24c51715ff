//! The client's card as attributes that the operator sees.
//!
//! Where and in what form LiveTex takes them is not public: `push_attributes` is the one place.

use patchbay_sdk::types::{Card, Error, ExternalId, Line, Value};
use patchbay_sdk::{http, settings};
use serde::{Serialize, Serializer};

use crate::answer::accept;
use crate::client::PERSON;
use crate::manifest::{
    ATTRIBUTES_AUTH_HEADER, ATTRIBUTES_AUTH_SCHEME, ATTRIBUTES_KEY, ATTRIBUTES_URL,
    CARD_URL_ATTRIBUTE,
};

/// More attributes than this are not shown.
const MAX_ATTRIBUTES: usize = 50;
/// Longer texts are cut.
const MAX_TEXT_CHARS: usize = 1_000;
/// A longer URL is left out, because half of one leads nowhere.
const MAX_URL_BYTES: usize = 2_048;

/// Shows the card to whoever talks with the person.
pub(crate) fn card(client: &ExternalId, card: &Card) -> Result<(), Error> {
    if client.system != PERSON {
        return Err(Error::Unsupported(
            "the visitor has no personId, and LiveTex shows attributes of authorised clients only"
                .to_owned(),
        ));
    }
    push_attributes(&client.id, &Attributes::of(card, settings::get(CARD_URL_ATTRIBUTE)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Push<'a> {
    person_id: &'a str,
    attributes: &'a Attributes,
}

fn push_attributes(person_id: &str, attributes: &Attributes) -> Result<(), Error> {
    let url = settings::required(ATTRIBUTES_URL)?;
    let body = serde_json::to_vec(&Push { person_id, attributes }).expect("texts are always JSON");
    let mut request = http::Request::post(url.trim()).json(body);
    // The key is a placeholder here; the host puts it in on the way out.
    if let Some(key) = settings::get(ATTRIBUTES_KEY) {
        let header = settings::required(ATTRIBUTES_AUTH_HEADER)?;
        let value = match settings::get(ATTRIBUTES_AUTH_SCHEME) {
            Some(scheme) => format!("{} {key}", scheme.trim()),
            None => key,
        };
        request = request.header(header.trim(), value);
    }
    accept(&request.send().map_err(http::after_write)?)
}

/// Names and texts in their order, each name once.
#[derive(Debug, Default)]
struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// Name, phone and e-mail, the address of the card, and its lines.
    fn of(card: &Card, url_attribute: Option<String>) -> Self {
        let mut attributes = Self::default();
        for key in ["name", "phone", "email"] {
            let value = card.field(key).and_then(Value::as_text).and_then(shown);
            attributes.add(key, value);
        }
        let url = card.url.as_deref().and_then(web_url);
        if let Some((name, url)) = url_attribute.zip(url) {
            attributes.add(&name, Some(url.to_owned()));
        }
        for Line { title, text, url } in &card.lines {
            let shown = shown(text).or_else(|| url.as_deref().and_then(web_url).map(str::to_owned));
            attributes.add(title, shown);
        }
        attributes
    }

    /// The first of a name counts: no line of a card replaces the client's phone.
    fn add(&mut self, name: &str, value: Option<String>) {
        let (Some(name), Some(value)) = (shown(name), value) else { return };
        if self.0.len() < MAX_ATTRIBUTES && self.0.iter().all(|(known, _)| *known != name) {
            self.0.push((name, value));
        }
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// One line of text without control characters, cut to its limit; `None` where nothing is left.
fn shown(text: &str) -> Option<String> {
    let words =
        text.split(|c: char| c.is_control()).map(str::trim).filter(|words| !words.is_empty());
    let joined = words.collect::<Vec<_>>().join(" ");
    let cut = joined.chars().take(MAX_TEXT_CHARS).collect::<String>();
    (!cut.is_empty()).then_some(cut)
}

/// The URL if a browser opens it as a page.
fn web_url(url: &str) -> Option<&str> {
    let url = url.trim();
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_plain = !url.contains(|c: char| c.is_control() || c.is_whitespace());
    (is_web && is_plain && url.len() <= MAX_URL_BYTES).then_some(url)
}
