//! Jobs and effects a second, from the webhook to the CRM.

use std::time::Duration;

use super::{
    Bench, Contestant,
    flow::Flow,
    ledger::Ledger,
    report::{Table, ratio},
    sender::{Pace, Stream},
    stage::Stage,
};
use crate::steps::{Result, sleep};

/// Webhooks that are journaled and wait: enough to keep every slot of three hosts busy.
const AHEAD: u32 = 1000;
const WARM_UP_S: u32 = 4;

/// How slow the CRM is, and what is kept there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) latency_ms: u32,
    is_everything: bool,
}

/// What one run found.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) jobs_per_s: f64,
    effects_per_s: f64,
    cpu_us_per_job: f64,
    database_cpu_us_per_job: f64,
    ledger_cores: f64,
}

impl Case {
    pub(crate) const CONTACTS: Self = Self { latency_ms: 50, is_everything: false };

    const ALL: [Self; 4] = [
        Self { latency_ms: 0, is_everything: false },
        Self { latency_ms: 0, is_everything: true },
        Self::CONTACTS,
        Self { latency_ms: 50, is_everything: true },
    ];

    fn title(self) -> String {
        let what = if self.is_everything { "all" } else { "contacts" };
        format!("CRM {} ms, {what}", self.latency_ms)
    }

    pub(crate) fn flow(self, ledger: &Ledger) -> Flow {
        let ledger = ledger.url.clone();
        if self.is_everything { Flow::Everything { ledger } } else { Flow::Contacts { ledger } }
    }
}

pub(crate) fn run(bench: &Bench<'_>) -> Result<Table> {
    let mut table = Table::new("End to end");
    for case in Case::ALL {
        for contestant in bench.hosts() {
            let from = table.len();
            let outcome = measure(bench, contestant, case, bench.seconds)?;
            let title = case.title();
            let mut add =
                |row: &str, value| table.add(contestant, format!("{title}: {row}"), value);
            add("effects/s", outcome.effects_per_s);
            add("jobs/s", outcome.jobs_per_s);
            add("CPU of the hosts, µs/job", outcome.cpu_us_per_job);
            if contestant.is_on_postgres() {
                add("CPU of the database, µs/job", outcome.database_cpu_us_per_job);
            }
            add("CPU of the CRM, cores", outcome.ledger_cores);
            table.tell(contestant, from);
        }
    }
    table.note(format!(
        "A job is one webhook's event; effects are the CRM's writes. The load stays {AHEAD} webhooks ahead. \
         Slots are the defaults: 64 a host, 32 of one CRM account."
    ));
    Ok(table)
}

/// One contestant in one case, in the middle of a load that stays ahead of it.
pub(crate) fn measure(
    bench: &Bench<'_>,
    contestant: Contestant,
    case: Case,
    seconds: u32,
) -> Result<Outcome> {
    let ledger = Ledger::open(bench, case.latency_ms)?;
    let stage = Stage::open(bench, contestant, &case.flow(&ledger))?;
    let (pace, urls) = (Pace::Ahead(AHEAD), &stage.urls);
    let running =
        Stream { bench, urls, pace, counts_jobs: true, warm_up_s: WARM_UP_S, seconds }.start()?;
    sleep(Duration::from_secs(WARM_UP_S.into()));
    let look = || Ok((ledger.writes()?, stage.usage()?, stage.database_usage()?, ledger.usage()?));
    let before = look()?;
    sleep(Duration::from_secs(seconds.into()));
    let after = look()?;
    let figures = running.wait()?;
    ledger.check()?;
    let answered = figures.get("answered")?;
    stage.close(answered, figures.get("broken")? + figures.get("refused")?)?;
    let (jobs, us) = (figures.get("done")?, figures.get("done_us")?);
    Ok(Outcome {
        jobs_per_s: ratio(jobs * 1_000_000, us),
        effects_per_s: ratio(after.0 - before.0, seconds.into()),
        cpu_us_per_job: ratio(after.1.cpu_us - before.1.cpu_us, jobs),
        database_cpu_us_per_job: ratio(after.2.cpu_us - before.2.cpu_us, jobs),
        ledger_cores: ratio(after.3.cpu_us - before.3.cpu_us, u64::from(seconds) * 1_000_000),
    })
}
