//! The line `result: key=number …` that every load generator prints at its end.

use std::{collections::BTreeMap, process::Output};

use crate::steps::{Error, Result};

/// The numbers by their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Figures(BTreeMap<String, u64>);

impl Figures {
    pub(crate) fn read(output: &Output) -> Result<Self> {
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("result: "));
        line.and_then(parse).ok_or_else(|| {
            Error::new(format!(
                "the load gave no result: {text}{}",
                String::from_utf8_lossy(&output.stderr)
            ))
        })
    }

    pub(crate) fn get(&self, key: &str) -> Result<u64> {
        let number = self.0.get(key).copied();
        number.ok_or_else(|| Error::new(format!("the load's result has no `{key}`: {:?}", self.0)))
    }

    /// Several loads side by side as one: counts are summed, of times the longest counts.
    pub(crate) fn join(self, other: Self) -> Self {
        let mut all = self.0;
        for (key, number) in other.0 {
            let known = all.entry(key.clone()).or_default();
            *known = if key.ends_with("_us") { number.max(*known) } else { number + *known };
        }
        Self(all)
    }
}

fn parse(line: &str) -> Option<Figures> {
    let pair = |word: &str| {
        let (key, number) = word.split_once('=')?;
        Some((key.to_owned(), number.parse().ok()?))
    };
    line.split_whitespace().map(pair).collect::<Option<_>>().map(Figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_number_is_named() {
        let figures = parse("requests=10 p50_us=5").unwrap();
        assert_eq!(figures.get("requests").unwrap(), 10);
        assert!(figures.get("p99_us").unwrap_err().to_string().contains("`p99_us`"));
        assert_eq!(parse("requests=ten"), None);
    }

    #[test]
    fn loads_side_by_side_sum_their_counts_and_keep_the_longest_time() {
        let one = parse("requests=10 p50_us=5").unwrap();
        let joined = one.join(parse("requests=4 p50_us=3").unwrap());
        assert_eq!(joined, parse("requests=14 p50_us=5").unwrap());
    }
}
