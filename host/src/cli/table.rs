//! Files that hold a table, as TOML or as JSON.

use std::path::Path;

use serde_json::Value;

use super::Error;

/// The table of a file; its name tells the notation, and without `.json` it is TOML.
pub(super) fn read(path: &Path) -> Result<Value, Error> {
    let refused =
        |why: &dyn std::fmt::Display| Error::Refused(format!("`{}` {why}", path.display()));
    let text = std::fs::read_to_string(path)
        .map_err(|error| refused(&format_args!("cannot be read: {error}")))?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let table = if is_json {
        serde_json::from_str(&text)
            .map_err(|error| refused(&format_args!("is no JSON: {error}")))?
    } else {
        let told = |error: toml::de::Error| error.message().trim().replace('\n', " ");
        toml::from_str(&text)
            .map_err(|error| refused(&format_args!("is no TOML: {}", told(error))))?
    };
    match table {
        Value::Object(_) => Ok(table),
        _ => Err(refused(&"holds no table")),
    }
}

/// The rules, and the options where they are given with them: a preset holds both, as `rules` and
/// `options`; a file of rules only has them at its top.
pub(super) fn rules(path: &Path) -> Result<(Option<Value>, Option<Value>), Error> {
    let mut table = read(path)?;
    let mut part = |key: &str| table.as_object_mut().and_then(|object| object.remove(key));
    let (rules, options) = (part("rules"), part("options"));
    let rest: Vec<&String> = table.as_object().into_iter().flat_map(|rest| rest.keys()).collect();
    match (&rules, &options, rest.first()) {
        (None, None, _) => Ok((Some(table), None)),
        (_, _, None) => Ok((rules, options)),
        (_, _, Some(key)) => Err(Error::Refused(format!(
            "`{}` has `{key}` beside `rules` and `options`: move it into one of them",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::{IntegrationOptions, Rules},
        rules::book::Rulebook,
    };

    fn file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn every_preset_can_be_set_as_it_is() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/presets");
        let mut presets = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let (given, options) = rules(&path).unwrap();
            let given: Rules = serde_json::from_value(given.unwrap()).unwrap();
            let options: IntegrationOptions = serde_json::from_value(options.unwrap()).unwrap();
            assert!(!given.mapping.is_empty() && options.deals, "{}", path.display());
            let compiled = Rulebook::compile(given, options);
            assert!(compiled.is_ok(), "{}: {:?}", path.display(), compiled.err());
            presets += 1;
        }
        assert!(0 < presets);
    }

    #[test]
    fn rules_stand_alone_or_beside_options() {
        let (_folder, alone) = file("rules.toml", "filter = 'true'\n");
        let expected = serde_json::json!({ "filter": "true" });
        assert_eq!(rules(&alone).unwrap(), (Some(expected.clone()), None));
        let (_folder, both) =
            file("both.json", r#"{"rules": {"filter": "true"}, "options": {"deals": true}}"#);
        let options = serde_json::json!({ "deals": true });
        assert_eq!(rules(&both).unwrap(), (Some(expected), Some(options)));
        let (_folder, mixed) = file("mixed.toml", "filter = 'true'\n[options]\ndeals = true\n");
        let refused = rules(&mixed).unwrap_err().to_string();
        assert!(refused.contains("`filter` beside `rules` and `options`"), "{refused}");
    }

    #[test]
    fn a_file_that_is_no_table_is_refused_with_its_name() {
        for (name, text, words) in [
            ("a.toml", "filter = ", "is no TOML"),
            ("a.json", "{", "is no JSON"),
            ("b.json", "[1]", "holds no table"),
        ] {
            let (_folder, path) = file(name, text);
            let refused = read(&path).unwrap_err().to_string();
            assert!(refused.contains(name) && refused.contains(words), "{refused}");
        }
        let missing = read(Path::new("/nowhere.toml")).unwrap_err().to_string();
        assert!(missing.contains("`/nowhere.toml` cannot be read"), "{missing}");
    }
}
