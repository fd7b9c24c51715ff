//! The default of every key.

use std::{fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf};

use super::{
    Access, Config, Egress, Intake, Limits, Log, LogFormat, LogLevel, Profile, ProxyHeader,
    Retention, Retry, Sealing, Storage, Tls, Trust, Versions, Worker,
};

/// Longest wait for a reply where an account says nothing else, in milliseconds.
pub const fn reply_deadline_ms() -> u32 {
    2500
}

pub(super) fn enabled() -> bool {
    true
}

const MIB: usize = 1 << 20;
const DAY_S: u32 = 24 * 60 * 60;

const fn nz(value: u32) -> NonZeroU32 {
    match NonZeroU32::new(value) {
        Some(value) => value,
        None => NonZeroU32::MIN,
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            data: PathBuf::from("patchbay-data"),
            plugins: None,
            profile: Profile::default(),
            trust: Trust::default(),
            access: Access::default(),
            tls: Tls::default(),
            intake: Intake::default(),
            worker: Worker::default(),
            retry: Retry::default(),
            retention: Retention::default(),
            versions: Versions::default(),
            limits: Limits::default(),
            egress: Egress::default(),
            storage: Storage::default(),
            sealing: Sealing::default(),
            log: Log::default(),
            accounts: Vec::new(),
            pools: Vec::new(),
            integrations: Vec::new(),
        }
    }
}

impl Default for Access {
    fn default() -> Self {
        Self {
            connections_max: nz(4096),
            head_s: nz(15),
            idle_s: nz(75),
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::XForwardedFor,
            private_pages: false,
            audit_days: nz(365),
        }
    }
}

impl fmt::Debug for ProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        };
        fmt::Debug::fmt(name, f)
    }
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            body_bytes_max: 4 * MIB,
            header_bytes_max: 16 << 10,
            in_flight_max: 1024,
            url_per_second: nz(1000),
            url_burst: nz(2000),
            dedup_window_s: nz(30 * DAY_S),
            content_dedup_window_s: nz(600),
        }
    }
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            slots: 64,
            account_slots: nz(32),
            again_slots: nz(32),
            poll_ms: nz(1000),
            grace_s: 20,
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts_max: nz(12),
            base_ms: nz(1000),
            cap_s: nz(3600),
            breaker_failures: nz(5),
            breaker_base_ms: nz(1000),
            breaker_cap_s: nz(60),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { journal_days: nz(90), traces_days: nz(30), bytes_max: 0 }
    }
}

impl Default for Versions {
    fn default() -> Self {
        Self { kept: nz(5), watch_s: 600, watch_failures: nz(5), watch_percent: nz(20) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu_ms: nz(500),
            pure_cpu_ms: nz(100),
            wall_ms: nz(30_000),
            memory_bytes: 64 * MIB,
            table_elements: 20_000,
            handles: 1000,
            hostcall_bytes: 16 * MIB,
            http_calls: 16,
            http_request_bytes: MIB,
            http_response_bytes: 4 * MIB,
            kv_calls: 256,
            kv_value_bytes: 256 << 10,
            kv_account_bytes: 256 << 20,
            vault_calls: 64,
            log_lines: 64,
            log_line_bytes: 4096,
            calls_per_plugin: nz(128),
            calls_per_account: nz(64),
            cpu_percent_per_plugin: nz(75),
            cpu_percent_per_account: nz(50),
            memory_bytes_per_plugin: 1 << 30,
            memory_bytes_per_account: 512 * MIB,
            calls: nz(256),
            breaker_traps: nz(10),
            breaker_ms: nz(5000),
            plugin_bytes: 16 * MIB,
            compile_ms: nz(60_000),
            conformance_ms: nz(30_000),
            compile_memory_bytes: 2 << 30,
        }
    }
}

impl Default for Egress {
    fn default() -> Self {
        Self { timeout_ms: nz(10_000), connect_ms: nz(5000), idle_connections: 32, idle_s: 60 }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            url: None,
            queue_max: 4096,
            batch_max: 256,
            readers: nz(4),
            connections: nz(16),
            rejected_max: 1000,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Text }
    }
}
