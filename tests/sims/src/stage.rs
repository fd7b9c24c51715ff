//! What stands between a simulator and whoever asks it: faults, and a record of the requests.

use std::{collections::VecDeque, fmt};

use patchbay_sdk::http::{Error, Request, Response};
use tokio::time::Instant;

use crate::Simulator;

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This answer comes instead, and nothing is done.
    Answer(Response),
    /// The request is carried out and its answer is lost.
    LostAnswer,
    /// The connection ends before the request is carried out.
    Lost,
}

/// Which request a fault waits for.
type Meant = Box<dyn Fn(&Request) -> bool + Send>;

/// A simulator with its faults and the requests it got.
pub struct Stage<S> {
    /// The CRM itself, to look into and to prepare.
    pub crm: S,
    faults: VecDeque<(Meant, Fault)>,
    requests: Vec<Request>,
    opened: Instant,
}

impl<S: fmt::Debug> fmt::Debug for Stage<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("crm", &self.crm).finish_non_exhaustive()
    }
}

impl<S: Simulator> Stage<S> {
    /// A stage without faults.
    pub fn new(crm: S) -> Self {
        Self { crm, faults: VecDeque::new(), requests: Vec::new(), opened: Instant::now() }
    }

    /// The next request whose URL or body holds `part` meets this fault, once.
    pub fn fail_next(&mut self, part: &str, fault: Fault) {
        let part = part.to_owned();
        let meant = move |request: &Request| {
            request.url.contains(&part)
                || String::from_utf8_lossy(&request.body).contains(part.as_str())
        };
        self.faults.push_back((Box::new(meant), fault));
    }

    /// Answers a request, or tells how it was lost. It fits `testing::Host::http`.
    pub fn handle(&mut self, request: &Request) -> Result<Response, Error> {
        self.requests.push(request.clone());
        let position = self.faults.iter().position(|(meant, _)| meant(request));
        let fault = position.and_then(|position| self.faults.remove(position));
        let now = self.opened.elapsed();
        let lost = || Error::Interrupted("the answer was lost".to_owned());
        match fault.map(|(_, fault)| fault) {
            None => Ok(self.crm.answer(request, now)),
            Some(Fault::Answer(response)) => Ok(response),
            Some(Fault::LostAnswer) => {
                self.crm.answer(request, now);
                Err(lost())
            }
            Some(Fault::Lost) => Err(lost()),
        }
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Faults that no request has met yet.
    pub fn faults_left(&self) -> usize {
        self.faults.len()
    }
}
