//! What a failed attempt means. The one place where errors become outcomes.

use std::time::Duration;

use super::contact::Known;
use crate::{
    card::{self, AdapterError, Problem},
    event::Remark,
    outcome::{Blame, Outcome},
    plugin,
    shares::Verdict,
    storage,
};

/// Longest reason kept for the operator, in bytes.
const REASON_BYTES_MAX: usize = 1000;

/// How an attempt failed.
#[derive(Debug, Clone)]
pub struct Failure {
    pub outcome: Outcome,
    pub blame: Blame,
    /// For the operator; no personal data.
    pub reason: String,
    /// What it says of the CRM.
    pub verdict: Verdict,
    /// The kind of the failed call, where a plugin's call failed.
    pub call: Option<&'static str>,
    /// What the channel's adapter is told, should the job end with this.
    pub problem: Box<AdapterError>,
    /// Whose call it was.
    pub(super) peer: Peer,
    /// What is known, and stays so, where only the last steps failed.
    pub(super) known: Option<Box<Known>>,
}

/// The two sides of an integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Crm,
    Channel,
}

/// How long a CRM is left alone that asks to wait and does not say how long.
const WAIT_UNTOLD: Duration = Duration::from_secs(1);

const TRANSIENT: Outcome = Outcome::Transient { retry_after: None };

impl Failure {
    /// The operator has to set something right; the job waits meanwhile.
    pub fn not_configured(reason: &str) -> Self {
        Self::new(Outcome::RateLimited { retry_after: None }, Blame::Operator, reason.to_owned())
    }

    /// The last attempt that is allowed ended with its host, and was never settled.
    pub fn lost() -> Self {
        let reason = "the last attempt was lost: the host ended during it, and no more are allowed";
        Self::new(Outcome::Permanent, Blame::Host, reason.to_owned())
    }

    /// The host panicked in the middle of the attempt.
    pub fn bug() -> Self {
        let reason = "the host has a bug: the attempt panicked, see the log";
        Self::new(TRANSIENT, Blame::Host, reason.to_owned())
    }

    /// The host stops, and the attempt is cut off.
    pub fn given_back() -> Self {
        let reason = "the host stopped in the middle of the attempt, and gave the job back";
        Self::new(Outcome::GivenBack, Blame::Host, reason.to_owned())
    }

    /// Another job has the card, and will soon have ended.
    pub fn card_in_work() -> Self {
        let reason = "another job is at work on the same card";
        Self::new(Outcome::InWork, Blame::Host, reason.to_owned())
    }

    /// Another job has one of the client's identifiers, and will soon have ended.
    pub fn client_in_work() -> Self {
        let reason = "another job is at work on the same client";
        Self::new(Outcome::InWork, Blame::Host, reason.to_owned())
    }

    /// What was to be made exists, and the CRM does not tell which it is.
    pub fn conflict() -> Self {
        of_adapter(&AdapterError::Conflict(None))
    }

    /// The same, of a call of the channel: it says nothing of the CRM.
    pub(super) fn of_channel(mut self) -> Self {
        self.reason = cut(format!("the channel could not be told: {}", self.reason));
        Self { verdict: Verdict::Nothing, peer: Peer::Channel, ..self }
    }

    /// The same, where the fields that the CRM told a while ago may have led to it.
    pub(super) fn of_kept_fields(self) -> Self {
        let reason = format!("{}; the CRM is asked for its fields again", self.reason);
        Self { outcome: TRANSIENT, reason: cut(reason), ..self }
    }

    /// The same, with what was met on the way to it.
    pub(super) fn with_remarks(self, remarks: Vec<Remark>) -> Self {
        let mut known = self.known.map_or_else(Known::nothing, |known| *known);
        known.outcome.remarks = remarks;
        Self { known: Some(Box::new(known)), ..self }
    }

    /// The same, with what stays known in spite of it.
    pub(super) fn with_known(self, known: Known) -> Self {
        Self { known: Some(Box::new(known)), ..self }
    }

    fn new(outcome: Outcome, blame: Blame, reason: String) -> Self {
        let reason = cut(reason);
        let problem = Box::new(AdapterError::Unavailable(reason.clone()));
        let (verdict, call) = (Verdict::Nothing, None);
        Self { outcome, blame, reason, verdict, call, problem, peer: Peer::Crm, known: None }
    }
}

fn cut(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    reason
}

impl From<storage::Error> for Failure {
    fn from(error: storage::Error) -> Self {
        Self::new(TRANSIENT, Blame::Host, error.to_string())
    }
}

impl From<plugin::Error> for Failure {
    fn from(error: plugin::Error) -> Self {
        use plugin::Error;
        let call = Some(error.kind());
        let failure = match &error {
            Error::Adapter(adapter) => of_adapter(adapter),
            // The call was never made, or says nothing about the job: no attempt is spent.
            Error::Busy(_) | Error::BreakerOpen => Self::new(
                Outcome::RateLimited { retry_after: None },
                error.blame(),
                error.to_string(),
            ),
            Error::Unsupported(_) => {
                Self::new(Outcome::Permanent, error.blame(), error.to_string())
            }
            Error::Trapped { .. }
            | Error::CpuSpent { .. }
            | Error::TimedOut { .. }
            | Error::MemorySharedOut(_)
            | Error::MemorySpent { .. }
            | Error::TooLarge { .. }
            | Error::Spent(_)
            | Error::BadAnswer(_)
            | Error::Host(_) => Self::new(TRANSIENT, error.blame(), error.to_string()),
        };
        Self { call, ..failure }
    }
}

fn of_adapter(error: &AdapterError) -> Failure {
    let (outcome, blame, reason) = match error {
        AdapterError::Invalid(problems) => {
            (Outcome::Permanent, Blame::Operator, sentence(problems))
        }
        AdapterError::Conflict(_) => (TRANSIENT, Blame::Peer, "the card exists already".to_owned()),
        AdapterError::Unauthorized(text) => {
            (Outcome::Unauthorized, Blame::Operator, format!("refused: {text}"))
        }
        AdapterError::RateLimited(wait_ms) => {
            let retry_after = wait_ms.map(Duration::from_millis);
            (Outcome::RateLimited { retry_after }, Blame::Peer, "the CRM asks to wait".to_owned())
        }
        AdapterError::PlanLimit(text) => {
            (Outcome::Permanent, Blame::Operator, format!("the plan does not allow it: {text}"))
        }
        AdapterError::NotFound(text) => (TRANSIENT, Blame::Peer, format!("not found: {text}")),
        AdapterError::Unsupported(text) => {
            (Outcome::Permanent, Blame::Operator, format!("not supported: {text}"))
        }
        AdapterError::Unavailable(text) => (TRANSIENT, Blame::Peer, format!("unavailable: {text}")),
        AdapterError::UnknownOutcome(text) => {
            (TRANSIENT, Blame::Peer, format!("the answer to a write was lost: {text}"))
        }
    };
    let verdict = verdict(error);
    Failure { problem: Box::new(error.clone()), verdict, ..Failure::new(outcome, blame, reason) }
}

/// Whether the CRM is well, by its answer: what it refuses, it has at least read.
fn verdict(error: &AdapterError) -> Verdict {
    match error {
        AdapterError::RateLimited(wait_ms) => {
            Verdict::AskedToWait(wait_ms.map_or(WAIT_UNTOLD, Duration::from_millis))
        }
        AdapterError::Unavailable(_) | AdapterError::UnknownOutcome(_) => Verdict::Failed,
        AdapterError::Invalid(_)
        | AdapterError::Conflict(_)
        | AdapterError::Unauthorized(_)
        | AdapterError::PlanLimit(_)
        | AdapterError::NotFound(_)
        | AdapterError::Unsupported(_) => Verdict::Answered,
    }
}

/// All problems in one line.
fn sentence(problems: &[Problem]) -> String {
    if problems.is_empty() {
        "the CRM refused the record".to_owned()
    } else {
        card::sentence(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: AdapterError, outcome: Outcome, blame: Blame) {
        let failure = Failure::from(plugin::Error::Adapter(error));
        assert_eq!((failure.outcome, failure.blame), (outcome, blame), "{}", failure.reason);
    }

    #[test]
    fn every_error_of_an_adapter_has_one_meaning() {
        let text = || "why".to_owned();
        check(AdapterError::Invalid(Vec::new()), Outcome::Permanent, Blame::Operator);
        check(AdapterError::Conflict(None), TRANSIENT, Blame::Peer);
        check(AdapterError::Unauthorized(text()), Outcome::Unauthorized, Blame::Operator);
        let asked = Outcome::RateLimited { retry_after: Some(Duration::from_secs(2)) };
        check(AdapterError::RateLimited(Some(2000)), asked, Blame::Peer);
        check(AdapterError::PlanLimit(text()), Outcome::Permanent, Blame::Operator);
        check(AdapterError::NotFound(text()), TRANSIENT, Blame::Peer);
        check(AdapterError::Unsupported(text()), Outcome::Permanent, Blame::Operator);
        check(AdapterError::Unavailable(text()), TRANSIENT, Blame::Peer);
        check(AdapterError::UnknownOutcome(text()), TRANSIENT, Blame::Peer);
    }

    #[test]
    fn a_plugin_that_cannot_be_called_now_spends_no_attempt() {
        for error in [
            plugin::Error::Busy(plugin::Scarce::Calls(plugin::Sharer::Plugin)),
            plugin::Error::BreakerOpen,
        ] {
            assert_eq!(Failure::from(error).outcome, Outcome::RateLimited { retry_after: None });
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_letters() {
        let failure = Failure::new(TRANSIENT, Blame::Peer, "ж".repeat(REASON_BYTES_MAX));
        assert_eq!(failure.reason.chars().count(), REASON_BYTES_MAX / 2);
    }
}
