//! What an event says, by the rules.

use serde_json::json;

use super::*;
use crate::{
    account::{Mapping, PhoneRule},
    card::{self, Value},
    event::{Kind, RemarkKind},
    rules::tests::samples::{
        ALL_ON, book, channel, chat_leads, email, event, external, flow_webhook, lead, mapping,
        phone, read, text, texts,
    },
};

const TELEGRAM: &str = include_str!("../fixtures/flow_webhook.telegram.json");
const LIVECHAT: &str = include_str!("../fixtures/flow_webhook.livechat_utm.json");

fn fields(wanted: &[Wanted]) -> Vec<Field> {
    wanted.iter().map(|wanted| wanted.field.clone()).collect()
}

#[test]
fn the_paths_of_the_article_fill_their_fields() {
    let reading = read(&book(chat_leads()), &flow_webhook(TELEGRAM));
    let chat = "https://chat.example/messengers/chats/65f0000000000000000000b1/contacts/all/65f0000000000000000000c1";
    assert_eq!(
        fields(&reading.contact),
        [
            text(
                "name",
                "\u{41e}\u{43b}\u{435}\u{43d}\u{430} \u{422}\u{435}\u{441}\u{442}\u{43e}\u{432}\u{430}"
            ),
            text("phone", "+380440000001"),
            text("email", "olena@example.com"),
            text("cf.chat_telegram", chat),
        ]
    );
    assert_eq!(
        fields(&reading.deal),
        [
            text("title", "Chat: olena_test (Example Test Bot)"),
            text("pipeline", "1"),
            text("stage", "new"),
        ]
    );
    assert_eq!(reading.client, [phone("+380440000001"), email("olena@example.com")]);
    assert_eq!(reading.decisions.len(), 8);
    assert_eq!(reading.decisions[7].decided, "deal.cf.utm_source is left alone");
    assert_eq!(reading.remarks, []);
    assert_eq!(reading.filtered, None);
}

#[test]
fn a_national_phone_and_a_campaign_are_read() {
    let reading = read(&book(chat_leads()), &flow_webhook(LIVECHAT));
    assert_eq!(reading.client, [phone("+380440000002")]);
    assert!(fields(&reading.deal).contains(&text("cf.utm_source", "google")));
}

#[test]
fn own_fields_are_used_where_no_mapping_names_their_key() {
    let event = event(
        Kind::ClientUpdated,
        &[],
        &[text("name", "Own"), text("city", "Test"), text("x", "y"), text("comment", " ")],
    );
    let rules = |own_fields| Rules {
        own_fields,
        mapping: vec![mapping("contact.name", "Mapped"), mapping("contact.x", "{{fields.x}}")],
        ..Rules::default()
    };
    let wanted = |field, update| Wanted { field, update };
    let mapped = [
        wanted(text("name", "Mapped"), Update::OnlyEmpty),
        wanted(text("x", "y"), Update::OnlyEmpty),
    ];
    let mut both = mapped.to_vec();
    both.push(wanted(text("city", "Test"), Update::NewOnly));
    assert_eq!(read(&book(rules(true)), &event).contact, both);
    assert_eq!(read(&book(rules(false)), &event).contact, mapped);
}

#[test]
fn an_update_is_said_for_all_and_for_one() {
    let event = event(Kind::ClientUpdated, &[], &[text("email", "a@example.com")]);
    let one = Mapping { update: Some(Update::NewOnly), ..mapping("contact.name", "a") };
    let manager = Mapping { update: Some(Update::All), ..mapping("contact.manager", "7") };
    let mut rules = Rules {
        update: Update::All,
        mapping: vec![one, mapping("contact.city", "b"), manager],
        ..Rules::default()
    };
    rules.responsible.agent = false;
    let updates: Vec<Update> =
        read(&book(rules), &event).contact.iter().map(|wanted| wanted.update).collect();
    assert_eq!(updates, [Update::NewOnly, Update::All, Update::NewOnly, Update::All]);
}

#[test]
fn values_keep_their_type_where_the_key_is_the_crms_own() {
    let told = json!({ "n": 7, "big": 18_446_744_073_709_551_615_u64, "f": true, "l": ["a", " ", 2],
        "o": { "a": 1 }, "none": null, "blank": " ", "empty": [] });
    let names = ["n", "big", "f", "l", "o", "none", "blank", "empty"];
    let all =
        names.iter().map(|name| mapping(&format!("contact.{name}"), &format!("{{{{{name}}}}}")));
    let rules = Rules {
        mapping: all.chain([mapping("contact.phone", "{{n}}")]).collect(),
        ..Rules::default()
    };
    let field = |key: &str, value| Field { key: key.to_owned(), value };
    assert_eq!(
        fields(&read(&book(rules), &lead(&told)).contact),
        [
            field("n", Value::Number(7.0)),
            text("big", "18446744073709551615"),
            field("f", Value::Flag(true)),
            texts("l", &["a", "2"]),
            field("o", Value::Json("{\"a\":1}".to_owned())),
            text("phone", "7"),
        ]
    );
}

#[test]
fn the_hosts_names_win_and_the_body_is_all_there() {
    let told = json!({ "event": "theirs", "channel": "theirs", "name": "Anna" });
    let mut event = lead(&told);
    event.fields = vec![text("utm-source", "ads"), text("utm-source", "more")];
    event.agents = vec![card::Person {
        id: None,
        name: Some("Agent".to_owned()),
        email: None,
        phone: None,
        active: true,
    }];
    let value = "{{event.kind}} {{channel}} {{context.event}} {{context.channel}} {{name}} \
                 {{fields.utm_source}} {{fields['utm-source']}} {{agent.name}} {{call.id}}{{card.id}}";
    let rules = Rules { mapping: vec![mapping("contact.name", value)], ..Rules::default() };
    assert_eq!(
        fields(&read(&book(rules), &event).contact)[0],
        text("name", "lead-submitted shop-chat theirs theirs Anna ads ads Agent")
    );
}

#[test]
fn the_body_stands_in_for_a_context() {
    let rules = Rules { mapping: vec![mapping("contact.name", "{{name}}")], ..Rules::default() };
    let book = book(rules);
    assert!(book.looks_at_context());
    let event = event(Kind::LeadSubmitted, &[], &[]);
    let read = |body: Option<&[u8]>| fields(&book.read(&event, &channel(), body).contact);
    assert_eq!(read(Some(b"{\"name\":\"Anna\"}")), [text("name", "Anna")]);
    for no_object in [None, Some(b"name=Anna".as_slice()), Some(b"[1]"), Some(b"\xff"), Some(b"")] {
        assert_eq!(read(no_object), []);
    }
}

#[test]
fn a_body_that_nobody_looks_at_is_not_asked_for() {
    let rules = Rules {
        filter: Some("event.kind == 'lead-submitted'".to_owned()),
        mapping: vec![mapping("contact.name", "{{fields.name}}"), mapping("contact.city", "b")],
        ..Rules::default()
    };
    assert!(!book(rules).looks_at_context());
    let rules = Rules { filter: Some("context.a".to_owned()), ..Rules::default() };
    assert!(book(rules).looks_at_context());
}

#[test]
fn a_filter_lets_through_what_it_is_true_for() {
    let rules = Rules {
        filter: Some(
            "contact.variables.phone | phone is matching('^[+]380') and 'spam' not in contact.tags"
                .to_owned(),
        ),
        ..chat_leads()
    };
    let book = book(rules);
    let told = |phone: &str, tags: &[&str]| {
        lead(&json!({ "contact": { "variables": { "phone": phone }, "tags": tags } }))
    };
    assert_eq!(read(&book, &told("044 000 00 01", &["vip"])).filtered, None);
    for event in [
        told("+7 900 000 00 01", &["vip"]),
        told("044 000 00 01", &["spam"]),
        told("", &[]),
        lead(&json!({})),
    ] {
        let reading = read(&book, &event);
        assert!(reading.filtered.is_some());
        assert_eq!(reading.remarks[0].kind, RemarkKind::Filtered);
        assert_eq!(reading.decisions[0].decided, "filtered");
        assert_eq!((reading.contact, reading.client), (Vec::new(), Vec::new()));
    }
}

/// The line that the preset offers, with its comment sign taken off.
#[test]
fn the_filter_of_the_preset_lets_ukrainian_numbers_through_however_they_are_typed() {
    let preset = include_str!("../../../../plugins/presets/leadbox.toml");
    let offered = preset.replace("# filter = ", "filter = ");
    assert_ne!(offered, preset);
    let mut table: toml::Table = offered.parse().unwrap();
    let book = book(table.remove("rules").unwrap().try_into().unwrap());
    let is_filtered = |phone: &str, tags: &[&str]| {
        let body = json!({ "contact": { "variables": { "phone": phone }, "tags": tags } });
        let reading = read(&book, &lead(&body));
        assert!(reading.remarks.iter().all(|remark| remark.kind != RemarkKind::Template));
        reading.filtered.is_some()
    };
    let phones: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../fixtures/phones.ua.json")).unwrap();
    assert!(!phones.is_empty());
    for phone in phones.iter().map(|row| row["in"].as_str().unwrap()) {
        assert!(!is_filtered(phone, &["vip"]), "{phone}");
        assert!(is_filtered(phone, &["spam"]), "{phone}");
    }
    for phone in ["+79000000001", "", "none"] {
        assert!(is_filtered(phone, &["vip"]), "{phone}");
    }
}

#[test]
fn a_filter_that_fails_loses_no_lead() {
    let rules = Rules { filter: Some("name + 1 > 2".to_owned()), ..Rules::default() };
    let reading = read(&book(rules), &lead(&json!({ "name": "Secret" })));
    assert_eq!(reading.filtered, None);
    assert_eq!(reading.remarks[0].kind, RemarkKind::Template);
    assert!(!reading.remarks[0].text.contains("Secret"));
    assert_eq!(reading.decisions[0].decided, "goes on");
}

#[test]
fn a_template_that_fails_leaves_its_field_alone() {
    let rules = Rules {
        mapping: vec![
            mapping("contact.name", "{{ name + 1 }}"),
            mapping("contact.city", "{{ name }}"),
        ],
        ..Rules::default()
    };
    let mut event = lead(&json!({ "name": "Secret" }));
    event.fields = vec![text("name", "Own")];
    let reading = read(&book(rules), &event);
    assert_eq!(fields(&reading.contact), [text("city", "Secret")]);
    let [remark] = reading.remarks.as_slice() else { panic!("{:?}", reading.remarks) };
    assert_eq!(remark.kind, RemarkKind::Template);
    assert!(remark.text.contains("`rules.mapping[0]`") && !remark.text.contains("Secret"));
}

#[test]
fn the_client_is_told_by_the_event_and_by_the_mapping() {
    let rules = Rules {
        mapping: vec![
            mapping("contact.phone", "{{phones}}"),
            mapping("contact.email", "{{email}}"),
        ],
        phone: PhoneRule { country: Some("UA".to_owned()), digits: None },
        ..Rules::default()
    };
    let told =
        json!({ "phones": ["380440000001", "0440000002", "none"], "email": "A@Example.com" });
    let mut event = lead(&told);
    event.client = vec![external("7"), phone("8 044 000 00 01"), phone("12345678")];
    let reading = read(&book(rules), &event);
    assert_eq!(
        reading.client,
        [external("7"), phone("+380440000001"), phone("+380440000002"), email("a@example.com")]
    );
    assert_eq!(
        reading.contact[0].field,
        texts("phone", &["+380440000001", "+380440000002", "none"])
    );
}

#[test]
fn without_a_country_digits_are_compared_as_received() {
    let event = event(Kind::LeadSubmitted, &[phone("8 (900) 000-00-03"), phone("12")], &[]);
    assert_eq!(read(&book(Rules::default()), &event).client, [phone("89000000003")]);
}

#[test]
fn a_rulebook_goes_between_threads() {
    fn check<T: Send + Sync + std::fmt::Debug>() {}
    check::<Rulebook>();
    check::<Reading>();
}

#[test]
fn deals_are_looked_at_where_something_depends_on_them() {
    let off = IntegrationOptions { deals: false, tasks: false, ..ALL_ON };
    let plain = Rulebook::compile(Rules::default(), off).unwrap();
    assert!(!plain.looks_at_deals());
    let mapped = Rules { mapping: vec![mapping("deal.city", "b")], ..Rules::default() };
    assert!(Rulebook::compile(mapped, off).unwrap().looks_at_deals());
    assert!(book(Rules::default()).looks_at_deals());
}
