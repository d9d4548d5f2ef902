//! How figures are printed: one `name value` per line.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::stats::digits;

/// What was printed so far, for the written report.
static FIGURES: Mutex<Vec<(String, f64)>> = Mutex::new(Vec::new());

/// Prints a figure.
pub(crate) fn line(name: &str, figure: f64) {
    FIGURES.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), figure));
    // Whoever closed their end has read enough.
    let _ = writeln!(std::io::stdout(), "{}", written(name, figure));
}

/// A figure as it is printed.
pub(crate) fn written(name: &str, figure: f64) -> String {
    format!("{name} {}", digits(figure))
}

/// All figures that were printed, in their order.
pub(crate) fn figures() -> Vec<(String, f64)> {
    FIGURES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Tells a person at the terminal what is going on.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a line that is no figure.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
