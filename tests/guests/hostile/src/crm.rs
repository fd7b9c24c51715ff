//! The attacks again from functions that may reach out: the card's id names the attack.

use crate::{
    Hostile, attacks,
    bindings::{
        exports::patchbay::adapter::contacts::Guest,
        patchbay::adapter::types::{Card, Error, Field, FieldSpec, Identifier, Native, Problem},
    },
    channels,
};

fn card(id: &str, said: String) -> Card {
    Card {
        id: id.to_owned(),
        url: Some(said),
        manager: None,
        fields: Vec::new(),
        lines: Vec::new(),
        matched: Vec::new(),
    }
}

impl Guest for Hostile {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        Err(Error::Unsupported("this adapter has no fields".to_owned()))
    }

    /// `card(attack)`, and the target in an e-mail beside it.
    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        let mut target = String::new();
        let mut attack = String::new();
        for identifier in any_of {
            match identifier {
                Identifier::Card(name) => attack = name,
                Identifier::Email(text) => target = text,
                Identifier::Phone(_) | Identifier::External(_) => {}
            }
        }
        match attack.as_str() {
            "no-id" => Ok(vec![card("", String::new())]),
            "leak-error" => Err(Error::Unavailable(channels::secret())),
            "unauthorized" => Err(Error::Unauthorized(target)),
            _ => Ok(vec![card("1", attacks::run(&attack, &target))]),
        }
    }

    fn map_fields(_client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        match fields.first().map(|field| field.key.as_str()) {
            Some("not-json") => Ok("{".to_owned()),
            Some("problem") => Err(vec![Problem {
                field: Some("problem".to_owned()),
                message: "is a problem".to_owned(),
            }]),
            Some(attack) => Ok(format!("{:?}", attacks::run(attack, ""))),
            None => Ok("{}".to_owned()),
        }
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        Ok(card(&id.unwrap_or_else(|| "new".to_owned()), format!("{contact} {idempotency_key}")))
    }
}
