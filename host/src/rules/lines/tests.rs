//! Lines and tags.

use serde_json::json;

use super::*;
use crate::{
    account::{LineRule, PushRule, Rules},
    rules::tests::samples::{book, card, lead, read, text},
};

fn line(title: &str, body: &str, url: Option<&str>) -> LineRule {
    LineRule { title: title.to_owned(), text: body.to_owned(), url: url.map(str::to_owned) }
}

#[test]
fn lines_show_the_fields_that_the_operator_chose() {
    let rules = Rules {
        lines: vec![
            line("Balance", "{{card.fields.balance}} UAH", Some("{{card.url}}")),
            line("Nothing", "{{card.fields.nothing}}", None),
            line("Broken", "{{card.fields.balance - 1}}", None),
            line("Script", "x", Some("javascript:{{name}}")),
        ],
        ..Rules::default()
    };
    let book = book(rules);
    let mut card = card("1", &[text("balance", "120")], &[]);
    card.url = Some("https://crm.example/1".to_owned());
    let mut remarks = Vec::new();
    let shown = book.lines(&read(&book, &lead(&json!({ "name": "a" }))), &card, &mut remarks);
    let shown_line = |title: &str, text: &str, url: Option<&str>| Line {
        title: title.to_owned(),
        text: text.to_owned(),
        url: url.map(str::to_owned),
    };
    assert_eq!(
        shown,
        [
            shown_line("Balance", "120 UAH", Some("https://crm.example/1")),
            shown_line("Script", "x", None),
        ]
    );
    assert_eq!(remarks.len(), 1);
    assert!(remarks[0].text.contains("rules.lines[2]") && !remarks[0].text.contains("120"));
}

#[track_caller]
fn check_tag(template: Option<&str>, expected: Option<&str>) {
    let push = PushRule { tag: template.map(str::to_owned), card: false };
    let book = book(Rules { push, ..Rules::default() });
    let reading = read(&book, &lead(&json!({ "kind": "vip" })));
    let tag = book.tag(&reading, &card("1", &[], &[]), &mut Vec::new());
    assert_eq!(tag.as_deref(), expected);
}

#[test]
fn a_tag_is_a_text_or_a_template() {
    check_tag(Some("CRM"), Some("CRM"));
    check_tag(Some("crm-{{kind}}-{{card.id}}"), Some("crm-vip-1"));
    check_tag(Some("{{nothing}}"), None);
    check_tag(Some(" "), None);
    check_tag(Some("{{kind - 1}}"), None);
    check_tag(None, None);
}
