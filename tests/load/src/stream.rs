//! Many connections: at a constant rate, or as fast as answers come, or just ahead of the work.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::Args;

use crate::{
    Source,
    bodies::Bodies,
    clock,
    figures::{done, percentiles},
    http::{Connection, Url},
};

/// How often the hosts are asked how many jobs are done.
const LOOK: Duration = Duration::from_millis(50);
/// How long a connection waits where there is enough work ahead.
const AHEAD_PAUSE: Duration = Duration::from_millis(1);

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// Webhooks in a second; without it each connection sends as soon as it has its answer.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// How long it is measured, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds before that, which do not count.
    #[arg(long, default_value_t = 2)]
    warm_up: u64,
    /// Stay this many webhooks ahead of the jobs that are done; needs `--metrics`.
    #[arg(long, requires = "metrics")]
    ahead: Option<u64>,
    /// Where a host tells its metrics. Can be given more than once.
    #[arg(long)]
    metrics: Vec<Url>,
    /// The webhook URLs, used in turn by the connections.
    #[arg(required = true)]
    urls: Vec<Url>,
}

/// What all connections share.
#[derive(Debug)]
struct Course {
    start: Instant,
    counts_from: Instant,
    end: Instant,
    rate: Option<u32>,
    ahead: Option<u64>,
    first_chat: u64,
    taken: AtomicU64,
    answered: AtomicU64,
    done: AtomicU64,
    is_over: AtomicBool,
}

/// What one connection has seen.
#[derive(Debug, Default)]
struct Seen {
    answered: u64,
    refused: u64,
    broken: u64,
    /// Of answers in the measured time, from when the webhook should have been sent.
    took: Vec<Duration>,
}

/// The jobs done in the measured time.
#[derive(Debug, Default)]
struct Work {
    jobs: u64,
    time: Duration,
}

pub(crate) fn run(options: &Options) -> io::Result<String> {
    let bodies = Bodies::read(&options.source.bodies)?;
    let start = clock::now();
    let counts_from = start + Duration::from_secs(options.warm_up);
    let course = Course {
        start,
        counts_from,
        end: counts_from + Duration::from_secs(options.seconds),
        rate: options.rate,
        ahead: options.ahead,
        first_chat: options.source.first_chat,
        taken: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        done: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    };
    let (total, failed) = (Mutex::new(Seen::default()), Mutex::new(None));
    let work = thread::scope(|scope| {
        let watch = scope.spawn(|| watch(&course, &options.metrics));
        let urls = options.urls.iter().cycle();
        let senders: Vec<_> = urls
            .zip(0..options.connections)
            .map(|(url, _)| {
                let (course, bodies, total, failed) = (&course, &bodies, &total, &failed);
                scope.spawn(move || match send(course, bodies, url) {
                    Ok(seen) => lock(total).add(seen),
                    Err(error) => *lock(failed) = Some(error),
                })
            })
            .collect();
        for sender in senders {
            drop(sender.join());
        }
        course.is_over.store(true, Ordering::Relaxed);
        watch.join().unwrap_or_else(|_| Err(io::Error::other("the watch of the metrics ended")))
    })?;
    if let Some(error) = lock(&failed).take() {
        return Err(error);
    }
    let mut total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(total.line(options.seconds, &work))
}

impl Course {
    /// The next chat and when it is to be sent, or `None` at the end.
    fn next(&self) -> Option<(u64, Instant)> {
        let due = match self.rate {
            Some(rate) => {
                let number = self.taken.fetch_add(1, Ordering::Relaxed);
                let due = self.start + Duration::from_secs(number) / rate;
                return (due < self.end).then_some((self.first_chat + number, due));
            }
            None => self.wait_for_room()?,
        };
        Some((self.first_chat + self.taken.fetch_add(1, Ordering::Relaxed), due))
    }

    /// Waits while there is enough work ahead.
    fn wait_for_room(&self) -> Option<Instant> {
        loop {
            let now = clock::now();
            if self.end <= now {
                return None;
            }
            let open = self.answered.load(Ordering::Relaxed);
            let open = open.saturating_sub(self.done.load(Ordering::Relaxed));
            if self.ahead.is_none_or(|ahead| open < ahead) {
                return Some(now);
            }
            clock::sleep(AHEAD_PAUSE);
        }
    }
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        self.broken += other.broken;
        self.took.extend(other.took);
    }

    fn line(&mut self, seconds: u64, work: &Work) -> String {
        format!(
            "answered={} refused={} broken={} requests={} duration_us={} done={} done_us={} {}",
            self.answered,
            self.refused,
            self.broken,
            self.took.len(),
            seconds * 1_000_000,
            work.jobs,
            work.time.as_micros(),
            percentiles("", &mut self.took)
        )
    }
}

/// One connection from start to end; a broken one is opened again.
fn send(course: &Course, bodies: &Bodies, url: &Url) -> io::Result<Seen> {
    let mut connection = Connection::open(url)?;
    let mut seen = Seen::default();
    while let Some((chat, due)) = course.next() {
        let body = bodies.body(chat);
        clock::sleep_until(due);
        match connection.post(&url.path, &body) {
            Ok(200..300) => {
                seen.answered += 1;
                course.answered.fetch_add(1, Ordering::Relaxed);
                if course.counts_from <= due {
                    seen.took.push(due.elapsed());
                }
            }
            Ok(_) => seen.refused += 1,
            Err(_) => {
                seen.broken += 1;
                connection = Connection::open(url)?;
            }
        }
    }
    Ok(seen)
}

/// Keeps `done` up to date, and tells how many jobs were done in the measured time.
fn watch(course: &Course, hosts: &[Url]) -> io::Result<Work> {
    let mut hosts: Vec<(Connection, &Url)> =
        hosts.iter().map(|url| Ok((Connection::open(url)?, url))).collect::<io::Result<_>>()?;
    if hosts.is_empty() {
        return Ok(Work::default());
    }
    let mut first = None;
    loop {
        let is_over = course.is_over.load(Ordering::Relaxed);
        let mut sum = 0;
        for (connection, url) in &mut hosts {
            sum += done(&connection.get(&url.path)?);
        }
        let at = clock::now();
        course.done.store(sum, Ordering::Relaxed);
        if first.is_none() && course.counts_from <= at {
            first = Some((sum, at));
        }
        if let (Some((before, since)), true) = (first, is_over || course.end <= at) {
            return Ok(Work { jobs: sum - before, time: at.duration_since(since) });
        }
        if is_over {
            return Ok(Work::default());
        }
        clock::sleep(LOOK);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(rate: Option<u32>, ahead: Option<u64>, time: Duration) -> Course {
        let start = clock::now();
        Course {
            start,
            counts_from: start,
            end: start + time,
            rate,
            ahead,
            first_chat: 7,
            taken: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            done: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    #[test]
    fn a_constant_rate_waits_for_no_answer() {
        let course = course(Some(4), None, Duration::from_secs(1));
        let due: Vec<_> = std::iter::from_fn(|| course.next()).collect();
        let quarter = Duration::from_millis(250);
        let expected: Vec<_> =
            (0..4).map(|at| (7 + u64::from(at), course.start + quarter * at)).collect();
        assert_eq!(due, expected);
    }

    #[test]
    fn enough_work_ahead_holds_the_load_back() {
        let course = course(None, Some(2), Duration::from_millis(50));
        assert_eq!(course.next().unwrap().0, 7);
        course.answered.store(2, Ordering::Relaxed);
        assert_eq!(course.next(), None);
    }

    #[test]
    fn one_job_done_makes_room_for_one_more() {
        let course = course(None, Some(2), Duration::from_mins(1));
        course.answered.store(2, Ordering::Relaxed);
        course.done.store(1, Ordering::Relaxed);
        assert_eq!(course.next().unwrap().0, 7);
    }
}
