//! Chance that is the same for the same seed: SplitMix64 (Steele, Lea, Flood 2014).

/// A source of chance.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The one of this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another one for a part of the run, whatever was rolled before: what one part does is not moved by how often
    /// another one rolls.
    pub(super) fn part(&self, path: &[u64]) -> Self {
        path.iter().fold(self.clone(), |dice, step| {
            let mut next = Self(dice.0 ^ step.wrapping_mul(0xd134_2543_de82_ef95));
            Self(next.roll())
        })
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Less than `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.roll() % end).unwrap_or_default()
    }

    /// One of them; `None`: there are none.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// Whether something with this chance in a hundred happens.
    pub(super) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_run() {
        let rolled = |seed| {
            let mut dice = Dice::new(seed).part(&[1, 2]);
            [dice.below(1000), dice.below(1000), dice.below(1000)]
        };
        assert_eq!(rolled(7), rolled(7));
        assert_ne!(rolled(7), rolled(8));
        assert_ne!(Dice::new(7).part(&[1]).below(1 << 30), Dice::new(7).part(&[2]).below(1 << 30));
        assert_eq!(Dice::new(7).below(1), 0);
    }
}
