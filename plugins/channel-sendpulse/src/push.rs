//! Tags and variables, written to a contact through SendPulse's API. The host attaches the bearer token.

use patchbay_sdk::types::{Card, Error, ExternalId, Person};
use patchbay_sdk::{http, settings};
use serde::Serialize;

use crate::client::SYSTEM;
use crate::errors::accept;
use crate::manifest::{API_URL, CARD_URL_VARIABLE, MANAGER_VARIABLE};

#[derive(Serialize)]
struct SetTag<'a> {
    contact_id: &'a str,
    tags: [&'a str; 1],
}

#[derive(Serialize)]
struct SetVariable<'a> {
    contact_id: &'a str,
    variable_name: &'a str,
    variable_value: &'a str,
}

/// A contact by its external id, `<service>:<contact id>`.
struct Contact<'a> {
    service: &'a str,
    id: &'a str,
}

/// Adds the tag to those that the contact has.
pub(crate) fn tag(client: &ExternalId, tag: &str) -> Result<(), Error> {
    let tag = tag.trim();
    if tag.is_empty() {
        return Err(Error::invalid("tag", "is empty"));
    }
    let contact = contact(client)?;
    let body = SetTag { contact_id: contact.id, tags: [tag] };
    post(&contact, "setTag", &body)
}

/// Writes the card's URL and its manager into the variables that the settings name.
pub(crate) fn card(client: &ExternalId, card: &Card) -> Result<(), Error> {
    let url = (settings::get(CARD_URL_VARIABLE), card.url.as_deref());
    let manager = (settings::get(MANAGER_VARIABLE), card.manager.as_ref().and_then(name));
    if url.0.is_none() && manager.0.is_none() {
        return Err(Error::Unsupported(format!(
            "SendPulse shows no cards: set `{CARD_URL_VARIABLE}` or `{MANAGER_VARIABLE}` to write them into variables"
        )));
    }
    let contact = contact(client)?;
    for (variable, value) in [url, manager] {
        let (Some(variable), Some(value)) = (variable, value) else { continue };
        let body = SetVariable {
            contact_id: contact.id,
            variable_name: variable.trim(),
            variable_value: value,
        };
        post(&contact, "setVariable", &body)?;
    }
    Ok(())
}

fn name(manager: &Person) -> Option<&str> {
    let ways = [&manager.name, &manager.email];
    ways.into_iter().flatten().map(String::as_str).find(|text| !text.trim().is_empty())
}

fn contact(client: &ExternalId) -> Result<Contact<'_>, Error> {
    let unknown = || {
        Error::Unsupported(
            "the client has no contact in SendPulse whose messenger is known".to_owned(),
        )
    };
    if client.system != SYSTEM {
        return Err(unknown());
    }
    let parts = client.id.split_once(':').filter(|(service, id)| *service != "-" && !id.is_empty());
    let (service, id) = parts.ok_or_else(unknown)?;
    Ok(Contact { service, id })
}

/// The messenger's part of the API's path, which is not always its name in webhooks.
fn api_path(service: &str) -> &str {
    match service {
        "facebook" | "fb" => "messenger",
        "vkontakte" => "vk",
        "live_chat" => "livechat",
        same => same,
    }
}

fn post(contact: &Contact<'_>, method: &str, body: &impl Serialize) -> Result<(), Error> {
    let base = settings::required(API_URL)?;
    let base = base.trim().trim_end_matches('/');
    let url = format!("{base}/{}/contacts/{method}", api_path(contact.service));
    let body = serde_json::to_vec(body).expect("texts are always JSON");
    accept(&http::Request::post(url).json(body).send().map_err(http::after_write)?)
}
