//! Durable webhooks a second: nothing but the way into the journal is measured.

use super::{
    Bench, Contestant,
    flow::Flow,
    load::Load,
    report::{Table, ratio},
    stage::Stage,
};
use crate::steps::Result;

const WARM_UP_S: u32 = 2;

pub(crate) fn run(bench: &Bench<'_>) -> Result<Table> {
    let mut table = Table::new("Ingest");
    for _round in 0..bench.rounds {
        for contestant in &bench.contestants {
            let from = table.len();
            measure(bench, *contestant, &mut table)?;
            table.tell(*contestant, from);
        }
    }
    table.note(format!(
        "wrk, {} connections, of three hosts each a third and the slowest's percentiles; no job runs.",
        bench.connections
    ));
    Ok(table)
}

fn measure(bench: &Bench<'_>, contestant: Contestant, table: &mut Table) -> Result {
    let stage = Stage::open(bench, contestant, &Flow::Intake)?;
    let load = |seconds, first_chat| {
        Load {
            bodies: bench.workspace.root.join("tests/load"),
            urls: &stage.urls,
            connections: bench.connections,
            seconds,
            first_chat,
        }
        .run()
    };
    let warm_up = load(WARM_UP_S, 1_000_000_000_000)?;
    let before = (stage.usage()?, stage.database_usage()?);
    let run = load(bench.seconds, 2_000_000_000_000)?;
    let after = (stage.usage()?, stage.database_usage()?);
    let requests = run.get("requests")?;
    // wrk hangs up at the end of a run: what it had asked by then may be journaled, and is not counted.
    stage.close(warm_up.get("requests")? + requests, 2 * u64::from(bench.connections))?;
    let mut add = |row: &str, value| table.add(contestant, row, value);
    add("durable webhooks/s", ratio(requests * 1_000_000, run.get("duration_us")?));
    for (row, key) in [("p50, ms", "p50_us"), ("p99, ms", "p99_us"), ("p99.9, ms", "p999_us")] {
        add(row, ratio(run.get(key)?, 1000));
    }
    add("CPU, µs/webhook", ratio(after.0.cpu_us - before.0.cpu_us, requests));
    add("memory, MiB", ratio(after.0.rss_kib, 1024));
    add("memory peak, MiB", ratio(after.0.rss_peak_kib, 1024));
    if contestant.is_on_postgres() {
        add("database: CPU, µs/webhook", ratio(after.1.cpu_us - before.1.cpu_us, requests));
        add("database: memory, MiB", ratio(after.1.rss_kib, 1024));
    }
    Ok(())
}
