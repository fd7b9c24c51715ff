//! A minute of mixed load on hosts that are killed at random. `cargo xtask soak` does it for longer.

use std::time::Duration;

use patchbay_soak::{Backend, Options, run};

use crate::harness::{guests, program};

fn options(backend: Backend, hosts: usize, length: Duration) -> Options {
    Options {
        length,
        hosts,
        backend,
        rate: 15,
        kill_every: Duration::from_secs(5),
        seed: 3,
        program: program(),
        components: guests(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hosts_share_the_work_and_none_is_missed() {
    let report = run(&options(Backend::Postgres, 3, Duration::from_secs(45))).await;
    println!("{report}");
    assert!(report.faults.is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_again_and_again_misses_nothing() {
    let report = run(&options(Backend::Sqlite, 1, Duration::from_secs(15))).await;
    println!("{report}");
    assert!(report.faults.is_empty(), "{report}");
}
