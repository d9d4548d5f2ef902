//! Whether one kind of answer can be told from another by how long it takes.

/// From how many standard deviations on it is no chance. With four calls and three kinds each, times that are alike are beyond it
/// in one run of some hundred, the crops counted.
pub(super) const NOISE: f64 = 4.0;

/// The parts of the fastest answers that are compared by themselves, as dudect does (Reparaz, Balasch, Verbauwhede, 2017):
/// what other programs do to a machine hides small differences in the slow ones.
const CROPS: [f64; 3] = [1.0, 0.5, 0.25];

/// Fewer than this many say nothing.
const LEAST: usize = 10;

/// How the times of one kind of answer lie beside those of another.
#[derive(Debug, PartialEq)]
pub(super) struct Apart {
    /// In which part of all pairs the second took longer: 0.5 if nothing can be told.
    pub(super) above: f64,
    /// How many standard deviations they are apart by the rank test of Mann and Whitney, if both were alike: of all
    /// answers, their fastest half or their fastest quarter, where it is most. Above zero the second is the slower one.
    pub(super) deviations: f64,
    /// How much longer the second takes at least, by the same test and as many deviations as [`NOISE`] (Hodges and Lehmann).
    pub(super) least: f64,
    /// And at most.
    pub(super) most: f64,
}

impl Apart {
    /// Of two lists of times, neither of them empty.
    pub(super) fn of(first: &[f64], second: &[f64]) -> Self {
        let (first, second) = (sorted(first), sorted(second));
        let Ranks { above, .. } = Ranks::of(&first, &second);
        let mut pooled: Vec<f64> = first.iter().chain(&second).copied().collect();
        pooled.sort_by(f64::total_cmp);
        let mut deviations = 0.0;
        for part in CROPS {
            let bound = quantile(&pooled, part);
            let (first, second) = (up_to(&first, bound), up_to(&second, bound));
            if first.len().min(second.len()) >= LEAST {
                let found = Ranks::of(first, second).deviations;
                deviations = if found.abs() > f64::abs(deviations) { found } else { deviations };
            }
        }
        let pairs = (first.len() * second.len()) as f64;
        let width = NOISE * deviation(&first, &second);
        let difference = |rank: f64| difference(&first, &second, rank.clamp(1.0, pairs));
        Self {
            above,
            deviations,
            least: difference(pairs / 2.0 - width),
            most: difference(pairs / 2.0 + width),
        }
    }

    /// Whether nothing can be told.
    pub(super) fn is_noise(&self) -> bool {
        self.deviations.abs() < NOISE
    }
}

/// What was there in that part of the cases of a sorted list; NaN without any.
pub(super) fn quantile(sorted: &[f64], part: f64) -> f64 {
    // A place in a list: neither negative nor near what a float cannot tell apart.
    let place = ((sorted.len().saturating_sub(1)) as f64 * part).round() as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// The same list in order.
pub(super) fn sorted(times: &[f64]) -> Vec<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The rank test of Mann and Whitney, of sorted lists.
struct Ranks {
    above: f64,
    deviations: f64,
}

impl Ranks {
    fn of(first: &[f64], second: &[f64]) -> Self {
        let points = |other: &f64| {
            let (less, no_more) = (first.partition_point(|one| one < other), up_to(first, *other).len());
            f64::midpoint(less as f64, no_more as f64)
        };
        let sum: f64 = second.iter().map(points).sum();
        let pairs = (first.len() * second.len()) as f64;
        Self { above: sum / pairs, deviations: (sum - pairs / 2.0) / deviation(first, second) }
    }
}

/// The standard deviation of the test's sum.
fn deviation(first: &[f64], second: &[f64]) -> f64 {
    let (m, n) = (first.len() as f64, second.len() as f64);
    (m * n * (m + n + 1.0) / 12.0).sqrt()
}

/// Those of a sorted list that are no more than a bound.
fn up_to(sorted: &[f64], bound: f64) -> &[f64] {
    sorted.get(..sorted.partition_point(|one| *one <= bound)).unwrap_or_default()
}

/// The difference of that rank among those of all pairs, the second of a pair minus the first, by halving.
fn difference(first: &[f64], second: &[f64], rank: f64) -> f64 {
    let end = |list: &[f64], part| quantile(list, part);
    let mut least = end(second, 0.0) - end(first, 1.0);
    let mut most = end(second, 1.0) - end(first, 0.0);
    for _ in 0..60 {
        let middle = f64::midpoint(least, most);
        let within: usize =
            second.iter().map(|other| first.len() - first.partition_point(|one| other - one > middle)).sum();
        if (within as f64) < rank { least = middle } else { most = middle }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike() -> Vec<f64> {
        (0..100).map(f64::from).collect()
    }

    #[test]
    fn what_is_alike_cannot_be_told() {
        let found = Apart::of(&alike(), &alike());
        assert_eq!((found.above, found.deviations), (0.5, 0.0));
        assert!(found.is_noise() && found.least < 0.0 && found.most > 0.0, "{found:?}");
    }

    #[test]
    fn what_differs_is_told_with_how_much() {
        let later: Vec<f64> = alike().iter().map(|time| time + 50.0).collect();
        let found = Apart::of(&alike(), &later);
        assert!(!found.is_noise() && found.above > 0.8 && found.deviations > 8.0, "{found:?}");
        assert!(found.least < 50.0 && found.most > 50.0 && found.least > 20.0, "{found:?}");
        assert!(Apart::of(&later, &alike()).deviations < -8.0);
    }

    /// Half of the answers wait for something else, a hundred times as long as what there is to be found.
    #[test]
    fn what_differs_in_the_fast_ones_alone_is_told_though_the_others_drown_it() {
        let made = |shift: f64| -> Vec<f64> {
            let slow = |place: u32| {
                if place.is_multiple_of(2) { 500.0 + f64::from(place * 7919 % 1_000) } else { 0.0 }
            };
            (0..400).map(|place| f64::from(place % 20) + slow(place) + shift).collect()
        };
        let found = Apart::of(&made(0.0), &made(5.0));
        assert!(!found.is_noise(), "{found:?}");
    }

    #[test]
    fn a_quantile_is_one_of_the_list() {
        assert_eq!((quantile(&alike(), 0.1), quantile(&alike(), 0.5)), (10.0, 50.0));
        assert!(quantile(&[], 0.5).is_nan());
    }
}
