//! The conformance cases of our adapters, from `conformance/` in each one's folder.

use std::{fs, path::Path};

use crate::{
    steps::{Context as _, Result},
    workspace::Workspace,
};

/// Writes the adapter's cases into its component, where it has any.
pub(crate) fn put_in(workspace: &Workspace, adapter: &str, component: &Path) -> Result {
    let folder = workspace.root.join("plugins").join(adapter).join("conformance");
    if !folder.is_dir() {
        return Ok(());
    }
    let what = || format!("the conformance cases of {adapter} cannot be put in");
    let cases = patchbay_cases::read(&folder).context(what())?;
    let bytes = fs::read(component).context(what())?;
    let packed = patchbay_cases::put(&bytes, &cases).context(what())?;
    fs::write(component, packed).context(what())
}
