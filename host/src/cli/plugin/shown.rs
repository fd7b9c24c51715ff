//! Plugins and their versions as the command line shows them.

use serde_json::Value;

pub(super) fn items(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("items").and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn short(plugin: &Value) -> &str {
    let digest = text(plugin, "/digest");
    digest.get(..12).unwrap_or(digest)
}

pub(super) fn plugin_lines(plugin: &Value) -> String {
    let roles = plugin.get("roles").and_then(Value::as_array);
    let roles: Vec<&str> = roles.into_iter().flatten().filter_map(Value::as_str).collect();
    let notice = text(plugin, "/notice/text");
    let notice = if notice.is_empty() { String::new() } else { format!("\n  {notice}") };
    format!(
        "{} {} ({}), contract {}{}, {}{notice}",
        text(plugin, "/manifest/name"),
        text(plugin, "/manifest/version"),
        roles.join(", "),
        text(plugin, "/contract"),
        cases(plugin),
        short(plugin)
    )
}

/// Nothing of a version that an earlier release let in.
fn cases(plugin: &Value) -> String {
    match plugin.get("cases").and_then(Value::as_u64) {
        None => String::new(),
        Some(0) => ", no conformance cases".to_owned(),
        Some(1) => ", 1 conformance case passed".to_owned(),
        Some(count) => format!(", {count} conformance cases passed"),
    }
}

pub(super) fn version_lines(version: &Value) -> String {
    let accounts = version.get("accounts").and_then(Value::as_array);
    let accounts: Vec<&str> = accounts.into_iter().flatten().filter_map(Value::as_str).collect();
    let whom = match (version.get("for_all"), accounts.as_slice()) {
        (None, []) => String::new(),
        (Some(_), []) => " for all".to_owned(),
        (None, accounts) => format!(" for {}", accounts.join(", ")),
        (Some(_), accounts) => format!(" for all, and for {}", accounts.join(", ")),
    };
    let number = |path: &str| version.pointer(path).and_then(Value::as_u64);
    let cost = number("/cost/instantiate_us").zip(number("/cost/memory_bytes"));
    let cost = cost.map(|(instantiate_us, memory)| {
        let (size, memory) = (number("/size_bytes").unwrap_or_default() / 1024, memory / 1024);
        format!(", {size} KiB, starts in {instantiate_us} µs with {memory} KiB of memory")
    });
    let mut line = format!(
        "{} {}, installed {}, {}{whom}{}{}",
        short(version),
        text(version, "/manifest/version"),
        text(version, "/installed_at"),
        text(version, "/state"),
        cost.unwrap_or_default(),
        cases(version)
    );
    line += &signer(version);
    let refused = text(version, "/refused");
    if !refused.is_empty() {
        line.push_str("\n  ! this host refuses it: ");
        line.push_str(refused);
    }
    let notice = text(version, "/for_all/notice/text");
    if !notice.is_empty() {
        line.push_str("\n  ");
        line.push_str(notice);
    }
    line + &difference(version.get("difference"))
}

/// Who signed it, on a line of its own.
fn signer(version: &Value) -> String {
    let (key, comment) = (text(version, "/signature/key"), text(version, "/signature/comment"));
    let shown: String =
        comment.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if key.is_empty() { String::new() } else { format!("\n  signed by {key}: {shown}") }
}

/// Where a plugin comes from: who signed it, what it says of how it was made, and of what.
pub(super) fn origin(plugin: &Value) -> String {
    let signer = signer(plugin);
    let (signer, vouched) = match signer.as_str() {
        "" => ("\n  not signed".to_owned(), "nobody vouches for this"),
        _ => (signer, "signed as well"),
    };
    let Some(origin) = plugin.get("origin") else {
        return signer + "\n  does not say what it is made of";
    };
    let remark = text(origin, "/remark");
    if !remark.is_empty() {
        return format!("{signer}\n  does not say what it is made of: {remark}");
    }
    let known = |what: &str, path: &str| {
        let value = text(origin, path);
        if value.is_empty() { String::new() } else { format!("{what}{value}, ") }
    };
    let is_modified = origin.get("modified").and_then(Value::as_bool).unwrap_or_default();
    let modified = if is_modified { "with changes of no commit, " } else { "" };
    let parts: Vec<&Value> =
        origin.get("parts").and_then(Value::as_array).into_iter().flatten().collect();
    let made = [
        known("commit ", "/commit"),
        modified.to_owned(),
        known("", "/compiler"),
        known("profile ", "/profile"),
    ];
    let each = |part: &&Value| {
        let licence = text(part, "/licence");
        let licence = if licence.is_empty() { "no licence named" } else { licence };
        format!("\n    {} {}, {licence}", text(part, "/name"), text(part, "/version"))
    };
    let listed: String = parts.iter().map(each).collect();
    let (made, count) = (made.concat(), parts.len());
    format!("{signer}\n  says of itself ({vouched}): {made}parts: {count}{listed}")
}

/// One line for each thing that differs.
pub(super) fn difference(difference: Option<&Value>) -> String {
    let list = |key: &str| {
        let list = difference.and_then(|it| it.get(key)).and_then(Value::as_array);
        list.into_iter().flatten()
    };
    let each = |sign: char, key: &str| {
        let line = move |one: &Value| {
            format!("\n  {sign} {}: {}", text(one, "/kind"), text(one, "/value"))
        };
        list(key).map(line).collect::<String>()
    };
    let breaks = list("breaks").map(|broken| {
        let problems = broken.get("problems").and_then(Value::as_array).into_iter().flatten();
        let problems = problems
            .map(|problem| format!("{}: {}", text(problem, "/field"), text(problem, "/message")));
        let problems = problems.collect::<Vec<_>>().join("; ");
        format!("\n  ! account {} would not work: {problems}", text(broken, "/account"))
    });
    each('+', "more") + &each('-', "less") + &breaks.collect::<String>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_told_line_by_line() {
        let told = difference(Some(&json!({
            "more": [{ "kind": "host", "value": "https://new.example" }],
            "less": [{ "kind": "setting", "value": "old" }],
            "breaks": [{
                "account": "shop",
                "problems": [{ "field": "key", "message": "is required" }],
            }],
        })));
        assert_eq!(
            told,
            "\n  + host: https://new.example\n  - setting: old\n  ! account shop would not work: key: is required"
        );
        assert_eq!(difference(None), "");
    }

    #[test]
    fn what_a_plugin_says_of_itself_is_told_with_who_vouches_for_it() {
        let mut plugin = json!({ "origin": {
            "commit": "0123abc", "modified": true, "compiler": "rustc 1.95.0", "profile": "guest",
            "parts": [{ "name": "itoa", "version": "1.0.15", "licence": "MIT" }, { "name": "own", "version": "0.1.0" }],
        }});
        assert_eq!(
            origin(&plugin),
            "\n  not signed\n  says of itself (nobody vouches for this): commit 0123abc, with changes of no commit, rustc 1.95.0, profile guest, parts: 2\n    itoa 1.0.15, MIT\n    own 0.1.0, no licence named"
        );
        plugin["signature"] = json!({ "key": "example", "comment": "release\t7" });
        let told = origin(&plugin);
        assert!(
            told.starts_with(
                "\n  signed by example: release 7\n  says of itself (signed as well): commit"
            ),
            "{told}"
        );
        plugin["origin"] = json!({ "modified": false, "remark": "it is too long" });
        assert!(origin(&plugin).ends_with("\n  does not say what it is made of: it is too long"));
        assert!(origin(&json!({})).ends_with("\n  not signed\n  does not say what it is made of"));
    }

    #[test]
    fn a_version_says_how_many_cases_it_has_passed() {
        let told = |count: Value| cases(&json!({ "cases": count }));
        assert_eq!(told(json!(12)), ", 12 conformance cases passed");
        assert_eq!(told(json!(1)), ", 1 conformance case passed");
        assert_eq!(told(json!(0)), ", no conformance cases");
        assert_eq!(cases(&json!({})), "");
    }
}
