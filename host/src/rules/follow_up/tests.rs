//! Deal, task and notes by the rules.

use serde_json::json;

use super::*;
use crate::{
    account::{IntegrationOptions, Rules, Wording},
    card::{Author, Message},
    event::RemarkKind,
    rules::tests::samples::{
        ALL_ON, book, card, channel, deal, event, lead, mapping, missed_call, read, text,
    },
};

fn chat(fields: &[Field]) -> Event {
    event(Kind::ConversationStarted, &[], fields)
}

fn task(rules: Rules, event: &Event, had: Option<&Deal>) -> (Option<Errand>, Vec<Remark>) {
    let book = book(rules);
    let mut remarks = Vec::new();
    let card = card("1", &[text("name", "Anna")], &[]);
    let (errand, decision) = book.errand(&read(&book, event), event, &card, had, &mut remarks);
    assert_eq!(errand.is_none(), decision.decided == "nothing");
    (errand, remarks)
}

#[test]
fn only_named_enquiries_open_deals() {
    let mut rules = Rules::default();
    rules.deal.events = vec!["lead-submitted".to_owned()];
    let some = book(rules);
    let all = book(Rules::default());
    assert!(all.opens_deal(&chat(&[])) && !some.opens_deal(&chat(&[])));
    assert!(some.opens_deal(&lead(&json!({}))));
    assert!(!all.opens_deal(&event(Kind::ClientUpdated, &[], &[])));
    let none = Rulebook::compile(Rules::default(), IntegrationOptions { deals: false, ..ALL_ON });
    assert!(!none.unwrap().opens_deal(&chat(&[])));
    assert_eq!(some.deal_step(&chat(&[]), None).0, DealStep::Nothing);
    assert_eq!(some.deal_step(&lead(&json!({})), None).0, DealStep::Open);
}

#[test]
fn a_client_introduced_during_a_chat_leaves_it_to_the_enquiry_where_only_that_opens_deals() {
    let episode = Some("chat:1".to_owned());
    let introduced = Event { episode, ..event(Kind::ClientUpdated, &[], &[]) };
    let all = book(Rules::default());
    assert!(all.opens_deal(&introduced) && all.settles_enquiry(&introduced));
    let mut rules = Rules::default();
    rules.deal.events = vec!["conversation-started".to_owned()];
    let started_only = book(rules.clone());
    assert!(!started_only.opens_deal(&introduced) && !started_only.settles_enquiry(&introduced));
    assert!(started_only.settles_enquiry(&chat(&[])));
    rules.deal.events.clear();
    let no_deals = Rulebook::compile(rules, IntegrationOptions { deals: false, ..ALL_ON }).unwrap();
    assert!(!no_deals.opens_deal(&introduced) && no_deals.settles_enquiry(&introduced));
}

#[test]
fn a_mapping_overlays_the_fields_of_a_new_deal() {
    let rules = |own_fields| Rules {
        own_fields,
        mapping: vec![mapping("deal.source", "Site"), mapping("deal.stage", "new")],
        ..Rules::default()
    };
    let event = chat(&[text("name", "Anna"), text("source", "chat"), text("utm-source", "ads")]);
    let fields = |rules| {
        let book = book(rules);
        book.deal_fields(&read(&book, &event), &event, &card("1", &[], &[]))
    };
    let mapped = [text("source", "Site"), text("stage", "new")];
    assert_eq!(
        fields(rules(true)),
        [&[text("title", "Chat: Anna"), text("utm-source", "ads")], mapped.as_slice()].concat()
    );
    assert_eq!(fields(rules(false)), [&[text("title", "Chat: Anna")], mapped.as_slice()].concat());
    let titled = Rules { mapping: vec![mapping("deal.title", "T")], ..rules(false) };
    assert_eq!(fields(titled), [text("title", "T")]);
}

#[test]
fn the_operators_words_see_card_and_deal() {
    let mut rules = Rules::default();
    rules.task.repeat = Wording {
        title: Some("{{card.fields.name}}: {{deal.title}} again".to_owned()),
        text: Some("{{nothing}}".to_owned()),
    };
    let (errand, remarks) = task(rules, &chat(&[]), Some(&deal("3", &[])));
    let errand = errand.unwrap();
    assert_eq!(errand.title, "Anna: Chat again");
    assert_eq!(errand.text, "The deal \u{201c}Chat\u{201d} is open.", "empty words say nothing");
    assert_eq!(remarks, []);
}

#[test]
fn words_that_fail_give_way_to_the_built_in() {
    let mut rules = Rules::default();
    rules.task.missed_call.title = Some("{{call.missed + 'x'}}".to_owned());
    rules.task.missed_call.text = Some("{{call.client_number}}!".to_owned());
    let (errand, remarks) = task(rules, &event(missed_call(), &[], &[]), None);
    let errand = errand.unwrap();
    assert_eq!((errand.title.as_str(), errand.text.as_str()), ("Call back", "+380440000001!"));
    assert_eq!(remarks[0].kind, RemarkKind::Template);
    assert!(remarks[0].text.contains("rules.task.missed_call.title"));
}

#[test]
fn a_title_is_as_long_as_its_limit() {
    let mut rules = Rules::default();
    rules.task.missed_call.title = Some("\u{44f}".repeat(TITLE_CHARS_MAX + 1));
    let (errand, _) = task(rules, &event(missed_call(), &[], &[]), None);
    assert_eq!(errand.unwrap().title.chars().count(), TITLE_CHARS_MAX);
}

#[test]
fn repeats_can_go_without_a_task() {
    let mut rules = Rules::default();
    rules.task.on_repeat = false;
    let had = deal("3", &[]);
    assert_eq!(task(rules.clone(), &chat(&[]), Some(&had)).0, None);
    assert!(task(rules, &event(missed_call(), &[], &[]), Some(&had)).0.is_some());
    assert!(task(Rules::default(), &chat(&[]), Some(&had)).0.is_some());
    assert_eq!(task(Rules::default(), &chat(&[]), None).0, None);
}

#[test]
fn an_enquiry_leaves_a_note_of_its_source() {
    let mut rules = Rules { mapping: vec![mapping("contact.source", "Shop")], ..Rules::default() };
    rules.note.source = true;
    let book = book(rules);
    let notes = |event: &Event| book.notes(&read(&book, event), event, &channel(), false).0;
    let page = text("page-url", "https://shop.example/");
    let event = event(
        Kind::OfflineMessage("write me".to_owned()),
        &[],
        &[page.clone(), text("source", "own"), text("utm-campaign", " spring ")],
    );
    let source = "Channel: shop-chat\nSource: Shop\nPage: https://shop.example/\nCampaign: spring";
    assert_eq!(
        notes(&event),
        [(NOTE, Note::Text("write me".to_owned())), (SOURCE_NOTE, Note::Text(source.to_owned())),]
    );
    let again = book.notes(&read(&book, &event), &event, &channel(), true).0;
    assert_eq!(again, [(NOTE, Note::Text("write me".to_owned()))], "the source is told once");
    assert_eq!(notes(&Event { kind: Kind::ClientUpdated, ..event }), []);
}

#[test]
fn a_message_leaves_a_note_with_its_author_where_the_rules_want_it() {
    let said = Message {
        author: Author::Client,
        agent: None,
        sent_at: None,
        text: "How much is it?".to_owned(),
    };
    let occurred_at = Some("2026-03-02T10:15:00Z".to_owned());
    let event = Event { occurred_at, ..event(Kind::MessageReceived(said.clone()), &[], &[]) };
    let notes = |rules: Rules| {
        let book = book(rules);
        book.notes(&read(&book, &event), &event, &channel(), false).0
    };
    assert_eq!(notes(Rules::default()), []);
    let mut rules = Rules::default();
    rules.note.messages = true;
    let told = notes(rules);
    let [(NOTE, Note::Transcript(transcript))] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(transcript.messages, [said]);
    assert_eq!(transcript.finished_at, event.occurred_at);
}

#[test]
fn without_the_option_nothing_is_written_down() {
    let off = IntegrationOptions { notes: false, tasks: false, ..ALL_ON };
    let book = Rulebook::compile(Rules::default(), off).unwrap();
    let event = event(Kind::OfflineMessage("write me".to_owned()), &[], &[]);
    let reading = read(&book, &event);
    let (notes, decision) = book.notes(&reading, &event, &channel(), false);
    assert_eq!((notes, decision.because.as_str()), (Vec::new(), "the option `notes` is off"));
    let card = card("1", &[], &[]);
    assert_eq!(book.errand(&reading, &event, &card, None, &mut Vec::new()).0, None);
}
