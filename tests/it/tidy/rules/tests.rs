//! Each rule fails on a bad file and passes a good one.

use super::*;

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

#[track_caller]
fn bad(rule: fn(&Source) -> Vec<String>, path: &str, text: &str) {
    assert_eq!(rule(&source(path, text)).len(), 1, "{path} passed: {text}");
}

#[track_caller]
fn good(rule: fn(&Source) -> Vec<String>, path: &str, text: &str) {
    assert_eq!(rule(&source(path, text)), [""; 0], "{text}");
}

#[test]
fn a_file_without_a_first_sentence_is_a_fault() {
    bad(first_line, "sdk/src/lib.rs", "use std::fs;");
    good(first_line, "sdk/src/lib.rs", "//! The kit.\nuse std::fs;");
}

#[test]
fn the_lines_are_counted_up_to_the_tests() {
    let full = "//\n".repeat(CODE_LINES_MAX);
    good(length, "host/src/id.rs", &full);
    bad(length, "host/src/id.rs", &format!("{full}//\n"));
    good(length, "host/src/id.rs", &format!("{full}#[cfg(test)]\nmod tests {{\n//\n}}"));
    bad(length, "host/src/id.rs", &format!("#[cfg(test)]\nmod suite;\n{full}"));
    good(length, "host/src/storage/suite/lanes.rs", &format!("{full}//\n"));
}

#[test]
fn an_import_from_the_same_or_a_higher_floor_is_a_fault() {
    bad(floors, "host/src/storage.rs", "use crate::plugin::Plugin;");
    bad(floors, "host/src/intake.rs", "use crate::worker;");
    bad(
        floors,
        "host/src/id.rs",
        "use crate::{\n    clock::Clock,\n    http::{self, Router},\n};"
            .replace("clock::Clock,", "")
            .as_str(),
    );
    bad(floors, "host/src/storage/sqlite.rs", "fn f(x: super::super::http::State) {}");
    bad(floors, "host/src/event.rs", "use super::config::Config;");
    bad(floors, "host/src/shelf.rs", "");
}

#[test]
fn an_import_from_a_lower_floor_is_none() {
    good(
        floors,
        "host/src/plugin/call.rs",
        "use crate::{id::Id, plugin::Engine, storage::{Kv, Stores}};",
    );
    good(floors, "host/src/capability.rs", "use crate::{account::Grant, card};");
    good(
        floors,
        "host/src/id.rs",
        "/// See [`crate::http`].\nuse std::fs;\n#[cfg(test)]\nmod tests { use crate::http; }",
    );
    good(floors, "host/src/storage/sqlite.rs", "use super::http_like;");
    good(floors, "host/src/lib.rs", "use crate::cli;");
    good(floors, "xtask/src/main.rs", "use crate::cli;");
}

#[test]
fn a_heavy_crate_outside_its_module_is_a_fault() {
    bad(confinement, "host/src/attempt.rs", "use wasmtime::Store;");
    bad(confinement, "host/src/http.rs", "db.execute(\"DELETE FROM jobs\")");
    bad(confinement, "host/src/main.rs", "axum::serve()");
    bad(confinement, "host/src/http.rs", "use hyper_util::client::legacy::Client;");
    good(confinement, "host/src/plugin/engine.rs", "use wasmtime::Store;");
    good(confinement, "host/src/cli/client.rs", "use hyper_util::client::legacy::Client;");
    good(confinement, "host/src/http.rs", "use hyper_util::rt::TokioIo;");
    good(confinement, "host/src/cli.rs", "use not_axum::x;");
    good(confinement, "tests/reference/src/http.rs", "use rusqlite::Connection;");
}

#[test]
fn a_vendor_in_the_code_of_the_host_is_a_fault() {
    bad(vendors, "host/src/intake.rs", "if name == \"Jivo\" {}");
    good(
        vendors,
        "host/src/intake.rs",
        "/// As Jivo does.\nfn f() {}\n#[cfg(test)]\nmod tests { const A: &str = \"jivo\"; }",
    );
    good(vendors, "plugins/channel-jivo/src/lib.rs", "\"jivo\"");
}

#[test]
fn a_leftover_is_a_fault() {
    for word in LEFTOVERS {
        bad(leftovers, "host/src/id.rs", &format!("fn f() {{\n    {word}\n}}"));
    }
    for word in SILENCERS {
        bad(silencers, "plugins/crm-odoo/src/lib.rs", word);
        good(silencers, "tests/guests/hostile/src/lib.rs", word);
    }
    good(silencers, "host/src/id.rs", "#[expect(clippy::x, reason = \"y\")]");
}

#[test]
fn unsafety_has_its_places() {
    for word in UNSAFE {
        bad(unsafety, "host/src/plugin/call.rs", word);
        good(unsafety, "host/src/plugin/compile.rs", word);
        good(unsafety, "sdk/src/lib.rs", word);
    }
}

#[test]
fn a_plugin_without_a_page_or_with_a_long_root_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    assert_eq!(plugin(folder.path()).len(), 3);
    fs::create_dir(folder.path().join("src")).unwrap();
    write("Cargo.toml", "");
    write("README.md", "");
    write("src/lib.rs", &"//\n".repeat(PLUGIN_ROOT_LINES_MAX));
    assert_eq!(plugin(folder.path()), [""; 0]);
    write("src/lib.rs", &"//\n".repeat(PLUGIN_ROOT_LINES_MAX + 1));
    assert_eq!(plugin(folder.path()).len(), 1);
}

#[test]
fn a_promise_needs_a_test_of_its_name() {
    let tree = [source(
        "tests/it/a.rs",
        "#[tokio::test(start_paused = true)]\n/// Why.\nasync fn kept() {}\nfn broken() {}",
    )];
    let check = |list: &str| {
        promises(&format!("# P\n\n## Promises\n\n{list}\n\n## Not promised\n\n- Speed.\n"), &tree)
    };
    assert_eq!(check("- It holds: `kept`\n1. On two\n   lines. `kept`."), [""; 0]);
    assert_eq!(check("- It holds: `broken`").len(), 1);
    assert_eq!(check("- It holds: `kep`").len(), 1);
    assert_eq!(check("- It holds.\n- `kept`").len(), 1);
    assert_eq!(check("").len(), 1);
    assert_eq!(promises("# P\n", &tree).len(), 1);
}

#[test]
fn a_scenario_ends_with_tests_that_exist() {
    let tree = [source("tests/it/flow.rs", "#[tokio::test]\nasync fn kept() {}\nfn broken() {}")];
    let check = |rows: &str| {
        let head = "| scenario | article | test |\n|---|---|---|\n";
        scenarios(
            &format!("# P\n\n## What the articles promise\n\n{head}{rows}\n\n## More\n"),
            &tree,
        )
    };
    assert_eq!(check("| A `code` | Jivo | `kept` |"), [""; 0]);
    assert_eq!(check("| A | Jivo | `kept`, `broken` |").len(), 1);
    assert_eq!(check("| A | Jivo | some day |").len(), 1);
    assert_eq!(check("").len(), 1);
    assert_eq!(scenarios("# P\n", &tree).len(), 1);
}
