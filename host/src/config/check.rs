//! The checks between keys, and the reading of secrets that the file refers to.

use std::{collections::BTreeSet, fs};

use super::{Config, Fault, SecretRef, faults};
use crate::secret::Secret;

/// Times that a job may call its adapter in one attempt, for the length of a lease.
const CALLS_PER_ATTEMPT: u32 = 6;

/// A call may wait for a free place as long as it may then run.
const WALLS_PER_CALL: u32 = 2;

/// Shortest lease, in seconds, whatever the limits of a call are.
const LEASE_S_MIN: u32 = 30;

impl Config {
    /// Reads and checks a configuration; the host never sees an unchecked one.
    ///
    /// Every fault is told, with its line and key.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let config: Self = faults::read(text)?;
        let faults = config.contradictions();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// How long a worker owns a job: longer than all the calls of an attempt can take together,
    /// so that no job is taken from a worker that is still at it.
    pub fn lease(&self) -> std::time::Duration {
        let walls = u64::from(CALLS_PER_ATTEMPT * WALLS_PER_CALL);
        let calls_ms = u64::from(self.limits.wall_ms.get()) * walls;
        std::time::Duration::from_millis(calls_ms)
            + std::time::Duration::from_secs(LEASE_S_MIN.into())
    }

    /// How the world reaches this host, without a slash at the end.
    pub fn base_url(&self) -> String {
        let url = self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen));
        url.trim_end_matches('/').to_owned()
    }

    fn contradictions(&self) -> Vec<Fault> {
        let mut faults = self.orders();
        let mut say = |key: &str, message: String| {
            faults.push(Fault { line: 0, key: key.to_owned(), message });
        };
        let (queue, batch) = (self.storage.queue_max, self.storage.batch_max);
        if queue < batch || batch == 0 {
            let message = format!("{batch} must be between 1 and storage.queue_max ({queue})");
            say("storage.batch_max", message);
        }
        if let Some(url) = &self.public_url
            && !is_web_url(url)
        {
            let message = format!("`{url}` must start with http:// or https:// and name a host");
            say("public_url", message);
        }
        self.repeated_ids(&mut say);
        faults
    }

    /// Keys that must not be above one another.
    fn orders(&self) -> Vec<Fault> {
        let (limits, egress) = (&self.limits, &self.egress);
        let number = |value: std::num::NonZeroU32| u64::from(value.get());
        let bytes = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        // A webhook crosses the border of the sandbox whole, and comes back as an event of about
        // its size; inside, it is held as bytes, as text and as parts of it.
        let body = self.intake.body_bytes_max;
        let orders = [
            (
                "limits.pure_cpu_ms",
                number(limits.pure_cpu_ms),
                "limits.cpu_ms",
                number(limits.cpu_ms),
            ),
            ("limits.cpu_ms", number(limits.cpu_ms), "limits.wall_ms", number(limits.wall_ms)),
            (
                "egress.connect_ms",
                number(egress.connect_ms),
                "egress.timeout_ms",
                number(egress.timeout_ms),
            ),
            (
                "egress.timeout_ms",
                number(egress.timeout_ms),
                "limits.wall_ms",
                number(limits.wall_ms),
            ),
            (
                "limits.calls_per_account",
                number(limits.calls_per_account),
                "limits.calls_per_plugin",
                number(limits.calls_per_plugin),
            ),
            (
                "limits.calls_per_plugin",
                number(limits.calls_per_plugin),
                "limits.calls",
                number(limits.calls),
            ),
            (
                "retry.base_ms",
                number(self.retry.base_ms),
                "retry.cap_s x 1000",
                number(self.retry.cap_s) * 1000,
            ),
            (
                "intake.body_bytes_max x 2",
                bytes(body.saturating_mul(2)),
                "limits.hostcall_bytes",
                bytes(limits.hostcall_bytes),
            ),
            (
                "intake.body_bytes_max x 4",
                bytes(body.saturating_mul(4)),
                "limits.memory_bytes",
                bytes(limits.memory_bytes),
            ),
        ];
        let is_wrong = |(_, small, _, large): &(&str, u64, &str, u64)| large < small;
        let fault = |(key, small, other, large): (&str, u64, &str, u64)| Fault {
            line: 0,
            key: key.to_owned(),
            message: format!("{small} must not be above {other} ({large})"),
        };
        orders.into_iter().filter(is_wrong).map(fault).collect()
    }

    fn repeated_ids(&self, say: &mut impl FnMut(&str, String)) {
        let mut seen = BTreeSet::new();
        for account in &self.accounts {
            if !seen.insert(account.id.as_str()) {
                say("account.id", format!("`{}` is given twice", account.id));
            }
        }
        let mut integrations = BTreeSet::new();
        for integration in &self.integrations {
            if !integrations.insert(integration.id.as_str()) {
                say("integration.id", format!("`{}` is given twice", integration.id));
            }
        }
    }
}

fn is_web_url(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Reads a secret that the file refers to. The error names the place, never the value.
pub fn read_secret(place: &SecretRef) -> Result<Secret<String>, String> {
    let text = match place {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads secrets from the environment"
        )]
        SecretRef::Env(name) => std::env::var(name)
            .map_err(|_unset| format!("set the environment variable `{name}`"))?,
        SecretRef::File(path) => fs::read_to_string(path)
            .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?,
    };
    match text.trim() {
        "" => Err("the secret is empty".to_owned()),
        text => Ok(Secret::new(text.to_owned())),
    }
}
