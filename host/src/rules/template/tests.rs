//! What templates give, and what they may not do.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::account::PhoneRule;

fn templates() -> Templates {
    let rule = PhoneRule { country: Some("UA".to_owned()), digits: None };
    Templates::new(Arc::new(Standard::compile(&rule).unwrap()))
}

fn context(json: &Json) -> Value {
    serde_json::from_str(&json.to_string()).unwrap()
}

fn payload() -> Json {
    json!({
        "bot": { "id": "b1", "name": "Test Bot" },
        "contact": {
            "id": "c1",
            "username": " olena_test ",
            "phone": null,
            "tags": ["vip", "new"],
            "score": 7,
            "amount": 10.5,
            "is_open": true,
            "variables": {
                "phone": "044 000 00 01",
                "\u{442}\u{435}\u{43b}\u{435}\u{444}\u{43e}\u{43d}": "1",
                "\u{456}\u{43c}\u{2019}\u{44f}": "Olena",
                "utm-source": "ads",
                "blank": "  ",
            },
        },
        "lines": [{ "name": "Tea", "count": 2 }, { "name": "Cup", "count": 1 }],
    })
}

fn render(source: &str) -> Result<String, Failure> {
    let mut templates = templates();
    let template = templates.template("t", source).unwrap_or_else(|why| panic!("{source}: {why}"));
    templates.text(&template, context(&payload()))
}

#[track_caller]
fn check(source: &str, expected: &str) {
    assert_eq!(render(source).as_deref(), Ok(expected), "{source}");
}

fn value(source: &str) -> Value {
    let mut templates = templates();
    let template = templates.template("t", source).unwrap();
    templates.value(&template, context(&payload())).unwrap()
}

#[track_caller]
fn check_true(source: &str, expected: bool) {
    let mut templates = templates();
    let expression =
        templates.expression("f", source).unwrap_or_else(|why| panic!("{source}: {why}"));
    let value = templates.value(&expression, context(&payload()));
    assert_eq!(value.map(|value| value.is_true()), Ok(expected), "{source}");
}

#[test]
fn paths_are_followed_to_any_depth() {
    check("{{contact.variables.phone}}", "044 000 00 01");
    check("{{contact.username}}", "olena_test");
    check(
        "https://chat.example/messengers/chats/{{bot.id}}/contacts/all/{{contact.id}}",
        "https://chat.example/messengers/chats/b1/contacts/all/c1",
    );
    check("Bot: {{ contact.username }} ({{bot.name}})", "Bot:  olena_test  (Test Bot)");
    check("{{ lines[1].name }}", "Cup");
}

#[test]
fn names_of_any_script_are_found() {
    check("{{contact.variables.\u{442}\u{435}\u{43b}\u{435}\u{444}\u{43e}\u{43d}}}", "1");
    check("{{contact.variables['\u{456}\u{43c}\u{2019}\u{44f}']}}", "Olena");
    check("{{contact.variables['utm-source']}}", "ads");
}

#[test]
fn what_is_missing_is_empty_anywhere_in_a_chain() {
    check("{{nothing}}", "");
    check("{{nothing.at.all[3].there}}", "");
    check("{{contact.phone}}", "");
    check("{{contact.phone.country}}", "");
    check("{{contact.variables.nothing | upper | trim}}", "");
    check("a{{contact.phone}}b{{nothing | join(',')}}c{{ nothing | length }}", "abc0");
    check("{% for x in nothing.there %}x{% endfor %}-", "-");
}

#[test]
fn only_one_expression_keeps_its_type() {
    assert_eq!(value("{{contact.tags}}").kind(), ValueKind::Seq);
    assert_eq!(value(" {{- contact.score -}} ").kind(), ValueKind::Number);
    assert_eq!(value("{{contact.is_open}}").kind(), ValueKind::Bool);
    assert_eq!(value("{{contact.is_open}} ").kind(), ValueKind::Bool);
    assert_eq!(value("{{contact.score}}{{contact.score}}").kind(), ValueKind::String);
    assert_eq!(value("{{ {} }} {{ {} }}").kind(), ValueKind::String);
    assert_eq!(value("{{'}}'}}").as_str(), Some("}}"));
    check("{{contact.tags}} {{contact.amount}} {{contact.is_open}}", "[\"vip\",\"new\"] 10.5 true");
}

#[test]
fn constants_cost_nothing() {
    let mut templates = templates();
    let new = templates.template("t", " new ").unwrap();
    assert_eq!(new, Template::Constant("new".to_owned()));
    assert_eq!(templates.names().count(), 0);
}

#[test]
fn filters_and_tests_of_our_own() {
    check("{{contact.variables.phone | phone}}", "+380440000001");
    check("{{'call me' | phone}}", "");
    check("{{contact.phone | default('none')}}", "none");
    check("{{contact.variables.blank | d('none')}}", "none");
    check("{{contact.username | default('none')}}", "olena_test");
    check("{{contact.tags | join(', ')}}", "vip, new");
    check("{{contact.variables.phone | replace(' ', '')}}", "0440000001");
    check("{{'a, b' | split(', ') | join('+')}}", "a+b");
    check("{{contact.variables.blank | split(',') | length}}", "0");
    check("{{contact.variables.phone | split | first}}", "044");
    check("{% for line in lines %}{{line.name}} x {{line.count}};{% endfor %}", "Tea x 2;Cup x 1;");
    check_true("contact.tags is containing('vip')", true);
    check_true("contact.tags is containing('vi')", false);
    check_true("contact.username is containing('test')", true);
    check_true("'spam' in contact.tags", false);
    check_true("'vip' in contact.tags and contact.score > 5", true);
    check_true("contact.variables.phone | phone is matching('^[+]380')", true);
    check_true("contact.variables.phone | phone is matching('^\\\\+380')", true);
    check_true("contact.tags is matching('^v')", true);
    check_true("contact.variables.blank is empty and nothing.there is empty", true);
    check_true("contact.username is not empty", true);
}

#[test]
fn a_filter_on_what_is_missing_is_not_true() {
    check_true("nothing", false);
    check_true("nothing.at.all", false);
    check_true("'spam' in nothing.tags", false);
    check_true("'spam' not in nothing.tags", true);
    check_true("nothing is matching('.*')", false);
    check_true("nothing is containing('a')", false);
    check_true("nothing | phone is matching('^[+]')", false);
    check_true("nothing is startingwith('a') or contact.phone is endingwith('a')", false);
    check_true("nothing == 'a'", false);
}

#[test]
fn incoming_text_is_never_evaluated() {
    let mut templates = templates();
    let template = templates.template("t", "{{name}}").unwrap();
    let told = context(&json!({ "name": "{{ secret }}{% for x in y %}", "secret": "no" }));
    let text = templates.text(&template, told).unwrap();
    assert_eq!(text, "{{ secret }}{% for x in y %}");
}

#[test]
fn nothing_is_escaped() {
    let mut templates = templates();
    let template = templates.template("page.html", "{{name}}!").unwrap();
    let told = context(&json!({ "name": "<b>&'\"" }));
    assert_eq!(templates.text(&template, told).as_deref(), Ok("<b>&'\"!"));
}

#[test]
fn a_template_that_takes_too_long_ends() {
    let mut templates = templates();
    let nested =
        "{% for a in l %}{% for b in l %}{% for c in l %}{% endfor %}{% endfor %}{% endfor %}";
    let template = templates.template("t", nested).unwrap();
    let told = context(&json!({ "l": vec![1; 1000] }));
    assert_eq!(templates.text(&template, told), Err(Failure::Steps));
}

#[test]
fn a_text_grows_up_to_its_limit() {
    let mut templates = templates();
    let plain = templates.template("plain", "{{a}}").unwrap();
    let twice = templates.template("twice", "{{a}}{{a}}").unwrap();
    let joined = templates.template("joined", "{{ [a, a] | join }}").unwrap();
    let replaced = templates.template("replaced", "{{ a | replace('x', 'xx') }}").unwrap();
    let told = |bytes: usize| context(&json!({ "a": "x".repeat(bytes) }));
    assert_eq!(templates.text(&plain, told(OUTPUT_BYTES_MAX)).unwrap().len(), OUTPUT_BYTES_MAX);
    assert_eq!(templates.text(&plain, told(OUTPUT_BYTES_MAX + 1)), Err(Failure::Output));
    for template in [twice, joined, replaced] {
        let at_most = templates.text(&template, told(OUTPUT_BYTES_MAX / 2)).unwrap();
        assert_eq!(at_most.len(), OUTPUT_BYTES_MAX);
        let beyond = templates.text(&template, told(OUTPUT_BYTES_MAX / 2 + 1));
        assert_eq!(beyond, Err(Failure::Output), "{template:?}");
    }
}

#[test]
fn a_template_is_as_long_as_its_limit() {
    let mut templates = templates();
    let text = |bytes: usize| "x".repeat(bytes);
    assert!(templates.template("t", &text(SOURCE_BYTES_MAX)).is_ok());
    assert!(templates.template("t", &text(SOURCE_BYTES_MAX + 1)).is_err());
    assert!(templates.expression("e", &format!("'{}'", text(SOURCE_BYTES_MAX - 2))).is_ok());
    assert!(templates.expression("e", &format!("'{}'", text(SOURCE_BYTES_MAX - 1))).is_err());
}

#[test]
fn wrong_sources_are_refused_with_the_reason() {
    let mut templates = templates();
    for source in
        ["{{ a", "{{ a. }}", "{% if a %}", "{{ a is matching('[') }}", "{{}}", "{{ 1 + }}"]
    {
        let why = templates.template("t", source).unwrap_err();
        assert!(!why.is_empty(), "{source}");
    }
    for source in ["", "a b", "a }} {{ b", "a) %}{% set x = (b", "a is matching('(')"] {
        templates.expression("e", source).unwrap_err();
    }
    let why = templates.expression("e", &format!("a is matching('{}')", "\\\\w{999}")).unwrap_err();
    assert!(why.contains("size limit"), "{why}");
}

#[test]
fn patterns_that_an_event_brings_along_end_soon() {
    let mut templates = templates();
    let expression = templates.expression("e", "'text' is matching(pattern)").unwrap();
    let failed = (0..100).filter(|n| {
        let told = context(&json!({ "pattern": format!("{n}") }));
        templates.value(&expression, told).is_err()
    });
    assert_eq!(failed.count(), 100 - 32);
}

#[test]
fn patterns_that_events_bring_along_push_out_none_of_the_rules() {
    let mut templates = templates();
    let foreign = templates.expression("e", "'text' is matching(pattern)").unwrap();
    let own = templates.expression("own", "'text' is matching('^te')").unwrap();
    for n in 0..100 {
        let told = context(&json!({ "pattern": format!("{n}") }));
        assert_eq!(templates.value(&foreign, told).is_ok(), n < 32);
    }
    assert!(templates.value(&own, context(&json!({}))).unwrap().is_true());
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::hash_map("[a-c]|\\PC{1,3}", inner, 0..5)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_json_makes_a_template_panic(told in any_json()) {
        let mut templates = templates();
        let told = context(&told);
        let filters = filters::FILTERS.iter().map(|name| match *name {
            "join" | "default" | "d" | "split" => format!("{{{{ a | {name}(b) }}}}"),
            "replace" => "{{ a | replace(b, c) }}".to_owned(),
            name => format!("{{{{ a | {name} }}}}"),
        });
        let tests = filters::TESTS.iter().map(|name| match *name {
            "containing" | "endingwith" | "in" | "matching" | "startingwith" => {
                format!("{{{{ a is {name}(b) }}}}")
            }
            name => format!("{{{{ a is {name} }}}}"),
        });
        let others = ["{{ a.b.c }} {{ a ~ b }}", "{{ a + b - c }}", "{{ a[b] }}", "{{ a[:2] }}",
            "{{ a < b }}", "{{ b in a }}", "{% for x in a %}{{ x }}{% endfor %}", "{{ a }}"];
        for source in filters.chain(tests).chain(others.map(str::to_owned)) {
            let template = templates.template("t", &source).unwrap();
            if let Ok(text) = templates.text(&template, told.clone()) {
                prop_assert!(text.len() <= OUTPUT_BYTES_MAX);
            }
        }
    }

    #[test]
    fn no_source_makes_a_template_panic(source in "[{}%#|~ a-c.()'\"\\[\\]-]{0,40}") {
        let mut templates = templates();
        if let Ok(template) = templates.template("t", &source) {
            let _done = templates.text(&template, context(&payload()));
        }
    }
}
