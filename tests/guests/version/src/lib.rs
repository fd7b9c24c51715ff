//! An adapter of many versions: a test writes the mode of each into the bytes of this one.

#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "generated exports")]
#![expect(clippy::panic, clippy::disallowed_methods, reason = "versions that fail")]

#[expect(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", inline: "
        package patchbay:version;
        world version {
            include patchbay:adapter/channel-adapter@0.1.0;
            export patchbay:adapter/contacts@0.1.0;
        }
    ", world: "patchbay:version/version", generate_all });
}

use bindings::{
    exports::patchbay::adapter::{
        about::{Auth, Guest as About, Manifest, Setting, SettingType},
        channel::{
            Event, Guest as Channel, Intake, Kind, Outcome, Received, Rejection, Request, Response,
        },
        contacts::Guest as Contacts,
    },
    patchbay::adapter::types::{Card, Error, Field, FieldSpec, Identifier, Problem},
};

struct Version;

bindings::export!(Version with_types_in bindings);

/// The test replaces what follows the colon, up to the same length.
static MODE: [u8; 40] = *b"patchbay-test-mode:good-----------------";

/// `good`, and what else the code below knows.
fn mode() -> String {
    let text = String::from_utf8_lossy(std::hint::black_box(&MODE)).into_owned();
    text.split(':').nth(1).unwrap_or_default().trim_end_matches('-').to_owned()
}

impl About for Version {
    fn describe() -> Manifest {
        let mode = mode();
        match mode.as_str() {
            "spin-describe" => loop {
                std::hint::black_box(&mode);
            },
            "trap-describe" => std::process::abort(),
            _ => {}
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = now.unwrap_or_default().as_nanos();
        let key = Setting {
            key: "key".to_owned(),
            title: "Key".to_owned(),
            help: String::new(),
            type_: SettingType::Text,
            choices: Vec::new(),
            required: mode == "setting",
            secret: false,
            default_value: None,
        };
        Manifest {
            name: "guest-version".to_owned(),
            version: match mode.as_str() {
                "fickle" => format!("0.1.0-at-{nanos}"),
                mode => format!("0.1.0-{mode}"),
            },
            title: if mode == "huge-describe" {
                "x".repeat(32 << 20)
            } else {
                "Version".to_owned()
            },
            vendor: "Patchbay tests".to_owned(),
            settings: vec![key],
            egress: if mode == "host" {
                vec!["https://new.example".to_owned()]
            } else {
                Vec::new()
            },
            auth: Auth::Settings,
            rate_limit: None,
        }
    }
}

impl Channel for Version {
    /// The query is the conversation and the key of the event.
    fn receive(request: Request) -> Result<Received, Error> {
        let mode = mode();
        assert!(mode != "trap", "this version crashes");
        if mode == "reject" {
            let reason = "this version refuses".to_owned();
            return Ok(Received::Reject(Rejection { status: 401, reason }));
        }
        let conversation = match mode.as_str() {
            "other" => format!("other {}", request.query),
            "random" => format!("{:?}", std::time::SystemTime::now()),
            _ => request.query.clone(),
        };
        let event = Event {
            dedup_key: Some(request.query),
            conversation,
            episode: None,
            wants_reply: true,
            occurred_at: None,
            kind: Kind::ConversationStarted,
            client: vec![Identifier::Phone("+380440000001".to_owned())],
            fields: Vec::new(),
            agents: Vec::new(),
            context: None,
        };
        let fallback = Response { status: 202, headers: Vec::new(), body: mode.into_bytes() };
        Ok(Received::Events(Intake { events: vec![event], fallback }))
    }

    fn reply(_request: Request, outcomes: Vec<Outcome>) -> Response {
        let cards: usize = outcomes.iter().map(|outcome| outcome.cards.len()).sum();
        let body = format!("{} {cards}", mode()).into_bytes();
        Response { status: 200, headers: Vec::new(), body }
    }
}

impl Contacts for Version {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        Ok(Vec::new())
    }

    fn lookup_client(_any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        Ok(Vec::new())
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<String, Vec<Problem>> {
        let mode = mode();
        assert!(mode != "map-trap", "this version crashes");
        let mapping = if mode == "other" { "other" } else { "usual" };
        Ok(format!(
            r#"{{"mapping":"{mapping}","known":{},"fields":{}}}"#,
            client.len(),
            fields.len()
        ))
    }

    fn upsert_contact(
        _id: Option<String>,
        _contact: String,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        Ok(Card {
            id: idempotency_key,
            url: None,
            manager: None,
            fields: Vec::new(),
            lines: Vec::new(),
            matched: Vec::new(),
        })
    }
}
