//! Acknowledgements while webhooks arrive at a constant rate, beside what the disk takes meanwhile.

use super::{
    Bench, Contestant,
    disk::Watch,
    effects::Case,
    flow::Flow,
    ledger::Ledger,
    report::{Table, ms, ratio},
    sender::{Pace, Stream},
    stage::Stage,
};
use crate::steps::{Error, Result};

const RATE: u32 = 1000;
const WARM_UP_S: u32 = 3;

pub(crate) fn run(bench: &Bench<'_>) -> Result<Table> {
    let mut table = Table::new(format!("Acknowledgement at {RATE} webhooks/s"));
    for does_jobs in [false, true] {
        for contestant in &bench.contestants {
            if *contestant == Contestant::Reference && does_jobs {
                continue;
            }
            let from = table.len();
            measure(bench, *contestant, does_jobs, &mut table)?;
            table.tell(*contestant, from);
        }
    }
    table.note(format!(
        "Times from when a webhook was due, not from when it could be sent; {} s. With jobs: the CRM takes {} ms.",
        2 * bench.seconds,
        Case::CONTACTS.latency_ms
    ));
    Ok(table)
}

fn measure(
    bench: &Bench<'_>,
    contestant: Contestant,
    does_jobs: bool,
    table: &mut Table,
) -> Result {
    let ledger = Ledger::open(bench, Case::CONTACTS.latency_ms)?;
    let flow = if does_jobs { Case::CONTACTS.flow(&ledger) } else { Flow::Intake };
    let stage = Stage::open(bench, contestant, &flow)?;
    let watch = Watch::start(&bench.folder);
    let pace = Pace::Rate(RATE);
    let stream = Stream {
        bench,
        urls: &stage.urls,
        pace,
        counts_jobs: false,
        warm_up_s: WARM_UP_S,
        seconds: 2 * bench.seconds,
    };
    let figures = stream.run();
    let disk = watch.stop()?;
    let figures = figures?;
    let lost = figures.get("broken")? + figures.get("refused")?;
    if 0 < lost {
        return Err(Error::new(format!("{lost} webhooks were refused at {RATE} in a second")));
    }
    stage.close(figures.get("answered")?, 0)?;
    let jobs = if does_jobs { "with jobs" } else { "no jobs" };
    let mut add = |row: &str, value| table.add(contestant, format!("{jobs}: {row}"), value);
    for (row, key) in [
        ("p50, ms", "p50_us"),
        ("p99, ms", "p99_us"),
        ("p99.9, ms", "p999_us"),
        ("longest, ms", "max_us"),
    ] {
        add(row, ratio(figures.get(key)?, 1000));
    }
    add("the disk's fdatasync, p50, ms", ms(disk.p50));
    add("the disk's fdatasync, p99, ms", ms(disk.p99));
    Ok(())
}
