//! `BENCHMARKS.md`, from what the parts have to say.

use std::fmt::Write as _;

use super::conditions::Conditions;
use super::{Options, Outcome, PLOTS, goals};
use crate::section::Section;

/// How somebody else's load generator is pointed at the same servers.
const INDEPENDENTLY: &str = include_str!("independently.md");

/// The whole document.
pub(super) fn compose(
    options: &Options,
    conditions: &Conditions,
    outcomes: &[Outcome],
    figures: &[(String, f64)],
) -> String {
    let mut out = "# Benchmarks\n\nWritten by\n\n```sh\ncargo run --release -p mandate-bench --features peers -- report"
        .to_owned();
    if options.short {
        out.push_str(" --short");
    }
    for name in options.only.iter().take(1) {
        let _ = write!(out, " --only {name}");
    }
    for name in options.only.iter().skip(1) {
        let _ = write!(out, ",{name}");
    }
    let _ = write!(
        out,
        "\n```\n\nwhich measures everything anew: nothing here was typed by hand. It needs Linux, two cores that do nothing \
         else, the time that is told below, and for some parts a PostgreSQL server that `MANDATE_TEST_POSTGRES` names \
         (`deploy/local-cluster --replicas 0 -- COMMAND` runs a command beside a private one). Each part can be run alone, by the line above it; it then prints one \
         `name value` per line. All of them are in [{PLOTS}/figures.txt]({PLOTS}/figures.txt).\n\n## Conditions\n\n"
    );
    for line in &conditions.lines {
        let _ = writeln!(out, "- {line}");
    }
    let _ = write!(out, "\n## What is promised\n\n{}", goals::table(figures));
    for outcome in outcomes {
        part(options, outcome, &mut out);
    }
    let _ = write!(out, "\n{INDEPENDENTLY}");
    out
}

fn part(options: &Options, outcome: &Outcome, out: &mut String) {
    let Outcome { part, section, took } = outcome;
    let line = part.command_line(options);
    match section {
        Ok(Section { title, text, plots }) => {
            let mut text = text.trim_end().to_owned();
            for plot in plots {
                text = text.replace(&format!("]({})", plot.file), &format!("]({PLOTS}/{})", plot.file));
            }
            let _ = write!(out, "\n## {title}\n\n`{line}` ({:.0} seconds)\n\n{text}\n", took.as_secs_f64());
        }
        Err(error) => {
            let _ = write!(out, "\n## {}\n\n`{line}`\n\nNot measured: {error:#}.\n", part.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::section::Plot;

    #[test]
    fn plots_are_found_in_their_folder_and_failures_are_told() {
        let plot = Plot { file: "a.svg".to_owned(), svg: String::new() };
        let text = "see\n\n![a](a.svg)\n\n".to_owned();
        let section = Section { title: "All is well".to_owned(), text, plots: vec![plot] };
        let [first, second, ..] = &super::super::PARTS;
        let took = Duration::from_secs(3);
        let outcomes = [
            Outcome { part: first, section: Ok(section), took },
            Outcome { part: second, section: Err(anyhow::anyhow!("no such thing")), took },
        ];
        let options = Options { write: PathBuf::new(), short: true, only: Vec::new() };
        let conditions = Conditions { lines: vec!["cores: 2".to_owned()] };
        let document = compose(&options, &conditions, &outcomes, &[]);
        for wanted in [
            "report --short\n",
            "- cores: 2\n",
            "## All is well\n",
            "![a](benchmarks/a.svg)",
            "no such thing",
        ] {
            assert!(document.contains(wanted), "{wanted}: {document}");
        }
    }
}
