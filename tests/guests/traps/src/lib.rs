//! An adapter of every role whose every export does what its setting `attack` says, and nothing else.

#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "generated exports")]
#![expect(clippy::panic, reason = "attacks")]

#[expect(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "patchbay:adapter/host", generate_all });
}

use bindings::{
    exports::patchbay::adapter::{
        about::{self, Auth, Manifest, Setting, SettingType},
        channel::{self, Outcome, Received, Request, Response},
        channel_page::{self, Page},
        channel_push, contacts, deals, managers,
        notes::{self, Note},
        tasks::{self, Task},
    },
    patchbay::adapter::{
        settings,
        types::{
            Assignment, Card, Deal, Error, ExternalId, Field, FieldSpec, Identifier, Native,
            Person, Problem, Subject,
        },
    },
};

struct Traps;

bindings::export!(Traps with_types_in bindings);

/// Ends the call, in the way that the account's setting tells.
fn attack<T>() -> T {
    let how = settings::get("attack").unwrap_or_default();
    match how.as_str() {
        "spin" => loop {
            std::hint::black_box(&how);
        },
        "grow" => {
            let mut held = Vec::new();
            loop {
                held.push(vec![1_u8; 1 << 20]);
            }
        }
        "recurse" => panic!("{}", deep(u64::MAX)),
        "panic" => panic!("as it was told"),
        _ => std::process::abort(),
    }
}

/// Deep, and not a loop: the result of each call is used after it.
fn deep(left: u64) -> u64 {
    if left == 0 { 0 } else { deep(left - 1).wrapping_mul(3) ^ left }
}

impl about::Guest for Traps {
    fn describe() -> Manifest {
        Manifest {
            name: "guest-traps".to_owned(),
            version: "0.1.0".to_owned(),
            title: "Traps".to_owned(),
            vendor: "Patchbay tests".to_owned(),
            settings: vec![Setting {
                key: "attack".to_owned(),
                title: "Attack".to_owned(),
                help: String::new(),
                type_: SettingType::Text,
                choices: Vec::new(),
                required: false,
                secret: false,
                default_value: None,
            }],
            egress: Vec::new(),
            auth: Auth::None,
            rate_limit: None,
        }
    }
}

impl channel::Guest for Traps {
    fn receive(_request: Request) -> Result<Received, Error> {
        attack()
    }

    fn reply(_request: Request, _outcomes: Vec<Outcome>) -> Response {
        attack()
    }
}

impl channel_push::Guest for Traps {
    fn push_card(_client: ExternalId, _card: Card) -> Result<(), Error> {
        attack()
    }

    fn tag(_client: ExternalId, _tag: String) -> Result<(), Error> {
        attack()
    }
}

impl channel_page::Guest for Traps {
    fn render(_path: String, _query: String) -> Option<Page> {
        attack()
    }
}

impl contacts::Guest for Traps {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        attack()
    }

    fn lookup_client(_any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        attack()
    }

    fn map_fields(_client: Vec<Identifier>, _fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        attack()
    }

    fn upsert_contact(
        _id: Option<String>,
        _contact: Native,
        _idempotency_key: String,
    ) -> Result<Card, Error> {
        attack()
    }
}

impl deals::Guest for Traps {
    fn describe_deal_fields() -> Result<Vec<FieldSpec>, Error> {
        attack()
    }

    fn open_deals(_card: String) -> Result<Vec<Deal>, Error> {
        attack()
    }

    fn map_deal_fields(_fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        attack()
    }

    fn upsert_deal(
        _id: Option<String>,
        _card: String,
        _deal: Native,
        _manager: Option<String>,
        _idempotency_key: String,
    ) -> Result<Deal, Error> {
        attack()
    }
}

impl tasks::Guest for Traps {
    fn create_task(_task: Task, _idempotency_key: String) -> Result<String, Error> {
        attack()
    }
}

impl notes::Guest for Traps {
    fn add_note(_subject: Subject, _note: Note, _idempotency_key: String) -> Result<String, Error> {
        attack()
    }
}

impl managers::Guest for Traps {
    fn list_managers() -> Result<Vec<Person>, Error> {
        attack()
    }

    fn list_assignments(_page: Option<String>) -> Result<(Vec<Assignment>, Option<String>), Error> {
        attack()
    }
}
