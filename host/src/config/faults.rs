//! Reads a TOML text into a type and reports all faults with their places, not only the first.

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer},
};

/// More faults than this are not looked for.
const FAULTS_MAX: usize = 50;

/// One fault of the file, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Counted from 1; 0 where the fault is of the whole.
    pub line: usize,
    /// The dotted path of the key, where there is one.
    pub key: String,
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.key.as_str()) {
            (0, "") => f.write_str(&self.message),
            (0, key) => write!(f, "{key}: {}", self.message),
            (line, "") => write!(f, "line {line}: {}", self.message),
            (line, key) => write!(f, "line {line}: {key}: {}", self.message),
        }
    }
}

/// Reads `text`, or tells every fault: syntax first, then unknown keys and wrong types.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Fault>> {
    let (mut table, errors) = DeTable::parse_recoverable(text);
    let mut faults: Vec<Fault> =
        errors.iter().map(|error| fault(text, String::new(), error)).collect();
    faults.sort_by_key(|fault| fault.line);
    if !faults.is_empty() {
        return Err(faults);
    }
    // Each round takes the entry at fault out and tries again without it. What is missing only
    // because it was taken out is no fault of the file.
    let mut missed = Vec::new();
    while faults.len() < FAULTS_MAX {
        let error = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(value) if faults.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(error) => error,
        };
        let removed = error.span().and_then(|span| remove(table.get_mut(), span.start));
        if missed.iter().any(|message| error.message().trim() == message) {
            if removed.is_none() {
                break;
            }
            continue;
        }
        let Some(key) = removed else {
            faults.push(fault(text, String::new(), &error));
            break;
        };
        let name = key.rsplit('.').next().unwrap_or_default();
        missed.push(format!("missing field `{name}`"));
        faults.push(fault(text, key, &error));
    }
    faults.sort_by_key(|fault| fault.line);
    Err(faults)
}

fn fault(text: &str, key: String, error: &toml::de::Error) -> Fault {
    let line = error.span().map_or(0, |span| line_of(text, span.start));
    Fault { line, key, message: error.message().trim().replace('\n', " ") }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// Takes out the innermost entry that stands at `offset` and returns its dotted path.
fn remove(table: &mut DeTable<'_>, offset: usize) -> Option<String> {
    for (key, value) in table.iter_mut() {
        if let Some(path) = remove_inside(value, offset) {
            return Some(format!("{}.{path}", key.get_ref()));
        }
    }
    let stands_here = |key: &Spanned<_>, value: &Spanned<DeValue<'_>>| {
        key.span().contains(&offset) || value.span().contains(&offset)
    };
    let key = table.iter().find(|(key, value)| stands_here(key, value))?.0.clone();
    table.remove(&key);
    Some(key.into_inner().into_owned())
}

fn remove_inside(value: &mut Spanned<DeValue<'_>>, offset: usize) -> Option<String> {
    match value.get_mut() {
        DeValue::Table(table) => remove(table, offset),
        DeValue::Array(items) => items
            .iter_mut()
            .enumerate()
            .find_map(|(index, item)| Some(format!("{index}.{}", remove_inside(item, offset)?))),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    }
}
