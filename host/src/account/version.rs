//! Versions of plugins: how each stands, and which one is active for whom.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PluginRecord;
use crate::id::{AccountId, Digest, PluginName};

/// Steps back that an activation remembers.
const EARLIER_MAX: usize = 20;

/// One version of a plugin, without its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    pub record: PluginRecord,
    pub standing: Standing,
    /// When it was installed or made active last: those used last are kept.
    pub used_at: Timestamp,
}

/// Whether a version may be made active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    Approved,
    /// It asks for more than the version that was active, and an operator has not said yes yet.
    Waiting,
}

/// Which version of a plugin is active, for one account or for all that have no choice of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    pub name: PluginName,
    /// `None` for all accounts.
    pub account: Option<AccountId>,
    /// Counts the changes: of two at once, only one is made.
    pub generation: i64,
    /// `None` where an account goes with all the others again.
    pub digest: Option<Digest>,
    pub trail: Trail,
}

/// How it came to be so, and what was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// What was active before, the latest first: a rollback takes the first one.
    pub earlier: Vec<Option<Digest>>,
    pub since: Timestamp,
    pub by: Chooser,
    /// Until when failures bring the version before it back.
    pub watch_until: Option<Timestamp>,
    /// What an operator should know of the last change.
    pub notice: Option<Notice>,
}

/// Who made a version active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chooser {
    /// Whoever uploaded it.
    Upload,
    /// The plugins folder of the configuration.
    Folder,
    /// An operator who activated, approved or rolled back.
    Operator,
    /// The host itself, after failures.
    Watch,
}

/// Why the host has gone back from a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The version that failed.
    pub from: Digest,
    pub text: String,
}

/// A change of what is active.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub by: Chooser,
    pub at: Timestamp,
    pub watch_until: Option<Timestamp>,
}

impl Activation {
    /// The choice of a version after what was chosen before; `None` where it is chosen already.
    pub fn choose(
        before: Option<&Self>,
        name: &PluginName,
        account: Option<&AccountId>,
        digest: Option<Digest>,
        step: Step,
    ) -> Option<Self> {
        let current = before.map(|before| before.digest);
        // An account without a choice goes with all the others.
        if current == Some(digest) || (account.is_some() && current.is_none() && digest.is_none()) {
            return None;
        }
        let gone = current.or_else(|| account.map(|_| None));
        let older = before.map(|before| before.trail.earlier.clone()).unwrap_or_default();
        let mut earlier: Vec<_> = gone.into_iter().chain(older).collect();
        earlier.retain(|one| *one != digest);
        earlier.dedup();
        earlier.truncate(EARLIER_MAX);
        Some(Self {
            name: name.clone(),
            account: account.cloned(),
            generation: before.map_or(1, |before| before.generation.saturating_add(1)),
            // The first version has none to go back to.
            trail: Trail {
                watch_until: step.watch_until.filter(|_| !earlier.is_empty()),
                earlier,
                since: step.at,
                by: step.by,
                notice: None,
            },
            digest,
        })
    }

    /// One step back, to the latest version before this one that is still kept.
    pub fn back(
        &self,
        step: Step,
        notice: Option<Notice>,
        is_kept: impl Fn(Digest) -> bool,
    ) -> Option<Self> {
        let can_be = |choice: &Option<Digest>| match choice {
            Some(digest) => is_kept(*digest),
            None => self.account.is_some(),
        };
        let mut earlier = self.trail.earlier.iter().copied().skip_while(|choice| !can_be(choice));
        let digest = earlier.next()?;
        Some(Self {
            name: self.name.clone(),
            account: self.account.clone(),
            generation: self.generation.saturating_add(1),
            digest,
            trail: Trail {
                earlier: earlier.collect(),
                since: step.at,
                by: step.by,
                watch_until: step.watch_until,
                notice,
            },
        })
    }

    /// Whether failures still count at this time.
    pub fn is_watched(&self, now: Timestamp) -> bool {
        self.digest.is_some() && self.trail.watch_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn step() -> Step {
        let at = Timestamp::UNIX_EPOCH;
        Step { by: Chooser::Operator, at, watch_until: Timestamp::from_second(9).ok() }
    }

    fn chosen(
        before: Option<&Activation>,
        account: Option<&str>,
        version: Option<&str>,
    ) -> Activation {
        let account = account.map(|id| id.parse::<AccountId>().unwrap());
        let name = "crm-test".parse().unwrap();
        Activation::choose(before, &name, account.as_ref(), version.map(digest), step()).unwrap()
    }

    #[test]
    fn each_rollback_goes_one_step_further_back() {
        let first = chosen(None, None, Some("1"));
        assert_eq!((first.generation, first.trail.watch_until), (1, None), "nothing is before it");
        let second = chosen(Some(&first), None, Some("2"));
        assert!(second.is_watched(Timestamp::from_second(8).unwrap()));
        assert!(!second.is_watched(Timestamp::from_second(9).unwrap()));
        let third = chosen(Some(&second), None, Some("3"));

        let back = third.back(step(), None, |_| true).unwrap();
        assert_eq!((back.digest, back.generation), (Some(digest("2")), 4));
        let back = back.back(step(), None, |_| true).unwrap();
        assert_eq!(back.digest, Some(digest("1")));
        assert_eq!(back.back(step(), None, |_| true), None, "there is no more");
        let skipped = third.back(step(), None, |one| one == digest("1")).unwrap();
        assert_eq!(skipped.digest, Some(digest("1")), "the one between is kept no more");
    }

    #[test]
    fn a_version_that_comes_again_is_not_remembered_twice() {
        let first = chosen(None, None, Some("1"));
        let second = chosen(Some(&first), None, Some("2"));
        let again = chosen(Some(&second), None, Some("1"));
        assert_eq!(again.trail.earlier, [Some(digest("2"))]);
        let name = "crm-test".parse().unwrap();
        assert_eq!(Activation::choose(Some(&again), &name, None, again.digest, step()), None);
    }

    #[test]
    fn an_account_goes_back_to_what_all_the_others_have() {
        let own = chosen(None, Some("shop"), Some("2"));
        assert_eq!(own.trail.earlier, [None]);
        let back = own.back(step(), None, |_| true).unwrap();
        assert_eq!((back.digest, back.account), (None, "shop".parse().ok()));
        let (name, shop) = ("crm-test".parse().unwrap(), "shop".parse().unwrap());
        assert_eq!(Activation::choose(None, &name, Some(&shop), None, step()), None);
    }

    #[test]
    fn the_steps_back_are_bounded() {
        let mut now = chosen(None, None, Some("0"));
        for number in 1..=EARLIER_MAX + 1 {
            now = chosen(Some(&now), None, Some(&number.to_string()));
        }
        assert_eq!(now.trail.earlier.len(), EARLIER_MAX);
        assert_eq!(now.trail.earlier[0], Some(digest(&EARLIER_MAX.to_string())));
    }
}
