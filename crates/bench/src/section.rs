//! One part of the written report.

/// What one measurement has to say to a reader, beside the figures it printed.
pub(crate) struct Section {
    /// Its heading.
    pub(crate) title: String,
    /// Markdown: what was measured and how, then tables. A plot is shown by its file's name, without a folder.
    pub(crate) text: String,
    /// Plots to write beside the report.
    pub(crate) plots: Vec<Plot>,
}

/// A drawing.
pub(crate) struct Plot {
    /// The file's name.
    pub(crate) file: String,
    /// What is in it.
    pub(crate) svg: String,
}
