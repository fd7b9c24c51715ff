//! What an adapter is made of, and from what: a list in the format of `CycloneDX`, put into the
//! component as a custom section. The same sources give the same bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    steps::{Context as _, Error, Result, cargo},
    workspace::Workspace,
};

/// The name of the section, as the host looks for it.
const SECTION: &str = "patchbay:sbom";

/// What is the same for every adapter of this build.
pub(crate) struct Build<'a> {
    workspace: &'a Workspace,
    target: &'a str,
    profile: &'a str,
    compiler: String,
    /// From `Cargo.lock`.
    checksums: BTreeMap<Package, String>,
}

/// A package by name and version.
type Package = (String, String);

/// From which sources an adapter was built.
struct Sources {
    /// The last commit that changed them; none outside a repository.
    commit: Option<String>,
    /// Whether something of them is in no commit.
    modified: bool,
}

impl<'a> Build<'a> {
    pub(crate) fn of(workspace: &'a Workspace, target: &'a str, profile: &'a str) -> Result<Self> {
        let mut rustc = Command::new("rustc");
        let compiler = output(rustc.current_dir(&workspace.root).arg("--version"))?;
        let lock = workspace.root.join("Cargo.lock");
        let lock = fs::read_to_string(&lock).context(format!("cannot read {}", lock.display()))?;
        let checksums = checksums(&lock);
        let compiler = compiler.trim().to_owned();
        Ok(Self { workspace, target, profile, compiler, checksums })
    }

    /// The component of this adapter with the list of its parts at its end.
    pub(crate) fn with_parts(&self, adapter: &str, mut component: Vec<u8>) -> Result<Vec<u8>> {
        let mut tree = cargo(self.workspace);
        tree.args(["tree", "--locked", "-p", adapter, "--target", self.target]);
        tree.args(["-e", "normal,build", "--prefix", "none", "-f", "{p}\t{l}"]);
        let list = self.list(adapter, &output(&mut tree)?, &self.sources(adapter))?;
        component.extend(section(list.to_string().as_bytes()));
        Ok(component)
    }

    fn list(&self, adapter: &str, tree: &str, sources: &Sources) -> Result<Value> {
        let mut parts = parts(tree);
        let own = parts.iter().find(|((name, _), _)| name == adapter).cloned();
        let own = own.ok_or_else(|| Error::new(format!("`cargo tree` does not name {adapter}")))?;
        parts.remove(&own);
        let components: Vec<Value> = parts.iter().map(|part| self.component(part)).collect();
        let commit = sources.commit.as_deref();
        let modified = commit.map(|_| if sources.modified { "true" } else { "false" });
        let properties: Vec<Value> = [
            ("patchbay:commit", commit),
            ("patchbay:modified", modified),
            ("patchbay:compiler", Some(self.compiler.as_str())),
            ("patchbay:profile", Some(self.profile)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(json!({ "name": name, "value": value? })))
        .collect();
        Ok(json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "metadata": { "component": self.component(&own), "properties": properties },
            "components": components,
        }))
    }

    /// A package of the registry has a checksum; one of this workspace has none.
    fn component(&self, (package, licence): &(Package, String)) -> Value {
        let (name, version) = package;
        let checksum = self.checksums.get(package);
        let hashes = checksum.map(|hash| json!([{ "alg": "SHA-256", "content": hash }]));
        let purl = checksum.map(|_| json!(format!("pkg:cargo/{name}@{version}")));
        let licences = (!licence.is_empty()).then(|| json!([{ "expression": licence }]));
        let fields = [
            ("type", Some(json!("library"))),
            ("name", Some(json!(name))),
            ("version", Some(json!(version))),
            ("licenses", licences),
            ("hashes", hashes),
            ("purl", purl),
        ];
        let fields = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Object(fields.collect())
    }

    /// Asks git of what the adapter alone is built from, so that other work leaves its bytes alone.
    fn sources(&self, adapter: &str) -> Sources {
        let own = format!("plugins/{adapter}");
        let paths = ["--", own.as_str(), "sdk", "wit", "Cargo.toml"];
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            let said = output(git.current_dir(&self.workspace.root).args(arguments).args(paths));
            said.ok().map(|said| said.trim().to_owned()).filter(|said| !said.is_empty())
        };
        let commit = git(&["log", "-1", "--format=%H"]);
        let modified = git(&["status", "--porcelain"]).is_some();
        Sources { commit, modified }
    }
}

/// The packages that `cargo tree` names, each with its licence.
fn parts(tree: &str) -> BTreeSet<(Package, String)> {
    let part = |line: &str| {
        let (package, licence) = line.split_once('\t')?;
        let mut words = package.split(' ');
        let name = words.next()?.to_owned();
        let version = words.next()?.trim_start_matches('v').to_owned();
        // What was named before is marked; a slash is how `OR` was written once.
        let licence = licence.trim_end_matches(" (*)").replace('/', " OR ");
        Some(((name, version), licence))
    };
    tree.lines().filter_map(part).collect()
}

fn checksums(lock: &str) -> BTreeMap<Package, String> {
    let package = |text: &str| {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned())
        };
        Some(((value("name")?, value("version")?), value("checksum")?))
    };
    lock.split("[[package]]").filter_map(package).collect()
}

/// A custom section of WebAssembly.
fn section(content: &[u8]) -> Vec<u8> {
    let mut body = leb128(SECTION.len());
    body.extend(SECTION.as_bytes());
    body.extend(content);
    let mut section = vec![0];
    section.extend(leb128(body.len()));
    section.extend(body);
    section
}

/// Seven bits in each byte, the lowest first.
fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// What a program prints; its errors are shown.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().context(format!("cannot start `{program}`"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::new(format!("`{program}` failed ({}): {why}", output.status)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const TREE: &str = "crm-example v0.1.0 (/somewhere/plugins/crm-example)\tMIT OR Apache-2.0\n\
                        itoa v1.0.15\tMIT/Apache-2.0\n\
                        patchbay-sdk v0.1.0 (/somewhere/sdk)\tMIT OR Apache-2.0\n\
                        itoa v1.0.15\tMIT/Apache-2.0 (*)\n";
    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"itoa\"\nversion = \"1.0.15\"\n\
                        source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                        checksum = \"4a5f13b858c8d314ee3e8f639011f7ccefe71f97f96e50151fb991f267928e2c\"\n\n\
                        [[package]]\nname = \"patchbay-sdk\"\nversion = \"0.1.0\"\n";

    fn list(sources: &Sources) -> Result<Value> {
        let workspace = Workspace { root: PathBuf::new(), target: PathBuf::new() };
        let build = Build {
            workspace: &workspace,
            target: "wasm32-wasip2",
            profile: "guest",
            compiler: "rustc 1.95.0 (example 2026-01-01)".to_owned(),
            checksums: checksums(LOCK),
        };
        build.list("crm-example", TREE, sources)
    }

    #[test]
    fn the_list_is_what_the_host_reads() {
        let commit = Some("0123456789abcdef0123456789abcdef01234567".to_owned());
        let list = list(&Sources { commit, modified: true }).unwrap();
        let read = include_str!("../../tests/fixtures/sbom/crm-example.json");
        let read: Value = serde_json::from_str(read).unwrap();
        assert_eq!(list, read);
    }

    #[test]
    fn outside_a_repository_no_commit_is_named() {
        let list = list(&Sources { commit: None, modified: false }).unwrap();
        let properties = list["metadata"]["properties"].as_array().unwrap();
        let names: Vec<_> = properties.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["patchbay:compiler", "patchbay:profile"]);
    }

    #[test]
    fn an_adapter_of_this_workspace_names_its_parts() {
        let workspace = Workspace::find().unwrap();
        let build = Build::of(&workspace, "wasm32-wasip2", "guest").unwrap();
        let whole = build.with_parts("crm-notebook", b"component".to_vec()).unwrap();
        let at = whole.windows(SECTION.len()).position(|it| it == SECTION.as_bytes()).unwrap();
        assert_eq!(&whole[..10], b"component\0");
        let list: Value = serde_json::from_slice(&whole[at + SECTION.len()..]).unwrap();
        assert_eq!(list["metadata"]["component"]["name"], "crm-notebook");
        let parts = list["components"].as_array().unwrap();
        let find = |name: &str| parts.iter().find(|part| part["name"] == name).unwrap();
        assert_eq!(find("patchbay-sdk")["hashes"], Value::Null);
        assert_eq!(find("wit-bindgen")["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert!(parts.iter().all(|part| part["licenses"][0]["expression"].is_string()));
        let again = build.with_parts("crm-notebook", b"component".to_vec()).unwrap();
        assert_eq!(whole, again, "the same sources give the same bytes");
    }

    #[test]
    fn a_section_is_as_the_format_wants_it() {
        assert_eq!(section(b"{}"), b"\x00\x10\x0dpatchbay:sbom{}");
        let large = section(&[b' '; 300]);
        assert_eq!((&large[..4], large.len()), (b"\x00\xba\x02\x0d".as_slice(), 3 + 314));
        assert_eq!(leb128(0x3fff), [0xff, 0x7f]);
    }
}
