//! Reads again what no adapter could read before.

use super::{Intake, dedup::new_events};
use crate::{
    clock::Clock,
    directory::Entry,
    event::Received,
    id::Digest,
    plugin::{self, Adapter},
    storage::{self, NewReading, UnreadRequest},
};

/// Unread webhooks taken from the journal at once.
const BATCH: u32 = 50;

/// Who reads the webhooks of an account: a plugin with its settings. Another version of the plugin
/// is another reader, and so is the same one with a setting that was mended.
pub(super) fn reader(adapter: &Adapter) -> Digest {
    let mut parts = adapter.plugin().record().digest.0.to_vec();
    for (key, value) in &adapter.account().settings {
        for part in [key, value] {
            parts.extend_from_slice(&part.len().to_le_bytes());
            parts.extend_from_slice(part.as_bytes());
        }
    }
    Digest::of(&parts)
}

/// The reader to blame for an unread webhook: none where another try may do, so that it is read
/// again by the same reader too.
pub(super) fn blamed(error: &plugin::Error, reader: Digest) -> Digest {
    match error {
        plugin::Error::MemorySharedOut(_)
        | plugin::Error::Busy(_)
        | plugin::Error::BreakerOpen
        | plugin::Error::Host(_) => Digest([0; 32]),
        plugin::Error::Adapter(_)
        | plugin::Error::Trapped { .. }
        | plugin::Error::CpuSpent { .. }
        | plugin::Error::TimedOut { .. }
        | plugin::Error::MemorySpent { .. }
        | plugin::Error::TooLarge { .. }
        | plugin::Error::Spent(_)
        | plugin::Error::BadAnswer(_)
        | plugin::Error::Unsupported(_) => reader,
    }
}

/// Reads the unread webhooks of every channel account whose reader has not failed on them.
/// Returns how many were read.
pub async fn reread_all(intake: &Intake, clock: &dyn Clock) -> storage::Result<u64> {
    let snapshot = intake.directory.snapshot();
    let mut read = 0;
    for entry in snapshot.accounts.values() {
        let Ok(adapter) = &entry.adapter else { continue };
        if adapter.plugin().has(crate::account::Role::Channel) {
            read += reread_account(intake, entry, adapter, clock).await?;
        }
    }
    Ok(read)
}

async fn reread_account(
    intake: &Intake,
    entry: &Entry,
    adapter: &Adapter,
    clock: &dyn Clock,
) -> storage::Result<u64> {
    let digest = adapter.plugin().record().digest;
    let reader = reader(adapter);
    let integrations = intake.directory.snapshot().integrations_of(&entry.account.id);
    let mut read = 0;
    loop {
        let unread = intake.journal.unread(&entry.account.id, reader, BATCH).await?;
        for UnreadRequest { id, request, .. } in &unread {
            let (plugin, reading) = match adapter.receive(request).await {
                Ok(Received::Events(found)) => (
                    digest,
                    NewReading::Events(
                        new_events(request, found.events, &integrations, intake.windows).1,
                    ),
                ),
                Ok(Received::Answer(_)) => (digest, NewReading::Answered),
                Ok(Received::Reject(rejection)) => (
                    digest,
                    NewReading::Rejected { status: rejection.status, reason: rejection.reason },
                ),
                Err(error) => {
                    let blamed = blamed(&error, reader);
                    if blamed != reader {
                        // Not this webhook's fault: the next round tries again.
                        return Ok(read);
                    }
                    (blamed, NewReading::Unread { reason: error.to_string() })
                }
            };
            let is_read = !matches!(reading, NewReading::Unread { .. });
            intake.journal.reread(*id, plugin, reading, clock.now()).await?;
            read += u64::from(is_read);
        }
        if unread.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            break;
        }
    }
    if 0 < read {
        intake.waiters.wake_worker();
        tracing::info!(account.id = %entry.account.id, read, "webhooks that were unread are read now");
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_had_no_chance_to_read_is_not_blamed() {
        let reader = Digest::of(b"reader");
        assert_eq!(blamed(&plugin::Error::Trapped { message: String::new() }, reader), reader);
        assert_ne!(blamed(&plugin::Error::BreakerOpen, reader), reader);
    }
}
