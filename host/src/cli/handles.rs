//! Room for connections: each is an open file to the system.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Files that the host opens beside the connections of the door: databases, the way out, compilers.
const SPARE: u64 = 1024;

/// Lets the process open as many files as the configuration may need, as far as the system lets it.
///
/// What is missing is told: else a flood of connections would take the files that the work needs.
pub(super) fn make_room(config: &Config) {
    let needed = u64::from(config.access.connections_max.get()).saturating_add(SPARE);
    let raised = raised(&getrlimit(Resource::Nofile), needed);
    let allowed = raised.current;
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    if let Some(allowed) = allowed.filter(|allowed| *allowed < needed) {
        tracing::warn!(
            allowed,
            needed,
            "the system lets this process open too few files: raise its limit (`LimitNOFILE`), or set `access.connections_max` lower"
        );
    }
}

/// Never less than it was, and never more than the system allows. `None` is no limit.
fn raised(now: &Rlimit, needed: u64) -> Rlimit {
    let wanted = now.current.map(|current| current.max(needed));
    let current = match (wanted, now.maximum) {
        (Some(wanted), Some(maximum)) => Some(wanted.min(maximum)),
        (wanted, _) => wanted,
    };
    Rlimit { current, maximum: now.maximum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(current: Option<u64>, maximum: Option<u64>, expected: Option<u64>) {
        let raised = raised(&Rlimit { current, maximum }, 5000);
        assert_eq!((raised.current, raised.maximum), (expected, maximum));
    }

    #[test]
    fn the_limit_of_open_files_is_raised_as_far_as_it_may() {
        check(Some(1024), Some(524_288), Some(5000));
        check(Some(1024), None, Some(5000));
        check(Some(1024), Some(4096), Some(4096));
        check(Some(8000), Some(524_288), Some(8000));
        check(None, None, None);
    }
}
