//! Limits by time: ten seconds for all but the search, one second for the search, and the day.

use std::collections::VecDeque;
use std::time::Duration;

use patchbay_sdk::http::Response;
use serde_json::json;

const TEN_SECONDS: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

/// How fast it may be asked.
#[derive(Debug)]
pub struct Limits {
    /// Requests in ten seconds, searches apart.
    pub ten_seconds: usize,
    /// Searches in a second.
    pub searches: usize,
    /// Requests in a day.
    pub daily: usize,
    asked: VecDeque<Duration>,
    searched: VecDeque<Duration>,
    today: usize,
    /// Answers of 429 so far.
    pub refused: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ten_seconds: 100,
            searches: 5,
            daily: 250_000,
            asked: VecDeque::new(),
            searched: VecDeque::new(),
            today: 0,
            refused: 0,
        }
    }
}

impl Limits {
    /// Counts a request, or refuses it.
    pub(super) fn take(&mut self, is_search: bool, now: Duration) -> Option<Response> {
        if self.daily <= self.today {
            return Some(self.refuse("DAILY", "You have reached your daily limit.", now));
        }
        let (asked, most, window) = if is_search {
            (&mut self.searched, self.searches, SECOND)
        } else {
            (&mut self.asked, self.ten_seconds, TEN_SECONDS)
        };
        while asked.front().is_some_and(|then| *then + window <= now) {
            asked.pop_front();
        }
        if most <= asked.len() {
            return Some(if is_search {
                self.refuse("SECONDLY", "You have reached your secondly limit.", now)
            } else {
                let text = "You have reached your ten_secondly_rolling limit.";
                self.refuse("TEN_SECONDLY_ROLLING", text, now)
            });
        }
        asked.push_back(now);
        self.today += 1;
        None
    }

    /// There is no `category` here, unlike what the specification says.
    fn refuse(&mut self, policy: &str, message: &str, now: Duration) -> Response {
        self.refused += 1;
        let body = json!({
            "status": "error", "message": message, "errorType": "RATE_LIMIT",
            "correlationId": "c033cdaa-2c40-4a64-ae48-b4cec88dad24", "policyName": policy,
            "requestId": "3d3e35b7-0dae-4b9f-a6e3-9c230cbcf8dd",
        });
        let response = Response::json(429, body.to_string());
        if policy == "SECONDLY" { response } else { self.told(response, now) }
    }

    /// With the headers that tell what is left; answers of the search have none.
    pub(super) fn told(&self, response: Response, now: Duration) -> Response {
        let recent = self.asked.iter().filter(|then| now < **then + TEN_SECONDS).count();
        response
            .with_header("x-hubspot-ratelimit-max", self.ten_seconds.to_string())
            .with_header(
                "x-hubspot-ratelimit-remaining",
                self.ten_seconds.saturating_sub(recent).to_string(),
            )
            .with_header("x-hubspot-ratelimit-interval-milliseconds", "10000")
            .with_header("x-hubspot-ratelimit-daily", self.daily.to_string())
            .with_header(
                "x-hubspot-ratelimit-daily-remaining",
                self.daily.saturating_sub(self.today).to_string(),
            )
    }
}
