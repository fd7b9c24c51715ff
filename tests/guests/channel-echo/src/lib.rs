//! A channel that can be told about clients and shows pages; the host obtains its tokens.

#![expect(clippy::panic, reason = "a page that crashes")]

use patchbay_sdk::about::{Auth, Manifest, Oauth2, Setting, SettingType, TokenRequest};
use patchbay_sdk::channel::{Intake, Outcome, Page, Received, Request, Response};
use patchbay_sdk::types::{Card, Error, ExternalId};
use patchbay_sdk::{Adapter, Channel, ChannelPage, ChannelPush, http, kv, log, settings};
use serde_json::{Value, json};

mod told;

/// The adapter.
#[derive(Debug)]
pub struct Echo;

patchbay_sdk::export_channel!(Echo: channel_push, channel_page);

impl Adapter for Echo {
    fn describe() -> Manifest {
        Manifest {
            name: "channel-echo".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "Echo".to_owned(),
            vendor: "Echo (for tests)".to_owned(),
            settings: vec![
                setting("api-url", SettingType::Url, false),
                setting("client-id", SettingType::Text, false),
                setting("client-secret", SettingType::Text, true),
            ],
            egress: vec!["setting:api-url".to_owned()],
            auth: Auth::Oauth2(Oauth2 {
                authorize_url: None,
                token_url: "setting:api-url/oauth/access_token".to_owned(),
                scopes: Vec::new(),
                rotates_refresh_token: false,
                token_request: TokenRequest::Json,
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

impl Channel for Echo {
    fn receive(request: Request) -> Result<Received, Error> {
        let events = told::event(&request).into_iter().collect();
        Ok(Received::Events(Intake { events, fallback: Response::empty(204) }))
    }

    fn reply(_request: Request, outcomes: Vec<Outcome>) -> Response {
        let told: Vec<Value> = outcomes.iter().map(told::outcome).collect();
        Response::json(200, Value::Array(told).to_string())
    }
}

impl ChannelPush for Echo {
    /// Sends the card's id. A client of the system `own` comes with credentials of the adapter's; of a client of
    /// the system `tell` the answer is told, backwards, so that nothing in it is scrubbed on its way.
    fn push_card(client: ExternalId, card: Card) -> Result<(), Error> {
        let url = format!("{}/clients/{}", settings::required("api-url")?, client.id);
        let mut request = http::Request::post(url).json(json!({ "card": card.id }).to_string());
        if client.system == "own" {
            request = request.header("Authorization", "Basic own");
        }
        let response = request.send().map_err(http::after_write)?;
        let body = String::from_utf8_lossy(&response.body).into_owned();
        log::info(format!("answered {}: {body}", response.status));
        match response.status {
            200..=299 if client.system == "tell" => {
                Err(Error::NotFound(body.chars().rev().collect()))
            }
            200..=299 => Ok(()),
            401 => Err(Error::Unauthorized(body)),
            429 => Err(Error::RateLimited(response.retry_after_ms())),
            status => Err(Error::Unavailable(format!("answered {status}"))),
        }
    }

    /// Keeps the last tag of each client, and sends nothing.
    fn tag(client: ExternalId, tag: String) -> Result<(), Error> {
        if tag.is_empty() {
            return Err(Error::invalid("tag", "is empty"));
        }
        let key = format!("{}:{}", client.system, client.id);
        let unavailable = |error| Error::Unavailable(format!("{error:?}"));
        if kv::get(&key).map_err(unavailable)?.as_deref() == Some(tag.as_bytes()) {
            return Err(Error::Conflict(Some(tag)));
        }
        kv::Batch::new().set(key, tag).commit().map_err(unavailable)
    }
}

impl ChannelPage for Echo {
    fn render(path: String, query: String) -> Option<Page> {
        let mut page = Page {
            content_type: "text/html; charset=utf-8".to_owned(),
            content_security_policy: "frame-ancestors https://crm.example".to_owned(),
            body: format!("<p>{path}?{query}</p>").into_bytes(),
        };
        match path.as_str() {
            "/nothing" => return None,
            "/crash" => panic!("the page crashes"),
            "/no-policy" => page.content_security_policy.clear(),
            "/two-headers" => page.content_type.push_str("\r\nset-cookie: a=b"),
            "/large" => page.body.resize(2 << 20, b' '),
            "/fetch" => {
                let fetched = http::fetch(http::Request::get("https://crm.example/"));
                page.body = format!("{fetched:?} {:?}", kv::get("key")).into_bytes();
            }
            _ => {}
        }
        Some(page)
    }
}
