//! The files of a folder, with what they refer to, as one JSON document.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{Error, VERSION};

/// A member that stands for the text of a file beside it.
const TEXT: &str = "$text";
/// A member that stands for the JSON of a file beside it, or for a part of it: `file.json#/part`.
const JSON: &str = "$json";

/// The section's content: every `*.json` file of the folder, in the order of their names. Each
/// holds one case, which is called as its file unless it has a name, or a list of cases.
pub fn read(folder: &Path) -> Result<Vec<u8>, Error> {
    let mut cases = Vec::new();
    for path in files(folder)? {
        let file = whole(&path)?;
        match filled(file, folder)? {
            Value::Array(list) => cases.extend(list),
            Value::Object(mut case) => {
                let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                case.entry("name").or_insert_with(|| stem.into());
                cases.push(Value::Object(case));
            }
            _ => return Err(Error::NoCase(path)),
        }
    }
    if cases.is_empty() {
        return Err(Error::Empty(folder.to_owned()));
    }
    Ok(json!({ "version": VERSION, "cases": cases }).to_string().into_bytes())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| Error::Read { path: folder.to_owned(), error };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::Read { path: path.to_owned(), error })
}

fn whole(path: &Path) -> Result<Value, Error> {
    serde_json::from_str(&text(path)?).map_err(|error| Error::Json { path: path.to_owned(), error })
}

/// The same with the files in it that it refers to, by paths from the folder of the cases.
fn filled(value: Value, folder: &Path) -> Result<Value, Error> {
    match value {
        Value::Array(list) => list.into_iter().map(|one| filled(one, folder)).collect(),
        Value::Object(members) => {
            let of = |key: &str| members.get(key).filter(|_| members.len() == 1)?.as_str();
            if let Some(path) = of(TEXT) {
                return Ok(Value::String(text(&folder.join(path))?));
            }
            if let Some(reference) = of(JSON) {
                return part(reference, folder);
            }
            let each = |(key, value)| Ok((key, filled(value, folder)?));
            members.into_iter().map(each).collect()
        }
        plain => Ok(plain),
    }
}

fn part(reference: &str, folder: &Path) -> Result<Value, Error> {
    let (path, pointer) = reference.split_once('#').unwrap_or((reference, ""));
    let path = folder.join(path);
    let found = whole(&path)?.pointer(pointer).cloned();
    found.ok_or_else(|| Error::NoPart { path, pointer: pointer.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &str) {
        let told = read(folder(files).path()).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn files_become_cases_in_the_order_of_their_names() {
        let folder = folder(&[
            ("b.json", r#"[{"name": "one"}, {"name": "two"}]"#),
            ("a.json", r#"{"call": 1}"#),
            ("note.txt", "no case"),
        ]);
        let section: Value = serde_json::from_slice(&read(folder.path()).unwrap()).unwrap();
        let cases = json!([{ "name": "a", "call": 1 }, { "name": "one" }, { "name": "two" }]);
        assert_eq!(section, json!({ "version": 1, "cases": cases }));
    }

    #[test]
    fn a_case_refers_to_texts_and_to_parts_of_documents() {
        let folder = folder(&[
            ("a.json", r#"{"body": {"$text": "b.txt"}, "expect": [{"$json": "c.data#/x/0"}]}"#),
            ("b.txt", "{ \"spaces\":  1 }\n"),
            ("c.data", r#"{"x": [{"y": 2}]}"#),
        ]);
        let section: Value = serde_json::from_slice(&read(folder.path()).unwrap()).unwrap();
        let case = &section["cases"][0];
        assert_eq!(case["body"], "{ \"spaces\":  1 }\n");
        assert_eq!(case["expect"], json!([{ "y": 2 }]));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        check(&[("a.json", "{")], "a.json` is not JSON");
        check(&[("a.json", "1")], "a.json` holds neither a case nor a list");
        check(&[("a.json", r#"{"body": {"$text": "b"}}"#)], "b` cannot be read");
        check(&[("a.json", r#"{"body": {"$json": "b#/x"}}"#), ("b", "{}")], "nothing at `/x`");
        check(&[], "no `*.json` file");
        check(&[("a.json", "[]")], "no `*.json` file");
        assert!(read(Path::new("/nonexistent")).unwrap_err().to_string().contains("/nonexistent"));
    }
}
