//! What servers publish of the time that changes take to reach them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, ensure};

use crate::metrics;

/// The histogram's buckets.
const BUCKETS: &str = "mandate_revocation_lag_seconds_bucket{le=\"";

/// A histogram of one server, or of several together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Published {
    port: Option<SocketAddr>,
    /// By the bound's bits (positive numbers sort as their bits do): how many were no greater.
    buckets: BTreeMap<u64, f64>,
}

impl Published {
    /// The server whose metrics are served there. Nothing was scraped yet.
    pub(super) fn at(port: SocketAddr) -> Self {
        Self { port: Some(port), buckets: BTreeMap::new() }
    }

    /// What that server publishes now.
    ///
    /// # Errors
    /// It does not answer with that metric.
    pub(super) async fn scrape(&self) -> anyhow::Result<Self> {
        let port = self.port.context("a sum is not scraped")?;
        let page = metrics::scrape(port).await?;
        let scraped = Self { port: self.port, buckets: parse(&page)? };
        ensure!(!scraped.buckets.is_empty(), "the metrics do not tell how long changes take");
        Ok(scraped)
    }

    /// Takes another server's together with this one's.
    pub(super) fn add(&mut self, other: &Self) {
        for (bound, count) in &other.buckets {
            *self.buckets.entry(*bound).or_default() += count;
        }
    }

    /// Leaves out what was published before.
    pub(super) fn subtract(&mut self, before: &Self) {
        for (bound, count) in &before.buckets {
            *self.buckets.entry(*bound).or_default() -= count;
        }
    }

    /// How many changes there were.
    pub(super) fn count(&self) -> f64 {
        self.buckets.last_key_value().map_or(0.0, |(_, count)| *count)
    }

    /// As Prometheus estimates it (`histogram_quantile`): evenly within a bucket; NaN without any change.
    pub(super) fn quantile(&self, part: f64) -> f64 {
        let rank = part * self.count();
        let (mut below, mut before) = (0.0, 0.0);
        for (bits, count) in &self.buckets {
            let bound = f64::from_bits(*bits);
            if *count >= rank && *count > before {
                let within = (rank - before) / (count - before);
                return if bound.is_finite() { below + (bound - below) * within } else { below };
            }
            (below, before) = (bound, *count);
        }
        f64::NAN
    }
}

fn parse(page: &str) -> anyhow::Result<BTreeMap<u64, f64>> {
    let rows = page.lines().filter_map(|line| line.strip_prefix(BUCKETS)?.split_once("\"} "));
    rows.map(|(bound, count)| {
        let bound: f64 = if bound == "+Inf" { f64::INFINITY } else { bound.parse()? };
        Ok((bound.to_bits(), count.parse()?))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "HTTP/1.1 200 OK\r\n\r\nmandate_other 3\n\
        mandate_revocation_lag_seconds_bucket{le=\"0.005\"} 10\nmandate_revocation_lag_seconds_bucket{le=\"0.01\"} 30\n\
        mandate_revocation_lag_seconds_bucket{le=\"+Inf\"} 40\nmandate_revocation_lag_seconds_sum 1\n";

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let mut published = Published { port: None, buckets: parse(PAGE).unwrap() };
        assert_eq!(published.count(), 40.0);
        assert!((published.quantile(0.5) - 0.0075).abs() < 1e-9);
        assert!((published.quantile(0.99) - 0.01).abs() < 1e-9, "no further than the last bound");
        let before = published.clone();
        published.add(&before);
        assert_eq!(published.count(), 80.0);
        published.subtract(&before);
        assert_eq!(published, before);
        assert!(Published::default().quantile(0.5).is_nan());
    }
}
