//! `BENCHMARKS.md`: what was measured, how, on what, and what came out.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::print::{Figures, micros};
use super::series::{GENERATOR_BUSY, SERVER_BUSY, Series};
use crate::stats::{Runs, digits};
use crate::svg::{Bar, bars};

/// Writes the file and, beside it, `NAME-check.svg` and `NAME-batch.svg`.
///
/// # Errors
/// They cannot be written.
pub(super) fn write(figures: &Figures<'_>, file: &Path) -> anyhow::Result<()> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).context("--write needs the name of a file")?;
    let (unary, batched) = (format!("{stem}-check.svg"), format!("{stem}-batch.svg"));
    let put = |name: &str, text: String| {
        let path = file.with_file_name(name);
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
    };
    let drawn = |title, all: &[&Series<'_>]| {
        let bar = |one: &&Series<'_>| Bar { name: one.name.to_owned(), runs: one.server_micros.clone() };
        bars(title, "µs of the server's processor per request", &all.iter().map(bar).collect::<Vec<_>>())
    };
    put(&unary, drawn("Check beside an empty RPC", &figures.unary))?;
    put(&batched, drawn("100 questions in a call", &figures.batched))?;
    std::fs::write(file, document(figures, &unary, &batched))
        .with_context(|| format!("{} cannot be written", file.display()))
}

fn document(figures: &Figures<'_>, unary: &str, batched: &str) -> String {
    let Figures { memberships, seconds, runs, request_bytes, machine, .. } = figures;
    let mut out = format!(
        "# Benchmarks\n\n\
         Written by `cargo run --release -p mandate-bench -- check --write FILE`, which measures everything anew.\n\n\
         Questions are spread over {memberships} memberships, all of them in memory; a request has {request_bytes} \
         bytes on the wire, a token among them. Each server has one core to itself, the load comes from another one. \
         The servers take turns: {runs} runs of {} seconds each. What counts is the processor time of the server for \
         a request, kernel included; a run says something about a server's limit when the server had at least \
         {SERVER_BUSY:.2} of its core and the load less than {GENERATOR_BUSY:.2} of the other.\n\n\
         `empty` is the same stack with the same messages and handlers that do nothing, on one thread, without any of \
         Mandate's layers; `empty_multi_thread` is the same on the runtime that the server runs on. `cerbos`, where it was \
         found, is told the subject's role with each question and looks nothing up.\n\n",
        digits(*seconds)
    );
    let built = if cfg!(debug_assertions) { "debug: these figures mean nothing" } else { "release" };
    for one in machine.iter().chain([&format!("commit: {}", commit()), &format!("build: {built}")]) {
        // Writing to a string does not fail.
        let _ = writeln!(out, "- {one}");
    }
    out.push_str("\n## Processor time for a request, in µs\n\n");
    out.push_str("| load | median | min | max | requests/s | server's core | load's core |\n");
    out.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for one in figures.all() {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {:.2} | {:.2} |",
            one.name,
            spread(&one.server_micros),
            digits(one.server_micros.max()),
            digits(one.per_second.median()),
            one.server_busy.median(),
            one.generator_busy.median(),
        );
    }
    let _ =
        write!(out, "\n![Check]({unary})\n\n![batches]({batched})\n\n## Ratios\n\n| | |\n| --- | ---: |\n");
    for (name, value) in figures.ratios() {
        let _ = writeln!(out, "| {name} | {} |", digits(value));
    }
    out.push_str(
        "\n## Latency at 70 % of each server's own limit, requests falling due at a fixed rate, in µs\n\n",
    );
    out.push_str("Counted from when a request fell due. What there was no room for was dropped.\n\n");
    out.push_str("| load | p50 | p99 | p99.9 | longest | answered | dropped |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (name, seen) in &figures.latencies {
        let at = |per_mille| digits(micros(seen, per_mille));
        let longest = digits(seen.seen.longest().as_secs_f64() * 1e6);
        let (p50, p99, p999, answered, dropped) =
            (at(500), at(990), at(999), seen.seen.total(), seen.dropped);
        let _ = writeln!(out, "| {name} | {p50} | {p99} | {p999} | {longest} | {answered} | {dropped} |");
    }
    out
}

fn spread(runs: &Runs) -> String {
    format!("{} | {}", digits(runs.median()), digits(runs.min()))
}

/// The commit that was measured, and whether the tree had changes.
fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}
