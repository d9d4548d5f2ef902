//! A measurement's part of a report, as a file of its own.

use std::path::Path;

use anyhow::Context as _;

use crate::section::Section;

/// Writes Markdown, with plots beside it.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn write(section: &Section, file: &Path) -> anyhow::Result<()> {
    let put = |path: &Path, text: &str| {
        std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    };
    for plot in &section.plots {
        put(&file.with_file_name(&plot.file), &plot.svg)?;
    }
    put(file, &format!("# {}\n\n{}", section.title, section.text))
}
