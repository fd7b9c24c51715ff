//! How a call fails, and who has to act on it; why a plugin or an account is refused.

use super::trust::Untrusted;
use crate::{account::Role, card::AdapterError, outcome::Blame};

/// Why a call of an adapter gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The adapter itself said so, by the rules of the contract.
    #[error("the adapter answered with an error: {}", word(.0))]
    Adapter(AdapterError),
    /// The guest crashed. The message holds the first panic line, scrubbed.
    #[error("the plugin crashed: {message}")]
    Trapped { message: String },
    #[error("the plugin used more than {limit_ms} ms of processor time")]
    CpuSpent { limit_ms: u32 },
    #[error("the call took longer than {limit_ms} ms")]
    TimedOut { limit_ms: u32 },
    #[error("the plugin asked for more than {limit_bytes} bytes of memory or its share of tables")]
    MemorySpent { limit_bytes: usize },
    #[error("more than {limit_bytes} bytes crossed the border in one call")]
    TooLarge { limit_bytes: usize },
    #[error("the plugin used more than {0}")]
    Spent(Share),
    /// The guest answered, and the answer breaks the contract. Names the field.
    #[error("the plugin's answer breaks the contract: {0}")]
    BadAnswer(String),
    /// All memory of the account or the plugin is with other calls; this one had begun.
    #[error("{}", Scarce::Memory(*.0))]
    MemorySharedOut(Sharer),
    /// The call could not begin in time.
    #[error(transparent)]
    Busy(Scarce),
    /// The plugin failed too often in a row and rests for a while.
    #[error("the plugin rests after repeated crashes")]
    BreakerOpen,
    #[error("the plugin does not export `{}`", role_name(*.0))]
    Unsupported(Role),
    /// Ours, or the machine's.
    #[error("the call could not be made")]
    Host(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Adapter(error) => adapter_blame(error),
            Self::Trapped { .. }
            | Self::CpuSpent { .. }
            | Self::MemorySpent { .. }
            | Self::TooLarge { .. }
            | Self::Spent(_)
            | Self::BadAnswer(_)
            | Self::BreakerOpen => Blame::Guest,
            Self::TimedOut { .. } => Blame::Peer,
            Self::Unsupported(_) => Blame::Operator,
            Self::MemorySharedOut(_) | Self::Busy(_) | Self::Host(_) => Blame::Host,
        }
    }

    /// The word for metrics and the journal.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Adapter(error) => word(error),
            Self::Trapped { .. } => "trapped",
            Self::CpuSpent { .. } => "cpu-spent",
            Self::TimedOut { .. } => "timed-out",
            Self::MemorySpent { .. } => "memory-spent",
            Self::TooLarge { .. } => "too-large",
            Self::Spent(share) => share.kind(),
            Self::BadAnswer(_) => "bad-answer",
            Self::MemorySharedOut(_) => "memory-shared-out",
            Self::Busy(_) => "busy",
            Self::BreakerOpen => "breaker-open",
            Self::Unsupported(_) => "no-such-role",
            Self::Host(_) => "host",
        }
    }

    /// Whether the call counts against the plugin's breaker.
    pub(super) fn trips(&self) -> bool {
        matches!(
            self,
            Self::Trapped { .. }
                | Self::CpuSpent { .. }
                | Self::MemorySpent { .. }
                | Self::TooLarge { .. }
                | Self::Spent(_)
        )
    }
}

/// Whose calls share something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharer {
    Account,
    Plugin,
    Host,
}

impl std::fmt::Display for Sharer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Plugin => "plugin",
            Self::Host => "host",
        })
    }
}

/// What there is too little of for one more call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Scarce {
    #[error("too many calls are in flight for this {0}")]
    Calls(Sharer),
    #[error(
        "the calls of this {0} have used up its share of the processors \
         (`limits.cpu_percent_per_{0}`)"
    )]
    Processors(Sharer),
    #[error("the calls in flight for this {0} hold all its memory (`limits.memory_bytes_per_{0}`)")]
    Memory(Sharer),
}

/// What a call has a share of, besides time, memory and bytes. One more ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Share {
    #[error("its handles to things of the host (`limits.handles`)")]
    Handles,
    #[error("its calls of `vault` (`limits.vault_calls`)")]
    VaultCalls,
    #[error("its stack: it calls itself too deep")]
    Stack,
}

impl Share {
    fn kind(self) -> &'static str {
        match self {
            Self::Handles => "handles-spent",
            Self::VaultCalls => "vault-spent",
            Self::Stack => "stack-spent",
        }
    }
}

fn adapter_blame(error: &AdapterError) -> Blame {
    match error {
        AdapterError::Unauthorized(_)
        | AdapterError::PlanLimit(_)
        | AdapterError::Unsupported(_) => Blame::Operator,
        AdapterError::Invalid(_)
        | AdapterError::Conflict(_)
        | AdapterError::RateLimited(_)
        | AdapterError::NotFound(_)
        | AdapterError::Unavailable(_)
        | AdapterError::UnknownOutcome(_) => Blame::Peer,
    }
}

fn word(error: &AdapterError) -> &'static str {
    match error {
        AdapterError::Invalid(_) => "invalid",
        AdapterError::Conflict(_) => "conflict",
        AdapterError::Unauthorized(_) => "unauthorized",
        AdapterError::RateLimited(_) => "rate-limited",
        AdapterError::PlanLimit(_) => "plan-limit",
        AdapterError::NotFound(_) => "not-found",
        AdapterError::Unsupported(_) => "unsupported",
        AdapterError::Unavailable(_) => "unavailable",
        AdapterError::UnknownOutcome(_) => "unknown-outcome",
    }
}

/// The role's name as in the contract.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Channel => "channel",
        Role::ChannelPush => "channel-push",
        Role::ChannelPage => "channel-page",
        Role::Contacts => "contacts",
        Role::Deals => "deals",
        Role::Tasks => "tasks",
        Role::Notes => "notes",
        Role::Managers => "managers",
    }
}

/// Why a plugin is not let in: one sentence each, for the operator and the author.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the plugin has {size} bytes, at most {limit} are allowed (`limits.plugin_bytes`)")]
    TooLarge { size: usize, limit: usize },
    /// Nobody whom this host trusts stands for these bytes.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    #[error("this is no component: {0}")]
    NotAComponent(String),
    /// A contract version that this host does not serve.
    #[error("the plugin wants {wanted}, this host offers {offered}")]
    Version { wanted: String, offered: String },
    #[error("the plugin exports {0}")]
    Exports(String),
    #[error("the plugin imports `{0}`, which this host does not offer")]
    Imports(String),
    #[error("the plugin declares {found} {what}, at most {limit} are allowed")]
    Resources { what: &'static str, found: u32, limit: u32 },
    #[error("the plugin does not compile: {0}")]
    Compile(String),
    #[error("compiling the plugin took longer than {limit_ms} ms (`limits.compile_ms`)")]
    CompileTime { limit_ms: u32 },
    #[error("the plugin does not start: {0}")]
    Start(String),
    #[error("`describe` failed: {0}")]
    Describe(Error),
    #[error("`describe` does not say the same each time: it must not depend on the call")]
    Fickle,
    /// The custom section with the conformance cases cannot be used.
    #[error("the plugin's custom section `{name}` {0}", name = patchbay_cases::SECTION)]
    Cases(String),
    /// A case of the plugin's own. The texts hold what its author wrote down, and what came of it.
    #[error("the plugin fails its conformance case `{case}`: {fault}")]
    Case { case: String, fault: String },
    #[error(
        "the plugin's conformance cases took longer than {limit_ms} ms (`limits.conformance_ms`): \
         `{case}` did not come to its end"
    )]
    CasesTime { case: String, limit_ms: u32 },
    /// The bytes of an installed plugin are gone.
    #[error("the bytes of plugin `{0}` are missing from the database")]
    Missing(String),
    /// Ours, or the machine's: try again.
    #[error("the plugin could not be loaded")]
    Host(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Refusal {
    /// Whether the plugin is at fault, and not this host or its machine.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Host(_) | Self::Missing(_) => false,
            Self::Describe(error) => error.blame() == Blame::Guest,
            Self::TooLarge { .. }
            | Self::Untrusted(_)
            | Self::NotAComponent(_)
            | Self::Version { .. }
            | Self::Exports(_)
            | Self::Imports(_)
            | Self::Resources { .. }
            | Self::Compile(_)
            | Self::CompileTime { .. }
            | Self::Start(_)
            | Self::Fickle
            | Self::Cases(_)
            | Self::Case { .. }
            | Self::CasesTime { .. } => true,
        }
    }

    /// The word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::NotAComponent(_) => "not-a-component",
            Self::Version { .. } => "version",
            Self::Exports(_) => "exports",
            Self::Imports(_) => "imports",
            Self::Resources { .. } => "resources",
            Self::Compile(_) => "compile",
            Self::CompileTime { .. } => "compile-time",
            Self::Start(_) => "start",
            Self::Describe(_) => "describe",
            Self::Fickle => "fickle",
            Self::Untrusted(_) => "untrusted",
            Self::Cases(_) => "cases",
            Self::Case { .. } => "case",
            Self::CasesTime { .. } => "cases-time",
            Self::Missing(_) => "missing",
            Self::Host(_) => "host",
        }
    }
}
