//! The rules of the source tree: pure functions from a file to its faults.

use std::{fs, path::Path};

/// The floors of the host, lowest first. A module imports modules of lower floors only.
const FLOORS: &[&[&str]] = &[
    &["base64", "clock", "id", "network", "secret"],
    &["card", "seal", "signature"],
    &["access", "account", "event", "outcome"],
    &["capability", "rules"],
    &["config"],
    &["tasks", "telemetry"],
    &["storage"],
    &["plugin"],
    &["directory", "waiters"],
    &["shares"],
    &["attempt"],
    &["intake", "upkeep", "worker"],
    &["http"],
    &["host"],
    &["cli"],
];

/// What only some modules of the host may name.
const CONFINED: &[(&str, &[&str])] = &[
    ("wasmtime::", &["plugin"]),
    ("wasmtime_wasi::", &["plugin"]),
    ("wasmparser::", &["plugin"]),
    // `cli` is a client of a running host.
    ("hyper::client", &["plugin", "cli"]),
    ("hyper_rustls::", &["plugin", "cli"]),
    ("hyper_util::client", &["plugin", "cli"]),
    ("axum::", &["http"]),
    ("rusqlite::", &["storage"]),
    ("tokio_postgres::", &["storage"]),
    ("deadpool_postgres::", &["storage"]),
    ("\"SELECT ", &["storage"]),
    ("\"INSERT ", &["storage"]),
    ("\"UPDATE ", &["storage"]),
    ("\"DELETE ", &["storage"]),
    ("\"CREATE ", &["storage"]),
    ("\"PRAGMA ", &["storage"]),
];

/// The host serves them all and is written for none.
const VENDORS: &[&str] = &[
    "amocrm",
    "bitrix",
    "hubspot",
    "iqchannels",
    "jivo",
    "kommo",
    "livetex",
    "odoo",
    "ringostat",
    "sendpulse",
    "tryton",
];

/// Spelled in two halves, so that this list is not a fault of this file.
const LEFTOVERS: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("#[ig", "nore"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
];

const SILENCERS: &[&str] = &[concat!("#[al", "low("), concat!("#![al", "low(")];

/// Where bindings are generated, of which nobody knows which lints they break.
const GENERATED: &[&str] = &["sdk/", "tests/guests/"];

const UNSAFE: &[&str] = &[
    concat!("un", "safe {"),
    concat!("un", "safe fn "),
    concat!("un", "safe impl "),
    concat!("un", "safe extern "),
    concat!("expect(un", "safe_code"),
];

/// The loader of compiled plugins.
const UNSAFE_HOMES: &[&str] = &["host/src/plugin/compile.rs", "host/src/plugin/cache.rs"];

const CODE_LINES_MAX: usize = 400;
const PLUGIN_ROOT_LINES_MAX: usize = 60;

/// One Rust file, its path from the root of the workspace.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    fn fault(&self, what: impl std::fmt::Display) -> Vec<String> {
        vec![format!("{}: {what}", self.path)]
    }

    /// The path of a module of the host: `["storage", "sqlite"]`; empty for its roots and for others.
    fn module(&self) -> Vec<&str> {
        let Some(path) =
            self.path.strip_prefix("host/src/").and_then(|path| path.strip_suffix(".rs"))
        else {
            return Vec::new();
        };
        if path == "lib" || path == "main" { Vec::new() } else { path.split('/').collect() }
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// Whether the whole file is compiled for tests only.
    fn is_test(&self) -> bool {
        let is_of_a_crate = self.path.starts_with("tests/it/") || self.path.contains("/benches/");
        let mut parts = self.path.split(['/', '.']);
        is_of_a_crate || parts.by_ref().skip(1).any(|part| part == "tests" || part == "suite")
    }

    /// What stands before the tests, all of it but lines of comment.
    fn code(&self) -> String {
        if self.is_test() {
            return String::new();
        }
        before_tests(&self.text)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
}

pub(crate) fn first_line(source: &Source) -> Vec<String> {
    if source.text.starts_with("//! ") {
        Vec::new()
    } else {
        source.fault("starts without a `//! ` sentence")
    }
}

pub(crate) fn length(source: &Source) -> Vec<String> {
    let lines = before_tests(&source.text).lines().count();
    if source.is_test() || lines <= CODE_LINES_MAX {
        return Vec::new();
    }
    source.fault(format!("{lines} lines before its tests, {CODE_LINES_MAX} at most: split it"))
}

pub(crate) fn floors(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some(own) = module.first() else { return Vec::new() };
    let Some(floor) = floor_of(own) else {
        return source.fault(format!("`{own}` stands on no floor: add it"));
    };
    let code = source.code();
    let imported = imports(&code, module.len()).into_iter().filter(|name| name != own);
    imported
        .filter(|name| floor_of(name).is_some_and(|other| floor <= other))
        .flat_map(|name| {
            source.fault(format!("`{own}` must not import `{name}`, which is no lower floor"))
        })
        .collect()
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The names that follow the root of the crate: `crate::`, or as many `super::` as the module is deep.
fn imports(code: &str, depth: usize) -> Vec<&str> {
    let root = "super::".repeat(depth);
    let by_super = code.match_indices(&root).map(|(at, _)| at + root.len());
    let by_crate = code.match_indices("crate::").map(|(at, word)| at + word.len());
    by_crate.chain(by_super).flat_map(|at| names_at(&code[at..])).collect()
}

/// `a::b` has the name `a`; `{a::{b, c}, d}` has `a` and `d`.
fn names_at(path: &str) -> Vec<&str> {
    let Some(list) = path.strip_prefix('{') else { return vec![name_at(path)] };
    let mut names = vec![name_at(list)];
    let mut depth = 0;
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name_at(&list[at + 1..])),
            _ => {}
        }
    }
    names
}

fn name_at(path: &str) -> &str {
    let path = path.trim_start();
    path.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default()
}

pub(crate) fn confinement(source: &Source) -> Vec<String> {
    let module = source.module();
    if !source.path.starts_with("host/src/") {
        return Vec::new();
    }
    let own = module.first().copied().unwrap_or("main");
    let code = source.code();
    let strays =
        CONFINED.iter().filter(|(name, homes)| !homes.contains(&own) && has_word(&code, name));
    strays
        .flat_map(|(name, homes)| source.fault(format!("only {homes:?} may name `{name}`")))
        .collect()
}

/// Whether `word` occurs, and not as the end of a longer name.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

pub(crate) fn vendors(source: &Source) -> Vec<String> {
    if !source.path.starts_with("host/src/") {
        return Vec::new();
    }
    let code = source.code().to_lowercase();
    let named = VENDORS.iter().filter(|vendor| code.contains(**vendor));
    named
        .flat_map(|vendor| {
            source.fault(format!("names the vendor {vendor}: that belongs into `plugins/`"))
        })
        .collect()
}

pub(crate) fn leftovers(source: &Source) -> Vec<String> {
    words(source, LEFTOVERS)
}

pub(crate) fn silencers(source: &Source) -> Vec<String> {
    if source.is_in(GENERATED) { Vec::new() } else { words(source, SILENCERS) }
}

pub(crate) fn unsafety(source: &Source) -> Vec<String> {
    if source.is_in(GENERATED) || source.is_in(UNSAFE_HOMES) {
        Vec::new()
    } else {
        words(source, UNSAFE)
    }
}

fn words(source: &Source, words: &[&str]) -> Vec<String> {
    let found = words.iter().filter(|word| has_word(&source.text, word));
    found.flat_map(|word| source.fault(format!("must not contain `{word}`"))).collect()
}

/// A plugin has a manifest, a page for its user, and a root that is glue only.
pub(crate) fn plugin(folder: &Path) -> Vec<String> {
    let name = folder.display();
    let missing = ["Cargo.toml", "README.md", "src/lib.rs"]
        .into_iter()
        .filter(|file| !folder.join(file).is_file());
    let mut faults: Vec<String> = missing.map(|file| format!("{name}: has no {file}")).collect();
    let root = fs::read_to_string(folder.join("src/lib.rs")).unwrap_or_default();
    let lines = before_tests(&root).lines().count();
    if PLUGIN_ROOT_LINES_MAX < lines {
        faults.push(format!(
            "{name}/src/lib.rs: {lines} lines, {PLUGIN_ROOT_LINES_MAX} at most: it is glue only"
        ));
    }
    faults
}

/// Every item under `## Promises` ends with the name of a test that exists.
pub(crate) fn promises(readme: &str, sources: &[Source]) -> Vec<String> {
    let section = readme.split("\n## Promises\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let items = items(section);
    if items.is_empty() {
        return vec!["README.md: has no list under `## Promises`".to_owned()];
    }
    let faults = items.iter().filter_map(|item| {
        let named =
            item.trim_end_matches('.').strip_suffix('`').and_then(|item| item.rsplit('`').next());
        match named {
            None => Some(format!("README.md: does not end with the name of a test: {item}")),
            Some(name) if sources.iter().any(|source| has_test(&source.text, name)) => None,
            Some(name) => Some(format!("README.md: there is no test `{name}`")),
        }
    });
    faults.collect()
}

/// The rows of README's table of scenarios that do not end with the names of tests.
pub(crate) fn scenarios(readme: &str, sources: &[Source]) -> Vec<String> {
    let section = readme.split("\n## What the articles promise\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    // The first two lines are the table's head.
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    if rows.is_empty() {
        return vec!["README.md: has no table under `## What the articles promise`".to_owned()];
    }
    let faults = rows.iter().flat_map(|row| {
        let tests = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            return vec![format!("README.md: no test stands in the last column of {row}")];
        }
        let is_missing = |name: &&str| !sources.iter().any(|it| has_test(&it.text, name));
        let missing = named.into_iter().filter(is_missing);
        missing.map(|name| format!("README.md: there is no test `{name}`")).collect()
    });
    faults.collect()
}

/// The rows of the page of the hostile suite that do not end with the names of tests, and the tests
/// of the suite that no row names.
pub(crate) fn attacks(page: &str, sources: &[Source]) -> Vec<String> {
    let section = page.split("\n## Attacks\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    // The heads of the tables have no test.
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| attack ");
    let rows: Vec<&str> = section.lines().filter(is_row).collect();
    if rows.is_empty() {
        return vec!["docs/hostile.md: has no table under `## Attacks`".to_owned()];
    }
    let mut faults = Vec::new();
    for row in &rows {
        let tests = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            faults.push(format!("docs/hostile.md: no test stands in the last column of {row}"));
        }
        let is_missing = |name: &&str| !sources.iter().any(|it| has_test(&it.text, name));
        let missing = named.into_iter().filter(is_missing);
        faults.extend(missing.map(|name| format!("docs/hostile.md: there is no test `{name}`")));
    }
    for source in sources.iter().filter(|it| it.path.starts_with("host/tests/plugin/hostile/")) {
        let tests = source.text.split("#[tokio::test]\nasync fn ").skip(1);
        let names = tests.filter_map(|rest| rest.split('(').next());
        let unnamed = names.filter(|name| !section.contains(&format!("`{name}`")));
        faults.extend(
            unnamed
                .map(|name| format!("{}: `{name}` is in no row of docs/hostile.md", source.path)),
        );
    }
    faults
}

/// The items of a list, each in one line.
fn items(section: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in section.lines() {
        let numbered = line.split_once(". ").filter(|(number, _)| number.parse::<u32>().is_ok());
        if let Some(start) = line.strip_prefix("- ").or(numbered.map(|(_, rest)| rest)) {
            items.push(start.trim().to_owned());
        } else if let (Some(item), true) = (items.last_mut(), line.starts_with("  ")) {
            item.push(' ');
            item.push_str(line.trim());
        }
    }
    items
}

/// Whether a function of this name stands below an attribute that makes it a test, or in the list
/// of those that are one on every backend.
fn has_test(text: &str, name: &str) -> bool {
    let lists = text.split("on_every_backend!(").skip(1).filter_map(|rest| rest.split(')').next());
    if lists.flat_map(|list| list.split(',')).any(|listed| listed.trim() == name) {
        return true;
    }
    let head = format!("fn {name}(");
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    lines.iter().enumerate().any(|(at, line)| {
        let is_head = line.strip_prefix("async ").unwrap_or(line).starts_with(&head);
        let above = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with('#') || line.starts_with("//"));
        is_head
            && above
                .into_iter()
                .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

#[cfg(test)]
mod tests;
