//! Percentiles, and the line they are told in.

use std::time::Duration;

/// `p50_us=… p99_us=… p999_us=… max_us=…` of times that are sorted here.
pub(crate) fn percentiles(prefix: &str, times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |per_mille: usize| {
        let place = (times.len() * per_mille).div_ceil(1000).saturating_sub(1);
        times.get(place).copied().unwrap_or_default().as_micros()
    };
    format!(
        "{prefix}p50_us={} {prefix}p99_us={} {prefix}p999_us={} {prefix}max_us={}",
        at(500),
        at(990),
        at(999),
        at(1000)
    )
}

/// The jobs done so far, out of the metrics of a host.
pub(crate) fn done(metrics: &str) -> u64 {
    let done = metrics.lines().filter(|line| {
        line.starts_with("patchbay_attempts_total{") && line.contains("outcome=\"done\"")
    });
    done.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let mut times: Vec<Duration> = (1..=2000).rev().map(Duration::from_micros).collect();
        assert_eq!(percentiles("", &mut times), "p50_us=1000 p99_us=1980 p999_us=1998 max_us=2000");
        assert_eq!(percentiles("a_", &mut []), "a_p50_us=0 a_p99_us=0 a_p999_us=0 a_max_us=0");
    }

    #[test]
    fn only_jobs_that_are_done_count() {
        let metrics = "# TYPE patchbay_attempts counter\n\
            patchbay_attempts_total{outcome=\"done\",blame=\"none\",plugin=\"a\"} 5\n\
            patchbay_attempts_total{outcome=\"done\",blame=\"none\",plugin=\"b\"} 2\n\
            patchbay_attempts_total{outcome=\"transient\",blame=\"peer\",plugin=\"a\"} 9\n";
        assert_eq!(done(metrics), 7);
    }
}
