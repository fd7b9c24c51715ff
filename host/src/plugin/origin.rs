//! What a plugin says of how it was made: a list of its parts in the format of `CycloneDX`.
//!
//! Whoever built the plugin wrote it, so that nothing of it is believed, and nothing of it is a
//! reason to refuse the plugin.

use serde::Deserialize;

use crate::account::{Origin, Part};

/// The custom section that holds it.
pub(super) const SECTION: &str = "patchbay:sbom";

/// Largest list that is read, in bytes.
const BYTES_MAX: usize = 256 << 10;

const PARTS_MAX: usize = 1000;

/// Longest text in it, in bytes.
const TEXT_MAX: usize = 200;

/// What the section says, or a remark why that cannot be shown.
pub(super) fn read(is_second: bool, section: &[u8]) -> Origin {
    let origin = if is_second {
        Err("it has more than one list of its parts".to_owned())
    } else {
        parse(section)
    };
    origin.unwrap_or_else(|remark| Origin { remark: Some(remark), ..Origin::default() })
}

fn parse(section: &[u8]) -> Result<Origin, String> {
    let size = section.len();
    if BYTES_MAX < size {
        return Err(format!("its list of parts has {size} bytes, at most {BYTES_MAX} are read"));
    }
    // What the error quotes may be of any length.
    let at = |error: &serde_json::Error| (error.line(), error.column());
    let bill: Bill = serde_json::from_slice(section).map_err(|error| {
        let (line, column) = at(&error);
        format!("its list of parts is not right at line {line}, column {column}")
    })?;
    if bill.bom_format != "CycloneDX" {
        return Err("its list of parts is none of CycloneDX".to_owned());
    }
    if PARTS_MAX < bill.components.len() {
        let count = bill.components.len();
        return Err(format!("it lists {count} parts, at most {PARTS_MAX} are read"));
    }
    let mut origin = Origin::default();
    for Property { name, value } in bill.metadata.properties {
        match name.as_str() {
            "patchbay:commit" => origin.commit = Some(shown(value)?),
            "patchbay:modified" => origin.modified = value == "true",
            "patchbay:compiler" => origin.compiler = Some(shown(value)?),
            "patchbay:profile" => origin.profile = Some(shown(value)?),
            _ => {}
        }
    }
    origin.parts = bill.components.into_iter().map(part).collect::<Result<_, _>>()?;
    Ok(origin)
}

fn part(component: Component) -> Result<Part, String> {
    let licence = component.licenses.into_iter().find_map(|it| it.expression);
    let checksum = component.hashes.into_iter().find(|hash| hash.alg == "SHA-256");
    Ok(Part {
        name: shown(component.name)?,
        version: shown(component.version)?,
        licence: licence.map(shown).transpose()?,
        checksum: checksum.map(|hash| shown(hash.content)).transpose()?,
    })
}

/// A text that can be printed on an operator's terminal.
fn shown(text: String) -> Result<String, String> {
    if text.len() <= TEXT_MAX && !text.contains(char::is_control) {
        return Ok(text);
    }
    Err(format!(
        "its list of parts has a text of more than {TEXT_MAX} bytes, or one that cannot be shown"
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bill {
    bom_format: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    properties: Vec<Property>,
}

#[derive(Deserialize)]
struct Property {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    licenses: Vec<Licence>,
    #[serde(default)]
    hashes: Vec<Hash>,
}

#[derive(Deserialize)]
struct Licence {
    expression: Option<String>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What `cargo xtask plugins` writes; a test there holds that it does.
    const BILL: &str = include_str!("../../../tests/fixtures/sbom/crm-example.json");

    fn remark(section: &[u8]) -> String {
        let origin = read(false, section);
        assert!(origin.parts.is_empty() && origin.commit.is_none(), "{origin:?}");
        origin.remark.unwrap()
    }

    #[test]
    fn what_our_tools_write_is_read() {
        let origin = read(false, BILL.as_bytes());
        assert_eq!(origin.remark, None);
        assert_eq!(origin.commit.as_deref(), Some("0123456789abcdef0123456789abcdef01234567"));
        assert_eq!(origin.compiler.as_deref(), Some("rustc 1.95.0 (example 2026-01-01)"));
        assert_eq!((origin.profile.as_deref(), origin.modified), (Some("guest"), true));
        let [first, second] = origin.parts.as_slice() else { panic!("{origin:?}") };
        assert_eq!((first.name.as_str(), first.version.as_str()), ("itoa", "1.0.15"));
        assert_eq!(first.licence.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(first.checksum.as_ref().map(String::len), Some(64));
        assert_eq!((second.name.as_str(), second.checksum.as_ref()), ("patchbay-sdk", None));
    }

    #[test]
    fn what_cannot_be_read_is_a_remark() {
        assert_eq!(remark(b""), "its list of parts is not right at line 1, column 0");
        assert_eq!(remark(b"\xff\xfe"), "its list of parts is not right at line 1, column 1");
        let deep = "[".repeat(BYTES_MAX);
        assert!(remark(deep.as_bytes()).contains("is not right"));
        let other = json!({ "bomFormat": "SPDX" }).to_string();
        assert_eq!(remark(other.as_bytes()), "its list of parts is none of CycloneDX");
        let hidden = BILL.replace("itoa", "\\u001b[2J");
        assert!(remark(hidden.as_bytes()).contains("one that cannot be shown"));
        assert_eq!(
            read(true, BILL.as_bytes()).remark.unwrap(),
            "it has more than one list of its parts"
        );
    }

    #[test]
    fn a_list_is_read_up_to_its_limits() {
        let padded = |size: usize| format!("{BILL}{}", " ".repeat(size - BILL.len()));
        assert_eq!(read(false, padded(BYTES_MAX).as_bytes()).remark, None);
        assert_eq!(
            remark(padded(BYTES_MAX + 1).as_bytes()),
            "its list of parts has 262145 bytes, at most 262144 are read"
        );
        let many = |count: usize| {
            let parts = vec![json!({ "name": "x" }); count];
            json!({ "bomFormat": "CycloneDX", "components": parts }).to_string()
        };
        assert_eq!(read(false, many(PARTS_MAX).as_bytes()).parts.len(), PARTS_MAX);
        let told = remark(many(PARTS_MAX + 1).as_bytes());
        assert_eq!(told, "it lists 1001 parts, at most 1000 are read");
        let long = |size: usize| BILL.replace("itoa", &"x".repeat(size));
        assert_eq!(read(false, long(TEXT_MAX).as_bytes()).remark, None);
        assert!(remark(long(TEXT_MAX + 1).as_bytes()).contains("more than 200 bytes"));
    }
}
