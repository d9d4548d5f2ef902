//! Outcomes for people to read.

use std::collections::BTreeMap;

use super::case::Case;

/// A table of words: a line for each case, a column for each caller.
#[derive(Default)]
pub struct Table {
    columns: Vec<String>,
    lines: Vec<(String, BTreeMap<String, String>)>,
}

impl Table {
    /// A table of a line for each case.
    pub fn new(cases: &[Case]) -> Self {
        Self { columns: Vec::new(), lines: cases.iter().map(|case| (case.name(), BTreeMap::new())).collect() }
    }

    /// Fills one place.
    pub fn put(&mut self, case: &Case, column: &str, word: String) {
        if !self.columns.iter().any(|known| known == column) {
            self.columns.push(column.to_owned());
        }
        let line =
            self.lines.iter_mut().find(|(name, _)| *name == case.name()).expect("a line for each case");
        line.1.insert(column.to_owned(), word);
    }

    /// The table, in columns.
    pub fn text(&self) -> String {
        let cell =
            |line: &BTreeMap<String, String>, column: &String| line.get(column).cloned().unwrap_or_default();
        let width = |column: &String| {
            self.lines
                .iter()
                .map(|(_, line)| cell(line, column).len())
                .chain([column.len()])
                .max()
                .unwrap_or(0)
        };
        let first = self.lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let head =
            self.columns.iter().map(|column| format!("  {column:<0$}", width(column))).collect::<String>();
        let mut text = format!("{:<first$}{head}\n", "");
        for (name, line) in &self.lines {
            let cells =
                self.columns.iter().map(|column| format!("  {:<1$}", cell(line, column), width(column)));
            text.push_str(format!("{name:<first$}{}", cells.collect::<String>()).trim_end());
            text.push('\n');
        }
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}
