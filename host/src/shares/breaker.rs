//! Stops hammering a CRM that is down or that asked to wait. Pure: no I/O, no clock.

use std::time::Duration;

use jiff::Timestamp;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerPolicy {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open the first time; it doubles with every probe that fails.
    pub base: Duration,
    pub cap: Duration,
}

/// What an attempt has learnt of a CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answered, well or not.
    Answered,
    /// It is down, or does not answer.
    Failed,
    /// It asked to wait so long.
    AskedToWait(Duration),
    /// Nothing: the attempt did not get as far.
    Nothing,
}

/// One account's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row.
    failures: u32,
    /// Times in a row that it opened.
    opened: u32,
    open_until: Option<Timestamp>,
    /// The CRM's own wish, which says nothing of its health.
    waits_until: Option<Timestamp>,
}

impl Breaker {
    /// How many jobs may run: any number, or one probe after it was open. Or when that will be.
    pub fn room(&self, now: Timestamp) -> Result<u32, Timestamp> {
        if let Some(until) = self.open_until.max(self.waits_until).filter(|until| now < *until) {
            return Err(until);
        }
        Ok(if self.open_until.is_some() { 1 } else { u32::MAX })
    }

    pub fn tell(&mut self, verdict: Verdict, now: Timestamp, policy: &BreakerPolicy, jitter: f64) {
        match verdict {
            Verdict::Nothing => {}
            Verdict::Answered => {
                *self = Self { waits_until: self.waits_until, ..Self::default() };
            }
            Verdict::AskedToWait(wait) => {
                let until = now.checked_add(wait).unwrap_or(Timestamp::MAX);
                self.waits_until = self.waits_until.max(Some(until));
            }
            Verdict::Failed => self.fail(now, policy, jitter),
        }
    }

    fn fail(&mut self, now: Timestamp, policy: &BreakerPolicy, jitter: f64) {
        self.failures = self.failures.saturating_add(1);
        let is_probe = self.open_until.is_some_and(|until| until <= now);
        let opens = self.open_until.is_none() && policy.failures <= self.failures;
        // Jobs that ran when it opened may fail after it: they say nothing new.
        if !is_probe && !opens {
            return;
        }
        let hold = policy.base.saturating_mul(2_u32.saturating_pow(self.opened)).min(policy.cap);
        let hold = hold.saturating_add(hold.mul_f64(jitter));
        self.opened = self.opened.saturating_add(1);
        self.open_until = Some(now.checked_add(hold).unwrap_or(Timestamp::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BreakerPolicy =
        BreakerPolicy { failures: 3, base: Duration::from_secs(1), cap: Duration::from_secs(4) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told(breaker: &mut Breaker, verdict: Verdict, second: i64) {
        breaker.tell(verdict, at(second), &POLICY, 0.0);
    }

    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            told(&mut breaker, Verdict::Failed, 0);
        }
        breaker
    }

    #[test]
    fn so_many_failures_in_a_row_open_it_and_one_less_does_not() {
        let mut breaker = Breaker::default();
        for verdict in [Verdict::Failed, Verdict::Failed, Verdict::Answered, Verdict::Failed] {
            told(&mut breaker, verdict, 0);
        }
        told(&mut breaker, Verdict::Failed, 0);
        assert_eq!(breaker.room(at(0)), Ok(u32::MAX));
        told(&mut breaker, Verdict::Failed, 0);
        assert_eq!(breaker.room(at(0)), Err(at(1)));
    }

    #[test]
    fn one_probe_decides_and_each_that_fails_doubles_the_hold_up_to_the_cap() {
        let mut breaker = open();
        let (mut now, mut holds) = (1, Vec::new());
        for _ in 0..4 {
            assert_eq!(breaker.room(at(now)), Ok(1));
            told(&mut breaker, Verdict::Failed, now);
            let until = breaker.room(at(now)).unwrap_err().as_second();
            holds.push(until - now);
            now = until;
        }
        assert_eq!(holds, [2, 4, 4, 4]);
        told(&mut breaker, Verdict::Answered, now);
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn jobs_that_ran_when_it_opened_do_not_hold_it_longer() {
        let mut breaker = open();
        told(&mut breaker, Verdict::Failed, 0);
        assert_eq!(breaker.room(at(0)), Err(at(1)));
    }

    #[test]
    fn jitter_is_added_to_the_hold() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.tell(Verdict::Failed, at(0), &POLICY, 0.5);
        }
        assert_eq!(breaker.room(at(1)), Err(Timestamp::from_millisecond(1500).unwrap()));
    }

    #[test]
    fn a_crm_that_asks_to_wait_is_left_alone_for_so_long_and_is_not_ill() {
        let mut breaker = Breaker::default();
        told(&mut breaker, Verdict::AskedToWait(Duration::from_secs(5)), 0);
        told(&mut breaker, Verdict::AskedToWait(Duration::from_secs(2)), 0);
        told(&mut breaker, Verdict::Answered, 1);
        assert_eq!(breaker.room(at(4)), Err(at(5)));
        assert_eq!(breaker.room(at(5)), Ok(u32::MAX), "all at once: its rate is for the turns");
    }
}
