//! Templates against one body: what they lead to, and what is no template.

use proptest::prelude::*;

use super::*;

const BODY: &str = r#"{
    "a": {"b": "x", "full name": "F", "Mixed": "m", "n": 7, "no": null, "blank": " "},
    "list": ["p", 8, null, {"q": "r"}],
    "fields": [{"code": "NAME", "value": "N"}, {"code": "PHONE", "value": "P"}, {"code": 5, "value": "five"}],
    "a.b": "dotted", "Ім'я": "Ї"
}"#;

#[track_caller]
fn check(template: &str, expected: Option<&str>) {
    let body = Node::read(BODY).unwrap();
    let template = Template::parse(template).unwrap();
    assert_eq!(template.render(&body).as_deref(), expected, "{template:?}");
}

#[test]
fn paths_lead_to_members_items_and_selected_items() {
    check("{{a.b}}", Some("x"));
    check("{{ a . b }}", Some("x"));
    check("{{A.mixed}}", Some("m"));
    check("{{a.n}}", Some("7"));
    check("{{list.0}}", Some("p"));
    check("{{list[1]}}", Some("8"));
    check("{{list.3.q}}", Some("r"));
    check("{{list.4}}", None);
    check("{{list.-1}}", None);
    check("{{fields[code=PHONE].value}}", Some("P"));
    check("{{fields[ code = 'PHONE' ].value}}", Some("P"));
    check("{{fields[code=5].value}}", Some("five"));
    check("{{fields[code=phone].value}}", None);
    check("{{fields[1].value}}", Some("P"));
    check("{{a[b=x]}}", None);
    check("{{a[\"full name\"]}}", Some("F"));
    check("{{a.full name}}", Some("F"));
    check("{{\"a.b\"}}", Some("a.b"));
    check("{{[\"a.b\"]}}", Some("dotted"));
    check("{{a.'b'}}", Some("x"));
    check("{{Ім'я}}", Some("Ї"));
}

#[test]
fn the_first_alternative_that_is_not_empty_counts() {
    check("{{none || a.no || a.blank || a.b || a.n}}", Some("x"));
    check("{{none || \"no || one\"}}", Some("no || one"));
    check("{{none || ''}}", None);
    check("{{fields[code=A||B].value || a.b}}", Some("x"));
}

#[test]
fn text_around_expressions_is_kept_if_any_of_them_has_a_value() {
    check("plain", Some("plain"));
    check(" {{a.b}} - {{a.n}} ", Some("x - 7"));
    check("shop-{{none}}", None);
    check("{{none}} {{a.b}}", Some("x"));
    check("", None);
    check("a } b { c", Some("a } b { c"));
}

#[test]
fn lists_are_joined_or_taken_one_by_one() {
    check("{{list}}", Some("p, 8"));
    check("{{a}}", None);
    let values = |template: &str, body: &str| {
        Template::parse(template).unwrap().values(&Node::read(body).unwrap())
    };
    assert_eq!(values("{{list}}", BODY), ["p", "8"]);
    assert_eq!(values("{{none || list}}", BODY), ["p", "8"]);
    assert_eq!(values("{{a.b}}", BODY), ["x"]);
    assert_eq!(values("+{{a.n}}", BODY), ["+7"]);
    assert_eq!(values("{{none || \"7\"}}", BODY), ["7"]);
    assert!(values("{{a}}", BODY).is_empty());
    let many = |count: usize| format!("{{\"l\":[{}0]}}", "0,".repeat(count - 1));
    assert_eq!(values("{{l}}", &many(VALUES_MAX + 1)).len(), VALUES_MAX);
}

#[test]
fn what_is_no_template_is_named() {
    let fault = |text: &str| Template::parse(text).unwrap_err().to_string();
    assert!(fault("{{a").starts_with("has a `{{` that is never closed"));
    assert!(fault("a {{b}} {{").starts_with("has a `{{` that is never closed"));
    assert!(fault("a}} b").starts_with("has a `}}` that was never opened"));
    let expressions = [
        "", " ", "a..b", ".a", "a.", "a[", "a[]", "a[b", "a[b]", "a[=x]", "a[b=]", "a]", "a || ",
        "a[0]b", "a{b", "'a",
    ];
    for expression in expressions {
        let fault = fault(&format!("x {{{{{expression}}}}}"));
        assert!(fault.contains(&format!("`{expression}`")), "{expression}: {fault}");
    }
}

#[test]
fn templates_are_read_up_to_their_limits() {
    fn parsed(text: &str) -> Result<(), Fault<'_>> {
        Template::parse(text).map(|_| ())
    }
    assert_eq!(parsed(&"x".repeat(BYTES_MAX)), Ok(()));
    assert_eq!(parsed(&"x".repeat(BYTES_MAX + 1)), Err(Fault::TooLong));
    let joined = |count: usize, by: &str| format!("{{{{{}}}}}", vec!["a"; count].join(by));
    assert_eq!(parsed(&joined(TERMS_MAX, "||")), Ok(()));
    assert_eq!(parsed(&joined(TERMS_MAX + 1, "||")), Err(Fault::TooManyTerms));
    assert_eq!(parsed(&joined(STEPS_MAX, ".")), Ok(()));
    assert_eq!(parsed(&joined(STEPS_MAX + 1, ".")), Err(Fault::TooManyTerms));
}

#[test]
fn results_are_cut_at_their_limit_and_between_characters() {
    let template = Template::parse("{{a}}").unwrap();
    let rendered = |text: String| {
        template.render(&Node::Object(vec![("a".into(), Node::Text(text.into()))])).unwrap()
    };
    assert_eq!(rendered("x".repeat(OUTPUT_BYTES_MAX)).len(), OUTPUT_BYTES_MAX);
    assert_eq!(rendered("x".repeat(OUTPUT_BYTES_MAX + 1)).len(), OUTPUT_BYTES_MAX);
    assert_eq!(rendered(format!("x{}", "ж".repeat(OUTPUT_BYTES_MAX))).len(), OUTPUT_BYTES_MAX - 1);
}

#[test]
fn incoming_text_is_never_parsed() {
    let body = Node::read(r#"{"a": "{{b}}", "b": "secret"}"#).unwrap();
    assert_eq!(Template::parse("{{a}}").unwrap().render(&body).as_deref(), Some("{{b}}"));
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in ".*", odd in r#"[{}\[\]"'|.=a0 ]*"#) {
        let body = Node::read(BODY).unwrap();
        for text in [text, odd] {
            match Template::parse(&text) {
                Ok(template) => {
                    template.render(&body);
                    template.values(&body);
                }
                Err(fault) => prop_assert!(!fault.to_string().is_empty()),
            }
        }
    }
}
