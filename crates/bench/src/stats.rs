//! Numbers of several runs, and what is said of them.

/// One figure of several runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Runs(Vec<f64>);

impl Runs {
    /// Adds the figure of one run.
    pub(crate) fn add(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// The figures, in the order of the runs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = f64> {
        self.0.iter().copied()
    }

    /// The median; the mean of the two in the middle of an even number; NaN without any.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        if sorted.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) }
    }

    /// The smallest; NaN without any.
    pub(crate) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The greatest; NaN without any.
    pub(crate) fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }
}

impl FromIterator<f64> for Runs {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

/// A number with as many digits as mean something: three, and all before the point.
pub(crate) fn digits(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let runs = |figures: &[f64]| figures.iter().copied().collect::<Runs>();
        assert_eq!(runs(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(runs(&[4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert_eq!(runs(&[7.0]).median(), 7.0);
        assert!(runs(&[]).median().is_nan());
    }

    #[test]
    fn least_and_most_are_of_the_runs() {
        let mut runs = Runs::default();
        [2.0, 5.0, 1.0].into_iter().for_each(|figure| runs.add(figure));
        assert_eq!((runs.min(), runs.max()), (1.0, 5.0));
        assert!(Runs::default().min().is_nan());
    }

    #[test]
    fn digits_are_few() {
        let shown: Vec<_> = [213_456.7, 42.123, 1.2345, 0.91234].into_iter().map(digits).collect();
        assert_eq!(shown, ["213457", "42.1", "1.23", "0.912"]);
    }
}
