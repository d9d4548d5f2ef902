//! What Mandate promises, beside what was measured.

use crate::stats::digits;

/// A bound on a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A promise: the figure, its bound, and what it means.
struct Goal(&'static str, Bound, &'static str);

/// A new promise needs a line here.
const GOALS: [Goal; 18] = [
    Goal("check_vs_empty_ratio", Bound::AtLeast(0.90), "the best empty RPC's time, over that of a Check"),
    Goal(
        "check_vs_empty_p99_ratio",
        Bound::AtMost(1.2),
        "p99 of a Check over that of the empty RPC, at 70 % load",
    ),
    Goal(
        "batch100_vs_empty_ratio",
        Bound::AtLeast(0.6),
        "an empty batch of 100's time, over that of a BatchCheck",
    ),
    Goal(
        "batch100_decisions_per_s_per_core",
        Bound::AtLeast(1.3e6),
        "decisions a second and core, in batches of 100",
    ),
    Goal("stream_vs_empty_ratio", Bound::AtLeast(0.6), "an empty stream's time, over that of a CheckStream"),
    Goal(
        "stream_decisions_per_s_per_core",
        Bound::AtLeast(1.1e6),
        "decisions a second and core, by CheckStream",
    ),
    Goal("decide_ns", Bound::AtMost(150.0), "one decision on facts that are at hand, in nanoseconds"),
    Goal(
        "lookup_decide_ns",
        Bound::AtMost(500.0),
        "finding the facts in memory and deciding, in nanoseconds",
    ),
    Goal(
        "lag_p99_ms",
        Bound::AtMost(20.0),
        "until a removal is denied on every other server, in milliseconds",
    ),
    Goal(
        "revocation_ratio_100000_vs_3",
        Bound::AtMost(1.25),
        "revoking in a group of 100,000 accounts, over one of 3",
    ),
    Goal("growth_ratio", Bound::AtMost(1.25), "the dearest Check over the cheapest, however much there is"),
    Goal(
        "cold_vs_point_query_ratio",
        Bound::AtMost(2.0),
        "a Check that finds nothing in memory, over a point query",
    ),
    Goal(
        "bytes_per_cached_membership",
        Bound::AtMost(200.0),
        "bytes of memory for a membership that is remembered",
    ),
    Goal(
        "writes_vs_raw_ratio_sqlite_1",
        Bound::AtLeast(0.7),
        "writes over raw transactions: SQLite, 1 client",
    ),
    Goal("writes_vs_raw_ratio_sqlite_64", Bound::AtLeast(0.7), "the same with 64 clients"),
    Goal("writes_vs_raw_ratio_postgres_1", Bound::AtLeast(0.7), "the same on PostgreSQL with 1 client"),
    Goal("writes_vs_raw_ratio_postgres_64", Bound::AtLeast(0.7), "the same on PostgreSQL with 64 clients"),
    Goal(
        "overload_goodput_ratio",
        Bound::AtLeast(0.8),
        "goodput at 3 times of what the server can do, over the best",
    ),
];

impl Bound {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::AtMost(most) => figure <= most,
        }
    }

    fn words(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {}", digits(least)),
            Self::AtMost(most) => format!("≤ {}", digits(most)),
        }
    }
}

/// A table of all promises, those that were not measured included.
pub(super) fn table(figures: &[(String, f64)]) -> String {
    let mut out =
        "| figure | measured | goal | met | what it is |\n| --- | ---: | ---: | --- | --- |\n".to_owned();
    for Goal(name, bound, meaning) in &GOALS {
        let found = figures.iter().rev().find(|(known, _)| known == name).map(|(_, figure)| *figure);
        let (measured, met) = match found {
            Some(figure) if bound.is_met(figure) => (digits(figure), "yes"),
            Some(figure) => (digits(figure), "**no**"),
            None => ("–".to_owned(), "not measured"),
        };
        out.push_str(&format!("| `{name}` | {measured} | {} | {met} | {meaning} |\n", bound.words()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_kept_missed_or_not_measured() {
        let figures = [("check_vs_empty_ratio", 0.95), ("decide_ns", 151.0)];
        let shown = table(&figures.map(|(name, figure)| (name.to_owned(), figure)));
        let line = |name: &str| shown.lines().find(|line| line.contains(name)).unwrap().to_owned();
        assert!(line("`check_vs_empty_ratio`").contains("| 0.950 | ≥ 0.900 | yes |"), "{shown}");
        assert!(line("`decide_ns`").contains("| 151 | ≤ 150 | **no** |"), "{shown}");
        assert!(line("`lag_p99_ms`").contains("not measured"), "{shown}");
    }

    #[test]
    fn what_is_no_number_meets_nothing() {
        assert!(!Bound::AtLeast(0.0).is_met(f64::NAN) && !Bound::AtMost(1.0).is_met(f64::NAN));
    }
}
