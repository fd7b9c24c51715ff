//! Rules that contradict each other, and limits at their edges.

use super::*;
use crate::{
    account::{IntegrationOptions, PhoneRule, Wording},
    rules::{
        book::Rulebook,
        tests::samples::{ALL_ON, mapping},
    },
};

const OFF: IntegrationOptions =
    IntegrationOptions { deals: false, tasks: false, notes: false, ..ALL_ON };

#[track_caller]
fn check_refused(rules: Rules, options: IntegrationOptions, expected: &[&str]) {
    let problems = Rulebook::compile(rules, options).unwrap_err();
    let fields: Vec<&str> = problems.iter().filter_map(|it| it.field.as_deref()).collect();
    assert_eq!(fields, expected, "{problems:?}");
}

fn mapped(mapping: Vec<Mapping>) -> Rules {
    Rules { mapping, ..Rules::default() }
}

#[test]
fn rules_that_say_nothing_are_good() {
    Rulebook::compile(Rules::default(), OFF).unwrap();
    Rulebook::compile(Rules::default(), ALL_ON).unwrap();
}

#[test]
fn a_field_needs_its_record_and_a_key() {
    for field in
        ["phone", "client.phone", "contact.", "contact. ", "contact. phone", "", ".", "deal"]
    {
        check_refused(mapped(vec![mapping(field, "x")]), ALL_ON, &["rules.mapping[0].field"]);
    }
    let of = |bytes: usize| mapped(vec![mapping(&format!("deal.{}", "k".repeat(bytes)), "x")]);
    Rulebook::compile(of(KEY_BYTES_MAX), ALL_ON).unwrap();
    check_refused(of(KEY_BYTES_MAX + 1), ALL_ON, &["rules.mapping[0].field"]);
}

#[test]
fn a_field_is_mapped_once() {
    let twice = mapped(vec![
        mapping("contact.name", "a"),
        mapping("deal.name", "b"),
        mapping("contact.name", "c"),
    ]);
    check_refused(twice, ALL_ON, &["rules.mapping[2].field"]);
}

#[test]
fn wrong_templates_are_named_by_their_place() {
    let rules = Rules {
        filter: Some("a b".to_owned()),
        mapping: vec![mapping("contact.name", "{{ a"), mapping("deal.title", "{{ a|fone }}")],
        task: crate::account::TaskRule {
            repeat: Wording { title: Some("{{ }}".to_owned()), text: None },
            ..Default::default()
        },
        lines: vec![LineRule {
            title: "Balance".to_owned(),
            text: "{% set a = 1 %}".to_owned(),
            url: Some("{{".to_owned()),
        }],
        push: crate::account::PushRule { tag: Some("{{ range(1) }}".to_owned()), card: false },
        ..Rules::default()
    };
    let expected = [
        "rules.filter",
        "rules.mapping[0].value",
        "rules.mapping[1].value",
        "rules.task.repeat.title",
        "rules.lines[0].text",
        "rules.lines[0].url",
        "rules.push.tag",
    ];
    check_refused(rules, ALL_ON, &expected);
}

#[test]
fn mappings_and_lines_are_counted_up_to_their_limits() {
    let mappings = |count: usize| {
        let all = (0..count).map(|at| mapping(&format!("contact.k{at}"), "x"));
        mapped(all.collect())
    };
    Rulebook::compile(mappings(MAPPINGS_MAX), ALL_ON).unwrap();
    check_refused(mappings(MAPPINGS_MAX + 1), ALL_ON, &["rules.mapping"]);
    let line = LineRule { title: "t".to_owned(), text: "x".to_owned(), url: None };
    let lines = |count: usize| Rules { lines: vec![line.clone(); count], ..Rules::default() };
    Rulebook::compile(lines(LINES_MAX), ALL_ON).unwrap();
    check_refused(lines(LINES_MAX + 1), ALL_ON, &["rules.lines"]);
    let titled = |bytes: usize| Rules {
        lines: vec![LineRule { title: "t".repeat(bytes), ..line.clone() }],
        ..Rules::default()
    };
    Rulebook::compile(titled(TITLE_BYTES_MAX), ALL_ON).unwrap();
    check_refused(titled(TITLE_BYTES_MAX + 1), ALL_ON, &["rules.lines[0].title"]);
    check_refused(titled(0), ALL_ON, &["rules.lines[0].title"]);
}

#[test]
fn what_an_option_turns_off_is_not_ruled_on() {
    let mut rules = Rules::default();
    rules.deal.events = vec!["lead-submitted".to_owned()];
    Rulebook::compile(rules.clone(), ALL_ON).unwrap();
    check_refused(rules, OFF, &["rules.deal.events"]);

    let mut rules = Rules::default();
    rules.task.missed_call.title = Some("Call".to_owned());
    rules.task.repeat.text = Some("Again".to_owned());
    Rulebook::compile(rules.clone(), ALL_ON).unwrap();
    check_refused(rules.clone(), OFF, &["rules.task.missed_call", "rules.task.repeat"]);
    rules.task.on_repeat = false;
    check_refused(rules, ALL_ON, &["rules.task.repeat"]);

    let mut rules = Rules::default();
    rules.note.source = true;
    rules.note.messages = true;
    Rulebook::compile(rules.clone(), ALL_ON).unwrap();
    check_refused(rules, OFF, &["rules.note.source", "rules.note.messages"]);
}

#[test]
fn a_field_of_new_deals_needs_new_deals() {
    let new_only = Mapping { update: Some(Update::NewOnly), ..mapping("deal.stage", "new") };
    Rulebook::compile(mapped(vec![new_only.clone()]), ALL_ON).unwrap();
    check_refused(mapped(vec![new_only]), OFF, &["rules.mapping[0].update"]);
    // An open deal is brought up to date also where none is made.
    Rulebook::compile(mapped(vec![mapping("deal.stage", "new")]), OFF).unwrap();
}

#[test]
fn only_enquiries_open_deals() {
    let of = |events: &[&str]| {
        let mut rules = Rules::default();
        rules.deal.events = events.iter().map(|event| (*event).to_owned()).collect();
        rules
    };
    Rulebook::compile(of(enquiry::ENQUIRIES), ALL_ON).unwrap();
    check_refused(
        of(&["lead-submitted", "conversation-finished"]),
        ALL_ON,
        &["rules.deal.events[1]"],
    );
    check_refused(of(&["lead"]), ALL_ON, &["rules.deal.events[0]"]);
    check_refused(of(&["offline-message"; 2]), ALL_ON, &["rules.deal.events[1]"]);
}

#[test]
fn two_rules_do_not_name_the_manager() {
    let mut rules = mapped(vec![mapping("contact.manager", "{{manager}}")]);
    check_refused(rules.clone(), ALL_ON, &["rules.mapping[0].field"]);
    rules.responsible.agent = false;
    Rulebook::compile(rules.clone(), ALL_ON).unwrap();
    rules.responsible.default = Some("7".to_owned());
    check_refused(rules.clone(), ALL_ON, &["rules.mapping[0].field"]);
    rules.mapping.clear();
    rules.responsible.default = Some(" ".to_owned());
    check_refused(rules, ALL_ON, &["rules.responsible.default"]);
}

#[test]
fn a_task_is_due_within_a_year() {
    let due = |due_minutes: u32| {
        let mut rules = Rules::default();
        rules.task.due_minutes = due_minutes;
        rules
    };
    Rulebook::compile(due(0), ALL_ON).unwrap();
    Rulebook::compile(due(DUE_MINUTES_MAX), ALL_ON).unwrap();
    check_refused(due(DUE_MINUTES_MAX + 1), ALL_ON, &["rules.task.due_minutes"]);
}

#[test]
fn all_problems_are_told_at_once() {
    let mut rules = mapped(vec![mapping("name", "{{ a")]);
    rules.filter = Some(String::new());
    rules.phone = PhoneRule { country: Some("Ukraine".to_owned()), digits: Some(3) };
    let expected = [
        "rules.mapping[0].field",
        "rules.phone.country",
        "rules.phone.digits",
        "rules.filter",
        "rules.mapping[0].value",
    ];
    check_refused(rules, ALL_ON, &expected);
}
