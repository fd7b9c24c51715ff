//! An adapter that attacks its host, in the way that the webhook's path or the card's id names.

#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "generated exports")]
#![expect(clippy::panic, clippy::print_stdout, clippy::disallowed_methods, reason = "attacks")]

mod attacks;
mod border;
mod channels;
mod crm;

#[expect(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", inline: "
        package patchbay:hostile;
        world hostile {
            include patchbay:adapter/channel-adapter@0.1.0;
            export patchbay:adapter/contacts@0.1.0;
        }
    ", world: "patchbay:hostile/hostile", generate_all });
}

use bindings::{
    exports::patchbay::adapter::{
        about::{Auth, Guest as About, Manifest, Setting, SettingType},
        channel::{
            Event, Guest as Channel, Intake, Kind, Outcome, Received, Rejection, Request, Response,
        },
    },
    patchbay::adapter::types::Error,
};

struct Hostile;

bindings::export!(Hostile with_types_in bindings);

impl About for Hostile {
    fn describe() -> Manifest {
        Manifest {
            name: "guest-hostile".to_owned(),
            version: "0.1.0".to_owned(),
            title: "Hostile".to_owned(),
            vendor: "Patchbay tests".to_owned(),
            settings: vec![
                setting("shown", false),
                setting("hidden", true),
                setting("target", false),
            ],
            // The second one is the test's own server, where there is one.
            egress: vec!["https://allowed.example".to_owned(), "setting:target".to_owned()],
            auth: Auth::Settings,
            rate_limit: None,
        }
    }
}

fn setting(key: &str, secret: bool) -> Setting {
    Setting {
        key: key.to_owned(),
        title: key.to_owned(),
        help: String::new(),
        type_: SettingType::Text,
        choices: Vec::new(),
        required: false,
        secret,
        default_value: None,
    }
}

fn response(status: u16, body: Vec<u8>) -> Response {
    Response { status, headers: Vec::new(), body }
}

fn event(conversation: &str) -> Event {
    Event {
        dedup_key: None,
        conversation: conversation.to_owned(),
        episode: None,
        wants_reply: false,
        occurred_at: None,
        kind: Kind::ConversationStarted,
        client: Vec::new(),
        fields: Vec::new(),
        agents: Vec::new(),
        context: None,
    }
}

impl Channel for Hostile {
    fn receive(request: Request) -> Result<Received, Error> {
        if request.path == "/bad-reject" {
            return Ok(Received::Reject(Rejection { status: 200, reason: String::new() }));
        }
        let conversation = if request.path == "/bad-lane" { "" } else { "lane" };
        let said = attacks::run(&request.path, &request.query);
        let fallback = response(200, said.into_bytes());
        Ok(Received::Events(Intake { events: vec![event(conversation)], fallback }))
    }

    fn reply(request: Request, outcomes: Vec<Outcome>) -> Response {
        if request.path == "/bad-status" {
            return response(99, Vec::new());
        }
        let said = attacks::run(&request.path, &request.query);
        response(200, format!("{said} {}", outcomes.len()).into_bytes())
    }
}
