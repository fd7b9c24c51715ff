//! Properties of the source tree itself. The rules are in `tidy/rules.rs`, with tests of their own.

use std::{
    fs,
    path::{Path, PathBuf},
};

mod crms;
mod rules;

use crms::Crm;
use rules::Source;

/// Where Rust code of ours lies.
const FOLDERS: &[&str] = &["cases", "host", "sdk", "plugins", "xtask", "tests"];

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    check(|source| [rules::first_line(source), rules::length(source)].concat());
}

#[test]
fn a_module_imports_lower_floors_only() {
    check(rules::floors);
}

#[test]
fn heavy_crates_stay_in_their_module() {
    check(rules::confinement);
}

#[test]
fn the_host_knows_no_vendor() {
    check(rules::vendors);
}

#[test]
fn nothing_is_left_undone_or_silenced() {
    check(|source| {
        [rules::leftovers(source), rules::silencers(source), rules::unsafety(source)].concat()
    });
}

#[test]
fn every_plugin_is_whole() {
    let mut faults = Vec::new();
    for entry in fs::read_dir(root().join("plugins")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() && !folder.ends_with("presets") {
            faults.extend(rules::plugin(&folder));
        }
    }
    report(&faults);
}

#[test]
fn the_tables_of_crms_tell_what_the_adapters_do() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md is there");
    let folders = fs::read_dir(root().join("plugins")).unwrap();
    let crms: Vec<Crm> = folders.filter_map(|entry| Crm::read(&entry.unwrap().path())).collect();
    assert!(5 < crms.len(), "{crms:?}");
    report(&crms.iter().flat_map(|crm| crm.faults(&readme)).collect::<Vec<_>>());
}

#[test]
fn every_promise_has_its_test() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md is there");
    report(&rules::promises(&readme, &sources()));
}

#[test]
fn every_scenario_of_the_articles_has_its_test() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md is there");
    report(&rules::scenarios(&readme, &sources()));
}

#[test]
fn every_attack_of_the_hostile_suite_has_its_test() {
    let page =
        fs::read_to_string(root().join("docs/hostile.md")).expect("docs/hostile.md is there");
    report(&rules::attacks(&page, &sources()));
}

#[track_caller]
fn check(rule: impl Fn(&Source) -> Vec<String>) {
    let sources = sources();
    assert!(sources.len() > 30, "only {} files found", sources.len());
    report(&sources.iter().flat_map(rule).collect::<Vec<_>>());
}

#[track_caller]
fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file of ours.
fn sources() -> Vec<Source> {
    let root = root();
    let mut open: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let is_ours = !path.ends_with("target") && !path.ends_with("node_modules");
                open.extend(is_ours.then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path: name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found
}
