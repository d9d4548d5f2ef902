//! The figures of decisions in the process.

use std::fmt::Write as _;

use super::{AT_HAND, Options, Seen};
use crate::report::line;
use crate::section::{Plot, Section};
use crate::stats::{Runs, digits};
use crate::svg::{Bar, bars};

/// Nanoseconds for ours, microseconds for the others, as one speaks of them.
const OURS: [&str; 2] = ["decide", "lookup_decide"];

/// Prints one `name value` per line.
pub(super) fn print(seen: &[Seen]) {
    for one in seen {
        let (name, runs) = figure(one);
        line(&name, runs.median());
        line(&format!("{name}_min"), runs.min());
        line(&format!("{name}_max"), runs.max());
    }
    for (name, ratio) in ratios(seen) {
        line(&name, ratio);
    }
}

fn figure(seen: &Seen) -> (String, Runs) {
    let Seen { name, nanos, .. } = seen;
    if OURS.contains(name) {
        return (format!("{name}_ns"), nanos.clone());
    }
    (format!("{name}_us_per_decision"), nanos.iter().map(|nanos| nanos / 1e3).collect())
}

/// How many times as long each other engine takes as Mandate does with its lookup.
fn ratios(seen: &[Seen]) -> Vec<(String, f64)> {
    let Some(ours) = seen.iter().find(|one| one.name == "lookup_decide") else { return Vec::new() };
    let others = seen.iter().filter(|one| !OURS.contains(&one.name));
    others
        .map(|one| (format!("lookup_decide_vs_{}_ratio", one.name), one.nanos.median() / ours.nanos.median()))
        .collect()
}

/// What there is to say to a reader.
pub(super) fn section(options: &Options, seen: &[Seen]) -> Section {
    let mut text = format!(
        "**What is measured.** One decision inside one process, without network, protocol or token, on one core: processor time, \
         the median of {} runs of {} seconds each, the engines in turns. `decide` is Mandate's decision on facts that are at \
         hand ({AT_HAND} memberships, in the processor's caches); `lookup_decide` looks account, user and membership up in the \
         server's memory first, by ids in an order in which neighbours have nothing in common, and resolves the \
         permission's name: all that `Check` does but reading the request and writing the answer.\n\n\
         `cedar` is the crate cedar-policy, with a `permit` for each role and an entity for each user, role and account; \
         `casbin` is the crate casbin, with its model of roles in domains. Both are told the same roles and permissions (they \
         are generated from Mandate's policy file) and fewer memberships, which is in their favour, and their questions are \
         made beforehand. Each engine is asked 300 questions with known answers first, allowed and denied; every measured \
         question is allowed.\n\n\
         **What is not comparable.** Cedar and casbin are libraries that decide on what they are given: they can express \
         more than roles, and keep nothing, replicate nothing and serve nothing by themselves.\n\n",
        options.runs,
        digits(options.seconds),
    );
    if !cfg!(feature = "peers") {
        text.push_str("Not tried: all but `decide`, which need `--features peers`.\n\n");
    }
    text.push_str(
        "| engine | memberships | median | min | max | unit |\n| --- | ---: | ---: | ---: | ---: | --- |\n",
    );
    for one in seen {
        let (figure, runs) = figure(one);
        let unit = if figure.ends_with("_ns") { "ns" } else { "µs" };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {unit} |",
            one.name,
            one.memberships,
            digits(runs.median()),
            digits(runs.min()),
            digits(runs.max())
        );
    }
    let ratios = ratios(seen);
    if !ratios.is_empty() {
        text.push_str("\n| | |\n| --- | ---: |\n");
    }
    for (name, ratio) in ratios {
        let _ = writeln!(text, "| `{name}` | {} |", digits(ratio));
    }
    text.push_str("\n![decisions](decide.svg)\n");
    let bar = |one: &Seen| Bar { name: one.name.to_owned(), runs: one.nanos.clone() };
    let svg = bars("A decision in the process", "ns", &seen.iter().map(bar).collect::<Vec<_>>());
    let title = "Decisions in the process, beside cedar-policy and casbin".to_owned();
    Section { title, text, plots: vec![Plot { file: "decide.svg".to_owned(), svg }] }
}
