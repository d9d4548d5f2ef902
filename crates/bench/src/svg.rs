//! Bars as SVG, to look at beside the table.

use std::fmt::Write as _;

use crate::stats::{Runs, digits};

/// What one bar shows: the median, and a line from the least to the most.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    /// What it is of.
    pub(crate) name: String,
    /// Its runs.
    pub(crate) runs: Runs,
}

const WIDTH: f64 = 760.0;
/// Room for names, at the least.
const LEFT: f64 = 220.0;
/// Room for a letter of a name, roughly.
const LETTER: f64 = 7.5;
const RIGHT: f64 = 90.0;
const TOP: f64 = 44.0;
const STEP: f64 = 34.0;
/// Room for the numbers of the axis.
const BOTTOM: f64 = 24.0;
/// Lines of the grid, at the most.
const LINES: f64 = 6.0;

/// A drawing of these bars; `unit` says what their length means.
pub(crate) fn bars(title: &str, unit: &str, bars: &[Bar]) -> String {
    let longest = bars.iter().map(|bar| bar.runs.max()).fold(f64::MIN_POSITIVE, f64::max);
    let letters = bars.iter().map(|bar| bar.name.chars().count()).max().unwrap_or(0);
    let left = LEFT.max(f64::from(u32::try_from(letters).unwrap_or(0)) * LETTER + 20.0);
    let scale = |value: f64| (WIDTH - left - RIGHT) * value / longest;
    let bottom = bars.iter().fold(TOP, |height, _| height + STEP);
    let height = bottom + BOTTOM;
    let mut out = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">
<rect width="{WIDTH}" height="{height}" fill="#fff"/>
<text x="12" y="24" font-size="15" font-weight="bold">{} ({})</text>
"##,
        escaped(title),
        escaped(unit)
    );
    let distance = distance(longest);
    let mut at = 0.0;
    while at <= longest {
        let x = left + scale(at);
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            r##"<path d="M{x:.1} {from}V{bottom}" stroke="#ddd"/>
<text x="{x:.1}" y="{label}" text-anchor="middle" font-size="11" fill="#555">{figure}</text>"##,
            from = TOP - 6.0,
            label = bottom + 16.0,
            figure = plain(at),
        );
        at += distance;
    }
    let mut y = TOP;
    for Bar { name, runs } in bars {
        let (median, least, most) = (scale(runs.median()), scale(runs.min()), scale(runs.max()));
        let _ = writeln!(
            out,
            r##"<text x="{label:.0}" y="{text:.0}" text-anchor="end">{name}</text>
<rect x="{left}" y="{y:.0}" width="{median:.1}" height="20" fill="#4878a8"/>
<path d="M{from:.1} {middle:.0}H{to:.1}" stroke="#222" stroke-width="2"/>
<text x="{value:.0}" y="{text:.0}">{figure}</text>"##,
            label = left - 8.0,
            text = y + 15.0,
            name = escaped(name),
            from = left + least,
            to = left + most,
            middle = y + 10.0,
            value = left + most + 8.0,
            figure = digits(runs.median()),
        );
        y += STEP;
    }
    out.push_str("</svg>\n");
    out
}

/// How far apart the lines of the grid are: 1, 2 or 5 times a power of ten.
fn distance(longest: f64) -> f64 {
    let power = 10_f64.powf((longest / LINES).log10().floor());
    [1.0, 2.0, 5.0]
        .map(|times| times * power)
        .into_iter()
        .find(|step| longest / step <= LINES)
        .unwrap_or(10.0 * power)
}

/// A number of the axis: as short as it is exact.
fn plain(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_has_round_numbers() {
        assert_eq!([4.0, 7.0, 13.0, 0.55, 213_456.0].map(distance), [1.0, 2.0, 5.0, 0.1, 50_000.0]);
        assert_eq!([0.0, 0.5, 20.0, 150_000.0].map(plain), ["0", "0.5", "20", "150000"]);
    }

    #[test]
    fn the_longest_bar_fills_the_drawing() {
        let bar =
            |name: &str, runs: &[f64]| Bar { name: name.to_owned(), runs: runs.iter().copied().collect() };
        let drawn = bars("a < b", "µs", &[bar("one", &[1.0, 2.0]), bar("two", &[4.0])]);
        assert!(drawn.contains("a &lt; b (µs)"));
        assert!(drawn.contains(r#"width="450.0" height="20""#), "{drawn}");
        assert!(drawn.contains(">1.50<") && drawn.contains(">4.00<"), "{drawn}");
        assert_eq!(drawn.matches("stroke-width").count(), 2);
    }
}
