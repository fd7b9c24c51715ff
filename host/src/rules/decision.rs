//! What a rule decided and why, for whoever wants to understand an integration.

use serde::{Deserialize, Serialize};

/// The decision of one rule. It may hold personal data: it is shown to the operator who asks for
/// it, and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// `filter`, `mapping[2]`, `contact`, `responsible`, `deal`, `task`, `note` or `push`; `event`
    /// for one that no integration does anything about.
    pub rule: String,
    pub decided: String,
    pub because: String,
}

impl Decision {
    pub fn new(
        rule: impl Into<String>,
        decided: impl Into<String>,
        because: impl Into<String>,
    ) -> Self {
        Self { rule: rule.into(), decided: decided.into(), because: because.into() }
    }
}
