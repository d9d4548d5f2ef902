//! The figures of a measurement of growth.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::cold::{Cold, OneByOne};
use super::memory::Memory;
use super::world::QUESTIONS;
use super::{Options, Warm};
use crate::database::Engine;
use crate::report::line;
use crate::section::{Plot, Section};
use crate::stats::digits;
use crate::svg::{Bar, bars};

/// Everything that was measured.
pub(super) struct Figures<'a> {
    pub(super) options: &'a Options,
    pub(super) warm: Vec<Warm>,
    pub(super) cold: Cold,
    pub(super) memory: Option<Memory>,
}

/// The plot's file.
const PLOT: &str = "growth.svg";

impl Figures<'_> {
    /// Prints one `name value` per line.
    pub(super) fn print(&self) {
        line("growth_runs", f64::from(self.options.runs));
        line("growth_seconds", self.options.seconds);
        for Warm { name, server_micros, per_second, .. } in &self.warm {
            line(&format!("{name}_server_us"), server_micros.median());
            line(&format!("{name}_server_us_min"), server_micros.min());
            line(&format!("{name}_server_us_max"), server_micros.max());
            line(&format!("{name}_per_s"), *per_second);
        }
        for (dimension, ratio) in self.ratios() {
            line(&format!("{dimension}_growth_ratio"), ratio);
        }
        line("growth_ratio", worst_by_best(self.warm.iter()));
        for OneByOne { name, micros, server_micros } in self.one_by_one() {
            line(&format!("{name}_check_us"), micros.median());
            line(&format!("{name}_check_us_min"), micros.min());
            line(&format!("{name}_check_us_max"), micros.max());
            line(&format!("{name}_check_server_us"), server_micros.median());
        }
        line("cold_vs_point_query_ratio", self.cold.ratio());
        line("cold_reading_vs_point_query_ratio", self.cold.ratio_of_reading());
        if let Some(memory) = &self.memory {
            let [members, accounts, users] = memory.entries;
            line("cached_memberships", members);
            line("cached_accounts", accounts);
            line("cached_users", users);
            line("resident_bytes", memory.grown);
            line("bytes_per_cached_membership", memory.grown / members);
        }
    }

    fn one_by_one(&self) -> [&OneByOne; 4] {
        let Cold { cold, warm, point, empty } = &self.cold;
        [cold, warm, point, empty]
    }

    /// By how much the dearest is dearer than the cheapest, where one thing alone differs.
    fn ratios(&self) -> BTreeMap<&'static str, f64> {
        let of = |dimension| worst_by_best(self.warm.iter().filter(move |one| one.dimension == dimension));
        self.warm.iter().map(|one| (one.dimension, of(one.dimension))).collect()
    }

    /// For people to read.
    pub(super) fn section(&self) -> Section {
        let bar = |one: &Warm| Bar { name: one.name.clone(), runs: one.server_micros.clone() };
        let bars_of: Vec<_> = self.warm.iter().map(bar).collect();
        let svg = bars("Check, however much there is", "µs of the server's processor per request", &bars_of);
        Section {
            title: "Growth".to_owned(),
            text: self.text(),
            plots: vec![Plot { file: PLOT.to_owned(), svg }],
        }
    }

    fn text(&self) -> String {
        let engine = match self.options.engine {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        };
        let mut out = format!(
            "One {engine} database holds platforms of different shapes. About each, at most {QUESTIONS} different questions are \
             asked, drawn evenly from all that could be, so that a small platform's facts are not closer to the processor \
             because they are few; each was asked once before. Then one load after another runs as fast as the server \
             goes, {} runs of {} seconds each, in turns. Figures are processor time of the server for a unary Check.\n\n\
             | shape | questions | µs, median | min | max |\n| --- | ---: | ---: | ---: | ---: |\n",
            self.options.runs,
            digits(self.options.seconds)
        );
        for Warm { name, questions, server_micros: runs, .. } in &self.warm {
            let [median, min, max] = [runs.median(), runs.min(), runs.max()].map(digits);
            // Writing to a string does not fail.
            let _ = writeln!(out, "| {name} | {questions} | {median} | {min} | {max} |");
        }
        let ratio = worst_by_best(self.warm.iter());
        let _ =
            write!(out, "\nThe dearest is {} times the cheapest.\n\n![growth]({PLOT})\n\n", digits(ratio));
        let _ = write!(
            out,
            "A Check whose account, user and membership are not in memory, beside an RPC of the same stack whose handler makes \
             one point query of the same database (sqlx, a pool, no test of the connection), one request at a \
             time:\n\n| | µs from request to answer | µs of the server's processor |\n| --- | ---: | ---: |\n"
        );
        for OneByOne { name, micros, server_micros } in self.one_by_one() {
            let _ = writeln!(
                out,
                "| {name} | {} | {} |",
                digits(micros.median()),
                digits(server_micros.median())
            );
        }
        let [ratio, reading] = [self.cold.ratio(), self.cold.ratio_of_reading()].map(digits);
        let _ = write!(out, "\nCold by point query: {ratio}; what reading adds to each alone: {reading}.\n");
        if let Some(Memory { memberships, entries: [members, accounts, users], grown }) = &self.memory {
            let _ = write!(
                out,
                "\nAfter {memberships} memberships were asked about, {members} of them are in memory, with {accounts} accounts \
                 and {users} users, in {} bytes of resident memory more than before: {} for each membership.\n",
                digits(*grown),
                digits(grown / members)
            );
        }
        out
    }
}

fn worst_by_best<'a>(all: impl Iterator<Item = &'a Warm>) -> f64 {
    let medians: crate::stats::Runs = all.map(|one| one.server_micros.median()).collect();
    medians.max() / medians.min()
}
