//! Bracket keys to nested JSON: `a[b][]=x` is `{"a":{"b":["x"]}}`.

use std::collections::{BTreeMap, BTreeSet};

use super::Pair;

/// Keys that nest deeper stay as they are written.
const DEPTH_MAX: usize = 16;

/// The pairs as the text of one JSON object, whose values are texts, lists and objects.
///
/// No pair is lost. Pairs with one name become a list; `[]` takes the next number. What has the
/// numbers from 0 on for its keys is a list, any other group an object; a text that meets a group of
/// its own name joins it under the next number. Keys with brackets that do not close stay as written.
///
/// Members stand in the order of the pairs where no name has brackets or comes twice, else in the
/// order of their names.
pub fn json(pairs: &[Pair]) -> String {
    if is_flat(pairs) {
        return flat(pairs);
    }
    let mut root = Group::default();
    for (name, value) in pairs {
        let steps = steps(name).unwrap_or_else(|| vec![name.as_str()]);
        root.put(&steps, value);
    }
    let mut text = String::with_capacity(pairs.len() * 32);
    root.write_object(&mut text);
    text
}

fn is_flat(pairs: &[Pair]) -> bool {
    let mut names = BTreeSet::new();
    pairs
        .iter()
        .all(|(name, _)| !name.is_empty() && !name.contains('[') && names.insert(name.as_str()))
}

/// Most forms nest nothing, and need no tree.
fn flat(pairs: &[Pair]) -> String {
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
    let mut text = String::with_capacity(bytes + 2);
    text.push('{');
    for (index, (name, value)) in pairs.iter().enumerate() {
        if 0 < index {
            text.push(',');
        }
        write_text(&mut text, name);
        text.push(':');
        write_text(&mut text, value);
    }
    text.push('}');
    text
}

/// `a[b][]` as `a`, `b` and the empty text; `None` for what is not written so.
fn steps(name: &str) -> Option<Vec<&str>> {
    let (first, mut rest) = match name.split_once('[') {
        None => return Some(vec![name]),
        Some(("", _)) => return None,
        Some(halves) => halves,
    };
    let mut steps = vec![first];
    loop {
        let (step, after) = rest.split_once(']')?;
        if step.contains('[') || steps.len() == DEPTH_MAX {
            return None;
        }
        steps.push(step);
        if after.is_empty() {
            return Some(steps);
        }
        rest = after.strip_prefix('[')?;
    }
}

#[derive(Debug)]
enum Node {
    Text(String),
    Group(Group),
}

#[derive(Debug, Default)]
struct Group {
    members: BTreeMap<String, Node>,
    /// One more than the greatest number among the keys.
    next: usize,
}

impl Group {
    fn put(&mut self, steps: &[&str], value: &str) {
        let Some((step, rest)) = steps.split_first() else {
            return self.put(&[""], value);
        };
        // Only inside a group does an empty key mean the next number; both pass here, and an empty
        // name at the top is so rare that it may become a number too.
        let key = if step.is_empty() { self.next.to_string() } else { (*step).to_owned() };
        if let Ok(number) = key.parse::<usize>() {
            self.next = self.next.max(number.saturating_add(1));
        }
        match self.members.get_mut(&key) {
            None if rest.is_empty() => {
                self.members.insert(key, Node::Text(value.to_owned()));
            }
            None => {
                let mut group = Self::default();
                group.put(rest, value);
                self.members.insert(key, Node::Group(group));
            }
            Some(Node::Group(group)) => group.put(rest, value),
            Some(node) => {
                let mut group = Self::default();
                if let Node::Text(text) = node {
                    group.put(&[], text);
                }
                group.put(rest, value);
                *node = Node::Group(group);
            }
        }
    }

    fn is_list(&self) -> bool {
        self.members.len() == self.next
            && (0..self.next).all(|number| self.members.contains_key(&number.to_string()))
    }

    fn write_object(&self, text: &mut String) {
        text.push('{');
        for (index, (key, node)) in self.members.iter().enumerate() {
            if 0 < index {
                text.push(',');
            }
            write_text(text, key);
            text.push(':');
            node.write(text);
        }
        text.push('}');
    }

    fn write_list(&self, text: &mut String) {
        text.push('[');
        for number in 0..self.next {
            if 0 < number {
                text.push(',');
            }
            if let Some(node) = self.members.get(&number.to_string()) {
                node.write(text);
            }
        }
        text.push(']');
    }
}

impl Node {
    fn write(&self, text: &mut String) {
        match self {
            Self::Text(value) => write_text(text, value),
            Self::Group(group) if group.is_list() => group.write_list(text),
            Self::Group(group) => group.write_object(text),
        }
    }
}

/// Writes a text as JSON, with its quotes.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let is_plain = |byte: u8| !matches!(byte, b'"' | b'\\' | 0..=0x1f);
    if text.bytes().all(is_plain) {
        out.push_str(text);
    } else {
        text.chars().for_each(|c| write_char(out, c));
    }
    out.push('"');
}

fn write_char(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if u32::from(c) < 0x20 => {
            let digit = |value: u32| char::from_digit(value, 16).unwrap_or('0');
            out.push_str("\\u00");
            out.push(digit(u32::from(c) >> 4));
            out.push(digit(u32::from(c) & 0xf));
        }
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pairs;
    use super::*;

    #[track_caller]
    fn check(form: &str, expected: &str) {
        assert_eq!(json(&pairs(form.as_bytes(), None).unwrap()), expected, "{form}");
    }

    #[test]
    fn brackets_nest_and_lists_are_lists() {
        check("", "{}");
        check("b=1&a=2", r#"{"b":"1","a":"2"}"#);
        check("b=1&a[]=2", r#"{"a":["2"],"b":"1"}"#);
        check("a[b][]=x&a[b][]=y&a[c]=z", r#"{"a":{"b":["x","y"],"c":"z"}}"#);
        check("a[1][n]=x&a[0][n]=y", r#"{"a":[{"n":"y"},{"n":"x"}]}"#);
        check("a[0]=x&a[2]=y", r#"{"a":{"0":"x","2":"y"}}"#);
        check("a%5B%5D=x", r#"{"a":["x"]}"#);
        check("a[][x]=1&a[][y]=2", r#"{"a":[{"x":"1"},{"y":"2"}]}"#);
    }

    #[test]
    fn no_pair_is_lost() {
        check("a=1&a=2&a=3", r#"{"a":["1","2","3"]}"#);
        check("a=1&a[b]=2", r#"{"a":{"0":"1","b":"2"}}"#);
        check("a[b]=1&a=2", r#"{"a":{"0":"2","b":"1"}}"#);
        check("a[b]=1&a[b]=2&a[b][c]=3", r#"{"a":{"b":{"0":"1","1":"2","c":"3"}}}"#);
        check("=x&=y", r#"{"0":"x","1":"y"}"#);
        check("a[18446744073709551615]=1&a[]=2", r#"{"a":{"18446744073709551615":["1","2"]}}"#);
    }

    #[test]
    fn keys_that_are_not_written_so_stay() {
        check("a[b=1&[c]=2&a[b]c=3&a[[b]]=4", r#"{"[c]":"2","a[[b]]":"4","a[b":"1","a[b]c":"3"}"#);
    }

    #[test]
    fn keys_nest_up_to_their_limit() {
        let name = |steps: usize| format!("a{}", "[b]".repeat(steps - 1));
        assert_eq!(steps(&name(DEPTH_MAX)).map(|steps| steps.len()), Some(DEPTH_MAX));
        assert_eq!(steps(&name(DEPTH_MAX + 1)), None);
    }

    #[test]
    fn texts_are_written_as_json() {
        let mut text = String::new();
        write_text(&mut text, "a\"\\\n\r\t\u{1}\u{1f} ж/");
        assert_eq!(text, r#""a\"\\\n\r\t\u0001\u001f ж/""#);
    }
}
