//! Templates: literal text with `{{dotted.path}}` in it. A small engine of our own.
//!
//! ```text
//! {{a.b}}  {{a.0.b}}  {{a[0].b}}           members and items
//! {{fields[code=PHONE].value}}             the first item whose `code` is `PHONE`
//! {{a["full name"]}}                       a name with any characters
//! {{a || b || "none"}}                     the first that is not empty
//! ```
//!
//! The host's own engine would cost more than the whole budget of a call in a fresh instance. Here
//! parsing and rendering are linear, nothing loops, and incoming text is never parsed.

use std::borrow::Cow;
use std::fmt;

use patchbay_sdk::json::Node;

pub(crate) const BYTES_MAX: usize = 4_096;
const TERMS_MAX: usize = 32;
const STEPS_MAX: usize = 16;
/// Longer results are cut.
pub(crate) const OUTPUT_BYTES_MAX: usize = 65_536;
/// Of a list of phones or addresses, no more are read.
pub(crate) const VALUES_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part<'a> {
    Literal(&'a str),
    /// The first that is not empty counts.
    Choice(Vec<Term<'a>>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term<'a> {
    Path(Vec<Step<'a>>),
    Quoted(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    Named(&'a str),
    /// The first item of a list that has this text under this name.
    Where(&'a str, &'a str),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault<'a> {
    TooLong,
    /// `{{` without `}}` after it.
    Unclosed,
    /// `}}` without `{{` before it.
    Unopened,
    TooManyTerms,
    Expression(&'a str),
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "is longer than {BYTES_MAX} bytes"),
            Self::Unclosed => f.write_str("has a `{{` that is never closed; write {{name}}"),
            Self::Unopened => f.write_str("has a `}}` that was never opened; write {{name}}"),
            Self::TooManyTerms => write!(
                f,
                "has an expression of more than {TERMS_MAX} alternatives or {STEPS_MAX} steps"
            ),
            Self::Expression(text) => write!(
                f,
                "has the expression `{text}`, which is no path; write {{{{a.b}}}}, {{{{a.0.b}}}}, \
                 {{{{a[key=value].b}}}} or {{{{a || b}}}}"
            ),
        }
    }
}

impl<'a> Template<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault<'a>> {
        if BYTES_MAX < text.len() {
            return Err(Fault::TooLong);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            push_literal(&mut parts, literal)?;
            let (expression, after) = after.split_once("}}").ok_or(Fault::Unclosed)?;
            parts.push(Part::Choice(terms(expression)?));
            rest = after;
        }
        push_literal(&mut parts, rest)?;
        Ok(Self { parts })
    }

    /// The text, trimmed and cut to its limit; `None` where it is empty, or where the template has
    /// expressions and all of them came up empty.
    pub(crate) fn render(&self, root: &Node<'_>) -> Option<String> {
        let mut text = String::new();
        let (mut has_choices, mut has_values) = (false, false);
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Choice(terms) => {
                    has_choices = true;
                    if let Some(value) = terms.iter().find_map(|term| term.text(root)) {
                        has_values = true;
                        text.push_str(&value);
                    }
                }
            }
            cut(&mut text);
        }
        let trimmed = text.trim();
        let is_text = !trimmed.is_empty() && (has_values || !has_choices);
        is_text.then(|| trimmed.to_owned())
    }

    /// As [`render`](Self::render), and every item where the template is one expression that leads
    /// to a list.
    pub(crate) fn values(&self, root: &Node<'_>) -> Vec<String> {
        let [Part::Choice(terms)] = self.parts.as_slice() else {
            return self.render(root).into_iter().collect();
        };
        let several = |term: &Term<'_>| {
            let Term::Path(steps) = term else { return None };
            let found = resolve(root, steps)?;
            let texts = found.items().iter().filter_map(Node::text).map(Cow::into_owned);
            let texts: Vec<String> = texts.take(VALUES_MAX).collect();
            if texts.is_empty() {
                found.text().map(|text| vec![text.into_owned()])
            } else {
                Some(texts)
            }
        };
        let literal = |term: &Term<'_>| term.text(root).map(|text| vec![text.into_owned()]);
        terms.iter().find_map(|term| several(term).or_else(|| literal(term))).unwrap_or_default()
    }
}

impl Term<'_> {
    /// A list is the texts of its items with commas between them; an object is empty.
    fn text<'n>(&'n self, root: &'n Node<'n>) -> Option<Cow<'n, str>> {
        let steps = match self {
            Self::Quoted(text) => return (!text.is_empty()).then_some(Cow::Borrowed(*text)),
            Self::Path(steps) => steps,
        };
        let found = resolve(root, steps)?;
        found.text().or_else(|| {
            let texts: Vec<_> = found.items().iter().filter_map(Node::text).collect();
            (!texts.is_empty()).then(|| Cow::Owned(texts.join(", ")))
        })
    }
}

fn resolve<'n>(root: &'n Node<'n>, steps: &[Step<'_>]) -> Option<&'n Node<'n>> {
    steps.iter().try_fold(root, |node, step| match (node, *step) {
        (Node::List(items), Step::Named(name)) => items.get(name.parse::<usize>().ok()?),
        (Node::List(items), Step::Where(name, value)) => items
            .iter()
            .find(|item| member(item, name).and_then(Node::text).is_some_and(|text| text == value)),
        (_, Step::Named(name)) => member(node, name),
        (_, Step::Where(..)) => None,
    })
}

/// The member of exactly this name, else of this name in other letters.
pub(crate) fn member<'n>(node: &'n Node<'n>, name: &str) -> Option<&'n Node<'n>> {
    let alike = || {
        let mut members = node.members().iter();
        members.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, node)| node)
    };
    node.get(name).or_else(alike)
}

fn cut(text: &mut String) {
    if OUTPUT_BYTES_MAX < text.len() {
        text.truncate(text.floor_char_boundary(OUTPUT_BYTES_MAX));
    }
}

fn push_literal<'a>(parts: &mut Vec<Part<'a>>, text: &'a str) -> Result<(), Fault<'a>> {
    if text.contains("}}") {
        return Err(Fault::Unopened);
    }
    if !text.is_empty() {
        parts.push(Part::Literal(text));
    }
    Ok(())
}

fn terms(expression: &str) -> Result<Vec<Term<'_>>, Fault<'_>> {
    let parts = split(expression, "||");
    if TERMS_MAX < parts.len() {
        return Err(Fault::TooManyTerms);
    }
    let mut terms = Vec::with_capacity(parts.len());
    for part in parts {
        let one = match unquoted(part.trim()) {
            Some(text) => Some(Term::Quoted(text)),
            None => path(part.trim()).map(Term::Path),
        };
        match one.ok_or(Fault::Expression(expression))? {
            Term::Path(steps) if STEPS_MAX < steps.len() => return Err(Fault::TooManyTerms),
            one => terms.push(one),
        }
    }
    Ok(terms)
}

fn path<'t>(text: &'t str) -> Option<Vec<Step<'t>>> {
    // Most paths are names and dots alone.
    if !text.contains(['"', '\'', '[', ']', '{', '}', '|']) {
        let step = |name: &'t str| {
            let name = name.trim();
            (!name.is_empty()).then_some(Step::Named(name))
        };
        return text.split('.').map(step).collect();
    }
    let mut steps = Vec::new();
    for segment in split(text, ".") {
        let segment = segment.trim();
        let (name, mut brackets) = segment.split_at_checked(name_end(segment)?)?;
        // A segment may be brackets alone: `["full name"]`.
        if let Some(name) = unquoted(name) {
            steps.push(Step::Named(name));
        } else if !name.is_empty() {
            let is_plain = !name.contains([']', '{', '}', '|']);
            is_plain.then(|| steps.push(Step::Named(name.trim())))?;
        } else if brackets.is_empty() {
            return None;
        }
        while !brackets.is_empty() {
            let (inner, rest) = bracket(brackets)?;
            steps.push(inner);
            brackets = rest.trim_start();
        }
    }
    Some(steps)
}

/// Where the name at the beginning of a segment ends: at its closing quote, or at a bracket.
fn name_end(segment: &str) -> Option<usize> {
    let Some(quote) = segment.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return Some(segment.find('[').unwrap_or(segment.len()));
    };
    let mut quotes = segment.match_indices(quote).map(|(at, _)| at + 1);
    quotes.nth(1)
}

/// `[0]`, `["name"]` or `[key=value]`, and what follows it.
fn bracket(text: &str) -> Option<(Step<'_>, &str)> {
    let inner = text.strip_prefix('[')?;
    let end = outside_quotes(inner, "]").next()?;
    let (inner, rest) = inner.split_at_checked(end)?;
    let (inner, rest) = (inner.trim(), rest.strip_prefix(']')?);
    if let Some(name) = unquoted(inner) {
        return Some((Step::Named(name), rest));
    }
    if !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((Step::Named(inner), rest));
    }
    let (key, value) = inner.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let value = unquoted(value).unwrap_or(value);
    (!key.is_empty() && !value.is_empty()).then_some((Step::Where(key, value), rest))
}

fn unquoted(text: &str) -> Option<&str> {
    ['"', '\''].iter().find_map(|&quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    })
}

/// The text between separators that stand outside quotes and brackets.
fn split<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    // Most paths are names and dots alone.
    if !text.contains(['"', '\'', '[', ']']) {
        return text.split(separator).collect();
    }
    let mut parts = Vec::new();
    let mut start = 0;
    let mut is_inside = false;
    let mut ends: Vec<(usize, bool)> =
        outside_quotes(text, separator).map(|at| (at, true)).collect();
    ends.extend(outside_quotes(text, "[").map(|at| (at, false)));
    ends.extend(outside_quotes(text, "]").map(|at| (at, false)));
    ends.sort_unstable();
    for (at, is_separator) in ends {
        if !is_separator {
            is_inside = text.get(at..).is_some_and(|rest| rest.starts_with('['));
        } else if !is_inside && start <= at {
            parts.push(text.get(start..at).unwrap_or_default());
            start = at + separator.len();
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Where the wanted text stands outside quotes.
fn outside_quotes<'t>(text: &'t str, wanted: &'t str) -> impl Iterator<Item = usize> + 't {
    let mut quote = None;
    text.char_indices().filter_map(move |(at, c)| {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        let is_wanted =
            quote.is_none() && text.get(at..).is_some_and(|rest| rest.starts_with(wanted));
        is_wanted.then_some(at)
    })
}

#[cfg(test)]
mod tests;
