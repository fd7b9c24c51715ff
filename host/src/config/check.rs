//! The checks between keys, and the reading of secrets that the file refers to.

use std::{collections::BTreeSet, fs, num::NonZeroU32, time::Duration};

use super::{Config, Fault, SecretRef, command, faults};
use crate::{
    card::Problem,
    rules::{book::Rulebook, pool},
    secret::Secret,
};

/// A call may wait for a free place as long as it may then run.
const WALLS_PER_CALL: u32 = 2;

/// What a lease lasts beyond the longest call: for the steps to be written down.
const LEASE_MARGIN: Duration = Duration::from_secs(10);

impl Config {
    /// Reads and checks a configuration; the host never sees an unchecked one.
    ///
    /// Every fault is told, with its line and key.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let config: Self = faults::read(text)?;
        let faults = config.contradictions();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// How long a worker owns a job without a word: longer than the longest call, before each of
    /// which the lease is made to last so long again. So no job is taken from a worker that is
    /// still at it, and those of a host that died are soon free.
    pub fn lease(&self) -> Duration {
        let call_ms = u64::from(self.limits.wall_ms.get()) * u64::from(WALLS_PER_CALL);
        Duration::from_millis(call_ms) + LEASE_MARGIN
    }

    /// How the world reaches this host, without a slash at the end.
    pub fn base_url(&self) -> String {
        let scheme = self.scheme();
        let url = self.public_url.clone();
        let url = url.unwrap_or_else(|| format!("{scheme}://{}", self.listen));
        url.trim_end_matches('/').to_owned()
    }

    /// How this host itself is asked.
    pub fn scheme(&self) -> &'static str {
        if self.tls.cert.is_some() { "https" } else { "http" }
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
        if self.tls.cert.is_some() != self.tls.key.is_some() {
            let (missing, given) = if self.tls.key.is_none() {
                ("tls.key", "tls.cert")
            } else {
                ("tls.cert", "tls.key")
            };
            say(missing, format!("is needed with {given}: set both or none"));
        }
        for (key, percent) in self.percentages() {
            if 100 < percent {
                say(key, format!("{percent} must be between 1 and 100"));
            }
        }
        self.trust.wrong_keys(&mut say);
        self.repeated_ids(&mut say);
        self.wrong_entries(&mut say);
        faults
    }

    fn percentages(&self) -> [(&'static str, u32); 3] {
        let limits = &self.limits;
        [
            ("versions.watch_percent", self.versions.watch_percent.get()),
            ("limits.cpu_percent_per_plugin", limits.cpu_percent_per_plugin.get()),
            ("limits.cpu_percent_per_account", limits.cpu_percent_per_account.get()),
        ]
    }

    /// Keys that must not be above one another.
    fn orders(&self) -> Vec<Fault> {
        let orders = self.call_orders().into_iter().chain(self.delivery_orders());
        let is_wrong = |(_, small, _, large): &Order| large < small;
        let fault = |(key, small, other, large): Order| Fault {
            line: 0,
            key: key.to_owned(),
            message: format!("{small} must not be above {other} ({large})"),
        };
        orders.filter(is_wrong).map(fault).collect()
    }

    fn call_orders(&self) -> [Order; 9] {
        let (limits, egress) = (&self.limits, &self.egress);
        let (wall_ms, calls) = (number(limits.wall_ms), number(limits.calls));
        let (cpu_ms, of_plugin) = (number(limits.cpu_ms), number(limits.calls_per_plugin));
        let (of_account, timeout_ms) =
            (number(limits.calls_per_account), number(egress.timeout_ms));
        [
            ("limits.pure_cpu_ms", number(limits.pure_cpu_ms), "limits.cpu_ms", cpu_ms),
            ("limits.cpu_ms", cpu_ms, "limits.wall_ms", wall_ms),
            ("egress.connect_ms", number(egress.connect_ms), "egress.timeout_ms", timeout_ms),
            ("egress.timeout_ms", timeout_ms, "limits.wall_ms", wall_ms),
            ("limits.calls_per_account", of_account, "limits.calls_per_plugin", of_plugin),
            ("limits.calls_per_plugin", of_plugin, "limits.calls", calls),
            (
                "limits.cpu_percent_per_account",
                number(limits.cpu_percent_per_account),
                "limits.cpu_percent_per_plugin",
                number(limits.cpu_percent_per_plugin),
            ),
            (
                "limits.memory_bytes",
                bytes(limits.memory_bytes),
                "limits.memory_bytes_per_account",
                bytes(limits.memory_bytes_per_account),
            ),
            (
                "limits.memory_bytes_per_account",
                bytes(limits.memory_bytes_per_account),
                "limits.memory_bytes_per_plugin",
                bytes(limits.memory_bytes_per_plugin),
            ),
        ]
    }

    fn delivery_orders(&self) -> [Order; 7] {
        let (limits, retry, intake) = (&self.limits, &self.retry, &self.intake);
        let window_s = number(intake.dedup_window_s);
        // A webhook crosses the border of the sandbox whole, and comes back as an event of about
        // its size; inside, it is held as bytes, as text and as parts of it.
        let body = intake.body_bytes_max;
        let (head_s, idle_s) = (number(self.access.head_s), number(self.access.idle_s));
        [
            ("access.head_s", head_s, "access.idle_s", idle_s),
            ("retry.base_ms", number(retry.base_ms), "retry.cap_s x 1000", ms(retry.cap_s)),
            (
                "retry.breaker_base_ms",
                number(retry.breaker_base_ms),
                "retry.breaker_cap_s x 1000",
                ms(retry.breaker_cap_s),
            ),
            (
                "intake.content_dedup_window_s",
                number(intake.content_dedup_window_s),
                "intake.dedup_window_s",
                window_s,
            ),
            // What is not kept is not known again.
            (
                "intake.dedup_window_s",
                window_s,
                "retention.journal_days x 86400",
                number(self.retention.journal_days) * 86_400,
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
        ]
    }

    fn repeated_ids(&self, say: &mut impl FnMut(&str, String)) {
        let accounts = self.accounts.iter().map(|it| ("account.id", it.id.as_str()));
        let pools = self.pools.iter().map(|it| ("pool.id", it.id.as_str()));
        let integrations = self.integrations.iter().map(|it| ("integration.id", it.id.as_str()));
        let mut seen = BTreeSet::new();
        for (key, id) in accounts.chain(pools).chain(integrations) {
            if !seen.insert((key, id)) {
                say(key, format!("`{id}` is given twice"));
            }
        }
    }

    /// Rules that cannot be, of every integration, and pools.
    fn wrong_entries(&self, say: &mut impl FnMut(&str, String)) {
        for (index, pool) in self.pools.iter().enumerate() {
            for problem in pool::problems(pool) {
                say(&place("pool", index, &problem), problem.message);
            }
        }
        for (index, it) in self.integrations.iter().enumerate() {
            let compiled = Rulebook::compile(it.rules.clone(), it.options);
            for problem in compiled.err().unwrap_or_default() {
                say(&place("integration", index, &problem), problem.message);
            }
        }
    }
}

/// The dotted path of a problem's field within an entry.
fn place(entry: &str, index: usize, problem: &Problem) -> String {
    let field = problem.field.as_deref().map(|field| format!(".{field}"));
    format!("{entry}.{index}{}", field.unwrap_or_default())
}

/// A key, its value, and the key whose value it must not be above.
type Order = (&'static str, u64, &'static str, u64);

fn bytes(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn number(value: NonZeroU32) -> u64 {
    value.get().into()
}

fn ms(seconds: NonZeroU32) -> u64 {
    number(seconds) * 1000
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
        SecretRef::Command(words) => command::output(words)?,
    };
    match text.trim() {
        "" => Err("the secret is empty".to_owned()),
        text => Ok(Secret::new(text.to_owned())),
    }
}
