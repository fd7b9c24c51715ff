//! The configuration of a host under load.

use std::{fmt::Write as _, fs, path::Path};

use super::{ledger, process};
use crate::{
    steps::{Context as _, Result},
    workspace::Workspace,
};

/// Where the components lie that the configuration names, below the bench's folder.
pub(crate) const PLUGINS: &str = "plugins";
/// Above what any load sends: the limit of a URL is not measured.
const RATE: &str = "intake.url_per_second = 1000000\nintake.url_burst = 1000000\n";
const CHANNEL: &str = r#"
[[account]]
id = "jivo"
plugin = "channel-jivo"
reply_deadline_ms = 0

[[integration]]
id = "jivo-to-crm"
channel = "jivo"
crm = "crm"
"#;

/// What a host does with its webhooks.
#[derive(Debug, Clone)]
pub(crate) enum Flow {
    /// Takes them in, and runs no job.
    Intake,
    /// Keeps the contacts of a ledger.
    Contacts { ledger: String },
    /// Deals, tasks and notes too.
    Everything { ledger: String },
}

impl Flow {
    /// The file for a host on its own SQLite, or on this PostgreSQL; `key` holds the ledger's key.
    pub(crate) fn config(&self, postgres: Option<&str>, key: &Path) -> String {
        // Three hosts share it, each with a folder of its own.
        let storage = postgres.map(|url| {
            let key = "5e".repeat(32);
            format!("storage = \"{url}\"\nsealing.key = {{ command = ['echo', '{key}'] }}\n")
        });
        let storage = storage.unwrap_or_default();
        let mut text = format!("{storage}profile = \"dev\"\n{RATE}");
        let ledger = match self {
            Self::Intake => {
                text +=
                    "worker.slots = 0\n\n[[account]]\nid = \"crm\"\nplugin = \"crm-notebook\"\n";
                None
            }
            Self::Contacts { ledger } | Self::Everything { ledger } => Some(ledger),
        };
        if let Some(url) = ledger {
            write!(
                text,
                "\n[[account]]\nid = \"crm\"\nplugin = \"crm-ledger\"\n\
                 settings = {{ base-url = \"{url}\" }}\n\
                 secrets = {{ key = {{ file = \"{}\" }} }}\n\
                 grants = [{{ allow = \"{url}\", private = true }}]\n",
                key.display()
            )
            .expect("a string takes all that is written");
        }
        text += CHANNEL;
        if let Self::Everything { .. } = self {
            text += "options = { deals = true, tasks = true, notes = true }\n";
        }
        text
    }
}

/// Copies the components of the flows, and nothing else, to a folder that a host installs from.
pub(crate) fn gather_plugins(workspace: &Workspace, bench: &Path) -> Result {
    let folder = bench.join(PLUGINS);
    process::empty(&folder)?;
    let built = workspace.target.join("wasm32-wasip2/guest");
    for name in ["channel_jivo", "crm_notebook", "crm_ledger"] {
        let file = format!("{name}.wasm");
        fs::copy(built.join(&file), folder.join(&file)).context(format!("cannot copy {file}"))?;
    }
    let key = folder.with_file_name(ledger::KEY_FILE);
    fs::write(&key, ledger::KEY).context(format!("cannot write {}", key.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_without_jobs_asks_no_crm() {
        let text = Flow::Intake.config(None, Path::new("/key"));
        assert!(text.contains("worker.slots = 0") && !text.contains("base-url"), "{text}");
        assert!(!text.contains("storage"), "{text}");
    }

    #[test]
    fn hosts_of_one_database_share_the_key_that_seals_it() {
        let of = |folder: &str| {
            let text = Flow::Intake.config(Some("postgres://a@b/c"), Path::new(folder));
            let line = text.lines().find(|line| line.starts_with("sealing.key = "));
            line.map(str::to_owned)
        };
        assert!(of("/key").is_some());
        assert_eq!(of("/1/key"), of("/2/key"));
    }

    #[test]
    fn the_options_belong_to_the_integration() {
        let ledger = "http://127.0.0.1:7".to_owned();
        let text = Flow::Everything { ledger }.config(Some("postgres://a@b/c"), Path::new("/key"));
        assert!(text.starts_with("storage = \"postgres://a@b/c\"\n"), "{text}");
        assert!(text.contains("key = { file = \"/key\" }"), "{text}");
        let integration = text.split_once("[[integration]]").unwrap().1;
        assert!(integration.contains("options = { deals = true"), "{text}");
    }
}
