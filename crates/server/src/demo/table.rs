//! Prints what came of a story.

use std::io::IsTerminal as _;
use std::ops::RangeInclusive;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};

use super::stage::Row;

/// Columns that a table takes where nobody watches.
const WIDTH: u16 = 140;
/// Below this the text of a table is broken too often to be read; above it, nothing is gained.
const READABLE: RangeInclusive<u16> = 100..=180;
/// What marks an answer that is not the article's.
pub(super) const DIFFERS: &str = "DIFFERS";

/// One table, a row for each sentence.
pub(super) fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width());
    table.set_header(["the article says", "who", "wants", "on", "expected", "answer", "why"]);
    for row in rows {
        let answer = if row.differs { format!("{} {DIFFERS}", row.answer) } else { row.answer.to_owned() };
        table.add_row([row.says, &row.who, &row.wants, &row.on, row.article, &answer, &row.why]);
    }
    table.set_constraints(
        [44, 18, 26, 24, 10, 9].map(|columns| ColumnConstraint::UpperBoundary(Width::Fixed(columns))),
    );
    in_red(&table.to_string())
}

fn width() -> u16 {
    match terminal_size::terminal_size_of(std::io::stdout()) {
        Some((terminal_size::Width(columns), _)) => columns.clamp(*READABLE.start(), *READABLE.end()),
        None => WIDTH,
    }
}

/// The same text, with each [`DIFFERS`] in red where a person watches.
pub(super) fn in_red(text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !std::io::stdout().is_terminal() {
        return text.to_owned();
    }
    text.replace(DIFFERS, &format!("\u{1b}[1;31m{DIFFERS}\u{1b}[0m"))
}
