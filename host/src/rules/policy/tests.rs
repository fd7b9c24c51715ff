//! What becomes of a card.

use super::*;
use crate::{
    account::{Mapping, Rules, Update},
    event::Event,
    rules::tests::samples::{
        book, card, deal, email, event, external, mapping, phone, read, spec, text, texts,
    },
};

const PHONE: &str = "+380440000001";

#[track_caller]
fn planned(rules: Rules, event: &Event, cards: &[Card], specs: &[FieldSpec]) -> Planned {
    let book = book(rules);
    plan(&book, &event.kind, &read(&book, event), cards, specs)
}

#[track_caller]
fn check(event: &Event, cards: &[Card], expected: &Plan) {
    let planned = planned(Rules::default(), event, cards, &[]);
    assert_eq!(planned.plan, *expected);
    assert_eq!(planned.decisions.len(), 1);
}

fn updated(fields: &[Field]) -> Event {
    event(Kind::ClientUpdated, &[phone(PHONE)], fields)
}

fn update_of(card: &str, fields: &[Field]) -> Plan {
    Plan::Update { card: card.to_owned(), fields: fields.to_vec() }
}

#[test]
fn an_unknown_client_with_a_phone_becomes_a_card_with_all_fields() {
    let fields = vec![text("name", "Test"), text("utm-source", "ad")];
    check(&updated(&fields), &[], &Plan::Create { fields: fields.clone() });
}

#[test]
fn what_only_the_channel_has_a_word_for_does_not_reach_the_crm() {
    let event = updated(&[text("name", "Test"), text("shop-department", "Sales")]);
    check(&event, &[], &Plan::Create { fields: vec![text("name", "Test")] });
}

#[test]
fn only_empty_fields_are_filled_in() {
    let event =
        updated(&[text("name", "New"), text("email", "a@example.com"), text("utm-source", "ad")]);
    let held = card("1", &[text("name", "Old"), text("email", " ")], &[]);
    check(&event, &[held], &update_of("1", &[text("email", "a@example.com")]));
}

#[test]
fn a_full_card_is_only_shown() {
    check(&updated(&[text("name", "New")]), &[card("1", &[text("name", "Old")], &[])], &Plan::Show);
}

#[test]
fn asking_and_assigning_make_nothing() {
    for kind in [
        Kind::ClientAsked,
        Kind::ManagersAsked(None),
        Kind::ConversationAssigned("https://crm.example/1".to_owned()),
    ] {
        let event = event(kind, &[phone(PHONE)], &[text("name", "New")]);
        check(&event, &[], &Plan::Nothing);
        check(&event, &[card("1", &[], &[])], &Plan::Show);
    }
}

#[test]
fn two_cards_that_match_are_a_conflict_and_none_is_merged() {
    let by_phone = card("1", &[], &[phone("380 44 000 00 01")]);
    let by_email = card("2", &[text("name", "x")], &[email("A@example.com")]);
    let unsure = card("3", &[], &[]);
    let event =
        event(Kind::ClientUpdated, &[phone(PHONE), email("a@example.com")], &[text("name", "New")]);
    let cards = [by_phone.clone(), by_email, unsure.clone()];
    let told = planned(Rules::default(), &event, &cards, &[]);
    assert_eq!(told.plan, update_of("1", &[text("name", "New")]));
    let [remark] = told.remarks.as_slice() else { panic!("{:?}", told.remarks) };
    assert_eq!(remark.kind, RemarkKind::Conflict);
    assert!(remark.text.contains("1, 2."), "{}", remark.text);
    assert!(!remark.text.contains("example.com"));
    assert_eq!(planned(Rules::default(), &event, &[by_phone, unsure], &[]).remarks, []);
}

#[test]
fn a_conflict_names_some_cards_and_counts_all() {
    let told = |count: usize| {
        let cards: Vec<Card> =
            (0..count).map(|id| card(&id.to_string(), &[], &[phone(PHONE)])).collect();
        let planned = planned(Rules::default(), &updated(&[]), &cards, &[]);
        planned.remarks[0].text.clone()
    };
    assert!(told(10).contains("10 cards match the client: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9. "));
    assert!(
        told(11).contains("11 cards match the client: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1 more. ")
    );
}

#[test]
fn a_rule_can_forbid_new_cards() {
    let mut rules = Rules::default();
    rules.contact.create = false;
    let told = planned(rules.clone(), &updated(&[text("name", "New")]), &[], &[]);
    assert_eq!(told.plan, Plan::Nothing);
    assert_eq!(told.remarks[0].kind, RemarkKind::Forbidden);
    let known = card("1", &[], &[phone(PHONE)]);
    let told = planned(rules, &updated(&[text("name", "New")]), &[known], &[]);
    assert_eq!(told.plan, update_of("1", &[text("name", "New")]));
}

#[test]
fn a_field_that_the_crm_needs_is_asked_for_by_its_name() {
    let specs = [
        spec("name", FieldType::Text, true, false),
        spec("PHONE", FieldType::Phone, true, true),
        spec("UF_CITY", FieldType::Text, true, false),
        spec("manager", FieldType::Text, true, false),
        spec("site", FieldType::Text, false, false),
    ];
    let told = planned(Rules::default(), &updated(&[text("name", "New")]), &[], &specs);
    let Plan::Refuse { problems } = told.plan else { panic!("{:?}", told.plan) };
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].field.as_deref(), Some("UF_CITY"));
    assert!(problems[0].message.contains("map `contact.UF_CITY`"), "{}", problems[0].message);

    let city = mapping("contact.UF_CITY", "{{city | default('-')}}");
    let rules = Rules { mapping: vec![city], ..Rules::default() };
    let told = planned(rules, &updated(&[text("name", "New")]), &[], &specs);
    assert!(matches!(told.plan, Plan::Create { .. }), "{:?}", told.plan);
    let known = card("1", &[], &[phone(PHONE)]);
    let told = planned(Rules::default(), &updated(&[]), &[known], &specs);
    assert_eq!(told.plan, Plan::Show, "what exists is not refused");
}

#[test]
fn a_phone_that_is_none_is_kept_and_recognises_nobody() {
    let mut rules = Rules::default();
    rules.phone.country = Some("UA".to_owned());
    let with =
        |client: &[Identifier]| event(Kind::LeadSubmitted, client, &[text("phone", "044 00")]);
    let told = planned(rules.clone(), &with(&[phone("044 00"), external("7")]), &[], &[]);
    assert_eq!(told.plan, Plan::Create { fields: vec![text("phone", "044 00")] });
    let told = planned(rules.clone(), &with(&[phone("044 00")]), &[], &[]);
    assert_eq!(told.plan, Plan::Nothing, "a repeat would make a second card");
    assert_eq!(told.remarks[0].kind, RemarkKind::Forbidden);
    let told = planned(rules, &event(Kind::LeadSubmitted, &[external("7")], &[]), &[], &[]);
    assert_eq!((told.plan, told.remarks), (Plan::Nothing, Vec::new()));
}

#[test]
fn five_thousand_cards_are_looked_through_once() {
    let cards: Vec<Card> =
        (0..5000).map(|id| card(&id.to_string(), &[], &[phone(PHONE)])).collect();
    let ranked = ranked(cards, &[phone(PHONE)], &[]);
    assert_eq!((ranked.len(), ranked[0].id.as_str()), (5000, "0"));
}

fn ids(cards: Vec<Card>) -> Vec<String> {
    cards.into_iter().map(|card| card.id).collect()
}

#[test]
fn the_card_that_matches_more_stands_first() {
    let client = [phone("+79000000001"), email("a@example.com")];
    let phone_only = card("1", &[], &[phone("7 900 000 00 01")]);
    let both = card("2", &[], &[phone("+79000000001"), email("A@example.com")]);
    assert_eq!(ids(ranked(vec![phone_only, both], &client, &[])), ["2", "1"]);
}

#[test]
fn of_two_cards_the_surer_identifier_leads_and_then_the_crms_order() {
    let client = [external("7"), phone(PHONE), email("a@example.com")];
    let cards = vec![
        card("email", &[], &[email("a@example.com")]),
        card("phone", &[], &[phone(PHONE)]),
        card("other phone", &[], &[phone(PHONE)]),
        card("id", &[], &[external("7")]),
    ];
    assert_eq!(ids(ranked(cards, &client, &[])), ["id", "phone", "other phone", "email"]);
}

#[test]
fn a_card_that_matched_something_else_is_left_out() {
    let cards = vec![
        card("unsure", &[], &[]),
        card("foreign", &[], &[phone("+79000000002")]),
        card("sure", &[], &[phone("+79000000001")]),
    ];
    assert_eq!(ids(ranked(cards, &[phone("+79000000001")], &[])), ["sure", "unsure"]);
}

fn deal_changes(update: Option<Update>, mapped: &[(&str, &str)], deal: &Deal) -> Vec<Field> {
    let mapping = mapped
        .iter()
        .map(|(key, value)| Mapping { update, ..mapping(&format!("deal.{key}"), value) });
    let book = book(Rules { mapping: mapping.collect(), ..Rules::default() });
    let event = event(Kind::LeadSubmitted, &[phone(PHONE)], &[]);
    deal_update(&read(&book, &event), deal, &[])
}

#[test]
fn an_open_deal_gets_what_it_lacks_and_stays_in_its_stage() {
    let mapped =
        [("title", "New"), ("stage", "won"), ("pipeline", "2"), ("utm", "ads"), ("site", "s")];
    let held = deal("3", &[text("site", "old"), text("utm", " ")]);
    assert_eq!(deal_changes(None, &mapped, &held), [text("utm", "ads")]);
    assert_eq!(deal_changes(Some(Update::NewOnly), &mapped, &held), []);
    let all: Vec<Field> = mapped.iter().map(|(key, value)| text(key, value)).collect();
    assert_eq!(deal_changes(Some(Update::All), &mapped, &held), all);
    let same = Deal {
        title: "New".to_owned(),
        stage: Some("won".to_owned()),
        ..deal("3", &[text("pipeline", "2"), text("utm", "ads"), texts("site", &["s"])])
    };
    assert_eq!(deal_changes(Some(Update::All), &mapped, &same), []);
}
