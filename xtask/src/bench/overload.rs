//! Memory under ten times the load that can be worked off.

use std::time::Duration;

use super::{
    Bench, Contestant,
    effects::{self, Case},
    ledger::Ledger,
    report::{Table, ratio},
    sender::{Pace, Stream},
    stage::Stage,
};
use crate::steps::{Result, sleep};

const SECONDS: u32 = 60;
const SECONDS_QUICK: u32 = 6;
/// How long it is measured what can be worked off.
const SUSTAINED_S: u32 = 6;
const FACTOR: f64 = 10.0;

pub(crate) fn run(bench: &Bench<'_>) -> Result<Table> {
    let mut table = Table::new("Ten times too much");
    for contestant in bench.hosts() {
        let from = table.len();
        measure(bench, contestant, &mut table)?;
        table.tell(contestant, from);
    }
    table.note(format!(
        "{} s at a constant rate of {FACTOR} times the jobs/s measured before; the CRM takes {} ms.",
        seconds(bench),
        Case::CONTACTS.latency_ms
    ));
    Ok(table)
}

fn seconds(bench: &Bench<'_>) -> u32 {
    if bench.is_quick { SECONDS_QUICK } else { SECONDS }
}

fn measure(bench: &Bench<'_>, contestant: Contestant, table: &mut Table) -> Result {
    let seconds = seconds(bench);
    let sustained = effects::measure(bench, contestant, Case::CONTACTS, SUSTAINED_S)?.jobs_per_s;
    let rate = rounded(sustained * FACTOR);
    let ledger = Ledger::open(bench, Case::CONTACTS.latency_ms)?;
    let stage = Stage::open(bench, contestant, &Case::CONTACTS.flow(&ledger))?;
    let mut memory = vec![("at the start", stage.usage()?.rss_kib)];
    let (pace, urls) = (Pace::Rate(rate), &stage.urls);
    let running = Stream { bench, urls, pace, counts_jobs: true, warm_up_s: 0, seconds }.start()?;
    for (title, sixths) in [("after 10 s", 1), ("after 30 s", 2), ("after 60 s", 3)] {
        sleep(Duration::from_secs(u64::from(seconds) * sixths / 6));
        memory.push((title, stage.usage()?.rss_kib));
    }
    let peak = stage.usage()?.rss_peak_kib;
    let figures = running.wait()?;
    ledger.check()?;
    let (answered, refused) = (figures.get("answered")?, figures.get("refused")?);
    stage.close(answered, figures.get("broken")?)?;
    let mut add = |row: String, value| table.add(contestant, row, value);
    add("can be worked off, jobs/s".to_owned(), sustained);
    add("sent, webhooks/s".to_owned(), rate.into());
    add("acknowledged".to_owned(), ratio(answered, 1));
    add("refused with 503".to_owned(), ratio(refused, 1));
    add("done".to_owned(), ratio(figures.get("done")?, 1));
    add("p99 of the acknowledgement, ms".to_owned(), ratio(figures.get("p99_us")?, 1000));
    for (title, kib) in memory {
        add(format!("memory {title}, MiB"), ratio(kib, 1024));
    }
    add("memory peak, MiB".to_owned(), ratio(peak, 1024));
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is above 0 and far below 2^32"
)]
fn rounded(rate: f64) -> u32 {
    (rate.round() as u32).max(1)
}
