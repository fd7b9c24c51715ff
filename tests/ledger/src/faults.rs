//! What goes wrong, and at which call.

use std::time::Duration;

use crate::{api::Endpoint, draw::Draw};

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut before anything is done.
    CutBefore,
    /// Everything is done, and then the connection is cut: the answer is lost.
    CutAfter,
    /// Nothing is done, and the answer has this status: 401, 500, 503.
    Status(u16),
    /// Nothing is done, and the answer is 429 with `retry-after`.
    TooManyRequests { retry_after_s: u32 },
    /// Nothing is done, and there is no answer ever.
    Hang,
    /// Everything is done, and there is no answer ever.
    HangAfter,
}

/// What comes by chance, the same for every run with this seed.
#[derive(Debug, Clone, Default)]
pub struct Weather {
    pub seed: u64,
    /// Every answer takes up to so long.
    pub latency_max: Duration,
    /// How many of a thousand calls meet each fault.
    pub faults: Vec<(u32, Fault)>,
}

impl Weather {
    fn fault(&self, call: u64) -> Option<Fault> {
        let mut drawn = Draw::new(self.seed ^ call).below(1000);
        for (of_thousand, fault) in &self.faults {
            match drawn.checked_sub(u64::from(*of_thousand)) {
                None => return Some(*fault),
                Some(rest) => drawn = rest,
            }
        }
        None
    }

    fn latency(&self, call: u64) -> Duration {
        let most = u64::try_from(self.latency_max.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(Draw::new(!self.seed ^ call).below(most.saturating_add(1)))
    }
}

/// Which calls a fault meets.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// By the number of the call among all of them.
    at: Vec<(u64, Fault)>,
    /// By the number of the call among those of the endpoint.
    on: Vec<(Endpoint, u64, Fault)>,
    always: Option<Fault>,
    weather: Weather,
}

impl Script {
    pub(crate) fn at(&mut self, call: u64, fault: Fault) {
        self.at.push((call, fault));
    }

    pub(crate) fn on(&mut self, endpoint: Endpoint, call: u64, fault: Fault) {
        self.on.push((endpoint, call, fault));
    }

    pub(crate) fn always(&mut self, fault: Option<Fault>) {
        self.always = fault;
    }

    pub(crate) fn weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// How long the answer to this call takes by chance.
    pub(crate) fn latency(&self, number: u64) -> Duration {
        self.weather.latency(number)
    }

    /// The fault of the call with these numbers.
    pub(crate) fn fault(&self, number: u64, endpoint: Endpoint, of_endpoint: u64) -> Option<Fault> {
        let at = self.at.iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault);
        let on = || {
            let mut on = self.on.iter();
            on.find(|(on, at, _)| (*on, *at) == (endpoint, of_endpoint)).map(|(.., fault)| *fault)
        };
        at.or_else(on).or(self.always).or_else(|| self.weather.fault(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_by_chance_come_as_often_as_told_and_the_same_each_time() {
        let faults = vec![(10, Fault::CutAfter), (90, Fault::Status(503))];
        let weather = Weather { seed: 7, latency_max: Duration::from_millis(50), faults };
        let met: Vec<Option<Fault>> = (1..=10_000).map(|call| weather.fault(call)).collect();
        let count = |fault| met.iter().filter(|met| **met == Some(fault)).count();
        assert!((60..140).contains(&count(Fault::CutAfter)), "{}", count(Fault::CutAfter));
        assert!((800..1000).contains(&count(Fault::Status(503))));
        assert_eq!(met, (1..=10_000).map(|call| weather.fault(call)).collect::<Vec<_>>());
        assert!((1..=1000).all(|call| weather.latency(call) <= weather.latency_max));
        assert_eq!(Weather::default().fault(1), None);
    }
}
