//! The figures of a comparison.

use super::paced::Paced;
use super::series::Series;
use crate::report::line;
use crate::section::Section;

/// Everything that was measured.
pub(super) struct Figures<'a> {
    /// Over how many memberships the questions were spread.
    pub(super) memberships: u64,
    /// For how long each load ran each time.
    pub(super) seconds: f64,
    /// How often each ran.
    pub(super) runs: u32,
    /// The bytes of a request on the wire, headers with a token included.
    pub(super) request_bytes: usize,
    /// `Check`, the best empty RPC, and the one of the runtime that `Check` ran on.
    pub(super) unary: [&'a Series<'a>; 3],
    /// `BatchCheck`, and the best empty batch.
    pub(super) batched: [&'a Series<'a>; 2],
    /// `CheckStream`, and an empty stream.
    pub(super) streamed: [&'a Series<'a>; 2],
    /// Other products, where they were found.
    pub(super) peers: Vec<&'a Series<'a>>,
    /// A sentence about each that was not.
    pub(super) absent: Vec<String>,
    /// At a fixed rate: `Check`, the best empty RPC, and the other.
    pub(super) latencies: Vec<Paced<'a>>,
}

impl Figures<'_> {
    /// Prints one `name value` per line.
    pub(super) fn print(&self) {
        line("check_memberships", count(self.memberships));
        line("check_runs", f64::from(self.runs));
        line("check_seconds", self.seconds);
        for one in self.all() {
            one.warn();
            let name = one.name;
            line(&format!("{name}_server_us"), one.server_micros.median());
            line(&format!("{name}_server_us_min"), one.server_micros.min());
            line(&format!("{name}_server_us_max"), one.server_micros.max());
            line(&format!("{name}_per_s"), one.per_second.median());
            line(&format!("{name}_server_busy"), one.server_busy.median());
            line(&format!("{name}_generator_busy"), one.generator_busy.median());
        }
        for (name, value) in self.ratios() {
            line(&name, value);
        }
        for one in &self.latencies {
            let name = one.name;
            line(&format!("{name}_p50_us_at_70"), one.p50.median());
            line(&format!("{name}_p99_us_at_70"), one.p99.median());
            line(&format!("{name}_p99_us_at_70_min"), one.p99.min());
            line(&format!("{name}_p99_us_at_70_max"), one.p99.max());
            line(&format!("{name}_p999_us_at_70"), one.p999.median());
            line(&format!("{name}_dropped_at_70"), count(one.dropped));
        }
    }

    /// Every load, in the order of a table.
    pub(super) fn all(&self) -> impl Iterator<Item = &Series<'_>> {
        let peers = self.peers.iter().copied();
        self.unary.into_iter().chain(self.batched).chain(self.streamed).chain(peers)
    }

    /// What the comparison is about.
    pub(super) fn ratios(&self) -> Vec<(String, f64)> {
        let [check, empty, empty_multi] = self.unary;
        let [batch, empty_batch] = self.batched;
        let [stream, empty_stream] = self.streamed;
        let mut ratios = vec![
            ("check_vs_empty_ratio".to_owned(), part(empty, check)),
            ("check_vs_empty_same_runtime_ratio".to_owned(), part(empty_multi, check)),
            ("batch100_decisions_per_s_per_core".to_owned(), batch.decisions_per_core()),
            ("batch100_vs_empty_ratio".to_owned(), part(empty_batch, batch)),
            ("stream_decisions_per_s_per_core".to_owned(), stream.decisions_per_core()),
            ("stream_vs_empty_ratio".to_owned(), part(empty_stream, stream)),
        ];
        for peer in &self.peers {
            let (name, rate) = (peer.name, peer.decisions_per_core());
            ratios.push((format!("{name}_decisions_per_s_per_core"), rate));
            if peer.decisions() == 1 {
                ratios.push((format!("check_vs_{name}_ratio"), check.decisions_per_core() / rate));
            } else {
                ratios.push((format!("batch100_vs_{name}_ratio"), batch.decisions_per_core() / rate));
            }
        }
        if let [check, empty, ..] = self.latencies.as_slice() {
            ratios.push(("check_vs_empty_p99_ratio".to_owned(), check.p99.median() / empty.p99.median()));
        }
        ratios
    }

    /// What there is to say to a reader.
    pub(super) fn section(&self) -> Section {
        super::markdown::section(self)
    }
}

/// Which part of the second's rate the first one reaches, by the processor time of the server.
fn part(reference: &Series<'_>, of: &Series<'_>) -> f64 {
    reference.server_micros.median() / of.server_micros.median()
}

fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
