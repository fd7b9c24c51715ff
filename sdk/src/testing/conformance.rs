//! What every CRM adapter has to keep, to be run against a CRM or a fake that remembers.

use crate::Contacts;
use crate::types::{Card, Error, Field, Identifier};

/// Runs all checks in a row and tells the first that fails.
///
/// `client` and `fields` describe a client that the CRM does not know yet; `unknown_id` is well
/// formed and nobody's. Call it under [`Host::run`](super::Host::run).
pub fn contacts<T: Contacts>(
    client: &[Identifier],
    fields: &[Field],
    unknown_id: &str,
) -> Result<Card, String> {
    mapping_is_pure::<T>(client, fields)?;
    an_unknown_id_is_not_found::<T>(client, fields, unknown_id)?;
    let card = upserting_twice_makes_one_card::<T>(client, fields)?;
    every_identifier_finds_the_card::<T>(client, &card.id)?;
    Ok(card)
}

/// Two calls of `map_fields` with the same input answer the same, also for no input at all.
pub fn mapping_is_pure<T: Contacts>(client: &[Identifier], fields: &[Field]) -> Result<(), String> {
    for (client, fields) in [(client, fields), (&[], &[]), (client, &[]), (&[], fields)] {
        if T::map_fields(client.to_vec(), fields.to_vec())
            != T::map_fields(client.to_vec(), fields.to_vec())
        {
            return Err("`map-fields` answers differently to the same input".to_owned());
        }
    }
    Ok(())
}

/// An upsert of a card that does not exist fails as not found and creates nothing.
pub fn an_unknown_id_is_not_found<T: Contacts>(
    client: &[Identifier],
    fields: &[Field],
    unknown_id: &str,
) -> Result<(), String> {
    let native = map::<T>(client, fields)?;
    match T::upsert_contact(Some(unknown_id.to_owned()), native, "conformance-unknown".to_owned()) {
        Err(Error::NotFound(_)) => {}
        other => {
            return Err(format!("an upsert of an unknown id should be not-found and is {other:?}"));
        }
    }
    let found = lookup::<T>(client)?;
    if found.is_empty() { Ok(()) } else { Err("an upsert of an unknown id made a card".to_owned()) }
}

/// The same upsert with the same key answers the same card, and a lookup finds only that one.
pub fn upserting_twice_makes_one_card<T: Contacts>(
    client: &[Identifier],
    fields: &[Field],
) -> Result<Card, String> {
    let upsert = || {
        let native = map::<T>(client, fields)?;
        T::upsert_contact(None, native, "conformance-create".to_owned())
            .map_err(|error| format!("`upsert-contact` failed: {error:?}"))
    };
    let (first, second) = (upsert()?, upsert()?);
    if first.id != second.id {
        return Err(format!(
            "the same idempotency key made two cards: `{}` and `{}`",
            first.id, second.id
        ));
    }
    match lookup::<T>(client)?.as_slice() {
        [card] if card.id == first.id => Ok(first),
        cards => {
            Err(format!("a lookup should find card `{}` alone and finds {}", first.id, cards.len()))
        }
    }
}

/// Each identifier alone finds the card and stands in its `matched`.
pub fn every_identifier_finds_the_card<T: Contacts>(
    client: &[Identifier],
    id: &str,
) -> Result<(), String> {
    for identifier in client {
        let cards = lookup::<T>(std::slice::from_ref(identifier))?;
        let Some(card) = cards.iter().find(|card| card.id == id) else {
            return Err(format!("card `{id}` is not found by {identifier:?}"));
        };
        if !card.matched.contains(identifier) {
            return Err(format!("card `{id}` does not tell that {identifier:?} matched"));
        }
    }
    Ok(())
}

fn map<T: Contacts>(client: &[Identifier], fields: &[Field]) -> Result<String, String> {
    T::map_fields(client.to_vec(), fields.to_vec())
        .map_err(|problems| format!("`map-fields` failed: {problems:?}"))
}

fn lookup<T: Contacts>(client: &[Identifier]) -> Result<Vec<Card>, String> {
    T::lookup_client(client.to_vec()).map_err(|error| format!("`lookup-client` failed: {error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::about::{Auth, Manifest};
    use crate::testing::Host;
    use crate::types::{FieldSpec, Native, Problem};
    use crate::{Adapter, kv, settings};

    /// A CRM of phones with one fault, which the setting `fault` chooses.
    struct Faulty;

    fn has(fault: &str) -> bool {
        settings::get("fault").as_deref() == Some(fault)
    }

    fn stored() -> Vec<String> {
        kv::keys("", None, kv::KEYS_MAX).unwrap()
    }

    impl Adapter for Faulty {
        fn describe() -> Manifest {
            Manifest {
                name: "crm-faulty".to_owned(),
                version: "0.1.0".to_owned(),
                title: "Faulty".to_owned(),
                vendor: "Example".to_owned(),
                settings: Vec::new(),
                egress: Vec::new(),
                auth: Auth::None,
                rate_limit: None,
            }
        }
    }

    impl Contacts for Faulty {
        fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
            Ok(Vec::new())
        }

        fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
            let phone = |identifier: &Identifier| matches!(identifier, Identifier::Phone(_));
            let matched =
                if has("blind") { Vec::new() } else { any_of.into_iter().filter(phone).collect() };
            let keys = stored().into_iter().filter(|_| !matched.is_empty());
            let matched = if has("silent") { Vec::new() } else { matched.clone() };
            Ok(keys.map(|id| Card { matched: matched.clone(), ..Card::new(id) }).collect())
        }

        fn map_fields(
            _client: Vec<Identifier>,
            _fields: Vec<Field>,
        ) -> Result<Native, Vec<Problem>> {
            if has("impure") {
                kv::Batch::new().set(stored().len().to_string(), "").commit().unwrap();
            }
            Ok(stored().len().to_string())
        }

        fn upsert_contact(
            id: Option<String>,
            _contact: Native,
            idempotency_key: String,
        ) -> Result<Card, Error> {
            if id.is_some() && !has("credulous") {
                return Err(Error::NotFound("no such card".to_owned()));
            }
            let key = if has("forgetful") {
                format!("{idempotency_key}-{}", stored().len())
            } else {
                idempotency_key
            };
            kv::Batch::new().set(&key, "").commit()?;
            Ok(Card::new(key))
        }
    }

    #[track_caller]
    fn check(fault: &str, client: &[Identifier], expected: Option<&str>) {
        let host = Host::new().setting("fault", fault);
        let result = host.run(|| contacts::<Faulty>(client, &[], "404")).map(|_card| ());
        match expected {
            None => assert_eq!(result, Ok(())),
            Some(text) => {
                assert!(result.as_ref().is_err_and(|told| told.contains(text)), "{result:?}");
            }
        }
    }

    #[test]
    fn each_fault_is_found_and_a_good_adapter_passes() {
        let phone = Identifier::Phone("+79000000001".to_owned());
        let client = std::slice::from_ref(&phone);
        check("none", client, None);
        check("impure", client, Some("answers differently"));
        check("credulous", client, Some("should be not-found"));
        check("forgetful", client, Some("made two cards"));
        check("blind", client, Some("finds 0"));
        check("silent", client, Some("does not tell"));
        let email = Identifier::Email("alina.testova@example.com".to_owned());
        check("none", &[phone, email], Some("is not found by"));
    }
}
