//! The watch after an activation: a version that fails is taken back, by whichever host sees it
//! first.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Directory, Error, versions::Place};
use crate::{
    account::{Activation, Chooser, Notice, Step},
    config,
    id::Digest,
    plugin::Reading,
    storage,
};

impl Directory {
    /// Looks at every version that is watched, and takes back those that fail. Returns whether one
    /// was taken back here.
    pub async fn judge(self: &Arc<Self>, now: Timestamp) -> Result<bool, Error> {
        let snapshot = self.snapshot();
        let mut is_back = false;
        for activation in snapshot.activations.iter().filter(|it| it.is_watched(now)) {
            if let Some(why) = self.verdict(activation) {
                is_back |= self.take_back(activation.clone(), why, now).await?;
            }
        }
        Ok(is_back)
    }

    fn verdict(&self, activation: &Activation) -> Option<String> {
        let reading = self.shelf.get(activation.digest?)?.pulse().read();
        let before = activation.trail.earlier.first().copied().flatten();
        let before = before.and_then(|digest| self.shelf.get(digest));
        let before = before.map(|plugin| plugin.pulse().read()).unwrap_or_default();
        failure(&self.policy, reading, before)
    }

    async fn take_back(
        self: &Arc<Self>,
        failed: Activation,
        why: String,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Some(from) = failed.digest else { return Ok(false) };
        let versions = self.versions_of(&failed.name).await?;
        let kept = |digest| versions.iter().any(|version| version.record.digest == digest);
        let step = Step { by: Chooser::Watch, at: now, watch_until: None };
        let notice = Notice { from, text: format!("version {from} was taken back: {why}") };
        let Some(back) = failed.back(step, Some(notice), kept) else { return Ok(false) };
        let directory = Arc::clone(self);
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            let place = Place { name: failed.name.clone(), account: failed.account.clone() };
            let is_still = |it: &Activation| it.generation == failed.generation;
            if !directory.snapshot().activation(&place).is_some_and(is_still) {
                return Ok(false);
            }
            match directory.go_back(&back).await {
                Ok(()) => {
                    let account = place.account.as_ref().map_or("all", |id| id.as_str());
                    tracing::error!(plugin.name = %place.name, plugin.digest = %from, account.name = account, "a new version fails and is taken back: {why}");
                    directory.tell(&place, from, &why, now).await;
                    Ok(true)
                }
                // Another host was faster, and tells.
                Err(Error::Storage(storage::Error::Changed(_))) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }
}

impl Directory {
    /// The line of the audit log. A version that fails is taken back with or without it.
    async fn tell(&self, place: &Place, from: Digest, why: &str, now: Timestamp) {
        let account = place.account.as_ref().map_or("all", |id| id.as_str());
        let subject = format!("plugins/{}/rollback", place.name);
        let detail = format!("account: {account}; version {from} was taken back: {why}");
        let action = "POST /plugins/{name}/rollback";
        if let Err(error) = self.stores.access.tell_own(now, action, &subject, &detail).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "that a version was taken back could not be written down");
        }
    }
}

/// Why a version fails, in words, if it does.
fn failure(policy: &config::Versions, now: Reading, before: Reading) -> Option<String> {
    let (least, most) = (policy.watch_failures.get(), policy.watch_percent.get());
    let calls = now.calls;
    let percent = |part: u32, of: u32| part.saturating_mul(100).checked_div(of).unwrap_or(0);
    if least <= now.faults && most <= percent(now.faults, calls) {
        return Some(format!("{} of its last {calls} calls failed", now.faults));
    }
    // Senders and peers may be at fault: only what is worse than before counts.
    let usual = percent(before.complaints, before.calls);
    let is_worse = most.saturating_add(usual) <= percent(now.complaints, calls);
    (0 < before.calls && least <= now.complaints && is_worse).then(|| {
        format!(
            "it refused {} of its last {calls} calls, the version before {} of {}",
            now.complaints, before.complaints, before.calls
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(calls: u32, faults: u32, complaints: u32) -> Reading {
        Reading { calls, faults, complaints }
    }

    #[track_caller]
    fn check(now: Reading, before: Reading, fails: bool) {
        let policy = config::Versions {
            watch_failures: 5.try_into().unwrap(),
            watch_percent: 20.try_into().unwrap(),
            ..config::Versions::default()
        };
        let found = failure(&policy, now, before);
        assert_eq!(found.is_some(), fails, "{found:?}");
    }

    #[test]
    fn failures_count_from_their_number_and_their_share_on() {
        let before = Reading::default();
        check(reading(4, 4, 0), before, false);
        check(reading(5, 5, 0), before, true);
        check(reading(25, 5, 0), before, true);
        check(reading(26, 5, 0), before, false);
        check(reading(128, 25, 0), before, false);
        check(reading(128, 26, 0), before, true);
    }

    #[test]
    fn refusals_count_only_beside_the_version_before() {
        check(reading(5, 0, 5), Reading::default(), false);
        check(reading(5, 0, 5), reading(1, 0, 0), true);
        check(reading(100, 0, 69), reading(10, 0, 5), false);
        check(reading(100, 0, 70), reading(10, 0, 5), true);
        check(reading(100, 0, 100), reading(10, 0, 9), false);
    }
}
