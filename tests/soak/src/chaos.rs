//! Kills hosts at random and starts them again.

use std::{sync::Arc, time::Duration};

use patchbay_ledger::Draw;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{Options, figures::Counters, site::Site};

/// Of a thousand ends, those that the host is asked for.
const ASKED: u64 = 200;

/// What was done to the hosts.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    pub(crate) killed: u64,
    pub(crate) asked: u64,
    /// Hosts that were asked to end and did not end well.
    pub(crate) bad_exits: u64,
    /// What the ended hosts had counted, as far as they told.
    pub(crate) counted: Counters,
}

/// Goes on until told to stop; all hosts are up then. With several hosts the first one is left
/// alone in the second half, so that its memory can be watched.
pub(crate) async fn run(
    site: Arc<Site>,
    options: Options,
    mut draw: Draw,
    mut stop: watch::Receiver<bool>,
) -> Kills {
    let mut kills = Kills::default();
    let half = Instant::now() + options.length / 2;
    let every = u64::try_from(options.kill_every.as_millis()).unwrap();
    loop {
        let pause = Duration::from_millis(draw.between(every / 2, every + every / 2));
        tokio::select! {
            () = sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return kills,
        }
        let spared = u64::from(1 < options.hosts && half < Instant::now());
        let hosts = u64::try_from(options.hosts).unwrap();
        let seat = usize::try_from(draw.between(spared, hosts - 1)).unwrap();
        let is_asked = draw.happens(ASKED);
        let (counted, code) = site.end(seat, is_asked).await;
        kills.counted = kills.counted.plus(&counted);
        if is_asked {
            kills.asked += 1;
            kills.bad_exits += u64::from(code != Some(0));
        } else {
            kills.killed += 1;
        }
        sleep(Duration::from_millis(draw.between(100, 2000))).await;
        site.start(seat).await;
    }
}
