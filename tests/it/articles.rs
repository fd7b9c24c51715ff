//! What the articles promise: every recorded webhook of their vendors replayed through a running
//! host, with the answer that the vendor expects and the CRM as it should be afterwards.

use std::{collections::BTreeSet, fs, path::PathBuf};

mod bad_input;
mod contacts;
mod fixture;
mod foreign;
mod generic;
mod iqchannels;
mod jivo;
mod leadbox;
mod livetex;
mod peer;
mod ringostat;
mod sendpulse;
mod shuffled;
mod stage;
mod translation;

/// One vendor's recorded files, and the source of the tests that replay them.
struct Vendor {
    /// From the root of the workspace.
    folder: &'static str,
    tests: &'static [&'static str],
}

const VENDORS: &[Vendor] = &[
    Vendor { folder: "plugins/channel-jivo/fixtures", tests: &[include_str!("articles/jivo.rs")] },
    Vendor {
        folder: "plugins/channel-sendpulse/fixtures",
        tests: &[include_str!("articles/sendpulse.rs")],
    },
    Vendor {
        folder: "plugins/channel-ringostat/fixtures",
        tests: &[include_str!("articles/ringostat.rs")],
    },
    Vendor {
        folder: "plugins/channel-livetex/fixtures",
        tests: &[include_str!("articles/livetex.rs")],
    },
    Vendor {
        folder: "plugins/channel-iqchannels/fixtures",
        tests: &[include_str!("articles/iqchannels.rs")],
    },
    Vendor {
        folder: "plugins/channel-generic/fixtures",
        tests: &[include_str!("articles/generic.rs")],
    },
    Vendor { folder: "tests/fixtures/leadbox", tests: &[include_str!("articles/leadbox.rs")] },
];

/// A test names the files that it replays: `"chat_accepted.no_contacts"` stands for the request,
/// its body and its answer.
#[test]
fn no_recorded_file_is_forgotten() {
    let mut forgotten = Vec::new();
    for vendor in VENDORS {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let names: BTreeSet<String> = fs::read_dir(root.join(vendor.folder))
            .unwrap_or_else(|error| panic!("`{}`: {error}", vendor.folder))
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(!names.is_empty(), "{}", vendor.folder);
        for name in names {
            let stem = stem(&name);
            let is_named = vendor.tests.iter().any(|source| {
                source.contains(&format!("\"{stem}\"")) || source.contains(&format!("\"{name}\""))
            });
            if !is_named {
                forgotten.push(format!("{}/{name}", vendor.folder));
            }
        }
    }
    assert!(forgotten.is_empty(), "no test replays\n{}", forgotten.join("\n"));
}

/// What the files of one request have in common.
fn stem(file: &str) -> &str {
    let ends = [".http.json", ".response.json", ".form", ".query", ".raw", ".json"];
    ends.iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file)
}
