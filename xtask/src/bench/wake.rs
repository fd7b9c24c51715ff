//! How soon an idle host starts to work on a webhook that it has acknowledged.

use super::{
    Bench,
    flow::Flow,
    process::free_address,
    report::{Table, ratio},
    sender,
    stage::Stage,
};
use crate::steps::Result;

const WEBHOOKS: u32 = 500;

pub(crate) fn run(bench: &Bench<'_>) -> Result<Table> {
    let webhooks = if bench.is_quick { WEBHOOKS / 10 } else { WEBHOOKS };
    let mut table = Table::new("Wake-up when idle");
    for contestant in bench.hosts() {
        let from = table.len();
        let crm = free_address()?;
        let stage =
            Stage::open(bench, contestant, &Flow::Contacts { ledger: format!("http://{crm}") })?;
        let url = stage.urls.first().map(String::as_str).unwrap_or_default();
        let figures = sender::wake(bench, url, &crm, webhooks)?;
        stage.close(u64::from(webhooks) + 1, 0)?;
        for (since, prefix) in [("acknowledgement", ""), ("sending", "sent_")] {
            for (title, key) in [("p50", "p50_us"), ("p99", "p99_us"), ("longest", "max_us")] {
                let us = figures.get(&format!("{prefix}{key}"))?;
                table.add(contestant, format!("from {since}, {title}, ms"), ratio(us, 1000));
            }
        }
        table.tell(contestant, from);
    }
    table.note(format!(
        "{webhooks} single webhooks with pauses. The sender is the CRM too, so both ends are seen with one \
         clock: up to the first request at the CRM, which the start of the plugin comes before."
    ));
    Ok(table)
}
