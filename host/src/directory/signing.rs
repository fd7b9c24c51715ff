//! Signatures of versions that are kept already: a policy may come later than a plugin.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Directory, Error};
use crate::{
    access::{ChangeRecord, NewChange},
    account::{PluginRecord, Version},
    id::Digest,
    plugin::{Refusal, Upload},
};

impl Directory {
    /// Keeps the signature of a version that is kept, where it had none or another one. Returns
    /// whether it did; a version that could not be used for want of it is used from now on.
    ///
    /// What cannot be written down in the audit log does not happen.
    pub async fn sign(self: &Arc<Self>, upload: Upload, now: Timestamp) -> Result<bool, Error> {
        let signature = self.plugins.signature_of(&upload).map_err(Refusal::Untrusted)?;
        let Some(signature) = signature else { return Ok(false) };
        let directory = Arc::clone(self);
        let signed = self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            let Some(version) = directory.stored(Digest::of(&upload.bytes)).await? else {
                return Ok(false);
            };
            if version.record.signature.as_ref() == Some(&signature) {
                return Ok(false);
            }
            let (change, detail) = told(&version.record, &signature.key, now);
            let record = PluginRecord { signature: Some(signature), ..version.record };
            let version = Version { record, ..version };
            let line = directory.stores.access.begin_change(change).await?;
            directory.stores.versions.put_version(version, upload.bytes).await?;
            directory.stores.access.end_change(line, 200, Some(detail)).await?;
            Ok(true)
        });
        let signed = signed.await?;
        if signed {
            self.refresh().await?;
        }
        Ok(signed)
    }
}

/// The line of the audit log, as an upload of the same bytes with the signature would have left it.
fn told(record: &PluginRecord, key: &str, now: Timestamp) -> (NewChange, String) {
    let PluginRecord { manifest, digest, .. } = record;
    let change = NewChange {
        at: now,
        who: ChangeRecord::HOST.to_owned(),
        action: "POST /plugins".to_owned(),
        subject: format!("plugins/{}/{digest}", manifest.name),
        address: String::new(),
    };
    let detail = format!("{} {} {digest}: signed by {key}", manifest.name, manifest.version);
    (change, detail)
}
