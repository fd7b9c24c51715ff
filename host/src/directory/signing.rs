//! Signatures of versions that are kept already: a policy may come later than a plugin.

use std::sync::Arc;

use super::{Directory, Error};
use crate::{
    account::{PluginRecord, Version},
    id::Digest,
    plugin::{Refusal, Upload},
};

impl Directory {
    /// Keeps the signature of a version that is kept, where it had none or another one. Returns
    /// whether it did; a version that could not be used for want of it is used from now on.
    pub async fn sign(self: &Arc<Self>, upload: Upload) -> Result<bool, Error> {
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
            let record = PluginRecord { signature: Some(signature), ..version.record };
            let version = Version { record, ..version };
            directory.stores.versions.put_version(version, upload.bytes).await?;
            Ok(true)
        });
        let signed = signed.await?;
        if signed {
            self.refresh().await?;
        }
        Ok(signed)
    }
}
