//! Every limit at its edge, and what is refused.

use patchbay_sdk::Deals;
use proptest::prelude::*;

use super::*;

#[test]
fn at_most_twenty_cards_are_answered() {
    let host = Host::new();
    let client = |number: u32| phone(&format!("+790000000{number:02}"));
    for number in 0..21 {
        create(&host, &format!("k{number}"), &[client(number)], &[]);
    }
    let unknown = (0..5).map(|number| Identifier::Card(format!("9{number}")));
    let asked: Vec<Identifier> = (0..20).map(client).chain(unknown).collect();
    assert_eq!(found(&host, &asked).len(), 20);
    assert_eq!(found(&host, &(0..21).map(client).collect::<Vec<_>>()).len(), 20);
}

#[test]
fn what_cannot_be_read_as_a_record_is_invalid() {
    for native in [
        "",
        "{",
        "[]",
        "{\"surplus\":1}",
        "{\"fields\":{\"phone\":5}}",
        "{\"emails\":[\"nobody\"]}",
    ] {
        let result =
            Host::new().run(|| Notebook::upsert_contact(None, native.to_owned(), "k1".to_owned()));
        assert!(matches!(result, Err(Error::Invalid(_))), "{native}: {result:?}");
    }
}

#[test]
fn an_idempotency_key_has_1_to_128_plain_characters() {
    let host = Host::new();
    for (key, is_good) in [
        ("k".repeat(128), true),
        ("k".repeat(129), false),
        (String::new(), false),
        ("a/b".to_owned(), false),
    ] {
        let result = host.run(|| Notebook::upsert_contact(None, map(&[], &[]), key.clone()));
        assert_eq!(result.is_ok(), is_good, "{key}");
    }
}

fn phones(count: usize, first: usize) -> Vec<String> {
    (0..count).map(|number| format!("+7900{:07}", first + number)).collect()
}

#[test]
fn at_most_16_identifiers_are_written_at_once() {
    let fields = |count| vec![Field::new("phone", Value::Texts(phones(count, 0)))];
    let card =
        Host::new().run(|| Notebook::upsert_contact(None, map(&[], &fields(16)), "k1".to_owned()));
    assert!(card.is_ok(), "{card:?}");
    let problems = Notebook::map_fields(Vec::new(), fields(17)).unwrap_err();
    assert_eq!(
        problems[0].message,
        "17 phones, e-mails and external ids; at most 16 can be written at once"
    );
}

#[test]
fn at_most_58_changes_of_the_index_are_made_at_once() {
    let replaced = |known: usize| {
        let host = Host::new();
        create(&host, "k0", &[], &[]);
        for (round, chunk) in phones(known, 0).chunks(16).enumerate() {
            let client: Vec<Identifier> = chunk.iter().map(|text| phone(text)).collect();
            change(&host, "1", &format!("k1-{round}"), &client, &[]).unwrap();
        }
        let fields = [Field::new("phone", Value::Texts(phones(16, 1_000)))];
        change(&host, "1", "k2", &[], &fields).map(|_card| ())
    };
    assert_eq!(replaced(26), Ok(()));
    assert!(matches!(replaced(27), Err(Error::Invalid(_))));
}

#[test]
fn a_card_is_found_by_at_most_200_identifiers() {
    let host = Host::new();
    create(&host, "k0", &[], &[]);
    let add = |number: u32| {
        change(
            &host,
            "1",
            &format!("k1-{number}"),
            &[Identifier::external("jivo", number.to_string())],
            &[],
        )
    };
    for number in 0..200 {
        add(number).unwrap();
    }
    assert!(matches!(add(200), Err(Error::Invalid(_))));
}

#[test]
fn a_record_is_at_most_64_kib_large() {
    let comment = |bytes: usize| {
        let empty = map(&[], &[Field::text("comment", "-")]).len() - 1;
        Notebook::map_fields(Vec::new(), vec![Field::text("comment", "x".repeat(bytes - empty))])
    };
    let native = comment(64 * 1024).unwrap();
    assert!(comment(64 * 1024 + 1).is_err());
    let upsert = |native: String| {
        Host::new().run(|| Notebook::upsert_contact(None, native, "k1".to_owned()))
    };
    assert!(upsert(native.clone()).is_ok());
    assert!(matches!(upsert(native + " "), Err(Error::Invalid(_))));
}

#[test]
fn impossible_values_are_all_told_with_their_fields() {
    let fields = vec![
        Field::text("email", "nobody"),
        Field::new("phone", Value::Number(5.0)),
        Field::new("score", Value::Number(f64::NAN)),
        Field::new("extra", Value::Json("{".to_owned())),
        Field::text("x".repeat(129), "long"),
    ];
    let problems =
        Notebook::map_fields(vec![Identifier::external("a:b", "c")], fields).unwrap_err();
    let named: Vec<Option<&str>> =
        problems.iter().map(|problem| problem.field.as_deref()).collect();
    assert_eq!(
        named,
        [Some("phone"), Some("score"), Some("extra"), None, Some("email"), Some("external-ids")]
    );
    assert!(Notebook::map_fields(Vec::new(), vec![Field::text("x".repeat(128), "long")]).is_ok());
}

#[test]
fn mapping_works_where_the_store_is_closed() {
    let host = Host::new().pure();
    assert!(host.run(|| Notebook::map_fields(vec![phone("+79000000001")], Vec::new())).is_ok());
    assert!(host.run(|| Notebook::map_deal_fields(vec![Field::text("title", "Lamp")])).is_ok());
    assert_eq!(host.run(Notebook::describe).name, "crm-notebook");
}

#[test]
fn a_write_is_tried_eight_times() {
    fn change_often(host: &Host, round: u32, rounds: u32) {
        host.put("seq/card", round.to_string());
        if round < rounds {
            host.before_next_commit(move |host| change_often(host, round + 1, rounds));
        }
    }
    let upsert = |rounds: u32| {
        let host = Host::new();
        host.before_next_commit(move |host| change_often(host, 1, rounds));
        host.run(|| Notebook::upsert_contact(None, map(&[], &[]), "k1".to_owned()))
            .map(|card| card.id)
    };
    assert_eq!(upsert(7), Ok("8".to_owned()));
    assert!(matches!(upsert(8), Err(Error::Unavailable(_))));
}

#[test]
fn a_phone_or_an_email_is_at_most_256_bytes_long() {
    let map = |field: Field| Notebook::map_fields(Vec::new(), vec![field]);
    let email =
        |bytes: usize| Field::text("email", format!("{}@example.com", "a".repeat(bytes - 12)));
    assert!(map(Field::text("phone", "1".repeat(256))).is_ok());
    assert!(map(Field::text("phone", "1".repeat(257))).is_err());
    assert!(map(email(256)).is_ok());
    assert!(map(email(257)).is_err());
}

#[test]
fn at_most_100_open_deals_are_answered() {
    let host = Host::new();
    create(&host, "k1", &[], &[]);
    host.run(|| {
        for number in 0..101 {
            let native = Notebook::map_deal_fields(Vec::new()).unwrap();
            Notebook::upsert_deal(None, "1".to_owned(), native, None, format!("d{number}"))
                .unwrap();
        }
        let deals = Notebook::open_deals("1".to_owned()).unwrap();
        assert_eq!((deals.len(), deals[0].id.as_str()), (100, "101"));
    });
}

proptest! {
    #[test]
    fn whatever_was_mapped_can_be_written(
        phones in prop::collection::vec(".{0,40}", 0..4),
        key in ".{0,20}",
        text in ".{0,40}",
        number in any::<f64>(),
    ) {
        let fields = vec![
            Field::new("phone", Value::Texts(phones.clone())),
            Field::text(key.clone(), text),
            Field::new("number", Value::Number(number)),
        ];
        let client = phones.into_iter().map(Identifier::Phone).collect();
        if let Ok(native) = Notebook::map_fields(client, fields) {
            let card = Host::new().run(|| Notebook::upsert_contact(None, native, "k1".to_owned()));
            prop_assert!(card.is_ok(), "{card:?}");
        }
    }
}
