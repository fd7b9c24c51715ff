//! The client's card as attributes that the operator sees.
//!
//! Where and in what form LiveTex takes them is not public: `push_attributes` is the one place.

use patchbay_sdk::types::{Card, Error, ExternalId, Line};
use patchbay_sdk::{http, settings, shown};
use serde::{Serialize, Serializer};

use crate::answer::accept;
use crate::client::PERSON;
use crate::manifest::{
    ATTRIBUTES_AUTH_HEADER, ATTRIBUTES_AUTH_SCHEME, ATTRIBUTES_KEY, ATTRIBUTES_URL,
    CARD_URL_ATTRIBUTE,
};

/// More attributes than this are not shown.
const MAX_ATTRIBUTES: usize = 50;

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
            attributes.add(key, shown::main(card, key));
        }
        let url = card.url.as_deref().and_then(shown::url);
        if let Some((name, url)) = url_attribute.zip(url) {
            attributes.add(&name, Some(url.to_owned()));
        }
        for Line { title, text, url } in &card.lines {
            let text = shown::line(text)
                .or_else(|| url.as_deref().and_then(shown::url).map(str::to_owned));
            attributes.add(title, text);
        }
        attributes
    }

    /// The first of a name counts: no line of a card replaces the client's phone.
    fn add(&mut self, name: &str, value: Option<String>) {
        let (Some(name), Some(value)) = (shown::line(name), value) else { return };
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
