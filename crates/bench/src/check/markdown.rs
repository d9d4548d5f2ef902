//! What was measured, how, and what came out, for the written report.

use std::fmt::Write as _;

use super::paced::Paced;
use super::print::Figures;
use super::series::{GENERATOR_BUSY, SERVER_BUSY, Series};
use crate::section::{Plot, Section};
use crate::stats::{Runs, digits};
use crate::svg::{Bar, bars};

const UNARY: &str = "check.svg";
const BATCHED: &str = "batch.svg";
const PEERS: &str = "peers.svg";
const LATENCY: &str = "latency.svg";

/// The comparison, for a reader.
pub(super) fn section(figures: &Figures<'_>) -> Section {
    let time = |one: &&Series<'_>| Bar { name: one.name.to_owned(), runs: one.server_micros.clone() };
    let drawn = |title, all: &[&Series<'_>]| {
        bars(title, "µs of the server's processor per request", &all.iter().map(time).collect::<Vec<_>>())
    };
    let rate = |one: &&Series<'_>| Bar { name: one.name.to_owned(), runs: one.decisions_of_core() };
    let [check, ..] = figures.unary;
    let [batch, ..] = figures.batched;
    let rates: Vec<_> = [check, batch].iter().chain(&figures.peers).map(rate).collect();
    let waits: Vec<_> = figures.latencies.iter().flat_map(waits).collect();
    let plot = |file: &str, svg| Plot { file: file.to_owned(), svg };
    let mut plots = vec![
        plot(UNARY, drawn("Check beside an empty RPC", &figures.unary)),
        plot(BATCHED, drawn("100 questions in a call", &figures.batched)),
        plot(LATENCY, bars("Latency at 70 % of each server's own limit", "µs", &waits)),
    ];
    if !figures.peers.is_empty() {
        plots.push(plot(PEERS, bars("Decisions that a core makes", "per second", &rates)));
    }
    Section { title: "Check beside an empty RPC, and beside others".to_owned(), text: text(figures), plots }
}

fn waits(paced: &Paced<'_>) -> [Bar; 2] {
    let bar = |what: &str, runs: &Runs| Bar { name: format!("{} {what}", paced.name), runs: runs.clone() };
    [bar("p50", &paced.p50), bar("p99", &paced.p99)]
}

fn text(figures: &Figures<'_>) -> String {
    let mut out = method(figures);
    out.push_str("\n### Processor time for a request, in µs\n\n");
    out.push_str("| load | median | min | max | requests/s | server's core | load's core |\n");
    out.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for one in figures.all() {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {:.2} | {:.2} |",
            one.name,
            spread(&one.server_micros),
            digits(one.per_second.median()),
            one.server_busy.median(),
            one.generator_busy.median(),
        );
    }
    let _ = write!(out, "\n![Check]({UNARY})\n\n![batches]({BATCHED})\n");
    out.push_str("\n### Ratios\n\n| | |\n| --- | ---: |\n");
    for (name, value) in figures.ratios() {
        let _ = writeln!(out, "| `{name}` | {} |", digits(value));
    }
    if !figures.peers.is_empty() {
        let _ = write!(out, "\n![peers]({PEERS})\n");
    }
    for sentence in &figures.absent {
        let _ = write!(out, "\nNot tried: {sentence}.\n");
    }
    latencies(figures, &mut out);
    out
}

fn method(figures: &Figures<'_>) -> String {
    let Figures { memberships, seconds, runs, request_bytes, .. } = figures;
    format!(
        "**What is measured.** Questions are spread over {memberships} memberships in an order in which neighbours have \
         nothing in common; all facts are in memory and every question is allowed by the role of a member (denied ones are \
         asked beforehand, to see that they are denied). A request has {request_bytes} bytes on the wire, a signed token \
         among them, encoded as tonic's own client encodes it.\n\n\
         **How.** Each server has one core to itself, the load comes from another one. The servers take turns: {runs} \
         rounds, each load {} seconds in each; shown are the median, the least and the most. The figure is the processor \
         time of the server's process for a request, kernel included (the scheduler's count in `/proc/PID/task/*/schedstat`), \
         so that what others do on the machine counts for little. A run says something about a server's limit when the server \
         had at least {SERVER_BUSY:.2} of its core and the load less than {GENERATOR_BUSY:.2} of the other; both are in the \
         table. Every answer's size is looked at, and a wrong one stops the measurement.\n\n\
         **Beside what.** `empty` is the same stack (tonic, the same messages of the same sizes, the same headers with a \
         token) with handlers that do nothing, on one thread, which serves it best, and without any of Mandate's layers. \
         `empty_multi_thread` is the same on tokio's default runtime.\n\n\
         **What is not comparable.** `cerbos` keeps no memberships: it is told the subject's role with each question and \
         looks nothing up; a batch is 50 resources of one subject, the most it takes. `spicedb`, `openfga` and `keto` look \
         relationships up, as Mandate does, of at most 10,000 memberships, which is in their favour. They are Go programs: \
         their garbage collector runs on the same core. Each of them has the same roles and questions (`crates/bench/peers`), \
         and is asked 300 questions with known answers, allowed and denied, before it is measured.\n",
        digits(*seconds)
    )
}

fn latencies(figures: &Figures<'_>, out: &mut String) {
    out.push_str(
        "\n### Latency at 70 % of each server's own limit, in µs\n\nAn open loop: requests fall due at a fixed rate, whether \
         or not earlier ones were answered, and a latency counts from when the request fell due, not from when it could be \
         sent, so that a server that stands still is charged with all that fell due meanwhile (coordinated omission). A \
         request for which there is no room when it falls due (256 wait on each of 8 connections) is dropped, and counted \
         as such. Medians of the runs; `longest` is the longest of all.\n\n",
    );
    out.push_str("| load | rate/s | p50 | p99 | min | max | p99.9 | longest | answered | dropped |\n");
    out.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for one in &figures.latencies {
        let Paced { name, per_second, p50, p99, p999, longest, answered, dropped, .. } = one;
        let (rate, p50, p999) = (digits(*per_second), digits(p50.median()), digits(p999.median()));
        let (p99, longest) = (spread(p99), digits(longest.max()));
        let _ = writeln!(
            out,
            "| {name} | {rate} | {p50} | {p99} | {p999} | {longest} | {answered} | {dropped} |"
        );
    }
    let _ = write!(out, "\n![latency]({LATENCY})\n");
}

/// Median, least and most, as three cells of a table.
fn spread(runs: &Runs) -> String {
    format!("{} | {} | {}", digits(runs.median()), digits(runs.min()), digits(runs.max()))
}
