//! The plain text of a matrix.

use std::fmt;

use super::{AccessLevel, Cell, Matrix};

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::No => "-",
            Self::Yes => "yes",
            Self::Assigned => "assigned",
            Self::Own => "own",
            Self::AssignedAndOwn => "assigned+own",
            Self::OneByOne => "may",
        })
    }
}

impl fmt::Display for AccessLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Limited => "limited",
            Self::Full => "full",
        })
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.policy, self.title)?;
        self.source.as_ref().map_or(Ok(()), |source| write!(f, " ({source})"))?;
        writeln!(f, "\n")?;
        writeln!(f, "Who holds which permission")?;
        writeln!(
            f,
            "  yes: everywhere; assigned, own: on such resources only; may: if given one by one; -: not"
        )?;
        table(f, &self.permission_table())?;
        writeln!(f, "\nHow much of a module a role holds")?;
        table(f, &self.access_table())?;
        for section in &self.sections {
            writeln!(f, "\n{}", section.heading)?;
            for line in &section.lines {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

impl Matrix {
    fn permission_table(&self) -> Vec<Vec<String>> {
        let about = self.rows.iter().any(|row| !row.on.is_empty());
        let mut head = vec!["permission".to_owned()];
        head.extend(self.columns.iter().cloned());
        head.extend(about.then(|| "on".to_owned()));
        head.push("what it is".to_owned());
        let mut lines = vec![head];
        for row in &self.rows {
            let mut line = vec![row.permission.clone()];
            line.extend(row.cells.iter().map(ToString::to_string));
            line.extend(about.then(|| if row.on.is_empty() { "-".to_owned() } else { row.on.join(", ") }));
            line.push(row.title.clone());
            lines.push(line);
        }
        lines
    }

    fn access_table(&self) -> Vec<Vec<String>> {
        let levels = self.access.first().map_or(0, |row| row.levels.len());
        let mut head = vec!["module".to_owned()];
        head.extend(self.columns.iter().take(levels).cloned());
        head.push("what it is".to_owned());
        let mut lines = vec![head];
        for row in &self.access {
            let mut line = vec![row.module.clone()];
            line.extend(row.levels.iter().map(ToString::to_string));
            line.push(row.title.clone());
            lines.push(line);
        }
        lines
    }
}

/// Columns as wide as their widest cell, a rule under the first line, no blanks at the end.
fn table(f: &mut fmt::Formatter<'_>, lines: &[Vec<String>]) -> fmt::Result {
    let mut widths: Vec<usize> = Vec::new();
    for line in lines {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for (index, line) in lines.iter().enumerate() {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(f, "  {}", cells.join("  ").trim_end())?;
        if index == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            writeln!(f, "  {}", rules.join("  "))?;
        }
    }
    Ok(())
}
