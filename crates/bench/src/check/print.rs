//! The figures of a comparison.

use std::path::Path;

use super::series::Series;
use crate::load::open::Latencies;
use crate::report::line;

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
    /// What it ran on.
    pub(super) machine: Vec<String>,
    /// `Check`, the best empty RPC, and the one of the runtime that `Check` ran on.
    pub(super) unary: [&'a Series<'a>; 3],
    /// `BatchCheck`, and the best empty batch.
    pub(super) batched: [&'a Series<'a>; 2],
    /// `CheckStream`, and an empty stream.
    pub(super) streamed: [&'a Series<'a>; 2],
    /// Another product, where it was found.
    pub(super) cerbos: Option<&'a Series<'a>>,
    /// At a fixed rate, by name.
    pub(super) latencies: Vec<(&'static str, Latencies)>,
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
            line(name, value);
        }
        for (name, seen) in &self.latencies {
            line(&format!("{name}_p50_us_at_70"), micros(seen, 500));
            line(&format!("{name}_p99_us_at_70"), micros(seen, 990));
            line(&format!("{name}_p999_us_at_70"), micros(seen, 999));
            line(&format!("{name}_dropped_at_70"), count(seen.dropped));
        }
    }

    /// Every load, in the order of a table.
    pub(super) fn all(&self) -> impl Iterator<Item = &Series<'_>> {
        self.unary.into_iter().chain(self.batched).chain(self.streamed).chain(self.cerbos)
    }

    /// What the comparison is about.
    pub(super) fn ratios(&self) -> Vec<(&'static str, f64)> {
        let [check, empty, empty_multi] = self.unary;
        let [batch, empty_batch] = self.batched;
        let [stream, empty_stream] = self.streamed;
        let mut ratios = vec![
            ("check_vs_empty_ratio", part(empty, check)),
            ("check_vs_empty_same_runtime_ratio", part(empty_multi, check)),
            ("batch100_decisions_per_s_per_core", batch.decisions_per_core()),
            ("batch100_vs_empty_ratio", part(empty_batch, batch)),
            ("stream_decisions_per_s_per_core", stream.decisions_per_core()),
            ("stream_vs_empty_ratio", part(empty_stream, stream)),
        ];
        if let Some(cerbos) = self.cerbos {
            ratios.push(("check_vs_cerbos_ratio", part(cerbos, check)));
        }
        if let [(_, check), (_, empty), ..] = self.latencies.as_slice() {
            ratios.push(("check_vs_empty_p99_ratio", micros(check, 990) / micros(empty, 990)));
        }
        ratios
    }

    /// Writes them for people to read.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        super::markdown::write(self, file)
    }
}

/// Which part of the second's rate the first one reaches, by the processor time of the server.
fn part(reference: &Series<'_>, of: &Series<'_>) -> f64 {
    reference.server_micros.median() / of.server_micros.median()
}

pub(super) fn micros(seen: &Latencies, per_mille: u64) -> f64 {
    seen.seen.per_mille(per_mille).as_secs_f64() * 1e6
}

fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
