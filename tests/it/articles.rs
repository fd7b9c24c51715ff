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
        tests: &[
            include_str!("articles/iqchannels.rs"),
            include_str!("../../plugins/channel-iqchannels/tests/embed/main.rs"),
        ],
    },
    Vendor {
        folder: "plugins/channel-generic/fixtures",
        tests: &[include_str!("articles/generic.rs")],
    },
    Vendor { folder: "tests/fixtures/leadbox", tests: &[include_str!("articles/leadbox.rs")] },
];

/// Recorded files of interfaces that no adapter uses: kept because they tell what the vendor has, and
/// played by no test.
const DOCUMENTS: &[&str] = &[
    // The Internal API: messages into a chat are not sent.
    "plugins/channel-iqchannels/fixtures/internal_api.call.json",
    "plugins/channel-iqchannels/fixtures/internal_api.response.json",
    // The Visitor API: a site's or an app's own code talks to it, in the name of one visitor.
    "plugins/channel-livetex/fixtures/out.visitor_auth.response.json",
];

/// A test names the files that it replays: `"chat_accepted.no_contacts"` stands for the request,
/// its body and its answer.
#[test]
fn no_recorded_file_is_forgotten() {
    let mut forgotten = Vec::new();
    let mut documents: BTreeSet<&str> = DOCUMENTS.iter().copied().collect();
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
            let path = format!("{}/{name}", vendor.folder);
            let is_document = documents.remove(path.as_str());
            assert!(!(is_named && is_document), "`{path}` is played by a test");
            if !is_named && !is_document {
                forgotten.push(path);
            }
        }
    }
    assert!(forgotten.is_empty(), "no test replays\n{}", forgotten.join("\n"));
    assert_eq!(documents, BTreeSet::new(), "there are no such files");
}

/// What the files of one request have in common.
fn stem(file: &str) -> &str {
    let ends = [".http.json", ".response.json", ".form", ".query", ".raw", ".json"];
    ends.iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file)
}
