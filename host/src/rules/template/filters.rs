//! The filters and tests of templates. Each bears any value, and none lets a text grow unseen.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use minijinja::{
    Environment, Error, ErrorKind, State, filters, tests,
    value::{Value, ValueKind},
};
use regex::{Regex, RegexBuilder};

use super::{OUTPUT_BYTES_MAX, text_of};
use crate::rules::phone::Standard;

/// Patterns that the templates of one integration use.
const PATTERNS_MAX: usize = 32;

/// What one pattern may take of memory once compiled.
const PATTERN_BYTES_MAX: usize = 512 * 1024;

/// All filters, for the operator who writes another one.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "first",
    "float",
    "int",
    "join",
    "last",
    "length",
    "lower",
    "max",
    "min",
    "phone",
    "replace",
    "reverse",
    "round",
    "sort",
    "split",
    "string",
    "title",
    "trim",
    "unique",
    "upper",
];

/// All tests.
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "containing",
    "defined",
    "empty",
    "endingwith",
    "float",
    "in",
    "integer",
    "mapping",
    "matching",
    "none",
    "number",
    "sequence",
    "startingwith",
    "string",
    "undefined",
];

/// Adds the language's filters and tests, which look up patterns in the table that is returned.
pub(super) fn add(
    environment: &mut Environment<'static>,
    standard: Arc<Standard>,
) -> Arc<Patterns> {
    environment.add_filter("abs", filters::abs);
    environment.add_filter("bool", filters::bool);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("count", length);
    environment.add_filter("d", default);
    environment.add_filter("default", default);
    environment.add_filter("first", filters::first);
    environment.add_filter("float", filters::float);
    environment.add_filter("int", filters::int);
    environment.add_filter("join", join);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", length);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("max", filters::max);
    environment.add_filter("min", filters::min);
    environment.add_filter("phone", move |value: &Value| phone(&standard, value));
    environment.add_filter("replace", replace);
    environment.add_filter("reverse", filters::reverse);
    environment.add_filter("round", filters::round);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("split", split);
    environment.add_filter("string", filters::string);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("unique", filters::unique);
    environment.add_filter("upper", filters::upper);
    let patterns = Arc::<Patterns>::default();
    add_tests(environment, Arc::clone(&patterns));
    patterns
}

fn add_tests(environment: &mut Environment<'static>, patterns: Arc<Patterns>) {
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("containing", is_containing);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("empty", is_empty);
    environment.add_test("endingwith", |value: &Value, end: &str| {
        value.as_str().is_some_and(|text| text.ends_with(end))
    });
    environment.add_test("float", tests::is_float);
    environment.add_test("in", |value: &Value, list: &Value| is_containing(list, value));
    environment.add_test("integer", tests::is_integer);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("matching", move |value: &Value, pattern: &str| {
        patterns.is_match(pattern, value)
    });
    environment.add_test("none", tests::is_none);
    environment.add_test("number", tests::is_number);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("startingwith", |value: &Value, start: &str| {
        value.as_str().is_some_and(|text| text.starts_with(start))
    });
    environment.add_test("string", tests::is_string);
    environment.add_test("undefined", tests::is_undefined);
}

/// Whether there is nothing to show: absent, null, blank, or a list or an object without members.
pub(super) fn is_empty(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => true,
        ValueKind::String => value.as_str().is_some_and(|text| text.trim().is_empty()),
        ValueKind::Seq | ValueKind::Map => value.len() == Some(0),
        _ => false,
    }
}

/// The value, or the other one where it is empty.
fn default(value: &Value, other: Option<Value>) -> Value {
    if is_empty(value) { other.unwrap_or_else(|| Value::from("")) } else { value.clone() }
}

fn length(value: &Value) -> usize {
    value.len().unwrap_or(0)
}

/// The phone by the integration's standard; nothing where it cannot be told.
fn phone(standard: &Standard, value: &Value) -> Value {
    let number = text_of(value).ok().and_then(|text| standard.e164(&text));
    number.map_or(Value::UNDEFINED, Value::from)
}

fn join(value: &Value, with: Option<&str>) -> Result<String, Error> {
    if matches!(value.kind(), ValueKind::Undefined | ValueKind::None) {
        return Ok(String::new());
    }
    let mut text = String::new();
    for (at, member) in value.try_iter()?.enumerate() {
        if 0 < at {
            text.push_str(with.unwrap_or_default());
        }
        text.push_str(&text_of(&member).map_err(|_failure| too_long())?);
        check_length(text.len())?;
    }
    Ok(text)
}

fn replace(_: &mut State<'_, '_>, value: &Value, from: &str, to: &str) -> Result<String, Error> {
    let text = text_of(value).map_err(|_failure| too_long())?;
    let grows_by = to.len().saturating_sub(from.len());
    check_length(text.len() + text.matches(from).count().saturating_mul(grows_by))?;
    Ok(text.replace(from, to))
}

/// The parts of a text, without the blank ones where no mark is given.
fn split(value: &Value, at: Option<&str>) -> Result<Vec<String>, Error> {
    let text = text_of(value).map_err(|_failure| too_long())?;
    let owned = |part: &str| part.to_owned();
    Ok(match at.filter(|at| !at.is_empty()) {
        Some(_) if text.is_empty() => Vec::new(),
        Some(at) => text.split(at).map(owned).collect(),
        None => text.split_whitespace().map(owned).collect(),
    })
}

fn check_length(bytes: usize) -> Result<(), Error> {
    if bytes <= OUTPUT_BYTES_MAX { Ok(()) } else { Err(too_long()) }
}

fn too_long() -> Error {
    Error::new(ErrorKind::WriteFailure, "the text is too long")
}

/// Whether a text has a part, or a list a member.
fn is_containing(value: &Value, part: &Value) -> bool {
    if let Some(text) = value.as_str() {
        return part.as_str().is_some_and(|part| text.contains(part));
    }
    let members = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map);
    members && value.try_iter().is_ok_and(|mut members| members.any(|member| member == *part))
}

/// Compiles a pattern within its limit.
fn compiled(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).size_limit(PATTERN_BYTES_MAX).build()
}

/// The patterns of one integration, each compiled once.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    /// Those that stand in the rules.
    own: RwLock<HashMap<String, Regex>>,
    /// Those that events have brought along.
    foreign: Mutex<HashMap<String, Option<Regex>>>,
}

impl Patterns {
    /// Takes in a pattern of the rules, which no pattern of an event can push out.
    pub(super) fn add(&self, pattern: &str) -> Result<(), regex::Error> {
        let regex = compiled(pattern)?;
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        own.insert(pattern.to_owned(), regex);
        Ok(())
    }

    /// Whether a text matches, or any text of a list.
    fn is_match(&self, pattern: &str, value: &Value) -> Result<bool, Error> {
        let Some(regex) = self.get(pattern)? else {
            return Err(Error::new(ErrorKind::InvalidOperation, "the pattern is wrong"));
        };
        if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
            let mut members = value.try_iter()?;
            return Ok(members.any(|member| member.as_str().is_some_and(|it| regex.is_match(it))));
        }
        let text = text_of(value).map_err(|_failure| too_long())?;
        Ok(!text.is_empty() && regex.is_match(&text))
    }

    /// A pattern comes from the rules; one that the event brings along soon finds no place here.
    fn get(&self, pattern: &str) -> Result<Option<Regex>, Error> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner).get(pattern).cloned();
        if own.is_some() {
            return Ok(own);
        }
        let mut known = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(pattern) {
            return Ok(found.clone());
        }
        if PATTERNS_MAX <= known.len() {
            return Err(Error::new(ErrorKind::InvalidOperation, "there are too many patterns"));
        }
        let compiled = compiled(pattern).ok();
        known.insert(pattern.to_owned(), compiled.clone());
        Ok(compiled)
    }
}
