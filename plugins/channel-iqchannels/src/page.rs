//! The page that holds the chat's window inside the CRM's, and carries messages between the two.
//!
//! The script and the style are the same for every account, so that the page allows them by their
//! hashes alone; what differs is an island of JSON, which nothing runs.

use patchbay_sdk::channel::Page;
use patchbay_sdk::{log, settings};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::base64;
use crate::manifest::{CARD_URL, CARD_VIEW, CHAT_URL, CRM_ORIGINS, LOGIN_ORIGINS};

mod origin;

use origin::{Template, Url};

const SCRIPT: &str = include_str!("page/embed.js");
const STYLE: &str = include_str!("page/embed.css");

/// The settings as the script reads them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Island<'a> {
    chat_url: &'a str,
    chat_origin: &'a str,
    card_url: Option<&'a str>,
    card_view: &'a str,
    crm_origins: &'a [String],
}

/// The one page, at the address itself; `None` for any other path, and where no chat is set.
pub(crate) fn render(path: &str) -> Option<Page> {
    if !matches!(path, "" | "/") {
        return None;
    }
    let Some(chat) = chat() else {
        log::warn(format!(
            "there is no page: `{CHAT_URL}` has to be the chat's http or https address"
        ));
        return None;
    };
    let card = card();
    let view = settings::get(CARD_VIEW).unwrap_or_default();
    let crm = origins(CRM_ORIGINS);
    let island = Island {
        chat_url: &chat.whole,
        chat_origin: &chat.origin,
        card_url: card.as_ref().map(|card| card.whole.as_str()),
        card_view: &view,
        crm_origins: &crm,
    };
    let mut framed = vec![chat.origin.clone()];
    framed.extend(card.as_ref().filter(|_| view == "frame").map(|card| card.origin.clone()));
    framed.extend(origins(LOGIN_ORIGINS));
    Some(Page {
        content_type: "text/html; charset=utf-8".to_owned(),
        content_security_policy: policy(&framed, &crm),
        body: html(&island).into_bytes(),
    })
}

fn chat() -> Option<Url> {
    Url::read(&settings::get(CHAT_URL)?)
}

fn card() -> Option<Template> {
    let setting = settings::get(CARD_URL)?;
    let template = Template::read(&setting);
    if template.is_none() {
        log::warn(format!(
            "no card opens: `{CARD_URL}` has to be an http or https address with {{id}} behind the host"
        ));
    }
    template
}

/// Origins of a list; what is none is left out, because it would be read as another rule of the policy.
fn origins(key: &str) -> Vec<String> {
    let list = settings::get(key).unwrap_or_default();
    let named = list.split([',', ' ', '\n', '\r', '\t']).filter(|origin| !origin.is_empty());
    let read = |origin: &str| {
        let url = Url::read(origin).filter(|url| url.is_bare);
        if url.is_none() {
            log::warn(format!(
                "`{key}` names something that is no origin such as https://crm.example.com; it is left out"
            ));
        }
        url.map(|url| url.origin)
    };
    named.filter_map(read).collect()
}

fn policy(framed: &[String], ancestors: &[String]) -> String {
    let ancestors = if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") };
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; frame-src {}; \
         frame-ancestors {ancestors}; base-uri 'none'; form-action 'none'",
        sha256(SCRIPT),
        sha256(STYLE),
        framed.join(" "),
    )
}

fn sha256(text: &str) -> String {
    base64::plain(&Sha256::digest(text))
}

/// No `<` of a setting reaches the page as itself, so that none can end the island.
fn html(island: &Island<'_>) -> String {
    let island = serde_json::to_string(island).expect("texts are always JSON");
    let island = island.replace('<', "\\u003c");
    format!(
        "<!doctype html>\n\
         <html lang=\"ru\">\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>iQChannels</title>\n\
         <style>{STYLE}</style>\n\
         <body>\n\
         <script type=\"application/json\" id=\"settings\">{island}</script>\n\
         <script>{SCRIPT}</script>\n"
    )
}
