//! What can be said of a plugin from its bytes alone: kind, contract version, roles, imports, sizes.

use std::collections::BTreeSet;

use wasmparser::{Encoding, Parser, Payload};

use super::{engine, error::Refusal, origin};
use crate::account::{Origin, Role};

/// The contract version that this host serves.
pub(super) const CONTRACT: &str = "0.1.0";
const PACKAGE: &str = "patchbay:adapter";
const IMPORTS: [&str; 6] = ["http", "vault", "settings", "kv", "log", "types"];
/// What WASI 0.2 offers here, with nothing behind it.
const WASI: [&str; 6] =
    ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];

/// What a component says of itself before it is compiled.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outline {
    /// The contract version it was built for.
    pub(super) contract: String,
    pub(super) roles: Vec<Role>,
    pub(super) origin: Option<Origin>,
}

/// Reads the outline, or says in words why this can be no plugin of this host.
pub(super) fn outline(bytes: &[u8]) -> Result<Outline, Refusal> {
    let Names { imports, exports, origin } = names(bytes)?;
    imports.iter().chain(&exports).try_for_each(|name| check_version(name))?;
    if let Some(name) = imports.iter().find(|name| !is_offered(name)) {
        return Err(Refusal::Imports(name.clone()));
    }
    let contract = exports.iter().find_map(|name| version_of(name, "about"));
    let contract = contract.ok_or_else(|| Refusal::Exports(format!("no `about` of {PACKAGE}")))?;
    let roles: Vec<Role> = ROLES
        .into_iter()
        .filter(|(interface, _)| exports.iter().any(|name| version_of(name, interface).is_some()))
        .map(|(_, role)| role)
        .collect();
    if !roles.contains(&Role::Channel) && !roles.contains(&Role::Contacts) {
        return Err(Refusal::Exports(
            "neither `channel` nor `contacts`: it could do nothing here".to_owned(),
        ));
    }
    Ok(Outline { contract: contract.to_owned(), roles, origin })
}

const ROLES: [(&str, Role); 8] = [
    ("channel", Role::Channel),
    ("channel-push", Role::ChannelPush),
    ("channel-page", Role::ChannelPage),
    ("contacts", Role::Contacts),
    ("deals", Role::Deals),
    ("tasks", Role::Tasks),
    ("notes", Role::Notes),
    ("managers", Role::Managers),
];

/// The full name of the interface that stands for a role.
pub(super) fn interface(role: Role) -> String {
    let named = ROLES.into_iter().find(|(_, known)| *known == role);
    let (interface, _) = named.expect("every role has an interface");
    format!("{PACKAGE}/{interface}@{CONTRACT}")
}

#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: BTreeSet<String>,
    origin: Option<Origin>,
}

/// The names at the outermost level, and a count of what the parts inside declare.
fn names(bytes: &[u8]) -> Result<Names, Refusal> {
    if !bytes.starts_with(b"\0asm") {
        return Err(Refusal::NotAComponent("it is not WebAssembly".to_owned()));
    }
    let mut names = Names::default();
    let mut depth = 0_u32;
    let mut memories = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| broken(&error, bytes))?;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(Refusal::NotAComponent(
                    "it is a core module: build it for `wasm32-wasip2`".to_owned(),
                ));
            }
            Payload::Version { .. } => depth = depth.saturating_add(1),
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::MemorySection(section) => memories = memories.saturating_add(section.count()),
            Payload::CustomSection(section) if depth == 1 && section.name() == origin::SECTION => {
                names.origin = Some(origin::read(names.origin.is_some(), section.data()));
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    names
                        .imports
                        .push(import.map_err(|error| broken(&error, bytes))?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    names.exports.insert(
                        export.map_err(|error| broken(&error, bytes))?.name.name.to_owned(),
                    );
                }
            }
            _ => {}
        }
    }
    if engine::MEMORIES_MAX < memories {
        return Err(Refusal::Resources {
            what: "memories",
            found: memories,
            limit: engine::MEMORIES_MAX,
        });
    }
    Ok(names)
}

fn broken(error: &wasmparser::BinaryReaderError, bytes: &[u8]) -> Refusal {
    let what = if error.message().contains("unexpected end") || bytes.len() <= error.offset() {
        format!("it is truncated: {} bytes are there, and the last part is not whole", bytes.len())
    } else {
        format!("it is damaged at byte {}: {}", error.offset(), error.message())
    };
    Refusal::NotAComponent(what)
}

/// The version, if the name is that of this interface of the contract.
fn version_of<'a>(name: &'a str, interface: &str) -> Option<&'a str> {
    let (path, version) = name.split_once('@')?;
    let (package, found) = path.split_once('/')?;
    (package == PACKAGE && found == interface).then_some(version)
}

fn check_version(name: &str) -> Result<(), Refusal> {
    let Some((path, version)) = name.split_once('@') else { return Ok(()) };
    let is_ours = path.split_once('/').is_some_and(|(package, _)| package == PACKAGE);
    if !is_ours || is_served(version) {
        return Ok(());
    }
    Err(Refusal::Version { wanted: format!("{PACKAGE} {version}"), offered: CONTRACT.to_owned() })
}

/// Before 1.0 the second number is the one that breaks.
fn is_served(version: &str) -> bool {
    let line = |version: &str| {
        let mut numbers = version.split('.').map(str::to_owned);
        (numbers.next(), numbers.next())
    };
    line(version) == line(CONTRACT) && !version.contains('-')
}

fn is_offered(name: &str) -> bool {
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    let Some((package, interface)) = path.split_once('/') else { return false };
    if package == PACKAGE {
        return IMPORTS.contains(&interface);
    }
    WASI.contains(&package) && version.starts_with("0.2.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component of nothing but instances under these names.
    fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
        use std::fmt::Write as _;

        let mut text = String::from("(component (instance $empty)");
        for name in imports {
            write!(text, r#"(import "{name}" (instance))"#).unwrap();
        }
        for name in exports {
            write!(text, r#"(export "{name}" (instance $empty))"#).unwrap();
        }
        // Imports come first in the text format.
        let text = text.replacen("(instance $empty)", "", 1);
        let at = text.find("(export").unwrap_or(text.len());
        let (head, tail) = text.split_at(at);
        wat::parse_str(format!("{head}(instance $empty){tail})")).unwrap()
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(outline(bytes).unwrap_err().to_string(), expected);
    }

    const ABOUT: &str = "patchbay:adapter/about@0.1.0";
    const CONTACTS: &str = "patchbay:adapter/contacts@0.1.0";

    #[test]
    fn roles_and_version_are_read_from_the_names() {
        let bytes = component(
            &["patchbay:adapter/log@0.1.0", "wasi:cli/stderr@0.2.6"],
            &[ABOUT, CONTACTS, "patchbay:adapter/deals@0.1.0"],
        );
        let outline = outline(&bytes).unwrap();
        assert_eq!(outline.contract, "0.1.0");
        assert_eq!(outline.roles, [Role::Contacts, Role::Deals]);
    }

    #[test]
    fn a_later_patch_of_the_contract_is_served() {
        let exports = ["patchbay:adapter/about@0.1.7", "patchbay:adapter/channel@0.1.7"];
        assert_eq!(outline(&component(&[], &exports)).unwrap().contract, "0.1.7");
    }

    #[test]
    fn another_contract_version_is_named() {
        let expected = "the plugin wants patchbay:adapter 2.0.0, this host offers 0.1.0";
        check(
            &component(&[], &["patchbay:adapter/about@2.0.0", "patchbay:adapter/contacts@2.0.0"]),
            expected,
        );
        check(&component(&["patchbay:adapter/log@2.0.0"], &[ABOUT, CONTACTS]), expected);
    }

    #[test]
    fn what_is_missing_is_named() {
        check(&component(&[], &[CONTACTS]), "the plugin exports no `about` of patchbay:adapter");
        check(
            &component(&[], &[ABOUT]),
            "the plugin exports neither `channel` nor `contacts`: it could do nothing here",
        );
        check(
            &component(&["wasi:http/outgoing-handler@0.2.6"], &[ABOUT, CONTACTS]),
            "the plugin imports `wasi:http/outgoing-handler@0.2.6`, which this host does not offer",
        );
        check(
            &component(&["patchbay:adapter/shell@0.1.0"], &[ABOUT, CONTACTS]),
            "the plugin imports `patchbay:adapter/shell@0.1.0`, which this host does not offer",
        );
    }

    #[test]
    fn bytes_that_are_no_component_are_told_apart() {
        check(b"MZ", "this is no component: it is not WebAssembly");
        check(
            &wat::parse_str("(module)").unwrap(),
            "this is no component: it is a core module: build it for `wasm32-wasip2`",
        );
        let mut bytes = component(&[], &[ABOUT, CONTACTS]);
        bytes.pop();
        assert!(outline(&bytes).unwrap_err().to_string().contains("truncated"));
    }

    #[test]
    fn a_prefix_of_a_component_is_refused_or_lacks_only_its_custom_sections() {
        let bytes = component(&["patchbay:adapter/log@0.1.0"], &[ABOUT, CONTACTS]);
        let whole = outline(&bytes).unwrap();
        for end in 0..bytes.len() {
            if let Ok(part) = outline(&bytes[..end]) {
                assert_eq!(part, whole, "cut at {end}");
            }
        }
    }

    #[test]
    fn memories_are_counted_through_all_parts() {
        let parts = |memories: usize| {
            let modules = "(core module (memory 1))".repeat(memories);
            wat::parse_str(format!(
                r#"(component {modules} (instance $e) (export "{ABOUT}" (instance $e)) (export "{CONTACTS}" (instance $e)))"#
            ))
            .unwrap()
        };
        assert!(outline(&parts(4)).is_ok());
        check(&parts(5), "the plugin declares 5 memories, at most 4 are allowed");
        check(&parts(30), "the plugin declares 30 memories, at most 4 are allowed");
    }
}
