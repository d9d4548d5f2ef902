//! How figures are printed: one `name value` per line.

use std::io::Write as _;

use crate::stats::digits;

/// Prints a figure.
pub(crate) fn line(name: &str, figure: f64) {
    // Whoever closed their end has read enough.
    let _ = writeln!(std::io::stdout(), "{name} {}", digits(figure));
}

/// Tells a person at the terminal what is going on.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a line that is no figure.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
