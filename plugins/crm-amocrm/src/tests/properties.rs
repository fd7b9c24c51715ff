//! The mappings answer every input, and the same each time.

use patchbay_sdk::types::ExternalId;
use proptest::prelude::*;

use super::*;
use crate::map::{Contact, Lead, parse};

fn identifier() -> impl Strategy<Value = Identifier> {
    prop_oneof![
        ".{0,20}".prop_map(Identifier::Phone),
        ".{0,20}".prop_map(Identifier::Email),
        (".{0,8}", ".{0,8}")
            .prop_map(|(system, id)| Identifier::External(ExternalId { system, id })),
        ".{0,8}".prop_map(Identifier::Card),
    ]
}

fn key() -> impl Strategy<Value = String> {
    let known = [
        "name",
        "phone",
        "email",
        "tag",
        "manager",
        "title",
        "price",
        "pipeline",
        "stage",
        "comment",
        "city",
        "utm-source",
        "referrer",
        "page-url",
        "cf_1",
        "cf_106",
        "POSITION",
        "PHONE",
        "EMAIL",
        "source",
    ];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(str::to_owned), ".{0,12}"]
}

fn value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        Just(FieldValue::Empty),
        ".{0,300}".prop_map(FieldValue::Text),
        "[0-9]{0,22}".prop_map(FieldValue::Text),
        any::<f64>().prop_map(FieldValue::Number),
        any::<bool>().prop_map(FieldValue::Flag),
        "[0-9TZ:+. -]{0,30}".prop_map(FieldValue::Instant),
        prop::collection::vec(".{0,20}", 0..4).prop_map(FieldValue::Texts),
        ".{0,20}".prop_map(FieldValue::Json),
    ]
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    prop::collection::vec((key(), value()).prop_map(|(key, value)| Field { key, value }), 0..8)
}

proptest! {
    #[test]
    fn any_contact_has_an_answer_and_it_is_the_same_again(
        client in prop::collection::vec(identifier(), 0..5), fields in fields(),
    ) {
        let host = host().pure();
        let map = || host.run(|| AmoCrm::map_fields(client.clone(), fields.clone()));
        let native = map();
        prop_assert_eq!(&native, &map());
        match native {
            Ok(native) => { parse::<Contact>(&native).unwrap(); }
            Err(problems) => {
                let is_named = |key: &String| fields.iter().any(|field| field.key == *key);
                prop_assert!(problems.iter().all(|it| it.field.as_ref().is_some_and(is_named)));
            }
        }
    }

    #[test]
    fn any_deal_has_an_answer_and_it_is_the_same_again(fields in fields()) {
        let host = host().pure();
        let map = || host.run(|| AmoCrm::map_deal_fields(fields.clone()));
        let native = map();
        prop_assert_eq!(&native, &map());
        if let Ok(native) = native {
            parse::<Lead>(&native).unwrap();
        }
    }

    #[test]
    fn any_client_can_be_written_once(
        client in prop::collection::vec(identifier(), 0..5), fields in fields(),
    ) {
        let (host, crm) = simulated();
        let Ok(native) = host.run(|| AmoCrm::map_fields(client.clone(), fields)) else { return Ok(()) };
        let Ok(card) = host.run(|| AmoCrm::upsert_contact(None, native.clone(), "k".to_owned())) else {
            prop_assert!(crm.borrow().crm.contacts().is_empty());
            return Ok(());
        };
        let again = host.run(|| AmoCrm::upsert_contact(Some(card.id.clone()), native, "u".to_owned()));
        // A field that nobody has can be left alone, and not be emptied.
        prop_assert!(matches!(again, Ok(_) | Err(Error::Invalid(_))), "{:?}", again);
        for identifier in &client {
            let found = host.run(|| AmoCrm::lookup_client(vec![identifier.clone()])).unwrap();
            let card = found.iter().find(|found| found.id == card.id);
            prop_assert!(card.is_none_or(|card| card.matched == [identifier.clone()]));
        }
        prop_assert_eq!(crm.borrow().crm.contacts().len(), 1);
    }

    #[test]
    fn any_answer_is_an_answer_or_an_error(status in 100_u16..600, text in ".{0,80}") {
        let host = host().http(move |_| Ok(Response { body: text.clone().into_bytes(), ..Response::empty(status) }));
        host.run(|| AmoCrm::lookup_client(anna().to_vec())).unwrap_or_default();
        drop(upsert(&host, None, "k", &anna(), &[]));
        host.run(|| AmoCrm::open_deals("3".to_owned())).unwrap_or_default();
    }
}
